//! Buying credits: from the price list to the receipt, and what goes wrong on the way.

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, Person, TestApp};
use vitrine::sim::{Act, Fault, Instrument, Moved, Provider};

use crate::support::{app, balance};

/// Orders the pack of twenty credits under a key.
pub(crate) async fn ordered(app: &TestApp, person: &Person, key: &str) -> Answer {
    let headers = [("idempotency-key", key)];
    let body = json!({ "pack": "credits-20" }).to_string();
    app.request("POST", "/v1/orders", Some(&person.token), &headers, Some(body))
        .await
}

/// An order of twenty credits that waits for its payer.
pub(crate) async fn bought(app: &TestApp, person: &Person) -> String {
    let order = ordered(app, person, "buy").await.expect(201).json;
    order["id"].as_str().unwrap().to_owned()
}

/// Lets the payer approve.
pub(crate) fn approve(app: &TestApp, order: &str, instrument: Instrument) {
    let act = Act::Approve { instrument };
    app.stack.simulators.paypal().act(order, &act).unwrap();
}

/// Has the money taken.
pub(crate) async fn capture(app: &TestApp, person: &Person, order: &str) -> Answer {
    let path = format!("/v1/orders/{order}/capture");
    app.request("POST", &path, Some(&person.token), &[], None).await
}

/// The order as its buyer sees it.
pub(crate) async fn shown(app: &TestApp, person: &Person, order: &str) -> Value {
    app.get(person, &format!("/v1/orders/{order}")).await.expect(200).json
}

/// Lets the next call of PayPal that contains `on` fail.
pub(crate) fn paypal(app: &TestApp, on: &str, fault: Fault) {
    let fault = Fault {
        on: Some(on.to_owned()),
        ..fault
    };
    app.stack.simulators.fault(Provider::Paypal, 1, fault).unwrap();
}

/// In cents, what PayPal's book says has moved: what was taken is positive.
pub(crate) fn moved(app: &TestApp) -> Vec<i64> {
    let moved = app.stack.simulators.book().paypal.work;
    let cents = |moved: &Moved| match moved {
        Moved::Captured { amount, .. } => amount.in_minor(),
        Moved::Refunded { amount, .. } => -amount.in_minor(),
    };
    moved.iter().map(cents).collect()
}

/// The requests that PayPal has seen, as method and path.
fn asked(app: &TestApp) -> Vec<String> {
    let seen = app.stack.simulators.book().paypal.requests;
    seen.iter()
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect()
}

/// This answer of PayPal's.
pub(crate) fn status(status: u16) -> Fault {
    Fault {
        status: Some(status),
        ..Fault::default()
    }
}

/// Done, and the connection lost.
pub(crate) fn lost_after_the_work() -> Fault {
    Fault {
        reset: true,
        after_work: true,
        ..Fault::default()
    }
}

