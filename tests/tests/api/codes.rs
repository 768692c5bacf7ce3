//! The codes that prove an address: six digits, a quarter of an hour, five tries, one use.

use jiff::SignedDuration;
use serde_json::json;
use tests::{Answer, TestApp};

use crate::accounts::{code, other_than, sign_up, verify};
use crate::support::{World, app, nameless};

const MEI: &str = "mei@example.com";

async fn another(app: &TestApp, email: &str, sign_up: &Answer) -> Answer {
    let body = json!({ "purpose": "verify_email", "email": email, "signup_id": sign_up.json["signup_id"] });
    let answer = app.ask("POST", "/v1/codes", Some(body)).await;
    app.drain().await;
    answer
}

#[tokio::test]
async fn after_five_wrong_codes_the_right_one_is_refused_too() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let right = code(&app, MEI);
    for _ in 0..5 {
        let wrong = verify(&app, MEI, &waiting, other_than(&right)).await;
        assert_eq!((wrong.status, wrong.problem()), (422, "wrong-code"));
    }
    let late = verify(&app, MEI, &waiting, &right).await;
    assert_eq!((late.status, late.problem()), (422, "wrong-code"));
    // A new code begins anew.
    another(&app, MEI, &waiting).await.expect(202);
    verify(&app, MEI, &waiting, &code(&app, MEI)).await.expect(201);
}

#[tokio::test]
async fn after_four_wrong_codes_the_right_one_still_passes() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let right = code(&app, MEI);
    for _ in 0..4 {
        verify(&app, MEI, &waiting, other_than(&right)).await.expect(422);
    }
    verify(&app, MEI, &waiting, &right).await.expect(201);
}

#[tokio::test]
async fn a_code_is_good_until_its_quarter_of_an_hour_is_over() {
    let app = app().await;
    for (name, seconds, status, kind) in [("early", 15 * 60 - 1, 201, ""), ("late", 15 * 60, 422, "code-expired")] {
        let email = format!("{name}@example.com");
        let waiting = sign_up(&app, &email, &[]).await.expect(202);
        let code = code(&app, &email);
        app.advance(SignedDuration::from_secs(seconds));
        let answer = verify(&app, &email, &waiting, &code).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        if status == 422 {
            assert_eq!((answer.problem(), answer.field()), (kind, "/code"));
        }
    }
}

#[tokio::test]
async fn only_whoever_has_the_code_is_told_that_it_has_expired() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let right = code(&app, MEI);
    app.advance(SignedDuration::from_mins(15));
    let wrong = verify(&app, MEI, &waiting, other_than(&right)).await;
    assert_eq!((wrong.status, wrong.problem()), (422, "wrong-code"));
}

#[tokio::test]
async fn a_code_is_used_once() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let right = code(&app, MEI);
    verify(&app, MEI, &waiting, &right).await.expect(201);
    let before = World::of(&app).apart_from_limits();
    let twice = verify(&app, MEI, &waiting, &right).await;
    assert_eq!((twice.status, twice.problem()), (422, "wrong-code"));
    assert!(World::of(&app).apart_from_limits() == before);
}

#[tokio::test]
async fn a_new_code_voids_the_one_before() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let first = code(&app, MEI);
    another(&app, MEI, &waiting).await.expect(202);
    let second = code(&app, MEI);
    assert_ne!(first, second);
    verify(&app, MEI, &waiting, &first).await.expect(422);
    verify(&app, MEI, &waiting, &second).await.expect(201);
}

#[tokio::test]
async fn a_code_for_a_sign_up_that_is_not_there_is_promised_alike_and_never_mailed() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let mails = app.stack.simulators.mails(None).len();
    let strange = another(&app, "nobody@example.com", &waiting).await.expect(202);
    assert_eq!(app.stack.simulators.mails(None).len(), mails);
    let known = another(&app, MEI, &waiting).await.expect(202);
    let mut expected = nameless(&known);
    expected["email"] = json!("nobody@example.com");
    assert_eq!(nameless(&strange), expected);
    assert_eq!(app.stack.simulators.mails(None).len(), mails + 1);
}

