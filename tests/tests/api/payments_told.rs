//! What PayPal tells: who is believed to be PayPal, and what its events come to.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, TestApp};
use vitrine::sim::{Act, Instrument, Telling, Transmission};

use crate::orders::{approve, bought, capture, moved, paypal, shown, status};
use crate::support::{World, app, balance, order};

const PATH: &str = "/v1/webhooks/paypal";

fn transmission(app: &TestApp, body: &str) -> Transmission {
    let function = app.stack.template.function("paypal-webhook").unwrap();
    let webhook = &function.variables["PAYPAL_WEBHOOK_ID"];
    app.stack
        .simulators
        .paypal()
        .transmission(webhook, body.as_bytes())
        .unwrap()
}

async fn send(app: &TestApp, made: &Transmission, body: &str) -> Answer {
    app.request("POST", PATH, None, &made.headers(), Some(body.to_owned()))
        .await
}

/// PayPal tells this, and is believed.
async fn tell(app: &TestApp, event: &Value) -> Answer {
    let body = event.to_string();
    send(app, &transmission(app, &body), &body).await
}

fn befall(app: &TestApp, order: &str, act: &Act) {
    app.stack.simulators.paypal().act(order, act).unwrap();
}

#[tokio::test]
async fn a_payer_who_never_comes_back_gets_the_credits_by_paypals_event() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    app.drain().await;
    assert_eq!((balance(&app, &mei).await, moved(&app)), ((23, 0), vec![499]));
    assert_eq!(shown(&app, &mei, &order).await["state"], "completed");
    let mail = app.mail_to(&mei.email).unwrap().text.unwrap();
    assert!(
        mail.contains("20 credits") && mail.contains("套餐：20 点"),
        "nobody knows the language:\n{mail}"
    );
    let told = app.stack.simulators.paypal().events();
    assert!(
        told.iter()
            .all(|event| event.tries.len() == 1 && event.tries[0].status == Some(200)),
        "{told:?}"
    );
}

#[tokio::test]
async fn events_lost_repeated_and_in_the_wrong_order_come_to_the_same() {
    for telling in [
        Telling {
            duplicate: 3,
            ..Telling::default()
        },
        Telling {
            reorder: true,
            ..Telling::default()
        },
        Telling {
            drop: 1,
            ..Telling::default()
        },
        Telling {
            hold: true,
            duplicate: 1,
            reorder: true,
            ..Telling::default()
        },
        Telling {
            delay_s: 900,
            ..Telling::default()
        },
    ] {
        let app = app().await;
        let mei = app.person("mei").await;
        let order = bought(&app, &mei).await;
        app.stack.simulators.paypal().tell(telling.clone());
        approve(&app, &order, Instrument::Good);
        app.drain().await;
        capture(&app, &mei, &order).await.expect(200);
        befall(
            &app,
            &order,
            &Act::Refund {
                value: Some("1.00".to_owned()),
            },
        );
        app.drain().await;
        app.stack.simulators.paypal().tell(Telling {
            hold: false,
            ..telling.clone()
        });
        app.advance(SignedDuration::from_mins(15));
        app.drain().await;
        let mei = app.sign_in(&mei).await;
        // A dollar of 4.99 stands for four of twenty credits.
        assert_eq!(
            (balance(&app, &mei).await, moved(&app)),
            ((19, 0), vec![499, -100]),
            "{telling:?}"
        );
        let receipts = app.stack.simulators.mails(Some(&mei.email));
        assert_eq!(
            receipts.iter().filter(|mail| mail.subject.contains("receipt")).count(),
            1
        );
    }
}

#[tokio::test]
async fn money_that_goes_back_takes_its_credits_along_and_painting_waits_until_it_is_made_good() {
    let app = app().await;
    let mei = app.person("mei").await;
    let first = bought(&app, &mei).await;
    approve(&app, &first, Instrument::Good);
    capture(&app, &mei, &first).await.expect(200);
    for n in 0..5 {
        order(&app, &mei, &format!("a vase {n}")).await;
    }
    app.drain().await;
    assert_eq!(balance(&app, &mei).await, (18, 0));
    befall(&app, &first, &Act::Reverse);
    app.drain().await;
    assert_eq!(balance(&app, &mei).await, (-2, 0));
    let seen = shown(&app, &mei, &first).await;
    assert_eq!(
        (&seen["taken_back"], &seen["refunds"][0]["amount"]["value"]),
        (&json!(20), &json!("4.99"))
    );
    let headers = [("idempotency-key", "paint")];
    let body = json!({ "prompt": "a vase" }).to_string();
    let refused = app
        .request("POST", "/v1/images", Some(&mei.token), &headers, Some(body))
        .await
        .expect(402);
    assert_eq!(
        (refused.problem(), &refused.json["missing"]),
        ("insufficient-credits", &json!(3))
    );
    let again = crate::orders::ordered(&app, &mei, "again").await.expect(201).json;
    let again = again["id"].as_str().unwrap();
    approve(&app, again, Instrument::Good);
    capture(&app, &mei, again).await.expect(200);
    assert_eq!(balance(&app, &mei).await, (18, 0));
    order(&app, &mei, "a vase after all").await;
    app.drain().await;
}