#[tokio::test]
async fn a_pack_goes_from_the_price_list_to_the_receipt() {
    let app = app().await;
    let mei = app.person("mei").await;
    let packs = app.ask("GET", "/v1/packs", None).await.expect(200).json;
    assert_eq!(packs["packs"][0]["pack"], "credits-20");

    let answer = ordered(&app, &mei, "k").await.expect(201);
    let order = answer.json["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/v1/orders/{order}"));
    assert_eq!(answer.header("ratelimit"), r#""orders";r=29;t=54000"#);
    assert_eq!(
        (&answer.json["state"], &answer.json["credits"]),
        (&json!("created"), &json!(20))
    );
    assert_eq!(answer.json["price"], json!({ "currency": "USD", "value": "4.99" }));

    // The payer's own page, as the address leads to it.
    let page = app
        .http
        .get(answer.json["payer_url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert!(
        page.contains("Pay 4.99 USD") && page.contains("20 image credits"),
        "{page}"
    );
    let token = page
        .split("name=\"token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let form = format!("token={token}&instrument=good");
    let to = format!("{}/checkoutnow", app.stack.simulator_url());
    let back = app
        .http
        .post(to)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let back = back.send().await.unwrap().text().await.unwrap();
    assert!(back.contains(&format!("POST /v1/orders/{order}/capture")), "{back}");

    let taken = capture(&app, &mei, &order).await.expect(200).json;
    assert_eq!((&taken["state"], taken.get("payer_url")), (&json!("completed"), None));
    assert_eq!(taken["receipt"]["number"], "2026-000001");
    assert_eq!(balance(&app, &mei).await, (23, 0));
    assert_eq!(moved(&app), [499]);
    app.drain().await;
    let mail = app.mail_to(&mei.email).unwrap();
    assert_eq!(mail.subject, "Your Vitrine receipt 2026-000001");
    for said in ["2026-000001", "20 credits", "4.99 USD", &order] {
        assert!(mail.text.as_ref().unwrap().contains(said), "{said}");
    }

    let list = app.get(&mei, "/v1/orders").await.expect(200).json;
    assert_eq!(list["items"][0], shown(&app, &mei, &order).await);
    let html = [("accept", "text/html"), ("accept-language", "zh-CN")];
    let page = app
        .request("GET", &format!("/v1/orders/{order}"), Some(&mei.token), &html, None)
        .await;
    let page = page.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.text.contains("收据编号") && page.text.contains("2026-000001") && page.text.contains("4.99 USD"),
        "{}",
        page.text
    );
    let entries = app.get(&mei, "/v1/credits").await.expect(200).json["entries"][0].clone();
    crate::logs::tell_nothing();
    assert_eq!(
        (&entries["kind"], &entries["order"], &entries["available"]),
        (&json!("purchase"), &json!(order), &json!(20))
    );
}

#[tokio::test]
async fn paypal_is_told_of_the_order_and_nothing_of_the_account() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    let seen = app.stack.simulators.book().paypal.requests;
    let create = seen.iter().find(|seen| seen.path == "/v2/checkout/orders").unwrap();
    assert_eq!(create.headers["paypal-request-id"], format!("create-{order}"));
    let unit = &create.body["purchase_units"][0];
    assert_eq!(
        (&unit["custom_id"], &unit["invoice_id"]),
        (&json!(order), &json!(order))
    );
    assert_eq!(unit["amount"], json!({ "currency_code": "USD", "value": "4.99" }));
    let experience = &create.body["payment_source"]["paypal"]["experience_context"];
    assert_eq!(experience["shipping_preference"], "NO_SHIPPING");
    assert_eq!(experience["payment_method_preference"], "IMMEDIATE_PAYMENT_REQUIRED");
    let all = serde_json::to_string(&seen).unwrap();
    for of_the_account in [mei.email.as_str(), "mei", "acc_"] {
        assert!(!all.contains(of_the_account), "{of_the_account}");
    }
}

#[tokio::test]
async fn a_repeated_order_is_the_same_order_as_it_is_by_then() {
    let app = app().await;
    let mei = app.person("mei").await;
    let first = ordered(&app, &mei, "k").await.expect(201).json;
    let again = ordered(&app, &mei, "k").await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &first));
    let order = first["id"].as_str().unwrap();
    approve(&app, order, Instrument::Good);
    capture(&app, &mei, order).await.expect(200);
    let later = ordered(&app, &mei, "k").await.expect(201).json;
    assert_eq!(later["state"], "completed");
    let body = json!({ "pack": "credits-100" }).to_string();
    let other = app
        .request(
            "POST",
            "/v1/orders",
            Some(&mei.token),
            &[("idempotency-key", "k")],
            Some(body),
        )
        .await;
    assert_eq!(other.expect(422).problem(), "idempotency-key-reused");
    let li = app.person("li").await;
    assert_ne!(ordered(&app, &li, "k").await.expect(201).json["id"], first["id"]);
    assert_eq!(
        asked(&app)
            .iter()
            .filter(|asked| asked.ends_with("POST /v2/checkout/orders"))
            .count(),
        2
    );
}

