//! The days of a deployment, and of going back from one: functions of two ages at one table and one queue.
//!
//! What a newer function adds is an attribute or a member that an older one has never heard of. The attribute is put on every item
//! here, as soon as it appears, and looked for after every step.

mod first_release;
mod messages;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::shop::APPROVE;
use tests::{PASSWORD, Person, TestApp};
use vitrine::sim::{Act, Provider};

use crate::status;

/// What only newer functions know.
const NEWER: &str = "from_a_newer_function";

/// Where a new thing takes the place of an old one under the same key, so that nothing of the old one is to stay: a code, a change
/// of address, a count that begins again, a place for waiting.
const REPLACED: [(&str, &str); 4] = [
    ("accounts", "code#"),
    ("accounts", "email_change"),
    ("limits", "rate#"),
    ("limits", "wait#"),
];

/// An item by its table and its key.
type Place = (String, String);

/// A stack on which newer functions work as well.
struct Both {
    app: TestApp,
    /// The items that have the newer attribute.
    marked: BTreeSet<Place>,
}

/// The short names of all tables.
fn tables(app: &TestApp) -> Vec<String> {
    let specs = app.stack.engines.tables.specs();
    let short = |name: &str| name.rsplit('-').next().unwrap_or_default().to_owned();
    specs.iter().map(|spec| short(&spec.name)).collect()
}

/// Every item of a table.
fn items(app: &TestApp, table: &str) -> Vec<Value> {
    let name = &app.stack.template.table(table).unwrap().name;
    let request = serde_json::from_value(json!({ "TableName": name })).unwrap();
    let found = app.stack.engines.tables.database().scan(request).unwrap();
    let mut found = serde_json::to_value(found).unwrap();
    serde_json::from_value(found["Items"].take()).unwrap()
}

