//! Signing in.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::PASSWORD;

use crate::support::{World, app, nameless};

fn credentials(email: &str, password: &str) -> Option<Value> {
    Some(json!({ "email": email, "password": password }))
}

#[tokio::test]
async fn the_right_password_opens_a_session_under_any_spelling_of_the_address() {
    let app = app().await;
    let mei = app.person("mei").await;
    for email in ["mei@example.com", "Mei@Example.COM", "mei+shop@example.com"] {
        let answer = app
            .ask("POST", "/v1/sessions", credentials(email, PASSWORD))
            .await
            .expect(201);
        let token = answer.json["access_token"].as_str().unwrap();
        let account = app
            .request("GET", "/v1/account", Some(token), &[], None)
            .await
            .expect(200);
        assert_eq!(account.json["id"], mei.account.as_str());
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json["token_type"], "Bearer");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let app = app().await;
    app.person("mei").await;
    let before = World::of(&app).apart_from_limits();
    let wrong = app
        .ask(
            "POST",
            "/v1/sessions",
            credentials("mei@example.com", "a kiln of loud glazes"),
        )
        .await;
    let unknown = app
        .ask("POST", "/v1/sessions", credentials("nobody@example.com", PASSWORD))
        .await;
    assert_eq!((wrong.status, wrong.problem()), (401, "invalid-credentials"));
    assert_eq!(nameless(&wrong), nameless(&unknown));
    let names = |answer: &tests::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&unknown));
    assert!(World::of(&app).apart_from_limits() == before);
}

#[tokio::test]
async fn a_right_password_is_not_counted_however_often() {
    let app = app().await;
    app.person("mei").await;
    for _ in 0..11 {
        let answer = app
            .ask("POST", "/v1/sessions", credentials("mei@example.com", PASSWORD))
            .await
            .expect(201);
        let left = answer.header("ratelimit");
        let (own, of_source) = left.split_once(", ").unwrap();
        assert!(own.starts_with("\"sign-in\";r=10;"), "{left}");
        assert!(of_source.starts_with("\"sign-in-source\";r=50;"), "{left}");
    }
}

#[tokio::test]
async fn after_ten_wrong_passwords_in_a_quarter_of_an_hour_even_the_right_one_has_to_wait() {
    let app = app().await;
    app.person("mei").await;
    for left in (0..10).rev() {
        let wrong = app
            .ask(
                "POST",
                "/v1/sessions",
                credentials("mei@example.com", "a kiln of loud glazes"),
            )
            .await
            .expect(401);
        let told = format!("\"sign-in\";r={left};");
        assert!(wrong.header("ratelimit").starts_with(&told), "{:?}", wrong.headers);
    }
    let answer = app
        .ask("POST", "/v1/sessions", credentials("MEI@example.com", PASSWORD))
        .await;
    assert_eq!((answer.status, answer.problem()), (429, "too-many-requests"));
    let seconds: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&seconds));
    app.ask("POST", "/v1/sessions", credentials("other@example.com", PASSWORD))
        .await
        .expect(401);
    app.advance(SignedDuration::from_secs(seconds));
    app.ask("POST", "/v1/sessions", credentials("mei@example.com", PASSWORD))
        .await
        .expect(201);
}
