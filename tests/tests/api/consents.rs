//! Accepting the privacy policy: at sign-up, and again when there is a new version of it.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, Person, TestApp};

use crate::support::{World, again, app, clock, items};

const NEXT: &str = "2027-03-01";

async fn accept(app: &TestApp, person: &Person, version: &Value) -> Answer {
    let body = json!({ "policy_version": version });
    app.post(person, "/v1/account/consents", body).await
}

/// The versions that were accepted, and when.
fn history(app: &TestApp) -> Vec<(Value, Value)> {
    let mut found: Vec<_> = items(app, "accounts")
        .into_iter()
        .filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("consent#"))
        .map(|item| (item["sk"]["S"].clone(), item["accepted_at"]["S"].clone()))
        .collect();
    found.sort_by_key(|(version, _)| version.to_string());
    found
}

#[tokio::test]
async fn only_the_version_in_force_can_be_accepted() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app);
    for version in [json!("2020-01-01"), json!(NEXT), json!(""), json!(null), json!(7)] {
        let answer = accept(&app, &mei, &version).await;
        assert_eq!(
            (answer.status, answer.problem(), answer.field()),
            (422, "invalid-field", "/policy_version"),
            "{version}"
        );
    }
    let answer = app.post(&mei, "/v1/account/consents", json!({})).await;
    assert_eq!((answer.status, answer.field()), (422, "/policy_version"));
    assert!(World::of(&app) == before);
}

#[tokio::test]
async fn a_new_version_is_shown_until_it_is_accepted_and_the_history_keeps_both() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let app = TestApp::in_folder(folder.path(), clock.clone()).await;
    let first = app.stack.policy_version().unwrap();
    let mei = app.person("mei").await;
    app.close().await;

    clock.advance(SignedDuration::from_hours(1));
    let app = TestApp::in_folder_with(folder.path(), clock.clone(), &[("PolicyVersion", NEXT)]).await;
    let mei = again(&app, &mei).await;
    let account = app.get(&mei, "/v1/account").await.expect(200).json;
    let shown = |account: &Value| {
        ["policy_version", "policy_accepted_at", "policy_current_version"].map(|name| account[name].clone())
    };
    let start = "2026-11-22T09:00:00Z";
    assert_eq!(shown(&account), [json!(first), json!(start), json!(NEXT)]);
    let old = accept(&app, &mei, &json!(first)).await;
    assert_eq!((old.status, old.field()), (422, "/policy_version"));

    let later = "2026-11-22T10:00:00Z";
    let accepted = accept(&app, &mei, &json!(NEXT)).await.expect(201);
    assert_eq!(accepted.json, json!({ "policy_version": NEXT, "accepted_at": later }));
    assert_eq!(accepted.header("location"), "/v1/account");
    let account = app.get(&mei, "/v1/account").await.expect(200).json;
    assert_eq!(shown(&account), [json!(NEXT), json!(later), json!(NEXT)]);
    let kept = history(&app);
    let both = [(format!("consent#{first}"), start), (format!("consent#{NEXT}"), later)];
    assert_eq!(kept, both.map(|(version, at)| (json!(version), json!(at))));

    // Once more, and with a lost reply, it is the same consent.
    app.advance(SignedDuration::from_secs(60));
    let before = World::of(&app);
    let repeated = accept(&app, &mei, &json!(NEXT)).await.expect(201);
    assert_eq!(repeated.json, accepted.json);
    assert!(World::of(&app) == before);
    app.close().await;

    // Back to the first version: it has been accepted before, and that time counts.
    let app = TestApp::in_folder(folder.path(), clock).await;
    let mei = again(&app, &mei).await;
    let back = accept(&app, &mei, &json!(first)).await.expect(201);
    assert_eq!(back.json["accepted_at"], start);
    let account = app.get(&mei, "/v1/account").await.expect(200).json;
    assert_eq!(shown(&account), [json!(first), json!(start), json!(first)]);
    assert_eq!(history(&app), kept);
    app.close().await;
}

#[tokio::test]
async fn a_new_version_is_asked_for_at_sign_in_and_refresh_until_it_is_accepted_once() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let app = TestApp::in_folder(folder.path(), clock.clone()).await;
    let mei = app.person("mei").await;
    let nothing = app.refresh(&mei.refresh).await.expect(200).json;
    assert_eq!(
        nothing.get("policy_to_accept"),
        None,
        "the present version was accepted at sign-up"
    );
    app.close().await;

    clock.advance(SignedDuration::from_hours(1));
    let app = TestApp::in_folder_with(folder.path(), clock.clone(), &[("PolicyVersion", NEXT)]).await;
    let first = app.refresh(&mei.refresh).await.expect(200).json;
    assert_eq!(first["policy_to_accept"], NEXT);
    let credentials = json!({ "email": mei.email, "password": tests::PASSWORD });
    let second = app
        .ask("POST", "/v1/sessions", Some(credentials.clone()))
        .await
        .expect(201)
        .json;
    assert_eq!(second["policy_to_accept"], NEXT);

    let mei = mei.in_session(&second);
    accept(&app, &mei, &json!(NEXT)).await.expect(201);
    clock.advance(SignedDuration::from_mins(10));
    for refresh in [&first["refresh_token"], &second["refresh_token"]] {
        let refreshed = app.refresh(refresh.as_str().unwrap()).await.expect(200).json;
        assert_eq!(
            refreshed.get("policy_to_accept"),
            None,
            "no session asks for what was accepted in another"
        );
    }
    let third = app
        .ask("POST", "/v1/sessions", Some(credentials))
        .await
        .expect(201)
        .json;
    assert_eq!(third.get("policy_to_accept"), None);
    app.close().await;
}
