//! Passwords: chosen, changed, forgotten and replaced.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, PASSWORD, Person, TestApp};

use crate::accounts::{code, other_than, sign_up};
use crate::logs;
use crate::support::{World, app, items};

pub(crate) const MEI: &str = "mei@example.com";
pub(crate) const NEW: &str = "a shelf of loud teapots";

/// Asks for a code for a new password and lets the mail arrive.
pub(crate) async fn forget(app: &TestApp, email: &str) -> Answer {
    let body = json!({ "purpose": "reset_password", "email": email });
    let answer = app.ask("POST", "/v1/codes", Some(body)).await;
    app.drain().await;
    answer
}

/// Replaces a forgotten password.
pub(crate) async fn reset(app: &TestApp, email: &str, code: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "code": code, "password": password, "device": "new phone" });
    app.ask("POST", "/v1/passwords/reset", Some(body)).await
}

/// Changes the password of somebody who is signed in.
pub(crate) async fn change(app: &TestApp, person: &Person, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new }).to_string();
    app.request("PUT", "/v1/account/password", Some(&person.token), &[], Some(body))
        .await
}

/// Signs in.
pub(crate) async fn sign_in(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    app.ask("POST", "/v1/sessions", Some(body)).await
}

/// Shows a refresh token.
pub(crate) async fn refresh(app: &TestApp, token: &Value) -> Answer {
    let body = json!({ "refresh_token": token });
    app.ask("POST", "/v1/sessions/refresh", Some(body)).await
}

async fn account(app: &TestApp, token: &Value) -> Answer {
    app.request("GET", "/v1/account", token.as_str(), &[], None).await
}

/// Fails when a token of this session opens anything.
pub(crate) async fn is_over(app: &TestApp, session: &Value) {
    let answer = account(app, &session["access_token"]).await;
    assert_eq!((answer.status, answer.problem()), (401, "session-ended"));
    let answer = refresh(app, &session["refresh_token"]).await;
    assert_eq!((answer.status, answer.problem()), (401, "session-ended"));
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_code_and_every_session_ends_at_once() {
    let app = app().await;
    let mei = app.person("mei").await;
    let other = app.person("other").await;
    let elsewhere = sign_in(&app, MEI, PASSWORD).await.expect(201).json;
    forget(&app, "MEI+shop@example.com").await.expect(202);
    assert!(app.mail_to("MEI+shop@example.com").is_none(), "mail went to a spelling");
    let mail = app.mail_to(MEI).unwrap();
    assert_eq!(mail.subject, "Your Vitrine code for a new password");
    let done = reset(&app, MEI, &code(&app, MEI), NEW).await.expect(201);
    let ticket = &done.json["session"];
    assert_eq!(
        done.header("location"),
        format!("/v1/sessions/{}", ticket["id"].as_str().unwrap())
    );
    assert!(ticket["access_token"].is_null(), "{ticket}");
    assert_eq!(app.get(&mei, "/v1/account").await.problem(), "session-ended");
    is_over(&app, &elsewhere).await;
    let session = refresh(&app, &ticket["refresh_token"]).await.expect(200).json;
    assert_eq!(session["id"], ticket["id"]);
    account(&app, &session["access_token"]).await.expect(200);
    assert_eq!(
        sign_in(&app, MEI, PASSWORD).await.expect(401).problem(),
        "invalid-credentials"
    );
    sign_in(&app, MEI, NEW).await.expect(201);
    app.get(&other, "/v1/account").await.expect(200);
    app.drain().await;
    assert_eq!(app.mail_to(MEI).unwrap().subject, "Your Vitrine password was changed");
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_the_one_that_changed_it() {
    let app = app().await;
    let mei = app.person("mei").await;
    let elsewhere = sign_in(&app, MEI, PASSWORD).await.expect(201).json;
    let answer = change(&app, &mei, PASSWORD, NEW).await.expect(204);
    assert!(answer.header("ratelimit").starts_with("\"sign-in\";r=10;"));
    is_over(&app, &elsewhere).await;
    app.get(&mei, "/v1/account").await.expect(200);
    let listed = app.get(&mei, "/v1/sessions").await.expect(200).json;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    sign_in(&app, MEI, PASSWORD).await.expect(401);
    sign_in(&app, MEI, NEW).await.expect(201);
    app.drain().await;
    assert_eq!(app.mail_to(MEI).unwrap().subject, "Your Vitrine password was changed");
}

#[tokio::test]
async fn the_notice_of_a_new_password_holds_neither_password_nor_code() {
    let app = app().await;
    let mei = app.person("mei").await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW }).to_string();
    let chinese = [("accept-language", "zh-CN")];
    let token = Some(mei.token.as_str());
    app.request("PUT", "/v1/account/password", token, &chinese, Some(body))
        .await
        .expect(204);
    app.drain().await;
    let changed = app.mail_to(MEI).unwrap();
    assert_eq!(changed.subject, "您的 Vitrine 密码已更改");
    forget(&app, MEI).await.expect(202);
    let right = code(&app, MEI);
    reset(&app, MEI, &right, PASSWORD).await.expect(201);
    app.drain().await;
    let replaced = app.mail_to(MEI).unwrap();
    assert_eq!(replaced.subject, "Your Vitrine password was changed");
    for mail in [changed, replaced] {
        let text = format!("{:?} {:?} {}", mail.text, mail.html, mail.subject);
        for secret in [PASSWORD, NEW, &right] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    logs::tell_nothing();
    assert!(!logs::all().contains(NEW));
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing_and_counts_as_a_wrong_sign_in() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app).apart_from_limits();
    for _ in 0..5 {
        let answer = change(&app, &mei, "a kiln of loud glazes", NEW).await;
        assert_eq!(
            (answer.status, answer.problem(), answer.field()),
            (422, "wrong-password", "/current_password")
        );
        sign_in(&app, MEI, "a kiln of loud glazes").await.expect(401);
    }
    for answer in [
        change(&app, &mei, PASSWORD, NEW).await,
        sign_in(&app, MEI, PASSWORD).await,
    ] {
        assert_eq!((answer.status, answer.problem()), (429, "too-many-requests"));
    }
    assert!(World::of(&app).apart_from_limits() == before);
    app.get(&mei, "/v1/account").await.expect(200);
}

