//! PayPal's client, row by row of its contract.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::Platform;
use shared::domain::order::{Checkout, CheckoutStatus, Outcome, Payment, Standing};
use shared::domain::{Credits, Order, Pack};
use shared::providers::paypal::{PayPal, PayPalError, SentBack, Shop, Taken};

use crate::server::{Reply, Server};
use crate::{platform_with, vars};

const CREDENTIALS: &str = r#"{"client_id":"id","client_secret":"a secret"}"#;
const CHECKOUT: &str = "5O190127TN364715T";
const CAPTURE: &str = "3C679366HH908993F";

fn token() -> Reply {
    Reply::json(
        200,
        r#"{"scope":"s","access_token":"A21","token_type":"Bearer","app_id":"a","expires_in":31668,"nonce":"n"}"#,
    )
}

fn client_on(url: &str, platform: &Platform) -> PayPal {
    let vars = vars(&[("PAYPAL_CREDENTIALS_PARAMETER", "/c")], &[("PAYPAL_URL", url)]);
    PayPal::new(&vars, platform).unwrap()
}

fn client(url: &str) -> PayPal {
    client_on(url, &platform_with(&[("/c", CREDENTIALS)]))
}

fn shop() -> Shop {
    Shop {
        brand: "Vitrine".to_owned(),
        return_url: "https://shop.example/paid?lang=en".parse().unwrap(),
        cancel_url: "https://shop.example/cart".parse().unwrap(),
    }
}

fn order() -> Order {
    let ids = platform_with(&[]).ids;
    let pack = Pack {
        credits: Credits(100),
        price: "19.00 USD".parse().unwrap(),
    };
    Order::placed(ids.next(), ids.next(), pack)
}

fn with_checkout() -> Order {
    Order {
        checkout: Some(Checkout {
            id: CHECKOUT.parse().unwrap(),
            payer_url: "https://www.paypal.com/checkoutnow?token=5O190127TN364715T"
                .parse()
                .unwrap(),
        }),
        ..order()
    }
}

fn created(rel: &str) -> Reply {
    let links = json!([
        { "rel": "self", "href": "https://api-m.paypal.com/v2/checkout/orders/5O190127TN364715T", "method": "GET" },
        { "rel": rel, "href": "https://www.paypal.com/checkoutnow?token=5O190127TN364715T", "method": "GET" },
    ]);
    let body = json!({ "id": CHECKOUT, "status": "PAYER_ACTION_REQUIRED", "links": links });
    Reply::json(201, &body.to_string())
}

fn problem(status: u16, name: &str, issue: &str, links: Value) -> Reply {
    let details = json!([{ "issue": issue, "description": "A sentence that quotes somebody." }]);
    let body = json!({ "name": name, "message": "m", "debug_id": "d", "details": details, "links": links });
    Reply::json(status, &body.to_string())
}

/// PayPal's record of a captured order, payer and all.
fn record(custom_id: &str, captures: Value, refunds: Value) -> Reply {
    let payer =
        json!({ "email_address": "payer@example.com", "name": { "given_name": "Pat" }, "payer_id": "QYR5Z8XDVJNXQ" });
    let unit = json!({
        "reference_id": "default", "custom_id": custom_id, "amount": { "currency_code": "USD", "value": "19.00" },
        "shipping": { "name": { "full_name": "Pat Payer" } }, "payments": { "captures": captures, "refunds": refunds },
    });
    let body = json!({ "id": CHECKOUT, "status": "COMPLETED", "payer": payer, "purchase_units": [unit], "links": [] });
    Reply::json(200, &body.to_string())
}

fn captured(custom_id: &str, status: &str) -> Value {
    json!([{
        "id": CAPTURE, "status": status, "status_details": { "reason": "ECHECK" }, "final_capture": true,
        "amount": { "currency_code": "USD", "value": "19.00" }, "custom_id": custom_id,
        "create_time": "2026-11-22T09:05:00Z", "update_time": "2026-11-22T09:05:00Z",
    }])
}

