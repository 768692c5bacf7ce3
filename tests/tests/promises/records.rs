//! P1: what the tables hold about somebody.

use std::collections::{BTreeMap, BTreeSet};

use dynoxide::actions::scan::ScanRequest;
use jiff::SignedDuration;
use serde_json::Value;
use tests::TestApp;

use crate::seller::{Seller, assert_free, marked_words};

/// Table, how the sort key begins, and what an item may hold: PRIVACY.md's list, in the words of docs/tables.md.
const DECLARED: &[(&str, &str, &[&str])] = &[
    (
        "accounts",
        "profile",
        &[
            "email",
            "name",
            "password_hash",
            "ledger_id",
            "status",
            "status_before",
            "deletion",
            "created_at",
            "policy_version",
            "policy_accepted_at",
            "sessions_begun",
        ],
    ),
    ("accounts", "consent#", &["accepted_at"]),
    (
        "accounts",
        "email_change",
        &["email", "code_hash", "tries_left", "expires_at"],
    ),
    (
        "accounts",
        "owner",
        &["account_id", "proved_at", "undeliverable", "undeliverable_since"],
    ),
    (
        "accounts",
        "signup#",
        &[
            "email",
            "name",
            "password_hash",
            "policy_version",
            "policy_accepted_at",
            "code_hash",
            "code_expires_at",
            "tries_left",
            "expires_at",
        ],
    ),
    ("accounts", "code#", &["code_hash", "tries_left", "expires_at"]),
    (
        "sessions",
        "",
        &[
            "device",
            "generation",
            "refreshed_at",
            "used",
            "last_used_at",
            "policy",
            "expires_at",
        ],
    ),
    (
        "images",
        "",
        &[
            "state",
            "prompt",
            "ratio",
            "fallback",
            "trace",
            "attempt",
            "delete_requested",
            "lease_until",
            "requested",
            "model",
            "tries",
            "task",
            "result_url",
            "object_key",
            "stores",
            "stored_in",
            "pending",
            "due_at",
            "wake",
            "delivered",
            "refusal",
            "failure",
            "finished_at",
            "expires_at",
        ],
    ),
    ("ledger", "BALANCE", &["available", "held", "seq", "head"]),
    (
        "ledger",
        "ENTRY#",
        &[
            "seq", "at", "kind", "cause", "image_id", "order_id", "legs", "previous", "hash",
        ],
    ),
    ("ledger", "CAUSE#", &["seq"]),
    ("ledger", "HOLD#", &["seq"]),
    (
        "outbox",
        "",
        &[
            "state",
            "kind",
            "created_at",
            "not_after",
            "pending",
            "due_at",
            "wake",
            "ended_at",
            "to",
            "subject",
            "text",
            "html",
            "trace",
            "expires_at",
        ],
    ),
    (
        "privacy",
        "deletion#",
        &[
            "stage",
            "asked_at",
            "erases_at",
            "gone",
            "statement",
            "version",
            "pending",
            "due_at",
            "expires_at",
        ],
    ),
    ("privacy", "erased#", &["erased_at", "expires_at"]),
    (
        "privacy",
        "prq_",
        &[
            "wanted",
            "state",
            "email",
            "message",
            "reason",
            "confirmed_at",
            "answered_at",
            "code_hash",
            "tries_left",
            "pending",
            "due_at",
            "expires_at",
        ],
    ),
    ("privacy", "export#", &["opened_at", "seen_at", "expires_at"]),
    ("limits", "breaker#", &["failures", "failed_at", "retry_at", "pause_s"]),
    (
        "limits",
        "budget#",
        &["fen", "perhaps_lost", "perhaps_lost_fen", "expires_at"],
    ),
    ("limits", "", &["uses", "expires_at"]),
    (
        "orders",
        "ord_",
        &[
            "pack",
            "state",
            "reason",
            "checkout",
            "declines",
            "payment",
            "refunds",
            "disputes",
            "taken_back",
            "changes",
            "receipt",
            "version",
            "pending",
            "due_at",
        ],
    ),
    ("orders", "RECEIPTS#", &["receipts"]),
    ("orders", "RECEIPT#", &["order_id"]),
    ("analytics", "views#", &["uses", "expires_at"]),
    ("analytics", "generations#", &["uses", "expires_at"]),
    ("idempotency", "images-create#", &["fingerprint", "body", "expires_at"]),
    ("idempotency", "orders-create#", &["fingerprint", "body", "expires_at"]),
    ("idempotency", "msg_", &["expires_at"]),
    ("idempotency", "WH-", &["expires_at"]),
];