#[tokio::test]
async fn an_owner_locked_out_by_somebody_elses_guesses_gets_in_by_the_mailbox() {
    let app = app().await;
    app.person("mei").await;
    for _ in 0..10 {
        sign_in(&app, MEI, "a kiln of loud glazes").await.expect(401);
    }
    sign_in(&app, MEI, PASSWORD).await.expect(429);
    forget(&app, MEI).await.expect(202);
    let done = reset(&app, MEI, &code(&app, MEI), NEW).await.expect(201);
    let session = refresh(&app, &done.json["session"]["refresh_token"])
        .await
        .expect(200)
        .json;
    account(&app, &session["access_token"]).await.expect(200);
    sign_in(&app, MEI, NEW).await.expect(201);
    app.drain().await;
}

#[tokio::test]
async fn a_reset_whose_answer_was_lost_stands_and_its_repeat_is_refused_without_harm() {
    let app = app().await;
    app.person("mei").await;
    forget(&app, MEI).await.expect(202);
    let right = code(&app, MEI);
    let first = reset(&app, MEI, &right, NEW).await.expect(201);
    let before = World::of(&app).apart_from_limits();
    let again = reset(&app, MEI, &right, "a drawer of grey spoons").await;
    assert_eq!((again.status, again.problem()), (422, "wrong-code"));
    assert!(World::of(&app).apart_from_limits() == before);
    refresh(&app, &first.json["session"]["refresh_token"]).await.expect(200);
    sign_in(&app, MEI, NEW).await.expect(201);
    app.drain().await;
}