#[tokio::test]
async fn many_of_one_order_at_once_open_one_checkout() {
    let app = app().await;
    let mei = app.person("mei").await;
    let answers = join_all((0..8).map(|_| ordered(&app, &mei, "k"))).await;
    let good: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!good.is_empty());
    for answer in &answers {
        // One may find PayPal still at work on the same name, and is told to repeat.
        assert!(
            answer.status == 201 || answer.problem() == "upstream-unavailable",
            "{}",
            answer.text
        );
    }
    let last = ordered(&app, &mei, "k").await.expect(201).json;
    for answer in good {
        assert_eq!(
            (&answer.json["id"], &answer.json["payer_url"]),
            (&last["id"], &last["payer_url"])
        );
    }
    assert_eq!(app.stack.simulators.paypal().orders().len(), 1);
}

#[tokio::test]
async fn an_order_that_paypal_did_not_open_is_opened_when_the_same_is_asked_again() {
    for fault in [
        status(503),
        status(500),
        status(429),
        lost_after_the_work(),
        Fault {
            malformed: true,
            ..Fault::default()
        },
    ] {
        let app = app().await;
        let mei = app.person("mei").await;
        paypal(&app, "/v2/checkout/orders", fault.clone());
        let refused = ordered(&app, &mei, "k").await.expect(503);
        assert_eq!(refused.problem(), "upstream-unavailable", "{fault:?}");
        assert!(!refused.header("retry-after").is_empty());
        let order = ordered(&app, &mei, "k").await.expect(201);
        assert_eq!(order.header("idempotent-replayed"), "true");
        assert_eq!(app.stack.simulators.paypal().orders().len(), 1, "{fault:?}");
        approve(&app, order.json["id"].as_str().unwrap(), Instrument::Good);
        capture(&app, &mei, order.json["id"].as_str().unwrap())
            .await
            .expect(200);
        app.drain().await;
    }
}

#[tokio::test]
async fn an_order_that_was_never_opened_expires_and_can_still_be_opened() {
    let app = app().await;
    let mei = app.person("mei").await;
    paypal(&app, "/v2/checkout/orders", status(503));
    ordered(&app, &mei, "k").await.expect(503);
    app.advance(SignedDuration::from_mins(11));
    app.stack.run_schedule("settle-stale").await.unwrap();
    let order = app.get(&mei, "/v1/orders").await.expect(200).json["items"][0].clone();
    assert_eq!(order["state"], "expired");
    let opened = ordered(&app, &mei, "k").await.expect(201).json;
    assert_eq!((&opened["id"], &opened["state"]), (&order["id"], &json!("created")));
}

#[tokio::test]
async fn somebody_elses_order_is_not_there() {
    let app = app().await;
    let (mei, li) = (app.person("mei").await, app.person("li").await);
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    for path in [
        format!("/v1/orders/{order}"),
        "/v1/orders/ord_01kb0v1cqhe8svdnq7tqw8vz6n".to_owned(),
    ] {
        assert_eq!(app.get(&li, &path).await.expect(404).problem(), "not-found");
    }
    assert_eq!(capture(&app, &li, &order).await.expect(404).problem(), "not-found");
    assert_eq!(app.get(&li, "/v1/orders").await.expect(200).json["items"], json!([]));
    assert_eq!(moved(&app), [0_i64; 0]);
}

#[tokio::test]
async fn what_is_not_on_sale_is_not_sold_and_too_many_orders_are_refused() {
    let app = app().await;
    let mei = app.person("mei").await;
    let wants = async |key: &str, body: Value| {
        let headers = [("idempotency-key", key)];
        app.request("POST", "/v1/orders", Some(&mei.token), &headers, Some(body.to_string()))
            .await
    };
    for pack in ["credits-21", "credits-0", "gold", ""] {
        let refused = wants("a", json!({ "pack": pack })).await.expect(422);
        assert_eq!(
            (refused.problem(), refused.field()),
            ("invalid-field", "/pack"),
            "{pack}"
        );
    }
    let unknown = wants("a", json!({ "pack": "credits-20", "price": "0.01" }))
        .await
        .expect(422);
    assert_eq!(unknown.problem(), "unknown-field");
    for n in 0..30 {
        ordered(&app, &mei, &format!("k{n}")).await.expect(201);
    }
    assert_eq!(
        ordered(&app, &mei, "k30").await.expect(429).problem(),
        "too-many-requests"
    );
    ordered(&app, &mei, "k0").await.expect(201);
}
