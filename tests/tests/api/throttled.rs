//! A database that turns us away for its load, from the first call of a request on, from the second on, and so on: every route says so
//! with when to come again, leaves nothing half done, and does it once the database has room.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::grants::Grant;
use tests::{Answer, PASSWORD, Person, TestApp};
use vitrine::engine::trouble::{Ordered, Trouble};
use vitrine::functions::ROUTES;
use vitrine::sim::Instrument;

use crate::accounts::{code, sign_up};
use crate::leaving::closed;
use crate::orders::{approve, bought};
use crate::support::{app, balance, items, order};

/// One request that a route would take.
struct Happy {
    folder: &'static str,
    method: &'static str,
    path: String,
    who: Option<Person>,
    body: Option<Value>,
    /// What it is answered once there is room.
    status: u16,
}

/// What a route may change before it is turned away: counts of tries, which must not be had for nothing, and what only counts.
const COUNTS: [&str; 2] = ["limits", "analytics"];

/// What is done in steps, each of them good by itself, or answered alike whatever happens: the payer's money moves between two
/// transactions, sessions end after the password has changed, a company's event is told again.
const IN_STEPS: [&str; 11] = [
    "accounts-delete",
    "orders-capture",
    "orders-create",
    "page-views-create",
    "passwords-change",
    "passwords-reset",
    "paypal-webhook",
    "privacy-exports-get",
    "privacy-requests-confirm",
    "resend-webhook",
    "sessions-clear",
];

/// Everything that is kept, without counts and without what every first request of a session writes.
fn kept(app: &TestApp) -> Vec<(String, Vec<Value>)> {
    let specs = app.stack.engines.tables.specs();
    let names = specs.iter().filter_map(|spec| spec.name.rsplit('-').next());
    let names = names.filter(|name| !COUNTS.contains(name));
    names
        .map(|name| {
            let mut found = items(app, name);
            for item in &mut found {
                for count in ["used", "last_used_at", "tries_left", "opened_at", "seen_at"] {
                    item.as_object_mut().unwrap().remove(count);
                }
            }
            (name.to_owned(), found)
        })
        .collect()
}

async fn send(app: &TestApp, happy: &Happy) -> Answer {
    let token = happy.who.as_ref().map(|who| who.token.as_str());
    let key = format!("key-of-{}", happy.folder);
    let headers = [("idempotency-key", key.as_str())];
    let body = happy.body.as_ref().map(ToString::to_string);
    app.request(happy.method, &happy.path, token, &headers, body).await
}

/// Forgets how often something was tried: whoever is turned away tries more often than anybody may.
fn forget_tries(app: &TestApp) {
    let database = app.stack.engines.tables.database();
    let table = |short: &str| app.stack.template.table(short).unwrap().name.clone();
    for item in items(app, "limits") {
        let request = json!({ "TableName": table("limits"), "Key": { "pk": item["pk"] } });
        database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    }
    for item in items(app, "accounts")
        .iter()
        .filter(|item| item.get("tries_left").is_some())
    {
        let request = json!({
            "TableName": table("accounts"),
            "Key": { "pk": item["pk"], "sk": item["sk"] },
            "UpdateExpression": "SET tries_left = :all",
            "ExpressionAttributeValues": { ":all": { "N": "5" } },
        });
        database.update_item(serde_json::from_value(request).unwrap()).unwrap();
    }
}

/// Turns the request away from its first call on, from its second on, and so on, until it is not turned away any more.
async fn play(app: &TestApp, happy: &Happy) {
    let before = kept(app);
    let unchanged = |calls| {
        let folder = happy.folder;
        assert!(
            kept(app) == before,
            "`{folder}`, turned away after {calls} calls, has left something behind"
        );
    };
    turn_away(app, happy, unchanged).await;
}

/// The same; `look` sees what it has left each time.
async fn turn_away(app: &TestApp, happy: &Happy, look: impl Fn(u32)) {
    let Happy { folder, status, .. } = happy;
    for calls in 0..40 {
        let trouble = Ordered::next(u32::MAX, Trouble::Throttled).by(folder).after(calls);
        app.stack.engines.troubles.order(trouble);
        forget_tries(app);
        let answer = send(app, happy).await;
        app.stack.engines.troubles.clear();
        if answer.status == *status {
            assert!(calls > 0, "`{folder}` has done it without the database");
            return;
        }
        assert_eq!(answer.status, 503, "`{folder}` after {calls} calls: {}", answer.text);
        assert_eq!(answer.problem(), "unavailable", "`{folder}` after {calls} calls");
        let wait: u32 = answer.header("retry-after").parse().unwrap();
        assert_eq!(answer.json["retry_after"], wait, "`{folder}`");
        look(calls);
    }
    unreachable!("`{folder}` makes more calls than anybody waits for");
}

