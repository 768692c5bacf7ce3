//! P7: what is left of somebody who has left.

use ops::receipt::Receipt;
use serde_json::json;
use shared::Clock;
use shared::auth::JwkSet;
use tests::{START, TestApp, logs};

use crate::records::everything_stored;
use crate::seller::{DAY, Seller, assert_free, files, marked_words};

/// What may name an account that was erased, or its address under a key, why, and for how many days: PRIVACY.md's list of what lives
/// on. Table, how the key begins, days.
const DECLARED: &[(&str, &str, i64)] = &[
    // So that it is erased again if a backup brings it back.
    ("privacy", "erased#", 35),
    // Counters of limits: two windows, of a day at most. What was reported names nobody who has reported it.
    ("limits", "rate#", 2),
];

/// For how many days a report lives on that nobody has closed. It is nobody's, so it goes with no account.
const REPORTS: i64 = 30;

/// Somebody uses everything, leaves, and is erased. Gives the path of the receipt as well.
async fn somebody_left(who: &str) -> (TestApp, Seller, String) {
    let app = TestApp::new().await;
    let (seller, receipt) = leaves(&app, who).await;
    (app, seller, receipt)
}

async fn leaves(app: &TestApp, who: &str) -> (Seller, String) {
    logs::keep();
    let mut seller = Seller::sign_up(app, who).await;
    let picture = seller.use_everything(app).await;
    seller.fill_every_field(app, &picture).await;
    seller.sign_in(app).await;
    let farewell = json!({ "password": seller.marks.password, "forfeit_credits": true });
    let closed = seller
        .send(app, "DELETE", "/v1/account", Some(farewell))
        .await
        .expect(202);
    let receipt = closed.json["receipt_url"].as_str().unwrap();
    let receipt = receipt.strip_prefix(&app.stack.api_url()).unwrap().to_owned();
    app.drain().await;
    app.advance(DAY * 3);
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
    (seller, receipt)
}

/// The items that name the account, as table and key, after checking that each is declared.
fn left_of(app: &TestApp, account: &str) -> Vec<(String, String)> {
    let mut left = Vec::new();
    for (table, items) in everything_stored(app) {
        for item in items.iter().filter(|item| item.to_string().contains(account)) {
            let key = ["pk", "id"].iter().find_map(|name| item[*name]["S"].as_str());
            let key = key.unwrap_or_default().to_owned();
            let declared = DECLARED
                .iter()
                .any(|(of, begins, _)| *of == table && key.starts_with(begins));
            assert!(declared, "{table} still names the account: {item}");
            left.push((table.clone(), key));
        }
    }
    left
}

pub(crate) async fn nothing_of_a_person_is_left_but_what_is_declared_and_that_ends_when_it_says() {
    let (app, seller, _) = somebody_left("leaving").await;
    let marks = [seller.marks.personal(), seller.marks.creative()].concat();
    for (table, items) in everything_stored(&app) {
        for item in items {
            assert_free(&table, &item.to_string(), &marks);
        }
    }
    assert_eq!(files(&app), Vec::<String>::new());
    let queues = &app.stack.engines.queues;
    for queue in queues.names() {
        assert_eq!(queues.peek(queue).unwrap().len(), 0, "{queue} holds messages");
    }
    assert_free("the log", &logs::all(), &marks);
    for store in [&app.stack.engines.objects, &app.stack.engines.oss] {
        for (path, bytes) in store.everything().unwrap() {
            assert_free("a store's file", &path, &marks);
            assert_free(&path, &String::from_utf8_lossy(&bytes), &marks);
        }
    }

    // What is declared is all there is, and it ends.
    let (_, account) = seller.account.split_once('_').unwrap();
    let left = left_of(&app, account);
    assert!(left.iter().any(|(table, _)| table == "privacy"), "{left:?}");
    let longest = DECLARED.iter().map(|(_, _, days)| *days).max().unwrap();
    let reported = marked_words(&seller.marks.reported);
    let reports = |app: &TestApp| {
        let items = everything_stored(app).into_values().flatten();
        let of_mark = items.filter(|item| item.to_string().contains(&reported[0]));
        of_mark
            .map(|item| item["id"]["S"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let left_reports = reports(&app);
    assert!(
        left_reports.len() == 1 && left_reports[0].starts_with("rep_"),
        "{left_reports:?}"
    );
    for day in 1..=longest + 1 {
        app.advance(DAY);
        app.stack.engines.run_expiry().unwrap();
        assert!(
            day < REPORTS || reports(&app).is_empty(),
            "a report is there after {day} days"
        );
        for (table, key) in left_of(&app, account) {
            let ends = DECLARED
                .iter()
                .find(|(of, begins, _)| *of == table && key.starts_with(begins))
                .map_or(0, |(_, _, days)| *days);
            assert!(day <= ends, "{table} {key} is there after {day} days");
        }
    }
    assert_eq!(left_of(&app, account), []);
    app.drain().await;
}

/// A stream keeps a record for a day, which is declared; the one here keeps the last of each table until the next.
pub(crate) async fn what_the_streams_held_of_a_person_is_gone_when_others_have_changed_something() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START.parse().unwrap());
    let app = TestApp::in_folder(folder.path(), clock).await;
    let (seller, _) = leaves(&app, "streamed").await;
    let marks = [seller.marks.personal(), seller.marks.creative()].concat();
    // Somebody else signs up and has a picture painted.
    let other = app.person("jun").await;
    app.painted(&other, "a plain bowl").await;
    app.drain().await;
    let held = app.stack.engines.held_in_streams().unwrap();
    assert!(!held.is_empty(), "nothing is looked at");
    assert_free("a stream", &held.join("\n"), &marks);
}

pub(crate) async fn the_receipt_says_what_went_and_verifies_without_asking_anybody() {
    let (app, seller, receipt) = somebody_left("receipt").await;
    let keys = app.ask("GET", "/.well-known/jwks.json", None).await.expect(200);
    let keys: JwkSet = serde_json::from_str(&keys.text).unwrap();
    let wish = [("accept", "application/jose")];
    let file = app.request("GET", &receipt, None, &wish, None).await.expect(200).text;
    let told = app.ask("GET", &receipt, None).await.expect(200);
    assert_eq!(
        (&told.json["state"], &told.json["receipt"]),
        (&json!("erased"), &json!(file))
    );
    // From here on nobody is asked.
    app.close().await;
    let statement = Receipt::verify(&file, &keys).unwrap().to_string();
    for line in [
        "1  pictures with their prompts",
        "1  files of pictures (Tencent COS)",
        "1  paid orders",
        "until",
    ] {
        assert!(statement.contains(line), "no `{line}` in {statement}");
    }
    let marks = [seller.marks.personal(), seller.marks.creative(), seller.ids()].concat();
    assert_free("the receipt", &statement, &marks);
    for at in [0, file.len() / 3, file.len() / 2, file.len() - 1] {
        let mut changed = file.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(Receipt::verify(&changed, &keys).is_err(), "byte {at} was changed");
    }
}