fn no_disputes() -> Reply {
    Reply::json(200, r#"{"items":[]}"#)
}

#[tokio::test]
async fn an_order_is_opened_under_its_own_name_with_nothing_about_the_account() {
    let server = Server::playing([token(), created("payer-action")]);
    let order = order();
    let checkout = client(&server.origin()).create(&order, &shop()).await.unwrap();
    assert_eq!(checkout.id.as_str(), CHECKOUT);
    assert!(
        checkout
            .payer_url
            .as_str()
            .starts_with("https://www.paypal.com/checkoutnow")
    );

    let [asked, created] = &server.requests()[..] else {
        panic!()
    };
    assert_eq!(asked.line, "POST /v1/oauth2/token HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Basic aWQ6YSBzZWNyZXQ="));
    assert_eq!(asked.body, b"grant_type=client_credentials");
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(created.line, "POST /v2/checkout/orders HTTP/1.1");
    assert_eq!(created.header("authorization"), Some("Bearer A21"));
    let id = order.id.to_string();
    assert_eq!(
        created.header("paypal-request-id"),
        Some(format!("create-{id}").as_str())
    );
    assert_eq!(
        created.json(),
        json!({
            "intent": "CAPTURE",
            "purchase_units": [{
                "reference_id": "default", "custom_id": id, "invoice_id": id, "description": "100 image credits",
                "amount": { "currency_code": "USD", "value": "19.00" },
            }],
            "payment_source": { "paypal": { "experience_context": {
                "brand_name": "Vitrine", "shipping_preference": "NO_SHIPPING", "contact_preference": "NO_CONTACT_INFO", "user_action": "PAY_NOW",
                "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
                "return_url": format!("https://shop.example/paid?lang=en&order={id}"),
                "cancel_url": format!("https://shop.example/cart?order={id}"),
            } } },
        })
    );
    let account = order.account.unwrap().to_string();
    assert!(!String::from_utf8_lossy(&created.body).contains(&account));
}

#[tokio::test]
async fn the_payers_address_may_be_called_approve() {
    let server = Server::playing([token(), created("approve")]);
    let checkout = client(&server.origin()).create(&order(), &shop()).await.unwrap();
    assert_eq!(checkout.payer_url.query(), Some("token=5O190127TN364715T"));
}

