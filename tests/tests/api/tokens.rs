//! Who asks: without a token that is right in every part, nobody gets past the door.

use jiff::SignedDuration;
use serde_json::json;

use crate::logs;
use crate::support::{MARK, World, again, app};

/// Every route that wants a token.
pub(crate) const CLOSED: [(&str, &str); 14] = [
    ("GET", "/v1/account"),
    ("PATCH", "/v1/account"),
    ("PUT", "/v1/account/password"),
    ("POST", "/v1/account/email/confirm"),
    ("POST", "/v1/account/consents"),
    ("POST", "/v1/prompts"),
    ("POST", "/v1/images"),
    ("GET", "/v1/images"),
    ("GET", "/v1/images/img_01kb0v1cqhe8svdnq7tqw8vz6n"),
    ("DELETE", "/v1/images/img_01kb0v1cqhe8svdnq7tqw8vz6n"),
    ("GET", "/v1/credits"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions"),
    ("DELETE", "/v1/sessions/ses_01kb0v1cqhe8svdnq7tqw8vz6n"),
];

/// The token with one letter of this part exchanged.
fn tampered(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if parts[part].as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}

#[tokio::test]
async fn no_route_with_a_lock_opens_to_a_token_that_is_not_right() {
    let app = app().await;
    let mei = app.person("mei").await;
    let token = mei.token.as_str();
    let before = World::of(&app);
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    let wrong = [
        ("no token", None),
        ("a word", Some(format!("Bearer {MARK}"))),
        ("an empty token", Some("Bearer ".to_owned())),
        ("another scheme", Some(format!("Basic {token}"))),
        ("no scheme", Some(token.to_owned())),
        ("another head", Some(format!("Bearer {}", tampered(token, 0)))),
        ("another body", Some(format!("Bearer {}", tampered(token, 1)))),
        ("another signature", Some(format!("Bearer {}", tampered(token, 2)))),
        ("no signature", Some(format!("Bearer {unsigned}"))),
        ("a long token", Some(format!("Bearer {}", MARK.repeat(700)))),
    ];
    for (method, path) in CLOSED {
        for (name, value) in &wrong {
            let headers: Vec<(&str, &str)> = value.iter().map(|value| ("authorization", value.as_str())).collect();
            let answer = app.request(method, path, None, &headers, Some("{}".to_owned())).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (401, "unauthorized"),
                "{method} {path}: {name}"
            );
            assert!(
                answer.header("www-authenticate").starts_with("Bearer"),
                "{method} {path}: {name}"
            );
            assert!(!answer.text.contains(MARK), "{name} comes back: {}", answer.text);
        }
    }
    assert!(World::of(&app) == before);
    logs::tell_nothing();
}

#[tokio::test]
async fn a_token_dies_after_a_quarter_of_an_hour_and_not_before() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.advance(SignedDuration::from_secs(15 * 60 - 1));
    app.get(&mei, "/v1/account").await.expect(200);
    app.advance(SignedDuration::from_secs(1));
    let answer = app.get(&mei, "/v1/account").await;
    assert_eq!((answer.status, answer.problem()), (401, "unauthorized"));
    let mei = again(&app, &mei).await;
    app.get(&mei, "/v1/account").await.expect(200);
}

#[tokio::test]
async fn a_token_of_another_house_opens_nothing() {
    let (app, other) = tokio::join!(app(), app());
    let mei = other.person("mei").await;
    let own = app.person("mei").await;
    // The same moment, the same person, another key and another origin.
    let answer = app.get(&mei, "/v1/account").await;
    assert!(mei.token != own.token && answer.status == 401, "{}", answer.text);
}

#[tokio::test]
async fn the_published_keys_hold_no_private_part() {
    let app = app().await;
    let keys = app.ask("GET", "/.well-known/jwks.json", None).await.expect(200).json;
    let keys = keys["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["d"]),
            (&json!("OKP"), &json!("Ed25519"), &json!(null))
        );
    }
}