#[tokio::test]
async fn the_fourth_code_within_an_hour_has_to_wait() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    assert_eq!(
        waiting.header("ratelimit-policy"),
        "\"codes\";q=3;w=3600, \"codes-source\";q=60;w=1800"
    );
    assert!(
        waiting.header("ratelimit").starts_with("\"codes\";r=2;"),
        "{:?}",
        waiting.headers
    );
    another(&app, MEI, &waiting).await.expect(202);
    sign_up(&app, "MEI+shop@example.com", &[]).await.expect(202);
    let before = World::of(&app).apart_from_limits();
    for refused in [another(&app, MEI, &waiting).await, sign_up(&app, MEI, &[]).await] {
        assert_eq!((refused.status, refused.problem()), (429, "too-many-requests"));
        assert!(
            refused.header("ratelimit").starts_with("\"codes\";r=0;"),
            "{:?}",
            refused.headers
        );
        assert_eq!(refused.json["retry_after"].to_string(), refused.header("retry-after"));
    }
    assert!(World::of(&app).apart_from_limits() == before);
    // Somebody else's address is not touched by it.
    let other = sign_up(&app, "other@example.com", &[]).await.expect(202);
    let wait = another(&app, MEI, &waiting).await.expect(429);
    app.advance(SignedDuration::from_secs(wait.header("retry-after").parse().unwrap()));
    another(&app, MEI, &waiting).await.expect(202);
    drop(other);
}

#[tokio::test]
async fn a_request_for_a_code_has_the_fields_of_its_purpose_and_no_other() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let before = World::of(&app);
    let id = &waiting.json["signup_id"];
    for (body, kind, field) in [
        (json!({ "email": MEI, "signup_id": id }), "invalid-field", "/purpose"),
        (
            json!({ "purpose": "marketing", "email": MEI }),
            "invalid-field",
            "/purpose",
        ),
        (
            json!({ "purpose": "verify_email", "email": MEI }),
            "invalid-field",
            "/signup_id",
        ),
        (
            json!({ "purpose": "verify_email", "email": MEI, "signup_id": "zqxkiln" }),
            "invalid-field",
            "/signup_id",
        ),
        (
            json!({ "purpose": "reset_password", "email": MEI, "signup_id": id }),
            "unknown-field",
            "/signup_id",
        ),
        (
            json!({ "purpose": "reset_password", "email": MEI, "code": "1" }),
            "unknown-field",
            "/code",
        ),
        (
            json!({ "purpose": "reset_password", "email": "mei@" }),
            "invalid-field",
            "/email",
        ),
        (json!({ "purpose": "reset_password" }), "invalid-field", "/email"),
    ] {
        let answer = app.ask("POST", "/v1/codes", Some(body.clone())).await;
        assert_eq!(
            (answer.status, answer.problem(), answer.field()),
            (422, kind, field),
            "{body}: {}",
            answer.text
        );
    }
    assert!(World::of(&app) == before);
}

#[tokio::test]
async fn a_mail_speaks_the_language_of_the_request() {
    let app = app().await;
    for (language, subject, words) in [
        ("zh-CN,zh;q=0.9,en;q=0.5", "您的 Vitrine 验证码", "15 分钟内有效"),
        ("en-GB,zh;q=0.2", "Your Vitrine code", "15 minutes"),
        ("fr", "Your Vitrine code", "15 minutes"),
    ] {
        let email = format!("{}@example.com", &language[..2]);
        sign_up(&app, &email, &[("accept-language", language)])
            .await
            .expect(202);
        let mail = app.mail_to(&email).unwrap();
        assert_eq!(mail.subject, subject, "{language}");
        assert!(
            mail.text.unwrap().contains(words) && mail.html.unwrap().contains(words),
            "{language}"
        );
    }
}

#[tokio::test]
async fn a_malformed_proof_costs_no_try() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let right = code(&app, MEI);
    let before = World::of(&app);
    for bad in ["", "12345", "1234567", "12345a", "zqxkil", "１２３４５６"] {
        let answer = verify(&app, MEI, &waiting, bad).await;
        assert_eq!(
            (answer.status, answer.problem(), answer.field()),
            (422, "invalid-field", "/code"),
            "{bad:?}"
        );
    }
    let body = json!({ "email": MEI, "signup_id": "img_01kb0v1cqhe8svdnq7tqw8vz6n", "code": right });
    let answer = app.ask("POST", "/v1/accounts/verify", Some(body)).await;
    assert_eq!((answer.status, answer.field()), (422, "/signup_id"));
    assert!(World::of(&app) == before);
    verify(&app, MEI, &waiting, &right).await.expect(201);
}