#[tokio::test]
async fn a_token_is_kept_for_nine_tenths_of_its_life() {
    let platform = platform_with(&[("/c", CREDENTIALS)]);
    let missing = || problem(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", json!([]));
    let server = Server::playing([token(), missing(), missing(), token(), missing()]);
    let client = client_on(&server.origin(), &platform);
    let order = with_checkout();
    let look = async || client.record(&order, &[]).await.unwrap();
    assert_eq!(look().await.status, CheckoutStatus::Missing);
    assert!(platform.clock.advance(SignedDuration::from_secs(28_500)));
    look().await;
    assert_eq!(server.requests().len(), 3);
    assert!(platform.clock.advance(SignedDuration::from_secs(2)));
    look().await;
    assert_eq!(server.requests()[3].line, "POST /v1/oauth2/token HTTP/1.1");
}

#[tokio::test]
async fn a_token_that_expires_on_the_way_is_asked_for_once_more_and_the_call_repeated() {
    let expired = || Reply::json(401, r#"{"error":"invalid_token"}"#);
    let server = Server::playing([token(), expired(), token(), Reply::json(201, r#"{"id":"x"}"#)]);
    let taken = client(&server.origin())
        .capture(&CHECKOUT.parse().unwrap(), 0)
        .await
        .unwrap();
    assert_eq!(taken, Taken::Tried);
    let names: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("paypal-request-id").map(str::to_owned))
        .collect();
    assert_eq!(names[1], names[3], "the same capture, not another one");
    let server = Server::playing([token(), expired(), token(), expired()]);
    let refused = client(&server.origin())
        .capture(&CHECKOUT.parse().unwrap(), 0)
        .await
        .unwrap_err();
    assert!(matches!(refused, PayPalError::Alarm { .. }), "once, not for ever");
}

#[tokio::test]
async fn wrong_credentials_are_the_operators_to_mend() {
    let server = Server::playing([Reply::json(
        401,
        r#"{"error":"invalid_client","error_description":"Client Authentication failed"}"#,
    )]);
    let error = client(&server.origin()).probe().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "PayPal refuses what we ask (401, the credentials are not taken)"
    );
}

#[tokio::test]
async fn a_capture_is_named_after_its_checkout_and_anew_after_each_decline() {
    let done = || Reply::json(201, r#"{"id":"5O190127TN364715T","status":"COMPLETED"}"#);
    let server = Server::playing([token(), done(), done()]);
    let client = client(&server.origin());
    for attempt in 0..2 {
        client.capture(&CHECKOUT.parse().unwrap(), attempt).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(
        requests[1].line,
        format!("POST /v2/checkout/orders/{CHECKOUT}/capture HTTP/1.1")
    );
    assert_eq!(requests[1].header("content-type"), Some("application/json"));
    assert_eq!(requests[1].header("content-length"), Some("0"));
    assert_eq!(requests[1].header("paypal-request-id"), Some("cap-5O190127TN364715T"));
    assert_eq!(requests[2].header("paypal-request-id"), Some("cap-5O190127TN364715T-1"));
}

#[tokio::test]
async fn what_a_refused_capture_means_is_told_by_its_issue() {
    let back = || json!([{ "rel": "redirect", "href": "https://www.paypal.com/checkoutnow?token=5O190127TN364715T", "method": "GET" }]);
    let payer_url = || {
        Some(
            "https://www.paypal.com/checkoutnow?token=5O190127TN364715T"
                .parse()
                .unwrap(),
        )
    };
    let refused = |issue: &str| Taken::Refused {
        issue: issue.to_owned(),
    };
    for (issue, links, taken) in [
        ("ORDER_ALREADY_CAPTURED", json!([]), Taken::Tried),
        ("ORDER_COMPLETION_IN_PROGRESS", json!([]), Taken::Tried),
        ("ORDER_NOT_APPROVED", json!([]), Taken::NotApproved),
        (
            "INSTRUMENT_DECLINED",
            back(),
            Taken::Declined { payer_url: payer_url() },
        ),
        (
            "INSTRUMENT_DECLINED",
            json!([{ "rel": "redirect", "href": "http://evil.example/" }]),
            Taken::Declined { payer_url: None },
        ),
        (
            "PAYER_ACTION_REQUIRED",
            json!([]),
            Taken::PayerNeeded { payer_url: None },
        ),
        ("TRANSACTION_REFUSED", json!([]), refused("TRANSACTION_REFUSED")),
        ("PAYER_CANNOT_PAY", json!([]), refused("PAYER_CANNOT_PAY")),
    ] {
        let server = Server::playing([token(), problem(422, "UNPROCESSABLE_ENTITY", issue, links)]);
        let said = client(&server.origin())
            .capture(&CHECKOUT.parse().unwrap(), 0)
            .await
            .unwrap();
        assert_eq!(said, taken, "{issue}");
    }
}

#[tokio::test]
async fn what_can_be_asked_again_is_told_from_what_needs_a_person() {
    let again = [(409, "PREVIOUS_REQUEST_IN_PROGRESS"), (429, ""), (500, ""), (503, "")];
    let person = [
        (400, "MALFORMED_REQUEST_JSON"),
        (403, "PERMISSION_DENIED"),
        (422, "AMOUNT_MISMATCH"),
        (422, "SOMETHING_NEW"),
    ];
    for (status, issue) in again.into_iter().chain(person) {
        let server = Server::playing([token(), problem(status, "NAME", issue, json!([]))]);
        let error = client(&server.origin())
            .capture(&CHECKOUT.parse().unwrap(), 0)
            .await
            .unwrap_err();
        let may_retry = matches!(error, PayPalError::Unavailable { .. });
        assert_eq!(may_retry, again.contains(&(status, issue)), "{status} {issue}: {error}");
        assert!(
            !error.to_string().contains("sentence"),
            "PayPal's sentences are not repeated"
        );
    }
    let busy = Reply::new(429, &[("retry-after", "7")], b"{}");
    let server = Server::playing([token(), busy]);
    let error = client(&server.origin())
        .capture(&CHECKOUT.parse().unwrap(), 0)
        .await
        .unwrap_err();
    assert!(matches!(error, PayPalError::Unavailable { after: Some(after), .. } if after == Duration::from_secs(7)));
}

#[tokio::test]
async fn the_record_has_money_refunds_and_disputes_and_nothing_of_the_payer() {
    let order = with_checkout();
    let id = order.id.to_string();
    let refunds = json!([{
        "id": "1JU08902781691411", "status": "COMPLETED", "amount": { "currency_code": "USD", "value": "4.00" },
        "create_time": "2026-11-22T10:00:00Z", "links": [],
    }]);
    let list = r#"{"items":[
        {"dispute_id":"PP-D-1","status":"OPEN","dispute_amount":{"currency_code":"USD","value":"15.00"},"create_time":"2026-11-23T09:00:00Z"},
        {"dispute_id":"PP-D-2","status":"RESOLVED","dispute_amount":{"currency_code":"USD","value":"1.00"},"create_time":"2026-11-23T09:00:00Z"}]}"#;
    let resolved = r#"{"dispute_id":"PP-D-2","status":"RESOLVED","dispute_amount":{"currency_code":"USD","value":"1.00"},
        "create_time":"2026-11-23T09:00:00Z","dispute_outcome":{"outcome_code":"RESOLVED_SELLER_FAVOUR"}}"#;
    let server = Server::playing([
        token(),
        record(&id, captured(&id, "PARTIALLY_REFUNDED"), refunds),
        Reply::json(200, list),
        Reply::json(200, resolved),
    ]);
    let record = client(&server.origin()).record(&order, &[]).await.unwrap();
    let asked = server.requests()[2].line.clone();
    assert_eq!(
        asked,
        format!("GET /v1/customer/disputes?disputed_transaction_id={CAPTURE} HTTP/1.1")
    );
    assert_eq!(record.status, CheckoutStatus::Completed);
    assert_eq!(record.refunds.values().next().unwrap().amount.to_string(), "4.00 USD");
    let outcomes: Vec<Outcome> = record.disputes.values().map(|dispute| dispute.outcome).collect();
    assert_eq!(outcomes, [Outcome::Open, Outcome::Won]);
    let all = format!("{record:?}");
    for payers in ["payer@example.com", "Pat", "QYR5Z8XDVJNXQ"] {
        assert!(!all.contains(payers), "{payers}");
    }
    assert_eq!(order.learn(&record).alarms, []);
}

#[tokio::test]
async fn a_refund_that_is_known_by_name_alone_counts_if_it_is_of_this_orders_capture() {
    let order = with_checkout();
    let id = order.id.to_string();
    for (capture, counts) in [(CAPTURE, 1), ("SOMEBODYELSES", 0)] {
        let refund = json!({
            "id": "1JU08902781691411", "status": "COMPLETED", "amount": { "currency_code": "USD", "value": "4.00" },
            "links": [{ "rel": "up", "href": format!("https://api-m.paypal.com/v2/payments/captures/{capture}") }],
        });
        let server = Server::playing([
            token(),
            record(&id, captured(&id, "PARTIALLY_REFUNDED"), json!([])),
            Reply::json(200, &refund.to_string()),
            no_disputes(),
        ]);
        let told = ["1JU08902781691411".parse().unwrap()];
        let record = client(&server.origin()).record(&order, &told).await.unwrap();
        assert_eq!(record.refunds.len(), counts);
    }
}

#[tokio::test]
async fn without_the_right_to_read_disputes_the_money_is_seen_all_the_same() {
    let order = with_checkout();
    let id = order.id.to_string();
    let denied = problem(403, "NOT_AUTHORIZED", "PERMISSION_DENIED", json!([]));
    let server = Server::playing([token(), record(&id, captured(&id, "COMPLETED"), json!([])), denied]);
    let record = client(&server.origin()).record(&order, &[]).await.unwrap();
    assert!(order.learn(&record).order.payment.is_some());
}

#[tokio::test]
async fn a_capture_outlives_its_checkout() {
    let mut order = with_checkout();
    order.payment = Some(Payment {
        capture: CAPTURE.parse().ok(),
        at: order.placed_at(),
        standing: Standing::Good,
    });
    let id = order.id.to_string();
    let gone = problem(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", json!([]));
    let capture = captured(&id, "REFUNDED")[0].to_string();
    let server = Server::playing([token(), gone, Reply::json(200, &capture), no_disputes()]);
    let record = client(&server.origin()).record(&order, &[]).await.unwrap();
    let learned = order.learn(&record).order;
    assert_eq!(learned.payment.unwrap().standing, Standing::Refunded);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_asked_for_again_and_is_not_taken_for_none() {
    let order = with_checkout();
    let id = order.id.to_string();
    let mut nameless = captured(&id, "COMPLETED");
    nameless[0]["id"] = json!("../../payments");
    for (what, reply) in [
        ("no JSON", Reply::json(200, "<html>")),
        (
            "a status nobody knows",
            record(&id, captured(&id, "SOMETHING_NEW"), json!([])),
        ),
        ("a name that leads elsewhere", record(&id, nameless, json!([]))),
        (
            "a refund without an amount",
            record(&id, captured(&id, "COMPLETED"), json!([{ "id": "R1" }])),
        ),
    ] {
        let server = Server::playing([token(), reply]);
        let error = client(&server.origin()).record(&order, &[]).await.unwrap_err();
        assert!(matches!(error, PayPalError::Unavailable { .. }), "{what}");
    }
}

#[tokio::test]
async fn money_is_sent_back_once_for_each_name() {
    let back = r#"{"id":"1JU08902781691411","status":"COMPLETED","links":[]}"#;
    let server = Server::playing([
        token(),
        Reply::json(201, back),
        Reply::json(201, back),
        problem(422, "UNPROCESSABLE_ENTITY", "CAPTURE_FULLY_REFUNDED", json!([])),
        problem(422, "UNPROCESSABLE_ENTITY", "TRANSACTION_DISPUTED", json!([])),
    ]);
    let (client, capture) = (client(&server.origin()), CAPTURE.parse().unwrap());
    let refund = async |amount: Option<&str>| {
        let amount = amount.map(|amount| amount.parse().unwrap());
        client.refund(&capture, amount, "act_1").await.unwrap()
    };
    assert_eq!(
        refund(Some("4.95 USD")).await,
        SentBack::Refund("1JU08902781691411".parse().unwrap())
    );
    assert!(matches!(refund(None).await, SentBack::Refund(_)));
    assert_eq!(refund(None).await, SentBack::Already);
    assert_eq!(
        refund(None).await,
        SentBack::Refused {
            issue: "TRANSACTION_DISPUTED".to_owned()
        }
    );
    let requests = server.requests();
    assert_eq!(
        requests[1].json(),
        json!({ "amount": { "currency_code": "USD", "value": "4.95" } })
    );
    assert_eq!(
        (requests[2].json(), requests[2].header("paypal-request-id")),
        (json!({}), Some("refund-act_1"))
    );
}

#[test]
fn an_address_that_is_not_paypals_stops_the_start() {
    let platform = platform_with(&[("/c", CREDENTIALS)]);
    for (url, taken) in [
        ("https://api-m.paypal.com", true),
        ("https://api-m.sandbox.paypal.com", true),
        ("http://127.0.0.1:8001", true),
        ("https://api.paypal.com.evil.example", false),
        ("http://api-m.paypal.com", false),
    ] {
        let vars = vars(&[("PAYPAL_CREDENTIALS_PARAMETER", "/c")], &[("PAYPAL_URL", url)]);
        assert_eq!(PayPal::new(&vars, &platform).is_ok(), taken, "{url}");
    }
    let none = platform_with(&[("/c", "not json")]);
    let vars = vars(
        &[("PAYPAL_CREDENTIALS_PARAMETER", "/c")],
        &[("PAYPAL_URL", "https://api-m.paypal.com")],
    );
    let error = PayPal::new(&vars, &none).unwrap_err().to_string();
    assert!(
        error.contains("PAYPAL_CREDENTIALS_PARAMETER") && !error.contains("not json"),
        "{error}"
    );
}
