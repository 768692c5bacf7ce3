//! Taking the money of an order: what it comes to, and what PayPal and the wire do to it.

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use vitrine::sim::{Act, Fault, Instrument};

use crate::orders::{approve, bought, capture, lost_after_the_work, moved, paypal, shown, status};
use crate::support::{app, balance};

#[tokio::test]
async fn what_a_capture_comes_to_is_told_with_the_way_on() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    let waiting = capture(&app, &mei, &order).await.expect(409);
    assert_eq!(waiting.problem(), "payment-not-approved");
    assert!(
        waiting.json["payer_url"]
            .as_str()
            .unwrap()
            .contains("/checkoutnow?token=")
    );

    approve(&app, &order, Instrument::Declined);
    let declined = capture(&app, &mei, &order).await.expect(402);
    assert_eq!(
        (declined.problem(), &declined.json["reason"]),
        ("payment-declined", &json!("INSTRUMENT_DECLINED"))
    );
    assert!(
        declined.json["payer_url"]
            .as_str()
            .unwrap()
            .contains("/checkoutnow?token=")
    );
    assert_eq!(shown(&app, &mei, &order).await["reason"], "INSTRUMENT_DECLINED");
    approve(&app, &order, Instrument::Good);
    let taken = capture(&app, &mei, &order).await.expect(200).json;
    assert_eq!((&taken["state"], taken.get("reason")), (&json!("completed"), None));
    assert_eq!((balance(&app, &mei).await, moved(&app)), ((23, 0), vec![499]));

    for (name, instrument) in [("li", Instrument::Refused), ("ana", Instrument::CaptureDeclined)] {
        let person = app.person(name).await;
        let order = bought(&app, &person).await;
        approve(&app, &order, instrument);
        let refused = capture(&app, &person, &order).await.expect(402);
        assert_eq!(
            (refused.problem(), refused.json.get("payer_url")),
            ("payment-declined", None),
            "{name}"
        );
        assert_eq!(shown(&app, &person, &order).await["state"], "declined");
        assert_eq!(balance(&app, &person).await, (3, 0));
    }
    assert_eq!(moved(&app), [499]);
}

#[tokio::test]
async fn a_pending_payment_gives_its_credits_once_it_is_good() {
    for (good, after, credits) in [(true, "completed", 23), (false, "declined", 3)] {
        let app = app().await;
        let mei = app.person("mei").await;
        let order = bought(&app, &mei).await;
        approve(&app, &order, Instrument::Pending);
        let taken = capture(&app, &mei, &order).await.expect(202);
        assert_eq!(
            (&taken.json["state"], &taken.json["reason"]),
            (&json!("pending"), &json!("ECHECK"))
        );
        assert_eq!(taken.header("location"), format!("/v1/orders/{order}"));
        assert_eq!(balance(&app, &mei).await, (3, 0));
        app.stack
            .simulators
            .paypal()
            .act(&order, &Act::Settle { good })
            .unwrap();
        app.drain().await;
        assert_eq!(shown(&app, &mei, &order).await["state"], after);
        assert_eq!(balance(&app, &mei).await, (credits, 0));
    }
}

#[tokio::test]
async fn whatever_the_wire_does_to_a_capture_the_money_is_taken_and_credited_once() {
    for (on, fault) in [
        ("/capture", lost_after_the_work()),
        (
            "/capture",
            Fault {
                after_work: true,
                ..status(500)
            },
        ),
        ("/capture", status(429)),
        ("/capture", status(401)),
        (
            "/capture",
            Fault {
                error: Some("ORDER_COMPLETION_IN_PROGRESS".to_owned()),
                after_work: true,
                ..Fault::default()
            },
        ),
        ("GET /v2/checkout", status(503)),
        ("/v1/customer/disputes", status(500)),
        ("/v1/oauth2/token", status(503)),
    ] {
        let app = app().await;
        let mei = app.person("mei").await;
        let order = bought(&app, &mei).await;
        approve(&app, &order, Instrument::Good);
        app.stack.simulators.paypal().forget_tokens();
        paypal(&app, on, fault.clone());
        let first = capture(&app, &mei, &order).await;
        assert!(
            first.status == 200 || first.status == 503,
            "{on} {fault:?}: {}",
            first.text
        );
        capture(&app, &mei, &order).await.expect(200);
        assert_eq!(
            (balance(&app, &mei).await, moved(&app)),
            ((23, 0), vec![499]),
            "{on} {fault:?}"
        );
        app.drain().await;
        let receipts = app.stack.simulators.mails(Some(&mei.email));
        let receipts = receipts.iter().filter(|mail| mail.subject.contains("receipt")).count();
        assert_eq!(receipts, 1, "{on} {fault:?}");
    }
}

#[tokio::test]
async fn captures_at_once_take_the_money_once() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    let answers = join_all((0..8).map(|_| capture(&app, &mei, &order))).await;
    for answer in &answers {
        assert!(answer.status == 200 || answer.status == 503, "{}", answer.text);
    }
    capture(&app, &mei, &order).await.expect(200);
    app.drain().await;
    assert_eq!((balance(&app, &mei).await, moved(&app)), ((23, 0), vec![499]));
}

#[tokio::test]
async fn what_paypal_says_otherwise_than_was_ordered_is_not_paid_out() {
    for act in [
        Act::Amend {
            value: Some("0.01".to_owned()),
            custom_id: None,
        },
        Act::Amend {
            value: None,
            custom_id: Some("ord_01kb0v1cqhe8svdnq7tqw8vz6n".to_owned()),
        },
    ] {
        let app = app().await;
        let mei = app.person("mei").await;
        let order = bought(&app, &mei).await;
        approve(&app, &order, Instrument::Good);
        app.stack.simulators.paypal().act(&order, &act).unwrap();
        let answer = capture(&app, &mei, &order).await.expect(409);
        assert_eq!(answer.problem(), "conflict", "{act:?}");
        assert_eq!(shown(&app, &mei, &order).await["state"], "mismatched");
        assert!(
            crate::logs::all().contains(r#""PaymentAlarms":1"#),
            "no metric was raised"
        );
        assert_eq!((balance(&app, &mei).await, moved(&app)), ((3, 0), Vec::<i64>::new()));
    }
}

#[tokio::test]
async fn an_order_that_expired_and_is_paid_all_the_same_counts() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    app.advance(SignedDuration::from_hours(4));
    let mei = app.sign_in(&mei).await;
    assert_eq!(capture(&app, &mei, &order).await.expect(409).problem(), "order-expired");
    assert_eq!(shown(&app, &mei, &order).await["state"], "expired");
    approve(&app, &order, Instrument::Good);
    app.drain().await;
    assert_eq!(shown(&app, &mei, &order).await["state"], "completed");
    assert_eq!(balance(&app, &mei).await, (23, 0));
}
