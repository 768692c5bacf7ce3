"""Resend's simulator, judged by Resend's own SDK."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import resend
from resend import exceptions

from conftest import Book, Serve

KEY = "re_good_key"


@pytest.fixture(autouse=True)
def _account(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", serve.simulators)
    monkeypatch.setattr(resend, "api_key", KEY)


@pytest.fixture
def book(serve: Serve) -> Book:
    return serve.book("resend")


def mail(**other: Any) -> dict[str, Any]:
    written = {
        "from": "Vitrine <no-reply@example.com>",
        "to": ["mei@example.com"],
        "subject": "Your code",
        "text": "It is 123456.",
        "html": "<p>It is 123456.</p>",
        "tags": [{"name": "kind", "value": "code"}],
    }
    return {name: value for name, value in (written | other).items() if value is not None}


def sent(book: Book) -> list[str]:
    return [mail["id"] for post in book.work for mail in post["sent"]["mails"]]


def test_a_mail_is_accepted_and_lies_in_the_mailbox(serve: Serve, book: Book) -> None:
    answer = resend.Emails.send(mail(to=["kiln@example.com"], reply_to="help@example.com"))
    assert sent(book) == [answer["id"]]
    [request] = book.requests
    assert request["headers"]["user-agent"].startswith("resend-python:")
    assert request["headers"]["authorization"] == "Bearer ****_key"
    [lying] = requests.get(f"{serve.simulators}/mailbox.json?to=kiln@example.com", timeout=10).json()
    assert (lying["id"], lying["code"]) == (answer["id"], "123456")


def test_a_mail_can_be_read_back_although_the_sdk_sends_a_body_with_get(serve: Serve, book: Book) -> None:
    id = resend.Emails.send(mail(cc="copy@example.com"))["id"]
    read = resend.Emails.get(id)
    assert (read["object"], read["id"], read["from"]) == ("email", id, "Vitrine <no-reply@example.com>")
    assert (read["to"], read["cc"], read["subject"]) == (["mei@example.com"], ["copy@example.com"], "Your code")
    assert (read["last_event"], read["text"]) == ("delivered", "It is 123456.")
    assert read["created_at"].endswith("+00")
    assert book.requests[-1]["body"] == {}


@pytest.mark.parametrize("event", ["bounced", "complained"])
def test_the_addresses_for_trying_out_come_to_what_they_say(serve: Serve, event: str) -> None:
    id = resend.Emails.send(mail(to=f"{event}@resend.dev"))["id"]
    assert resend.Emails.get(id)["last_event"] == event


def test_a_repeated_key_sends_nothing_twice(serve: Serve, book: Book) -> None:
    options = {"idempotency_key": "verify-code/1"}
    first, second = (resend.Emails.send(mail(), options) for _ in range(2))
    assert first["id"] == second["id"]
    assert sent(book) == [first["id"]]
    assert len(book.requests) == 2


def test_a_key_with_another_body_is_burnt(serve: Serve, book: Book) -> None:
    options = {"idempotency_key": "verify-code/2"}
    resend.Emails.send(mail(), options)
    with pytest.raises(exceptions.ResendError) as refused:
        resend.Emails.send(mail(subject="Another"), options)
    assert (refused.value.code, refused.value.error_type) == (409, "invalid_idempotent_request")
    assert len(sent(book)) == 1


def test_a_key_is_forgotten_after_a_day(own_serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", own_serve.simulators)
    options = {"idempotency_key": "verify-code/3"}
    first = resend.Emails.send(mail(), options)["id"]
    own_serve.advance("23h 59m")
    assert resend.Emails.send(mail(), options)["id"] == first
    own_serve.advance("1m")
    assert resend.Emails.send(mail(), options)["id"] != first


def test_a_batch_is_accepted_in_its_order_and_repeated_as_one(serve: Serve, book: Book) -> None:
    batch, options = [mail(subject="One"), mail(subject="Two")], {"idempotency_key": "batch/1"}
    ids = [one["id"] for one in resend.Batch.send(batch, options)["data"]]
    assert [resend.Emails.get(id)["subject"] for id in ids] == ["One", "Two"]
    assert [one["id"] for one in resend.Batch.send(batch, options)["data"]] == ids
    assert sent(book) == ids


def test_a_scheduled_mail_can_be_put_off_and_cancelled(serve: Serve) -> None:
    id = resend.Emails.send(mail(scheduled_at="2099-01-01T00:00:00Z"))["id"]
    assert resend.Emails.get(id)["last_event"] == "scheduled"
    assert resend.Emails.update({"id": id, "scheduled_at": "2099-01-02T00:00:00Z"})["id"] == id
    assert resend.Emails.cancel(id)["id"] == id
    assert resend.Emails.get(id)["last_event"] == "canceled"
    with pytest.raises(exceptions.ValidationError):
        resend.Emails.cancel(id)


PLAIN, INVALID, MISSING = exceptions.ResendError, exceptions.ValidationError, exceptions.MissingRequiredFieldsError
REFUSALS = [
    ("a wrong key", "re_bad_key", {}, PLAIN, 401, "validation_error", "API key is invalid"),
    ("a suspended key", "re_suspended", {}, PLAIN, 403, "suspended_api_key", "suspended"),
    ("no sender", KEY, {"from": None}, MISSING, 422, "missing_required_field", "from"),
    ("no recipient", KEY, {"to": None}, MISSING, 422, "missing_required_field", "to"),
    ("no subject", KEY, {"subject": None}, MISSING, 422, "missing_required_field", "subject"),
    ("nothing to read", KEY, {"text": None, "html": None}, MISSING, 422, "missing_required_field", "text"),
    ("an empty list", KEY, {"to": []}, INVALID, 422, "validation_error", "to"),
    ("too many recipients", KEY, {"to": ["a@example.com"] * 51}, INVALID, 422, "validation_error", "50"),
    ("no address", KEY, {"to": "mei"}, INVALID, 422, "validation_error", "to"),
    ("a sender that is none", KEY, {"from": "nobody"}, PLAIN, 422, "invalid_from_address", "from"),
    (
        "a domain that is not verified",
        KEY,
        {"from": "a@unverified.example"},
        PLAIN,
        403,
        "validation_error",
        "not verified",
    ),
    ("a tag with a space", KEY, {"tags": [{"name": "a b", "value": "c"}]}, INVALID, 422, "validation_error", "ASCII"),
    (
        "an attachment without content",
        KEY,
        {"attachments": [{"filename": "a.txt"}]},
        PLAIN,
        422,
        "invalid_attachment",
        "content",
    ),
    (
        "too many a second",
        KEY,
        {"subject": "RATELIMIT"},
        exceptions.RateLimitError,
        429,
        "rate_limit_exceeded",
        "Too many requests",
    ),
]


@pytest.mark.parametrize(
    ("key", "written", "kind", "status", "name", "message"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_a_refusal_raises_the_sdks_own_error(
    serve: Serve,
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    written: dict[str, Any],
    kind: type[exceptions.ResendError],
    status: int,
    name: str,
    message: str,
) -> None:
    monkeypatch.setattr(resend, "api_key", key)
    with pytest.raises(kind) as refused:
        resend.Emails.send(mail(**written))
    error = refused.value
    assert type(error) is kind
    assert (error.code, error.error_type) == (status, name)
    assert message in error.message
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= {header.lower() for header in error.headers}
    assert book.work == []


LISTED = [
    (400, "invalid_idempotency_key", PLAIN),
    (400, "validation_error", INVALID),
    (401, "missing_api_key", exceptions.MissingApiKeyError),
    (401, "restricted_api_key", PLAIN),
    (403, "invalid_api_key", exceptions.InvalidApiKeyError),
    (403, "invalid_permission", PLAIN),
    (404, "not_found", PLAIN),
    (405, "method_not_allowed", PLAIN),
    (409, "concurrent_idempotent_requests", PLAIN),
    (409, "resource_locked", PLAIN),
    (422, "missing_required_parameter", PLAIN),
    (422, "invalid_parameter", PLAIN),
    (429, "rate_limit_exceeded", exceptions.RateLimitError),
    (429, "daily_quota_exceeded", exceptions.RateLimitError),
    (429, "monthly_quota_exceeded", exceptions.RateLimitError),
    (500, "application_error", exceptions.ApplicationError),
    (500, "internal_server_error", PLAIN),
    (503, "service_unavailable", PLAIN),
]


@pytest.mark.parametrize(("status", "name", "kind"), LISTED)
def test_each_listed_error_raises_the_sdks_own(
    serve: Serve, book: Book, status: int, name: str, kind: type[exceptions.ResendError]
) -> None:
    serve.fault("resend", error=name, status=status)
    with pytest.raises(kind) as refused:
        resend.Emails.send(mail())
    error = refused.value
    assert type(error) is kind
    assert (error.code, error.error_type) == (status, name)
    assert error.message
    headers = {header.lower(): value for header, value in error.headers.items()}
    assert "ratelimit-limit" in headers, "every reply of Resend tells the rate"
    if name == "rate_limit_exceeded":
        assert int(headers["retry-after"]) >= 1
    assert book.work == []


def test_a_rate_that_is_enforced_refuses_the_next_and_says_when_to_come_again(
    own_serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "api_url", own_serve.simulators)
    own_serve.limits(resend_per_second=0)
    with pytest.raises(exceptions.RateLimitError) as refused:
        resend.Emails.send(mail())
    headers = {header.lower(): value for header, value in refused.value.headers.items()}
    assert (headers["ratelimit-limit"], headers["ratelimit-remaining"], headers["retry-after"]) == ("0", "0", "1")


def test_a_key_that_may_only_send_may_not_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_key", "re_restricted")
    id = resend.Emails.send(mail())["id"]
    with pytest.raises(exceptions.ResendError) as refused:
        resend.Emails.get(id)
    assert (refused.value.code, refused.value.error_type) == (401, "restricted_api_key")


def test_a_mail_that_never_was_is_not_found(serve: Serve) -> None:
    with pytest.raises(exceptions.ResendError) as refused:
        resend.Emails.get("49a3999c-0ce1-4ea6-ab68-000000000000")
    assert (refused.value.code, refused.value.error_type) == (404, "not_found")


def test_a_key_that_is_too_long_is_refused(serve: Serve, book: Book) -> None:
    with pytest.raises(exceptions.ResendError) as refused:
        resend.Emails.send(mail(), {"idempotency_key": "k" * 257})
    assert (refused.value.code, refused.value.error_type) == (400, "invalid_idempotency_key")
    assert book.work == []


def test_a_lost_answer_is_made_good_with_the_same_key(serve: Serve, book: Book) -> None:
    options = {"idempotency_key": "receipt/1"}
    serve.fault("resend", reset=True, after_work=True)
    with pytest.raises(exceptions.ResendError) as lost:
        resend.Emails.send(mail(), options)
    assert lost.value.error_type == "HttpClientError"
    assert sent(book) == [resend.Emails.send(mail(), options)["id"]]


def test_an_answer_cut_in_half_is_an_error_and_the_mail_went(serve: Serve, book: Book) -> None:
    serve.fault("resend", malformed=True)
    with pytest.raises(exceptions.ResendError):
        resend.Emails.send(mail())
    assert len(sent(book)) == 1
