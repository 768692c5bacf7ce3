//! What is left of an order whose account was erased, and when PayPal's names for it go too.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Person, TestApp};
use vitrine::sim::{Act, Instrument};

use crate::leaving::{closed, erased};
use crate::orders::{approve, bought, capture};
use crate::support::{app, items};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn kept(app: &TestApp, order: &str) -> Value {
    let orders = items(app, "orders").into_iter();
    let mut of_id = orders.filter(|item| item["id"]["S"] == order);
    of_id.next().unwrap()
}

/// Somebody who has paid for a pack, and the order.
async fn paid() -> (TestApp, Person, String) {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    capture(&app, &mei, &order).await.expect(200);
    app.drain().await;
    (app, mei, order)
}

/// Lets the days pass, and settle-stale come by on each of them.
async fn days(app: &TestApp, days: i32) {
    for _ in 0..days {
        app.advance(DAY);
        app.stack.run_schedule("settle-stale").await.unwrap();
        app.drain().await;
    }
}

#[tokio::test]
async fn paypals_names_of_an_erased_accounts_order_go_when_no_dispute_can_be_opened_any_more() {
    let (app, mei, order) = paid().await;
    closed(&app, &mei).await;
    erased(&app).await;
    let before = kept(&app, &order);
    let name = before["payment"]["M"]["capture"]["S"].as_str().unwrap().to_owned();
    days(&app, 190).await;
    assert!(
        kept(&app, &order).to_string().contains(&name),
        "a dispute may still be opened"
    );
    days(&app, 10).await;
    let after = kept(&app, &order);
    assert!(!after.to_string().contains(&name), "{after}");
    assert_eq!(after.get("checkout"), None);
    for what in ["pack", "receipt", "state"] {
        assert_eq!(after[what], before[what], "{what}");
    }

    // News that come later find an order that nothing is asked about any more, and change nothing.
    app.stack
        .simulators
        .paypal()
        .act(&order, &Act::Dispute { value: None })
        .unwrap();
    app.drain().await;
    assert_eq!(kept(&app, &order), after);
}

#[tokio::test]
async fn an_open_dispute_keeps_them_until_it_is_decided() {
    let (app, mei, order) = paid().await;
    let paypal = app.stack.simulators.paypal();
    paypal.act(&order, &Act::Dispute { value: None }).unwrap();
    app.drain().await;
    closed(&app, &mei).await;
    erased(&app).await;
    days(&app, 205).await;
    let open = kept(&app, &order);
    assert_eq!(open["disputes"]["M"].as_object().unwrap().len(), 1);
    assert!(open["payment"]["M"].get("capture").is_some(), "{open}");
    let outcome = "RESOLVED_BUYER_FAVOUR".to_owned();
    paypal.act(&order, &Act::Resolve { outcome }).unwrap();
    app.drain().await;
    days(&app, 2).await;
    let over = kept(&app, &order);
    assert_eq!(over["payment"]["M"].get("capture"), None, "{over}");
    let dispute = &over["disputes"]["M"]["1"]["M"];
    assert_eq!(dispute["outcome"]["S"], json!("lost"), "{over}");
}
