//! Credits: every one is accounted for.

use serde_json::{Value, json};
use shared::config::Vars;
use shared::domain::ledger;
use shared::platform::Runtime;
use shared::store::{Accounts, Ledgers};
use shared::{Entropy, Ids, Platform};
use tests::{Person, TestApp};
use vitrine::sim::Fault;

use crate::support::{app, order, seedream};

/// The ledger's own account of somebody, recomputed from its entries alone: available, held.
async fn verified(app: &TestApp, person: &Person) -> (Value, Value) {
    let table = |name: &str| app.stack.template.table(name).unwrap().name.clone();
    let vars = [("ACCOUNTS_TABLE", table("accounts")), ("LEDGER_TABLE", table("ledger"))];
    let vars = Vars::from_pairs(vars.map(|(name, value)| (name.to_owned(), value)));
    let (clock, entropy) = (app.clock.clone(), Entropy::system());
    let runtime = Runtime::local("credits-list", Some(app.stack.engines.dynamodb_url().parse().unwrap()));
    let ids = Ids::new(clock.clone(), entropy.clone());
    let platform = Platform::new(runtime, clock, ids, entropy, &vars).await.unwrap();
    let accounts = Accounts::new(&platform.db(), &vars).unwrap();
    let ledgers = Ledgers::new(&platform.db(), &vars).unwrap();
    let profile = accounts
        .profile(person.account.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let mut entries = ledgers.entries(profile.ledger, None, 100).await.unwrap();
    entries.reverse();
    let balance = ledger::verify(&entries).unwrap();
    assert_eq!(balance, ledgers.balance(profile.ledger).await.unwrap());
    (json!(balance.available), json!(balance.held))
}

#[tokio::test]
async fn anyone_may_see_what_is_on_sale_and_caches_may_keep_it() {
    let app = TestApp::new().await;
    let packs = app.ask("GET", "/v1/packs", None).await.expect(200);
    let shown: Vec<String> = packs.json["packs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pack| {
            format!(
                "{}: {} for {} {}",
                pack["pack"], pack["credits"], pack["price"]["value"], pack["price"]["currency"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#""credits-20": 20 for "4.99" "USD""#,
            r#""credits-100": 100 for "19.00" "USD""#,
            r#""credits-500": 500 for "79.00" "USD""#,
        ]
    );
    assert_eq!(packs.header("cache-control"), "public, max-age=300");
}

#[tokio::test]
async fn balance_entries_and_ledger_tell_the_same_story() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    app.painted(&mei, "FORBIDDEN bowl").await;
    seedream(
        &app,
        1,
        Fault {
            reset: true,
            after_work: true,
            ..Fault::default()
        },
    );
    app.painted(&mei, "a cup").await;
    let held = order(&app, &mei, "a vase").await;
    let told = app.get(&mei, "/v1/credits").await.expect(200).json;
    assert_eq!(
        (&told["available"], &told["held"], &told["next"]),
        (&json!(1), &json!(1), &Value::Null)
    );
    let entries = told["entries"].as_array().unwrap();
    let kinds: Vec<&str> = entries
        .iter()
        .rev()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["bonus", "hold", "settle", "hold", "release", "hold", "release", "hold"]
    );
    let seqs: Vec<u64> = entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [8, 7, 6, 5, 4, 3, 2, 1]);
    let sum = |side: &str| entries.iter().map(|entry| entry[side].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("available"), sum("held")), (1, 1));
    assert_eq!(entries[0]["image"], held.as_str());
    assert_eq!(verified(&app, &mei).await, (json!(1), json!(1)));

    let mut walked = Vec::new();
    let mut path = "/v1/credits?limit=3".to_owned();
    loop {
        let page = app.get(&mei, &path).await.expect(200).json;
        walked.extend(page["entries"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/credits?limit=3&cursor={next}");
    }
    assert_eq!(&walked, entries);
    app.drain().await;
    assert_eq!(verified(&app, &mei).await, (json!(1), json!(0)));
}

#[tokio::test]
async fn nobody_sees_or_spends_somebody_elses_credits() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    app.order(&mei, "all", json!({ "prompt": "a bowl", "count": 3 }))
        .await
        .expect(202);
    let told = app.get(&other, "/v1/credits").await.expect(200).json;
    assert_eq!(
        (&told["available"], told["entries"].as_array().unwrap().len()),
        (&json!(3), 1)
    );
    app.drain().await;
    assert_eq!(verified(&app, &mei).await, (json!(0), json!(0)));
    assert_eq!(verified(&app, &other).await, (json!(3), json!(0)));
}
