//! Requests that are well-formed and still refused: nothing happens, and each is told why.

use serde_json::json;
use tests::PASSWORD;

use crate::bad_input::tells_nothing_back;
use crate::logs;
use crate::support::{MARK, World, app, nameless};

#[tokio::test]
async fn a_wrong_method_is_refused_and_told_the_right_ones() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app);
    for (method, path, allow) in [
        ("PUT", "/v1/images", "POST, GET"),
        ("DELETE", "/v1/images", "POST, GET"),
        ("PATCH", "/v1/images/img_01kb0v1cqhe8svdnq7tqw8vz6n", "GET, DELETE"),
        ("GET", "/v1/accounts", "POST"),
        ("POST", "/v1/account", "GET, PATCH, DELETE"),
        ("DELETE", "/v1/credits", "GET"),
        ("PUT", "/v1/sessions", "POST, GET, DELETE"),
    ] {
        let answer = app.request(method, path, Some(&mei.token), &[], None).await;
        assert_eq!(
            (answer.status, answer.problem(), answer.header("allow")),
            (405, "method-not-allowed", allow),
            "{method} {path}"
        );
    }
    assert!(World::of(&app) == before);
}

#[tokio::test]
async fn each_bad_field_of_a_sign_up_is_named_and_nothing_is_kept_or_mailed() {
    let app = app().await;
    let policy = app.stack.policy_version().unwrap();
    let fine = json!({ "email": format!("{MARK}@example.com"), "password": PASSWORD, "policy_version": policy });
    let (short, long) = (format!("{}a", &MARK[1..]), format!("{MARK}{}", "x".repeat(66)));
    assert_eq!((short.len(), long.len()), (7, 73));
    let before = World::of(&app);
    for (field, value, kind) in [
        ("email", json!(MARK), "invalid-field"),
        ("email", json!(format!("{MARK}@localhost")), "invalid-field"),
        ("email", json!(format!("{MARK} <{MARK}@example.com>")), "invalid-field"),
        (
            "email",
            json!(format!("{MARK}@example.com\r\nBcc: {MARK}@example.com")),
            "invalid-field",
        ),
        ("email", json!(null), "invalid-field"),
        ("password", json!(short), "invalid-field"),
        ("password", json!(long), "invalid-field"),
        ("password", json!("漆".repeat(25)), "invalid-field"),
        ("password", json!("password1"), "password-too-common"),
        ("password", json!(format!("{MARK}1")), "password-too-common"),
        ("name", json!("  "), "invalid-field"),
        ("name", json!(format!("{MARK}\n{MARK}")), "invalid-field"),
        ("name", json!(format!("{MARK}{}", "x".repeat(94))), "invalid-field"),
        ("policy_version", json!(MARK), "invalid-field"),
        ("policy_version", json!("2020-01-01"), "invalid-field"),
        ("newsletter", json!(MARK), "unknown-field"),
    ] {
        let mut body = fine.clone();
        body[field] = value.clone();
        let answer = app.ask("POST", "/v1/accounts", Some(body)).await;
        let named = (answer.status, answer.problem(), answer.field());
        let pointer = format!("/{field}");
        assert_eq!(
            named,
            (422, kind, pointer.as_str()),
            "{field} = {value}: {}",
            answer.text
        );
        tells_nothing_back(field, &answer);
    }
    for field in ["email", "password", "policy_version"] {
        let mut body = fine.clone();
        body.as_object_mut().unwrap().remove(field);
        let answer = app.ask("POST", "/v1/accounts", Some(body)).await;
        assert_eq!(
            (answer.status, answer.field()),
            (422, format!("/{field}").as_str()),
            "no {field}"
        );
    }
    assert!(World::of(&app) == before, "a refused sign-up left something behind");
    logs::tell_nothing();
}

#[tokio::test]
async fn an_order_without_credits_says_how_many_are_missing_and_takes_none() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app);
    let answer = app.order(&mei, "too-many", json!({ "prompt": MARK, "count": 4 })).await;
    assert_eq!((answer.status, answer.problem()), (402, "insufficient-credits"));
    let said = ["needed", "available", "missing"].map(|member| answer.json[member].as_i64());
    assert_eq!(said, [Some(4), Some(3), Some(1)], "{}", answer.text);
    assert!(World::of(&app) == before);
    // The refusal used up neither credits nor the key.
    app.order(&mei, "too-many", json!({ "prompt": "a bowl", "count": 3 }))
        .await
        .expect(202);
    let answer = app.order(&mei, "one-more", json!({ "prompt": MARK })).await;
    let said = ["needed", "available", "missing"].map(|member| answer.json[member].as_i64());
    assert_eq!((answer.status, said), (402, [Some(1), Some(0), Some(1)]));
    app.drain().await;
}

#[tokio::test]
async fn another_accounts_picture_is_nowhere() {
    let app = app().await;
    let (mei, stranger) = (app.person("mei").await, app.person("stranger").await);
    let id = app.painted(&mei, "a bowl").await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/images/{id}");
    let before = World::of(&app);
    for method in ["GET", "DELETE"] {
        let answer = app.request(method, &path, Some(&stranger.token), &[], None).await;
        assert_eq!((answer.status, answer.problem()), (404, "not-found"), "{method}");
        // Nothing tells it from a picture that never was.
        let other = if path.ends_with('a') { 'b' } else { 'a' };
        let never = format!("{}{other}", &path[..path.len() - 1]);
        let unknown = app.request(method, &never, Some(&stranger.token), &[], None).await;
        assert_eq!(nameless(&answer), nameless(&unknown), "{method}");
    }
    assert_eq!(
        app.get(&stranger, "/v1/images").await.expect(200).json["items"],
        json!([])
    );
    assert!(World::of(&app) == before);
    app.get(&mei, &path).await.expect(200);
}