/// The key of an item.
fn key(app: &TestApp, table: &str, item: &Value) -> Value {
    let name = &app.stack.template.table(table).unwrap().name;
    let spec = app.stack.engines.tables.spec(name).unwrap();
    let names = [Some(&spec.partition_key), spec.sort_key.as_ref()];
    let names = names.into_iter().flatten().map(|key| key.name.clone());
    names
        .map(|name| (name.clone(), item[&name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Changes an item past everybody.
fn update(app: &TestApp, table: &str, item: &Value, change: &Value) {
    let mut request = json!({
        "TableName": app.stack.template.table(table).unwrap().name,
        "Key": key(app, table, item),
    });
    let parts = change.as_object().unwrap().clone();
    request.as_object_mut().unwrap().extend(parts);
    let request = serde_json::from_value(request).unwrap();
    app.stack.engines.tables.database().update_item(request).unwrap();
}

/// The part of an item's key that says what it is.
fn kind(item: &Value) -> String {
    let sort = ["sk", "id", "pk"].iter().find_map(|name| item[*name]["S"].as_str());
    sort.unwrap_or_default().to_owned()
}

impl Both {
    async fn begin() -> Self {
        Self {
            app: TestApp::new().await,
            marked: BTreeSet::new(),
        }
    }

    /// Something has been done: whatever had the newer attribute has it still or is gone, and whatever is new gets it.
    #[track_caller]
    fn after(&mut self, what: &str) {
        let mut there = BTreeSet::new();
        for table in tables(&self.app) {
            for item in items(&self.app, &table) {
                let place = (table.clone(), key(&self.app, &table, &item).to_string());
                let replaced = REPLACED
                    .iter()
                    .any(|(of, begins)| *of == table && kind(&item).starts_with(begins));
                if item.get(NEWER).is_none() {
                    assert!(
                        replaced || !self.marked.contains(&place),
                        "{what}: an item of `{table}` has lost what a newer function wrote: {item}"
                    );
                    let mark = json!({
                        "UpdateExpression": format!("SET {NEWER} = :newer"),
                        "ExpressionAttributeValues": { ":newer": { "S": "kept" } },
                    });
                    update(&self.app, &table, &item, &mark);
                }
                there.insert(place);
            }
        }
        self.marked = there;
    }

    /// Works off what waits; what it leaves is looked at as well.
    #[track_caller]
    fn worked(&mut self, what: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        let what = format!("{what} ({}:{})", place.file(), place.line());
        async move {
            self.after(&what);
            self.app.drain().await;
            self.after(&format!("{what}, worked off"));
        }
    }

    async fn post(&self, mei: &Person, path: &str, body: Value) -> Value {
        let answer = self.app.post(mei, path, body).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.json
    }

    fn befall(&self, order: &str, act: &Act) {
        self.app.stack.simulators.paypal().act(order, act).unwrap();
    }

    fn code(&self, email: &str) -> String {
        self.app.mail_to(email).and_then(|mail| mail.code).unwrap()
    }

    /// Somebody signs up and in, and stays for a while.
    async fn moves_in(&mut self) -> Person {
        let policy = self.app.stack.policy_version().unwrap();
        let new = json!({ "email": "mei@example.com", "password": PASSWORD, "policy_version": policy });
        let waiting = self.app.ask("POST", "/v1/accounts", Some(new)).await.expect(202);
        self.worked("a sign-up").await;
        let again =
            json!({ "purpose": "verify_email", "email": "mei@example.com", "signup_id": waiting.json["signup_id"] });
        self.app.ask("POST", "/v1/codes", Some(again)).await.expect(202);
        self.worked("a new code").await;
        let code = self.code("mei@example.com");
        let proof = json!({ "email": "mei@example.com", "signup_id": waiting.json["signup_id"], "code": code });
        let made = self
            .app
            .ask("POST", "/v1/accounts/verify", Some(proof))
            .await
            .expect(201);
        self.worked("a new account").await;
        let mei = Person {
            email: "mei@example.com".to_owned(),
            account: made.json["account_id"].as_str().unwrap().to_owned(),
            token: String::new(),
            refresh: String::new(),
            session: String::new(),
        };
        let mei = mei.in_session(&made.json["session"]);
        let session = self.app.refresh(&mei.refresh).await.expect(200);
        self.worked("a refreshed session").await;
        let mei = Person {
            token: session.json["access_token"].as_str().unwrap().to_owned(),
            refresh: session.json["refresh_token"].as_str().unwrap().to_owned(),
            ..mei
        };
        self.app.get(&mei, "/v1/account").await.expect(200);
        self.worked("a first request").await;
        mei
    }

    /// A pack is bought, a part of its money goes back, and the rest is disputed.
    async fn buys(&mut self, mei: &Person) {
        let headers = [("idempotency-key", "pack")];
        let body = json!({ "pack": "credits-20" }).to_string();
        let ordered = self
            .app
            .request("POST", "/v1/orders", Some(&mei.token), &headers, Some(body))
            .await;
        let order = ordered.expect(201).json["id"].as_str().unwrap().to_owned();
        self.worked("an order").await;
        self.befall(&order, &APPROVE);
        self.post(mei, &format!("/v1/orders/{order}/capture"), json!({})).await;
        self.worked("a payment").await;
        self.app.get(mei, &format!("/v1/orders/{order}")).await.expect(200);
        self.befall(
            &order,
            &Act::Refund {
                value: Some("1.00".to_owned()),
            },
        );
        self.worked("a refund").await;
        self.befall(&order, &Act::Dispute { value: None });
        self.worked("a dispute").await;
        let won = "RESOLVED_SELLER_FAVOUR".to_owned();
        self.befall(&order, &Act::Resolve { outcome: won });
        self.worked("a dispute's end").await;
    }

    /// Pictures are described, ordered, painted by both models, deleted and reported.
    async fn paints(&mut self, mei: &Person) {
        let wanted = json!({ "description": "a blue bowl", "count": 1 });
        self.post(mei, "/v1/prompts", wanted).await;
        self.worked("prompts").await;
        for (prompt, fails) in [("a bowl", 0), ("a jug", 1), ("FORBIDDEN bowl", 0)] {
            self.app
                .stack
                .simulators
                .fault(Provider::Seedream, fails, status(401))
                .unwrap();
            let ordered = self
                .app
                .order(mei, &prompt.replace(' ', "-"), json!({ "prompt": prompt }))
                .await
                .expect(202);
            self.worked(prompt).await;
            let id = ordered.json["images"][0]["id"].as_str().unwrap().to_owned();
            self.app.get(mei, &format!("/v1/images/{id}")).await.expect(200);
            if prompt == "a jug" {
                let report = json!({ "picture": id, "reason": "other", "message": "It is mine." });
                self.app.ask("POST", "/v1/reports", Some(report)).await.expect(202);
                self.worked("a report").await;
                self.app.delete(mei, &format!("/v1/images/{id}")).await.expect(204);
                self.worked("a picture deleted").await;
            }
        }
    }

    /// The account is corrected, moves to another address and back, and asks about itself.
    async fn corrects(&mut self, mei: &Person) -> Person {
        let mut mei = mei.clone();
        for email in ["mei@example.com", "mei.new@example.com", "mei@example.com"] {
            // An hour allows three codes, and a token lasts a quarter of one.
            self.app.advance(SignedDuration::from_hours(1));
            mei = self.app.sign_in(&mei).await;
            self.worked("another session").await;
            let body = json!({ "email": email, "name": "Mei", "password": PASSWORD }).to_string();
            let changed = self
                .app
                .request("PATCH", "/v1/account", Some(&mei.token), &[], Some(body))
                .await;
            changed.expect(202);
            self.worked("a change of address").await;
            let code = self.code(email);
            self.post(&mei, "/v1/account/email/confirm", json!({ "code": code }))
                .await;
            self.worked("another address").await;
            email.clone_into(&mut mei.email);
        }
        let policy = self.app.stack.policy_version().unwrap();
        self.post(&mei, "/v1/account/consents", json!({ "policy_version": policy }))
            .await;
        self.worked("a consent").await;
        self.app.advance(SignedDuration::from_hours(1));
        let wanted = json!({ "email": mei.email, "kind": "correction", "message": "My name is Mei." });
        let asked = self
            .app
            .ask("POST", "/v1/privacy-requests", Some(wanted))
            .await
            .expect(202);
        self.worked("a request about data").await;
        let proof = json!({ "email": mei.email, "code": self.code(&mei.email) });
        let path = format!("/v1/privacy-requests/{}/confirm", asked.json["id"].as_str().unwrap());
        self.app.ask("POST", &path, Some(proof)).await.expect(200);
        self.worked("a request that is proved").await;
        let view = json!({ "page": "/pricing" });
        self.app.ask("POST", "/v1/page-views", Some(view)).await.expect(204);
        self.worked("a view").await;
        mei
    }

    /// A password is forgotten; its new one is the old one.
    async fn forgets(&mut self, mei: &Person) {
        for _ in 0..2 {
            self.app.advance(SignedDuration::from_hours(1));
            let wanted = json!({ "purpose": "reset_password", "email": mei.email });
            self.app.ask("POST", "/v1/codes", Some(wanted)).await.expect(202);
            self.worked("a forgotten password").await;
        }
        let new = json!({ "email": mei.email, "code": self.code(&mei.email), "password": PASSWORD });
        self.app.ask("POST", "/v1/passwords/reset", Some(new)).await.expect(201);
        self.worked("another password").await;
    }

    /// What schedules do, for two days.
    async fn ages(&mut self) {
        for _ in 0..3 {
            for schedule in [
                "settle-stale",
                "objects-sweep",
                "requests-watch",
                "stats-rollup",
                "accounts-erase",
            ] {
                self.app.stack.run_schedule(schedule).await.unwrap();
                self.worked(schedule).await;
            }
            self.app.advance(SignedDuration::from_hours(25));
        }
    }

    /// The account is closed.
    async fn closes(&mut self, mei: &Person) {
        let mei = self.app.sign_in(mei).await;
        self.worked("another session").await;
        let body = json!({ "password": PASSWORD, "forfeit_credits": true }).to_string();
        let closed = self
            .app
            .request("DELETE", "/v1/account", Some(&mei.token), &[], Some(body))
            .await;
        closed.expect(202);
        self.worked("a closed account").await;
    }
}

#[tokio::test]
async fn what_a_newer_function_wrote_survives_whatever_an_older_one_does() {
    let mut both = Both::begin().await;
    let mei = both.moves_in().await;
    both.buys(&mei).await;
    both.paints(&mei).await;
    let mei = both.corrects(&mei).await;
    both.forgets(&mei).await;
    let kinds: Vec<_> = both.marked.iter().map(|(table, _)| table.as_str()).collect();
    for table in tables(&both.app) {
        // The audit is the operators' alone.
        assert!(
            table == "audit" || kinds.contains(&table.as_str()),
            "nothing was in `{table}`"
        );
    }
    both.ages().await;
    both.closes(&mei).await;
    let back = json!({ "email": mei.email, "password": PASSWORD });
    both.app
        .ask("POST", "/v1/accounts/restore", Some(back))
        .await
        .expect(204);
    both.worked("an account that is back").await;
}

#[tokio::test]
async fn what_a_newer_function_wrote_of_somebody_goes_with_the_account() {
    let mut both = Both::begin().await;
    let mei = both.moves_in().await;
    both.buys(&mei).await;
    both.paints(&mei).await;
    both.closes(&mei).await;
    both.app.advance(SignedDuration::from_hours(72));
    both.app.stack.run_due_schedules().await.unwrap();
    both.app.drain().await;
    let left: Vec<_> = [
        "accounts",
        "sessions",
        "images",
        "outbox",
        "orders",
        "privacy",
        "idempotency",
    ]
    .iter()
    .flat_map(|table| items(&both.app, table))
    .collect();
    let orders = left.iter().filter(|item| kind(item).starts_with("ord_"));
    assert_eq!(orders.count(), 1, "tax law keeps it");
    for item in left {
        // Numbers of receipts, reports, events of companies, and the mail to an address that had no account yet.
        let is_nobodys = kind(&item).starts_with("RECEIPT")
            || kind(&item).starts_with("rep_")
            || item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("webhook#"))
            || item["kind"]["S"] == "verify_email";
        assert!(
            is_nobodys || item.get(NEWER).is_none(),
            "an older function has left what a newer one wrote: {item}"
        );
    }
}
