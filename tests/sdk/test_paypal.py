"""PayPal's simulator, judged by PayPal's own SDK."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from apimatic_core.exceptions.auth_validation_exception import AuthValidationException
from paypalserversdk.configuration import Environment
from paypalserversdk.configuration import Configuration, Server
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from conftest import Book, Serve


def client(serve: Serve, monkeypatch: pytest.MonkeyPatch, id: str = "client") -> PaypalServersdkClient:
    # The SDK knows two addresses and no others.
    here = {Environment.SANDBOX: {Server.DEFAULT: serve.simulators}}
    monkeypatch.setattr(Configuration, "environments", here)
    return PaypalServersdkClient(
        environment=Environment.SANDBOX,
        max_retries=0,
        client_credentials_auth_credentials=ClientCredentialsAuthCredentials(id, "secret"),
    )


@pytest.fixture
def paypal(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[PaypalServersdkClient]:
    yield client(serve, monkeypatch)


@pytest.fixture
def book(serve: Serve) -> Book:
    return serve.book("paypal")


def wanted(name: str, **other: Any) -> dict[str, Any]:
    unit = {
        "reference_id": "default",
        "custom_id": name,
        "invoice_id": name,
        "description": "20 image credits",
        "amount": {"currency_code": "USD", "value": "4.99"},
    }
    experience = {
        "brand_name": "Vitrine",
        "shipping_preference": "NO_SHIPPING",
        "user_action": "PAY_NOW",
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
        "return_url": "https://example.com/paid",
        "cancel_url": "https://example.com/credits",
    }
    body = {
        "intent": "CAPTURE",
        "purchase_units": [unit | other],
        "payment_source": {"paypal": {"experience_context": experience}},
    }
    return {"body": body, "paypal_request_id": f"create-{name}", "prefer": "return=minimal"}


def fresh() -> str:
    return f"order-{uuid.uuid4()}"


def asked_by_the_sdk(book: Book) -> list[dict[str, Any]]:
    """Its requests alone: the running stack asks PayPal about the events it is sent meanwhile."""
    agents = {seen["headers"].get("user-agent") for seen in book.requests}
    [sdk] = {agent for agent in agents if agent and agent.startswith("PayPal REST API Python SDK")}
    return [seen for seen in book.requests if seen["headers"].get("user-agent") == sdk]


def created(paypal: PaypalServersdkClient, name: str | None = None) -> str:
    return paypal.orders.create_order(wanted(name or fresh())).body.id


def befall(serve: Serve, order: str, **act: Any) -> None:
    answer = requests.post(f"{serve.simulators}/_sim/paypal/orders/{order}", json=act, timeout=10)
    assert answer.status_code == 200, answer.text


def captured(paypal: PaypalServersdkClient, order: str, name: str | None = None) -> Any:
    asked = {"id": order, "paypal_request_id": name or f"cap-{order}", "prefer": "return=representation"}
    return paypal.orders.capture_order(asked)


def issue(refused: pytest.ExceptionInfo[ErrorException]) -> tuple[int, str, str | None]:
    error = refused.value
    assert error.debug_id and error.message
    return error.response_code, error.name, error.details[0].issue if error.details else None


def test_an_order_is_made_approved_captured_and_refunded(serve: Serve, paypal: PaypalServersdkClient, book: Book) -> None:
    name = fresh()
    made = paypal.orders.create_order(wanted(name))
    assert (made.status_code, made.body.status) == (201, "PAYER_ACTION_REQUIRED")
    [way] = [link.href for link in made.body.links if link.rel == "payer-action"]
    assert way.endswith(f"/checkoutnow?token={made.body.id}")
    befall(serve, made.body.id, act="approve")
    looked = paypal.orders.get_order({"id": made.body.id}).body
    assert (looked.status, looked.purchase_units[0].custom_id) == ("APPROVED", name)
    assert looked.payer.payer_id and looked.payer.email_address

    taken = captured(paypal, made.body.id)
    capture = taken.body.purchase_units[0].payments.captures[0]
    assert (taken.status_code, taken.body.status, capture.status) == (201, "COMPLETED", "COMPLETED")
    assert (capture.amount.value, capture.custom_id, capture.final_capture) == ("4.99", name, True)
    assert capture.seller_receivable_breakdown.net_amount.value == "4.33"
    alone = paypal.payments.get_captured_payment({"capture_id": capture.id}).body
    assert (alone.id, alone.status, alone.supplementary_data.related_ids.order_id) == (capture.id, "COMPLETED", made.body.id)

    some = {"amount": {"currency_code": "USD", "value": "4.95"}, "note_to_payer": "partial"}
    asked = {"capture_id": capture.id, "paypal_request_id": f"refund-{name}", "prefer": "return=representation"}
    refund = paypal.payments.refund_captured_payment(asked | {"body": some}).body
    assert (refund.status, refund.amount.value) == ("COMPLETED", "4.95")
    up = [link.href for link in refund.links if link.rel == "up"]
    assert up == [f"{serve.simulators}/v2/payments/captures/{capture.id}"]
    assert paypal.payments.get_refund({"refund_id": refund.id}).body.amount.value == "4.95"
    assert paypal.payments.get_captured_payment({"capture_id": capture.id}).body.status == "PARTIALLY_REFUNDED"
    rest = {"capture_id": capture.id, "paypal_request_id": f"rest-{name}", "prefer": "return=representation"}
    assert paypal.payments.refund_captured_payment(rest).body.amount.value == "0.04"
    assert [kind for moved in book.work for kind in moved] == ["captured", "refunded", "refunded"]


def test_a_repeated_name_does_nothing_twice_and_is_answered_with_200(serve: Serve, paypal: PaypalServersdkClient, book: Book) -> None:
    name = fresh()
    first = paypal.orders.create_order(wanted(name))
    again = paypal.orders.create_order(wanted(name))
    assert (first.status_code, again.status_code, again.body.id) == (201, 200, first.body.id)
    befall(serve, first.body.id, act="approve")
    one, two = captured(paypal, first.body.id), captured(paypal, first.body.id)
    captures = [taken.body.purchase_units[0].payments.captures[0].id for taken in (one, two)]
    assert (one.status_code, two.status_code, captures[0]) == (201, 200, captures[1])
    with pytest.raises(ErrorException) as refused:
        captured(paypal, first.body.id, "another name")
    assert issue(refused) == (422, "UNPROCESSABLE_ENTITY", "ORDER_ALREADY_CAPTURED")
    assert len(book.work) == 1


def test_without_a_means_of_payment_the_payer_goes_by_another_link(paypal: PaypalServersdkClient) -> None:
    asked = wanted(fresh())
    del asked["body"]["payment_source"], asked["paypal_request_id"]
    made = paypal.orders.create_order(asked).body
    assert made.status == "CREATED"
    assert [link.rel for link in made.links] == ["self", "approve"]


@pytest.mark.parametrize(
    ("instrument", "capture"),
    [("pending", "PENDING"), ("capture_declined", "DECLINED")],
)
def test_an_order_that_is_completed_is_not_yet_money(serve: Serve, paypal: PaypalServersdkClient, book: Book, instrument: str, capture: str) -> None:
    order = created(paypal)
    befall(serve, order, act="approve", instrument=instrument)
    taken = captured(paypal, order).body
    shown = taken.purchase_units[0].payments.captures[0]
    assert (taken.status, shown.status, book.work) == ("COMPLETED", capture, [])
    if capture == "PENDING":
        assert shown.status_details.reason == "ECHECK"


def test_a_payer_who_is_declined_is_sent_back_and_the_order_goes_on(serve: Serve, paypal: PaypalServersdkClient) -> None:
    order = created(paypal)
    befall(serve, order, act="approve", instrument="declined")
    with pytest.raises(ErrorException) as refused:
        captured(paypal, order)
    assert issue(refused) == (422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
    [back] = [link.href for link in refused.value.links if link.rel == "redirect"]
    assert back.endswith(f"/checkoutnow?token={order}")
    befall(serve, order, act="approve")
    assert captured(paypal, order, f"cap-{order}-1").body.status == "COMPLETED"


def test_what_is_asked_wrongly_is_refused_row_by_row(serve: Serve, paypal: PaypalServersdkClient) -> None:
    def create(**change: Any) -> Any:
        asked = wanted(fresh()) | {key: value for key, value in change.items() if key == "paypal_request_id"}
        asked["body"]["purchase_units"][0] |= {key: value for key, value in change.items() if key != "paypal_request_id"}
        return lambda: paypal.orders.create_order(asked)

    usd = {"currency_code": "USD"}
    order = created(paypal)
    for ask, expected in [
        (create(paypal_request_id=None), (400, "INVALID_REQUEST", "PAYPAL_REQUEST_ID_REQUIRED")),
        (create(custom_id="x" * 128), (400, "INVALID_REQUEST", "INVALID_STRING_LENGTH")),
        (create(amount=usd | {"value": "4.999"}), (422, "UNPROCESSABLE_ENTITY", "DECIMAL_PRECISION")),
        (create(amount=usd | {"value": "0.00"}), (422, "UNPROCESSABLE_ENTITY", "CANNOT_BE_ZERO_OR_NEGATIVE")),
        (create(amount={"currency_code": "dollar", "value": "1.00"}), (422, "UNPROCESSABLE_ENTITY", "INVALID_CURRENCY_CODE")),
        (lambda: captured(paypal, order), (422, "UNPROCESSABLE_ENTITY", "ORDER_NOT_APPROVED")),
        (lambda: paypal.orders.get_order({"id": "NOSUCHORDER"}), (404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")),
        (lambda: paypal.payments.get_refund({"refund_id": "NOSUCH"}), (404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")),
    ]:
        with pytest.raises(ErrorException) as refused:
            ask()
        assert issue(refused) == expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"error": "PERMISSION_DENIED"}, (403, "NOT_AUTHORIZED", "PERMISSION_DENIED")),
        ({"error": "PREVIOUS_REQUEST_IN_PROGRESS"}, (409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS")),
        ({"error": "PAYER_ACCOUNT_RESTRICTED"}, (422, "UNPROCESSABLE_ENTITY", "PAYER_ACCOUNT_RESTRICTED")),
        ({"error": "DUPLICATE_INVOICE_ID"}, (422, "UNPROCESSABLE_ENTITY", "DUPLICATE_INVOICE_ID")),
        ({"status": 429}, (429, "RATE_LIMIT_REACHED", None)),
        ({"status": 500}, (500, "INTERNAL_SERVER_ERROR", None)),
        ({"status": 503}, (503, "SERVICE_UNAVAILABLE", None)),
    ],
)
def test_every_error_can_be_ordered_and_is_read(serve: Serve, paypal: PaypalServersdkClient, fault: dict[str, Any], expected: tuple[int, str, str | None]) -> None:
    serve.fault("paypal", on="POST /v2/checkout/orders", **fault)
    with pytest.raises(ErrorException) as refused:
        created(paypal)
    assert issue(refused) == expected


def test_the_tokens_request_is_as_the_contract_has_it_and_a_wrong_client_is_refused(
    serve: Serve, paypal: PaypalServersdkClient, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(paypal)
    token, create = asked_by_the_sdk(book)
    assert (token["path"], token["body"]) == ("/v1/oauth2/token", "grant_type=client_credentials")
    assert token["headers"]["authorization"].startswith("Basic ****")
    assert create["headers"]["prefer"] == "return=minimal"
    with pytest.raises(AuthValidationException):
        created(client(serve, monkeypatch, "bad"))


def test_a_token_that_is_not_taken_any_more_is_refused(serve: Serve, paypal: PaypalServersdkClient) -> None:
    order = created(paypal)
    requests.delete(f"{serve.simulators}/_sim/paypal/tokens", timeout=10).raise_for_status()
    with pytest.raises(ErrorException) as refused:
        paypal.orders.get_order({"id": order})
    assert (refused.value.response_code, refused.value.response.text.count("invalid_token")) == (401, 1)