fn happy(folder: &'static str, request: &str, who: Option<&Person>, body: Option<Value>, status: u16) -> Happy {
    let (method, path) = request.split_once(' ').unwrap();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    Happy {
        folder,
        method: methods.into_iter().find(|known| *known == method).unwrap(),
        path: path.to_owned(),
        who: who.cloned(),
        body,
        status,
    }
}

/// The requests of somebody with an account, those that end something last.
async fn of_an_account(app: &TestApp, mei: &Person) -> Vec<Happy> {
    let picture = app.painted(mei, "a bowl").await["id"].as_str().unwrap().to_owned();
    let unwanted = order(app, mei, "a jug").await;
    app.drain().await;
    let (paid, open) = (bought(app, mei).await, bought(app, mei).await);
    approve(app, &open, Instrument::Good);
    let policy = app.stack.policy_version().unwrap();
    let move_to = json!({ "email": "mei.new@example.com", "password": PASSWORD });
    let moved = move_to.to_string();
    app.request("PATCH", "/v1/account", Some(&mei.token), &[], Some(moved))
        .await
        .expect(202);
    app.drain().await;
    let elsewhere = app.sign_in(mei).await;
    let proof = json!({ "code": code(app, "mei.new@example.com") });
    let wish = json!({ "description": "a bowl", "count": 1 });
    let report = json!({ "picture": picture, "reason": "other" });
    let session = format!("DELETE /v1/sessions/{}", elsewhere.session);
    let mine = Some(mei);
    vec![
        happy("accounts-get", "GET /v1/account", mine, None, 200),
        happy("accounts-export", "GET /v1/account/export", mine, None, 200),
        happy("credits-list", "GET /v1/credits", mine, None, 200),
        happy("images-list", "GET /v1/images", mine, None, 200),
        happy("images-get", &format!("GET /v1/images/{picture}"), mine, None, 200),
        happy("orders-list", "GET /v1/orders", mine, None, 200),
        happy("orders-get", &format!("GET /v1/orders/{paid}"), mine, None, 200),
        happy("sessions-list", "GET /v1/sessions", mine, None, 200),
        happy("prompts-create", "POST /v1/prompts", mine, Some(wish), 200),
        happy(
            "images-create",
            "POST /v1/images",
            mine,
            Some(json!({ "prompt": "a cup" })),
            202,
        ),
        happy(
            "images-delete",
            &format!("DELETE /v1/images/{unwanted}"),
            mine,
            None,
            204,
        ),
        happy("reports-create", "POST /v1/reports", None, Some(report), 202),
        happy(
            "consents-create",
            "POST /v1/account/consents",
            mine,
            Some(json!({ "policy_version": policy })),
            201,
        ),
        happy(
            "accounts-update",
            "PATCH /v1/account",
            mine,
            Some(json!({ "name": "Mei" })),
            200,
        ),
        happy(
            "emails-confirm",
            "POST /v1/account/email/confirm",
            mine,
            Some(proof),
            200,
        ),
        happy("sessions-delete", &session, mine, None, 204),
    ]
}

#[tokio::test]
async fn every_route_that_needs_the_database_says_when_to_come_again_and_leaves_nothing_half_done() {
    let mut app = app().await;
    let mei = app.person("mei").await;
    let mut played = BTreeSet::new();
    for happy in of_an_account(&app, &mei).await {
        play(&app, &happy).await;
        played.insert(happy.folder);
    }
    app.drain().await;

    // Whoever has no account yet, has forgotten the password, or is leaving.
    app.advance(SignedDuration::from_hours(1));
    let policy = app.stack.policy_version().unwrap();
    let new = json!({ "email": "new@example.com", "password": PASSWORD, "policy_version": policy });
    play(
        &app,
        &happy("accounts-create", "POST /v1/accounts", None, Some(new), 202),
    )
    .await;
    let waiting = sign_up(&app, "lin@example.com", &[]).await.expect(202);
    let again = json!({ "purpose": "reset_password", "email": "mei.new@example.com" });
    play(&app, &happy("codes-create", "POST /v1/codes", None, Some(again), 202)).await;
    let proof = json!({
        "email": "lin@example.com", "signup_id": waiting.json["signup_id"], "code": code(&app, "lin@example.com"),
    });
    play(
        &app,
        &happy("accounts-verify", "POST /v1/accounts/verify", None, Some(proof), 201),
    )
    .await;
    let lin = Person {
        email: "lin@example.com".to_owned(),
        ..mei.clone()
    };
    let credentials = json!({ "email": lin.email, "password": PASSWORD });
    play(
        &app,
        &happy("sessions-create", "POST /v1/sessions", None, Some(credentials), 201),
    )
    .await;
    let lin = app.sign_in(&lin).await;
    let shown = json!({ "refresh_token": lin.refresh });
    play(
        &app,
        &happy("sessions-refresh", "POST /v1/sessions/refresh", None, Some(shown), 200),
    )
    .await;
    let asked = json!({ "email": lin.email, "kind": "access" });
    play(
        &app,
        &happy(
            "privacy-requests-create",
            "POST /v1/privacy-requests",
            None,
            Some(asked),
            202,
        ),
    )
    .await;
    let view = json!({ "page": "/pricing" });
    app.ask("POST", "/v1/page-views", Some(view)).await.expect(204);
    app.drain().await;
    let receipt = closed(&app, &lin).await;
    play(
        &app,
        &happy("deletions-get", &format!("GET {receipt}"), None, None, 200),
    )
    .await;
    let back = json!({ "email": lin.email, "password": PASSWORD });
    play(
        &app,
        &happy("accounts-restore", "POST /v1/accounts/restore", None, Some(back), 204),
    )
    .await;
    played.extend([
        "accounts-create",
        "codes-create",
        "accounts-verify",
        "sessions-create",
        "sessions-refresh",
        "privacy-requests-create",
        "deletions-get",
        "accounts-restore",
    ]);
    app.leave_work();

    played.extend(IN_STEPS);
    let needs = |grants: &[Grant]| {
        grants
            .iter()
            .any(|grant| matches!(grant, Grant::Table(..) | Grant::Index(..)))
    };
    let needing: BTreeSet<_> = ROUTES
        .iter()
        .filter(|route| needs(route.grants))
        .map(|route| route.name)
        .collect();
    assert_eq!(played, needing);
}

