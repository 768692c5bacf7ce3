//! Items of the first release, at today's functions.

use serde_json::json;
use tests::TestApp;

use super::{Both, items, key, kind, tables, update};

/// The attributes that an item of the first release has at least, by table and how its key begins. A later release may add
/// attributes; none that it cannot do without stands here.
const FIRST_RELEASE: [(&str, &str, &str); 15] = [
    (
        "accounts",
        "profile",
        "email password_hash ledger_id status created_at policy_version policy_accepted_at sessions_begun",
    ),
    ("accounts", "consent#", "accepted_at"),
    ("accounts", "owner", "account_id proved_at"),
    (
        "sessions",
        "ses_",
        "generation refreshed_at used last_used_at expires_at",
    ),
    // What tells how a picture ended belongs to its state.
    (
        "images",
        "img_",
        "state prompt ratio fallback attempt refusal failure requested delivered model object_key stores stored_in finished_at expires_at",
    ),
    ("ledger", "BALANCE", "available held seq head"),
    ("ledger", "ENTRY#", "seq at kind cause legs previous hash"),
    ("ledger", "CAUSE#", "seq"),
    ("ledger", "HOLD#", "seq"),
    (
        "outbox",
        "mail_",
        "state kind created_at not_after expires_at account_id",
    ),
    (
        "orders",
        "ord_",
        "account_id pack state declines taken_back changes version",
    ),
    ("orders", "RECEIPT", "receipts order_id"),
    ("privacy", "prq_", "account_id wanted state expires_at"),
    ("idempotency", "", "fingerprint body expires_at"),
    ("limits", "", "uses expires_at"),
];

/// Takes from every item what the first release would not have written.
fn take_back_to_the_first_release(app: &TestApp) {
    for table in tables(app) {
        for item in items(app, &table) {
            let mut known = FIRST_RELEASE.iter();
            let Some((.., first)) = known.find(|(of, begins, _)| *of == table && kind(&item).starts_with(begins))
            else {
                continue;
            };
            let keys = key(app, &table, &item);
            let is_later =
                |name: &&String| keys.get(name.as_str()).is_none() && first.split(' ').all(|first| first != *name);
            let later: Vec<_> = item.as_object().unwrap().keys().filter(is_later).collect();
            let names = later
                .iter()
                .enumerate()
                .map(|(nth, name)| (format!("#n{nth}"), json!(name)));
            let names: serde_json::Map<_, _> = names.collect();
            if !names.is_empty() {
                let removed: Vec<_> = names.keys().cloned().collect();
                let change = json!({
                    "UpdateExpression": format!("REMOVE {}", removed.join(", ")),
                    "ExpressionAttributeNames": names,
                });
                update(app, &table, &item, &change);
            }
        }
    }
}

#[tokio::test]
async fn an_item_of_the_first_release_is_read_by_todays_functions() {
    let mut both = Both::begin().await;
    let mei = both.moves_in().await;
    both.buys(&mei).await;
    both.paints(&mei).await;
    let mei = both.corrects(&mei).await;
    let mei = both.app.sign_in(&mei).await;
    let app = &both.app;
    take_back_to_the_first_release(app);
    for path in [
        "/v1/account",
        "/v1/sessions",
        "/v1/images",
        "/v1/orders",
        "/v1/credits",
        "/v1/account/export",
    ] {
        app.get(&mei, path).await.expect(200);
    }
    let orders = app.get(&mei, "/v1/orders").await.json;
    let order = orders["items"][0]["id"].as_str().unwrap();
    app.get(&mei, &format!("/v1/orders/{order}")).await.expect(200);
    app.order(&mei, "another", json!({ "prompt": "a cup" }))
        .await
        .expect(202);
    app.drain().await;
    for schedule in ["settle-stale", "objects-sweep", "requests-watch", "accounts-erase"] {
        app.stack.run_schedule(schedule).await.unwrap();
    }
    app.drain().await;
}