/// Every item of every table, by the table's last name, in DynamoDB's own JSON.
pub(crate) fn everything_stored(app: &TestApp) -> BTreeMap<String, Vec<Value>> {
    let tables = &app.stack.engines.tables;
    let scan = |name: &str| {
        let request = ScanRequest {
            table_name: name.to_owned(),
            ..ScanRequest::default()
        };
        let found = tables.database().scan(request).unwrap();
        assert!(found.last_evaluated_key.is_none(), "more than one page");
        let items = found.items.unwrap_or_default().into_iter();
        items
            .map(|item| serde_json::to_value(item).unwrap())
            .collect::<Vec<_>>()
    };
    let short = |name: &str| name.rsplit_once('-').unwrap().1.to_owned();
    tables
        .specs()
        .iter()
        .map(|table| (short(&table.name), scan(&table.name)))
        .collect()
}

/// Somebody's whole use, with a stranger's sign-up and its mail still on their way, and codes for new passwords, one of them
/// for an address without an account.
pub(crate) async fn in_full_use() -> (TestApp, Seller) {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    seller.use_everything(&app).await;
    // The full use has asked for as many codes as an hour allows.
    app.advance(SignedDuration::from_hours(1));
    let stranger = seller.new_account(&app).to_string().replace("meimailbox", "junmailbox");
    let body = serde_json::from_str(&stranger).unwrap();
    seller.send(&app, "POST", "/v1/accounts", Some(body)).await.expect(202);
    let strangers = seller.marks.email.replace("meimailbox", "yumailbox");
    for email in [&seller.marks.email, &strangers] {
        let wanted = serde_json::json!({ "purpose": "reset_password", "email": email });
        seller.send(&app, "POST", "/v1/codes", Some(wanted)).await.expect(202);
    }
    (app, seller)
}

pub(crate) async fn what_is_stored_of_a_person_is_what_the_tables_are_declared_to_hold() {
    let (app, seller) = in_full_use().await;
    let keys: BTreeSet<_> = ["pk", "sk", "id", "account_id"].into();
    let mut seen = BTreeSet::new();
    for (table, items) in everything_stored(&app) {
        for item in items {
            // Counters are known by their partition: under it lie pages, and models with what came of them.
            let names = if table == "analytics" {
                ["pk"; 3]
            } else {
                ["sk", "pk", "id"]
            };
            let sort = names
                .iter()
                .find_map(|name| item[*name]["S"].as_str())
                .unwrap_or_default();
            let declared = DECLARED
                .iter()
                .find(|(of, begins, _)| *of == table && sort.starts_with(begins));
            let (_, kind, allowed) = declared.unwrap_or_else(|| panic!("{table} holds an undeclared item: {item}"));
            seen.insert((table.clone(), *kind));
            for name in item.as_object().unwrap().keys().map(String::as_str) {
                assert!(
                    keys.contains(name) || allowed.contains(&name),
                    "{table} holds `{name}`: {item}"
                );
            }
            // The name lies in the account and nowhere else; the address also in what waits to be mailed.
            let text = item.to_string();
            if table != "accounts" {
                assert_free(&table, &text, &marked_words(&seller.marks.name));
            }
            if !matches!(table.as_str(), "accounts" | "outbox" | "privacy") {
                assert_free(&table, &text, &marked_words(&seller.marks.email));
            }
        }
    }
    for kind in [
        ("accounts", "consent#"),
        ("accounts", "email_change"),
        ("accounts", "signup#"),
        ("accounts", "code#"),
        ("sessions", ""),
        ("images", ""),
        ("outbox", ""),
        ("orders", "ord_"),
        ("idempotency", "images-create#"),
        ("idempotency", "orders-create#"),
    ] {
        assert!(
            seen.contains(&(kind.0.to_owned(), kind.1)),
            "the use was not full: no {kind:?}"
        );
    }
    app.drain().await;
    // Once a mail is sent, the log of mails holds kind, times and outcome.
    let outbox = serde_json::to_string(&everything_stored(&app)["outbox"]).unwrap();
    assert_free("the log of mails", &outbox, &seller.marks.personal());
}