#[tokio::test]
async fn what_a_route_does_in_steps_is_gone_on_with_when_it_is_asked_again() {
    let mut app = app().await;
    let mei = app.person("mei").await;
    let any = |_| ();
    let pack = Some(json!({ "pack": "credits-20" }));
    turn_away(
        &app,
        &happy("orders-create", "POST /v1/orders", Some(&mei), pack, 201),
        any,
    )
    .await;
    let open = bought(&app, &mei).await;
    approve(&app, &open, Instrument::Good);
    let path = format!("POST /v1/orders/{open}/capture");
    turn_away(&app, &happy("orders-capture", &path, Some(&mei), None, 200), any).await;
    app.drain().await;
    assert_eq!(balance(&app, &mei).await, (23, 0), "paid once");
    turn_away(
        &app,
        &happy("sessions-clear", "DELETE /v1/sessions", Some(&mei), None, 204),
        any,
    )
    .await;
    app.advance(SignedDuration::from_hours(1));
    let asked = json!({ "email": mei.email, "kind": "access" });
    let asked = app.ask("POST", "/v1/privacy-requests", Some(asked)).await.expect(202);
    app.drain().await;
    let proof = Some(json!({ "email": mei.email, "code": code(&app, &mei.email) }));
    let path = format!(
        "POST /v1/privacy-requests/{}/confirm",
        asked.json["id"].as_str().unwrap()
    );
    turn_away(&app, &happy("privacy-requests-confirm", &path, None, proof, 200), any).await;
    app.drain().await;
    let mail = app.mail_to(&mei.email).and_then(|mail| mail.text).unwrap();
    let begins = format!("{}/v1/privacy-exports/", app.stack.api_url());
    let address = mail.split_whitespace().find(|word| word.starts_with(&begins)).unwrap();
    let export = format!("GET {}", address.strip_prefix(&app.stack.api_url()).unwrap());
    turn_away(&app, &happy("privacy-exports-get", &export, None, None, 200), any).await;
    app.ask("GET", export.strip_prefix("GET ").unwrap(), None)
        .await
        .expect(404);
    let mei = app.sign_in(&mei).await;
    let change = Some(json!({ "current_password": PASSWORD, "new_password": "a shelf of loud teapots" }));
    turn_away(
        &app,
        &happy("passwords-change", "PUT /v1/account/password", Some(&mei), change, 204),
        any,
    )
    .await;
    let forgot = json!({ "purpose": "reset_password", "email": mei.email });
    app.ask("POST", "/v1/codes", Some(forgot)).await.expect(202);
    app.drain().await;
    let reset = Some(json!({ "email": mei.email, "code": code(&app, &mei.email), "password": PASSWORD }));
    turn_away(
        &app,
        &happy("passwords-reset", "POST /v1/passwords/reset", None, reset, 201),
        any,
    )
    .await;
    let mei = app.sign_in(&mei).await;
    let leave = Some(json!({ "password": PASSWORD, "forfeit_credits": true }));
    turn_away(
        &app,
        &happy("accounts-delete", "DELETE /v1/account", Some(&mei), leave, 202),
        any,
    )
    .await;
    app.leave_work();
}