#[tokio::test]
async fn a_dispute_takes_the_credits_and_only_one_that_is_won_gives_them_back() {
    for (outcome, credits) in [
        ("RESOLVED_SELLER_FAVOUR", 23),
        ("RESOLVED_BUYER_FAVOUR", 3),
        ("SOMETHING_NEW", 3),
    ] {
        let app = app().await;
        let mei = app.person("mei").await;
        let order = bought(&app, &mei).await;
        approve(&app, &order, Instrument::Good);
        capture(&app, &mei, &order).await.expect(200);
        befall(&app, &order, &Act::Dispute { value: None });
        app.drain().await;
        assert_eq!(balance(&app, &mei).await, (3, 0));
        assert_eq!(shown(&app, &mei, &order).await["disputes"][0]["outcome"], "open");
        befall(
            &app,
            &order,
            &Act::Resolve {
                outcome: outcome.to_owned(),
            },
        );
        app.drain().await;
        assert_eq!(balance(&app, &mei).await, (credits, 0), "{outcome}");
    }
}

#[tokio::test]
async fn an_event_that_paypal_did_not_sign_does_nothing_and_many_are_too_many() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    let event = app.stack.simulators.paypal().events().pop().unwrap().body;
    let before = World::of(&app).apart_from_limits();
    let good = transmission(&app, &event);
    let changed = event.replace("APPROVED", "APPROVEE");
    for (made, body) in [
        (good.clone(), changed.as_str()),
        (
            Transmission {
                id: "another".to_owned(),
                ..good.clone()
            },
            &event,
        ),
        (
            Transmission {
                cert_url: "https://evil.example/v1/notifications/certs/CERT-1".to_owned(),
                ..good.clone()
            },
            &event,
        ),
        (
            Transmission {
                signature: "AAAA".to_owned(),
                ..good.clone()
            },
            &event,
        ),
        (
            Transmission {
                time: "2020-01-01T00:00:00Z".to_owned(),
                ..good.clone()
            },
            &event,
        ),
    ] {
        assert_eq!(send(&app, &made, body).await.expect(401).problem(), "invalid-signature");
    }
    let unsigned = app.request("POST", PATH, None, &[], Some(event.clone())).await;
    assert_eq!(unsigned.expect(401).problem(), "invalid-signature");
    let huge = "x".repeat(10 << 20);
    let refused = app
        .request("POST", PATH, None, &good.headers(), Some(huge))
        .await
        .expect(413);
    assert_eq!(refused.problem(), "body-too-large");
    assert!(World::of(&app).apart_from_limits() == before);

    for _ in 6..60 {
        app.request("POST", PATH, None, &[], Some(event.clone()))
            .await
            .expect(401);
    }
    let refused = app
        .request("POST", PATH, None, &[], Some(event.clone()))
        .await
        .expect(429);
    assert_eq!(refused.problem(), "too-many-requests");
    // PayPal itself is not kept out by what others send from the same place.
    send(&app, &good, &event).await.expect(200);
    assert_eq!(balance(&app, &mei).await, (23, 0));
    app.drain().await;
}

#[tokio::test]
async fn an_event_about_nothing_of_ours_is_taken_and_forgotten() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    let before = World::of(&app);
    for event in [
        json!({ "id": "WH-1", "event_type": "BILLING.PLAN.CREATED", "resource": { "id": "P-1" } }),
        json!({ "id": "WH-2" }),
        json!([1, 2]),
    ] {
        tell(&app, &event).await.expect(200);
    }
    assert!(World::of(&app) == before);
    let unknown = json!({ "id": "WH-3", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": { "id": "9XX" } });
    tell(&app, &unknown).await.expect(200);
    let not_here = "ord_01kb0v1cqhe8svdnq7tqw8vz6n";
    let strange = json!({ "id": "WH-4", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": { "purchase_units": [{ "custom_id": not_here }] } });
    tell(&app, &strange).await.expect(200);
    assert_eq!(shown(&app, &mei, &order).await["state"], "created");
}

#[tokio::test]
async fn an_event_without_our_name_is_led_to_its_order_by_its_capture() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    capture(&app, &mei, &order).await.expect(200);
    app.drain().await;
    app.stack.simulators.paypal().tell(Telling {
        drop: 1,
        ..Telling::default()
    });
    befall(
        &app,
        &order,
        &Act::Dispute {
            value: Some("2.00".to_owned()),
        },
    );
    let capture = app.stack.simulators.paypal().order(&order).unwrap().captures[0]
        .id
        .clone();
    let event = json!({
        "id": "WH-9", "event_type": "CUSTOMER.DISPUTE.CREATED",
        "resource": { "dispute_id": "PP-D-1", "disputed_transactions": [{ "seller_transaction_id": capture }] },
    });
    tell(&app, &event).await.expect(200);
    // Two dollars of 4.99 stand for eight of twenty credits.
    assert_eq!(balance(&app, &mei).await, (15, 0));
    // Told again it does not even ask PayPal.
    let asked = app.stack.simulators.book().paypal.requests_total;
    tell(&app, &event).await.expect(200);
    assert_eq!(app.stack.simulators.book().paypal.requests_total, asked);
}

#[tokio::test]
async fn an_event_that_cannot_be_followed_now_is_told_again() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    paypal(&app, "GET /v2/checkout", status(503));
    app.drain().await;
    let told = app.stack.simulators.paypal().events().pop().unwrap();
    assert_eq!((told.tries[0].status, balance(&app, &mei).await), (Some(503), (3, 0)));
    app.advance(SignedDuration::from_mins(1));
    app.drain().await;
    assert_eq!(balance(&app, &mei).await, (23, 0));
}