pub(crate) async fn a_password_is_stored_as_a_bcrypt_hash_of_cost_12_and_in_no_other_form() {
    let (app, seller) = in_full_use().await;
    let password = marked_words(&seller.marks.password);
    let mut hashes = 0;
    for (table, items) in everything_stored(&app) {
        for item in items {
            assert_free(&table, &item.to_string(), &password);
            let Some(hash) = item.get("password_hash") else {
                continue;
            };
            let hash = hash["S"].as_str().unwrap();
            assert!(hash.starts_with("$2b$12$") && hash.len() == 60, "{hash}");
            hashes += 1;
        }
    }
    assert_eq!(hashes, 2, "of the account and of the sign-up that waits");
    app.drain().await;
}

pub(crate) async fn where_a_request_comes_from_is_stored_nowhere() {
    let (app, seller) = in_full_use().await;
    let trail: Vec<_> = seller
        .marks
        .trail
        .iter()
        .map(|(_, value)| value.clone())
        .chain(["127.0.0.1:".to_owned()])
        .collect();
    for (table, items) in everything_stored(&app) {
        for mut item in items {
            // The simulators' own links, to a result and to the payer's page, are the addresses that belong there.
            item.as_object_mut().unwrap().remove("result_url");
            item.as_object_mut().unwrap().remove("checkout");
            assert_free(&table, &item.to_string(), &trail);
        }
    }
    app.drain().await;
}

/// Everything about somebody that could tie a view to a person or a device.
fn trail_and_person(seller: &Seller) -> Vec<String> {
    let trail = seller.marks.trail.iter().map(|(_, value)| value.clone());
    trail.chain(seller.ids()).chain(seller.marks.personal()).collect()
}

pub(crate) async fn what_is_counted_is_a_page_or_a_model_and_a_day_and_nothing_of_who_it_was() {
    let (app, seller) = in_full_use().await;
    for page in ["/", "/pricing", "/images/img_01kb0v1cqhe8svdnq7tqw8vz6n"] {
        let view = serde_json::json!({ "page": page });
        seller
            .send(&app, "POST", "/v1/page-views", Some(view))
            .await
            .expect(204);
    }
    app.advance(SignedDuration::from_hours(48));
    app.stack.run_schedule("stats-rollup").await.unwrap();
    let counted = everything_stored(&app).remove("analytics").unwrap();
    let text = serde_json::to_string(&counted).unwrap();
    assert_free("the counters", &text, &trail_and_person(&seller));
    let mut kinds = BTreeSet::new();
    for item in &counted {
        let names: BTreeSet<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        let kind = item["pk"]["S"].as_str().unwrap().split('#').next().unwrap();
        let expected: BTreeSet<&str> = match kind {
            "sum" => ["pk", "sk", "views", "generations"].into(),
            _ => ["pk", "sk", "uses", "expires_at"].into(),
        };
        assert_eq!(names, expected, "{item}");
        kinds.insert(kind.to_owned());
    }
    assert_eq!(kinds, ["generations", "sum", "views"].map(str::to_owned).into());
    app.drain().await;
}

pub(crate) async fn views_of_two_people_are_one_number() {
    let app = TestApp::new().await;
    for who in ["mei", "jun"] {
        let seller = Seller::sign_up(&app, who).await;
        let view = serde_json::json!({ "page": "/pricing" });
        for _ in 0..20 {
            seller
                .send(&app, "POST", "/v1/page-views", Some(view.clone()))
                .await
                .expect(204);
        }
    }
    let counted = everything_stored(&app).remove("analytics").unwrap();
    let pages: BTreeSet<_> = counted.iter().map(|item| item["sk"]["S"].as_str().unwrap()).collect();
    let uses = counted
        .iter()
        .map(|item| item["uses"]["N"].as_str().unwrap().parse::<u32>().unwrap());
    assert_eq!((pages, uses.sum::<u32>()), (["/pricing"].into(), 40));
}