#[tokio::test]
async fn one_code_shown_twice_at_once_replaces_one_password() {
    let app = app().await;
    app.person("mei").await;
    forget(&app, MEI).await.expect(202);
    let right = code(&app, MEI);
    let (one, two) = tokio::join!(
        reset(&app, MEI, &right, NEW),
        reset(&app, MEI, &right, "a drawer of grey spoons")
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422], "{} {}", one.text, two.text);
    assert_eq!(items(&app, "sessions").len(), 1);
    let (password, ticket) = if one.status == 201 {
        (NEW, &one)
    } else {
        ("a drawer of grey spoons", &two)
    };
    refresh(&app, &ticket.json["session"]["refresh_token"])
        .await
        .expect(200);
    sign_in(&app, MEI, password).await.expect(201);
    app.drain().await;
}

#[tokio::test]
async fn a_code_for_a_new_password_is_good_for_its_quarter_of_an_hour() {
    let app = app().await;
    for (name, seconds, status) in [("early", 15 * 60 - 1, 201), ("late", 15 * 60, 422)] {
        let email = format!("{name}@example.com");
        app.person(name).await;
        forget(&app, &email).await.expect(202);
        app.advance(SignedDuration::from_secs(seconds));
        let answer = reset(&app, &email, &code(&app, &email), NEW).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        app.drain().await;
    }
}

#[tokio::test]
async fn a_code_for_a_new_password_bears_five_tries_and_the_next_one_voids_it() {
    let app = app().await;
    app.person("mei").await;
    forget(&app, MEI).await.expect(202);
    let first = code(&app, MEI);
    for _ in 0..5 {
        let wrong = reset(&app, MEI, other_than(&first), NEW).await;
        assert_eq!(
            (wrong.status, wrong.problem(), wrong.field()),
            (422, "wrong-code", "/code")
        );
    }
    reset(&app, MEI, &first, NEW).await.expect(422);
    forget(&app, MEI).await.expect(202);
    let second = code(&app, MEI);
    assert_ne!(first, second);
    reset(&app, MEI, &first, NEW).await.expect(422);
    reset(&app, MEI, &second, NEW).await.expect(201);
    app.drain().await;
}

#[tokio::test]
async fn a_code_of_one_purpose_is_worth_nothing_for_the_other() {
    let app = app().await;
    app.person("mei").await;
    let waiting = sign_up(&app, "new@example.com", &[]).await.expect(202);
    let proof = code(&app, "new@example.com");
    reset(&app, "new@example.com", &proof, NEW).await.expect(422);
    forget(&app, MEI).await.expect(202);
    let body = json!({ "email": MEI, "signup_id": waiting.json["signup_id"], "code": code(&app, MEI) });
    let crossed = app.ask("POST", "/v1/accounts/verify", Some(body)).await;
    assert_eq!((crossed.status, crossed.problem()), (422, "wrong-code"));
}

#[tokio::test]
async fn every_route_that_takes_a_password_says_what_it_must_be() {
    let app = app().await;
    let mei = app.person("mei").await;
    forget(&app, MEI).await.expect(202);
    let right = code(&app, MEI);
    let policy = app.stack.policy_version().unwrap();
    let before = World::of(&app);
    let (short, long) = ("x".repeat(7), "x".repeat(73));
    let send = async |route: usize, password: &str| {
        let new = json!({ "email": "new@example.com", "password": password, "policy_version": policy });
        match route {
            0 => app.ask("POST", "/v1/accounts", Some(new)).await,
            1 => reset(&app, MEI, &right, password).await,
            2 => change(&app, &mei, PASSWORD, password).await,
            3 => change(&app, &mei, password, NEW).await,
            _ => sign_in(&app, MEI, password).await,
        }
    };
    let fields = [
        "/password",
        "/password",
        "/new_password",
        "/current_password",
        "/password",
    ];
    for (route, field) in fields.into_iter().enumerate() {
        for password in [&short, &long] {
            let answer = send(route, password).await;
            assert_eq!(
                (answer.status, answer.problem(), answer.field()),
                (422, "invalid-field", field)
            );
        }
    }
    for (route, field) in fields.into_iter().enumerate().take(3) {
        let answer = send(route, "password1").await;
        assert_eq!(
            (answer.status, answer.problem(), answer.field()),
            (422, "password-too-common", field)
        );
    }
    assert!(World::of(&app) == before);
}
