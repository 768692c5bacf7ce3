//! Guessing: limits that count it, and answers that tell a stranger nothing, judged by the work done and not by the clock.

use std::net::IpAddr;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, TestApp};

use crate::accounts::{code, other_than, sign_up, verify};
use crate::passwords::{forget, reset, sign_in};
use crate::support::{World, app, items, nameless};

const MEI: &str = "mei@example.com";
const NOBODY: &str = "nobody@example.com";
const NEW: &str = "a shelf of loud teapots";
const WRONG: &str = "a kiln of loud glazes";

/// What a request cost the database: every operation and what it consisted of.
async fn work(app: &TestApp, request: impl Future<Output = Answer>) -> (Answer, Vec<(String, Vec<String>)>) {
    drop(app.stack.engines.calls.take());
    let answer = request.await;
    let calls = app.stack.engines.calls.take().into_iter();
    let calls = calls.filter(|call| call.function != "mail-send");
    (answer, calls.map(|call| (call.operation, call.parts)).collect())
}

/// Fails when the two answers differ in anything but names and the address that was asked with.
#[track_caller]
fn alike(known: &Answer, unknown: &Answer) {
    let text = |answer: &Answer| nameless(answer).to_string().replace(NOBODY, MEI);
    assert_eq!((known.status, text(known)), (unknown.status, text(unknown)));
    // These differ between any two answers: names, the address's length, and what is left to the one source of both.
    let own = ["x-request-id", "date", "content-length", "ratelimit"];
    let headers = |answer: &Answer| {
        let headers = answer.headers.iter();
        headers
            .map(|(name, value)| {
                (
                    name.clone(),
                    Some(value.clone()).filter(|_| !own.contains(&name.as_str())),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(headers(known), headers(unknown));
}

#[tokio::test]
async fn signing_in_to_an_unknown_address_costs_the_same_work_as_a_wrong_password() {
    let app = app().await;
    app.person("mei").await;
    let (known, known_work) = work(&app, sign_in(&app, MEI, WRONG)).await;
    let (unknown, unknown_work) = work(&app, sign_in(&app, NOBODY, WRONG)).await;
    assert_eq!(known.status, 401);
    alike(&known, &unknown);
    assert_eq!(known_work, unknown_work);
    assert!(known_work.len() >= 4, "{known_work:?}");
}

#[tokio::test]
async fn a_code_for_an_address_without_an_account_costs_the_same_work_and_mails_nothing() {
    let app = app().await;
    app.person("mei").await;
    let mails = app.stack.simulators.mails(None).len();
    let (unknown, unknown_work) = work(&app, forget(&app, NOBODY)).await;
    assert_eq!(app.stack.simulators.mails(None).len(), mails);
    let (known, known_work) = work(&app, forget(&app, MEI)).await;
    assert_eq!(app.stack.simulators.mails(None).len(), mails + 1);
    alike(&known, &unknown);
    assert_eq!(known_work, unknown_work);
    assert!(
        known_work.iter().any(|(_, parts)| parts.len() == 2),
        "nothing was written together: {known_work:?}"
    );
}

#[tokio::test]
async fn a_wrong_code_for_an_address_without_an_account_costs_the_same_work() {
    let app = app().await;
    app.person("mei").await;
    forget(&app, MEI).await.expect(202);
    let wrong = other_than(&code(&app, MEI));
    // With a code that was promised and never mailed, and with none.
    let (known, known_work) = work(&app, reset(&app, MEI, wrong, NEW)).await;
    let (unknown, unknown_work) = work(&app, reset(&app, NOBODY, wrong, NEW)).await;
    assert_eq!((known.status, known.problem()), (422, "wrong-code"));
    alike(&known, &unknown);
    assert_eq!(known_work, unknown_work);
    forget(&app, NOBODY).await.expect(202);
    let (_, promised_work) = work(&app, reset(&app, NOBODY, wrong, NEW)).await;
    assert_eq!(known_work, promised_work);
}

#[tokio::test]
async fn another_code_for_a_sign_up_that_is_not_there_costs_the_same_work() {
    let app = app().await;
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let again = |email: &'static str| {
        let body = json!({ "purpose": "verify_email", "email": email, "signup_id": waiting.json["signup_id"] });
        app.ask("POST", "/v1/codes", Some(body))
    };
    let (known, known_work) = work(&app, again(MEI)).await;
    let (unknown, unknown_work) = work(&app, again(NOBODY)).await;
    alike(&known, &unknown);
    assert_eq!(known_work, unknown_work);
    app.drain().await;
}

#[tokio::test]
async fn what_was_written_for_nobody_is_gone_after_a_quarter_of_an_hour() {
    let app = app().await;
    let before = World::of(&app).apart_from_limits();
    forget(&app, NOBODY).await.expect(202);
    let written = items(&app, "accounts");
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(!format!("{written:?}{:?}", items(&app, "outbox")).contains("nobody@"));
    app.advance(SignedDuration::from_secs(15 * 60 + 1));
    app.drain().await;
    assert!(World::of(&app).apart_from_limits() == before);
}

/// Guesses until ten codes were wrong, over as many codes as that takes.
async fn ten_wrong(app: &TestApp, mail: impl AsyncFn(), guess: impl AsyncFn(&str) -> Answer) {
    for left in (0..10).rev() {
        if left == 4 {
            mail().await;
        }
        let answer = guess(other_than(&code(app, MEI))).await;
        assert_eq!((answer.status, answer.problem()), (422, "wrong-code"));
        let told = format!("\"wrong-codes\";r={left};");
        assert!(answer.header("ratelimit").starts_with(&told), "{:?}", answer.headers);
    }
    mail().await;
    let right = guess(&code(app, MEI)).await;
    assert_eq!((right.status, right.problem()), (429, "too-many-requests"));
    assert!(right.header("ratelimit").starts_with("\"wrong-codes\";r=0;"));
    let seconds: i64 = right.header("retry-after").parse().unwrap();
    app.advance(SignedDuration::from_secs(seconds));
    mail().await;
    guess(&code(app, MEI)).await.expect(201);
    app.drain().await;
}

#[tokio::test]
async fn ten_wrong_codes_a_day_are_the_end_of_guessing_a_new_password() {
    let app = app().await;
    app.person("mei").await;
    app.advance(SignedDuration::from_hours(1));
    forget(&app, MEI).await.expect(202);
    let mail = async || drop(forget(&app, MEI).await.expect(202));
    ten_wrong(&app, mail, async |code: &str| reset(&app, MEI, code, NEW).await).await;
}

#[tokio::test]
async fn ten_wrong_codes_a_day_are_the_end_of_guessing_a_sign_ups_code() {
    let app = app().await;
    // A little before the day's end, so that the sign-up outlives it.
    app.advance(SignedDuration::from_hours(12));
    let waiting = sign_up(&app, MEI, &[]).await.expect(202);
    let mail = async || {
        let body = json!({ "purpose": "verify_email", "email": MEI, "signup_id": waiting.json["signup_id"] });
        app.ask("POST", "/v1/codes", Some(body)).await.expect(202);
        app.drain().await;
    };
    ten_wrong(&app, mail, async |code: &str| verify(&app, MEI, &waiting, code).await).await;
}

#[tokio::test]
async fn wrong_codes_of_one_purpose_or_address_do_not_count_for_another() {
    let app = app().await;
    app.person("mei").await;
    app.person("other").await;
    forget(&app, MEI).await.expect(202);
    for _ in 0..10 {
        reset(&app, MEI, "135790", NEW).await.expect(422);
    }
    reset(&app, "MEI+shop@example.com", "135790", NEW).await.expect(429);
    forget(&app, "other@example.com").await.expect(202);
    reset(&app, "other@example.com", &code(&app, "other@example.com"), NEW)
        .await
        .expect(201);
    let waiting = sign_up(&app, "mei+x@example.com", &[]).await.expect(202);
    verify(&app, MEI, &waiting, "135790").await.expect(422);
    app.drain().await;
}

/// Sets what is counted for every source under `policy`.
fn set_uses(app: &TestApp, policy: &str, uses: u32) {
    let table = app.stack.template.table("limits").unwrap().name.clone();
    let prefix = format!("rate#{policy}#");
    let of_policy = |item: &Value| item["pk"]["S"].as_str().unwrap().starts_with(&prefix);
    for mut item in items(app, "limits").into_iter().filter(of_policy) {
        item["uses"] = json!({ "N": uses.to_string() });
        let put = json!({ "TableName": table, "Item": item });
        app.stack
            .engines
            .tables
            .database()
            .put_item(serde_json::from_value(put).unwrap())
            .unwrap();
    }
}

fn from(app: &TestApp, address: &str) {
    app.stack.see_from(address.parse::<IpAddr>().unwrap());
}

#[tokio::test]
async fn fifty_wrong_passwords_stop_a_network_and_nobody_else_whatever_the_addresses() {
    let app = app().await;
    app.person("mei").await;
    for (near, neighbour, far) in [
        ("203.0.113.7", "203.0.113.250", "203.0.114.7"),
        ("2001:db8:1:200::1", "2001:db8:1:2ff::9", "2001:db8:1:300::1"),
    ] {
        from(&app, near);
        sign_in(&app, "a@example.com", WRONG).await.expect(401);
        set_uses(&app, "sign-in-source", 49);
        sign_in(&app, "b@example.com", WRONG).await.expect(401);
        from(&app, neighbour);
        let before = World::of(&app);
        let answer = sign_in(&app, MEI, tests::PASSWORD).await;
        assert_eq!((answer.status, answer.problem()), (429, "too-many-requests"));
        assert!(answer.header("ratelimit").starts_with("\"sign-in-source\";r=0;"));
        assert!(World::of(&app) == before, "a refused source counts against the address");
        from(&app, far);
        sign_in(&app, MEI, tests::PASSWORD).await.expect(201);
        app.advance(SignedDuration::from_secs(answer.header("retry-after").parse().unwrap()));
        from(&app, near);
        sign_in(&app, MEI, tests::PASSWORD).await.expect(201);
    }
}

#[tokio::test]
async fn the_sixty_first_code_for_one_network_within_half_an_hour_has_to_wait() {
    let app = app().await;
    from(&app, "203.0.113.7");
    for number in 0..60 {
        forget(&app, &format!("nobody-{number}@example.com")).await.expect(202);
    }
    let before = World::of(&app);
    let policy = app.stack.policy_version().unwrap();
    let new = json!({ "email": MEI, "password": NEW, "policy_version": policy });
    for refused in [
        forget(&app, MEI).await,
        app.ask("POST", "/v1/accounts", Some(new)).await,
    ] {
        assert_eq!((refused.status, refused.problem()), (429, "too-many-requests"));
        assert!(refused.header("ratelimit").starts_with("\"codes-source\";r=0;"));
    }
    assert!(World::of(&app) == before);
    from(&app, "203.0.114.7");
    forget(&app, MEI).await.expect(202);
}

#[tokio::test]
async fn what_is_counted_for_a_source_names_no_address_and_ends_within_the_hour() {
    let app = app().await;
    from(&app, "203.0.113.7");
    app.person("mei").await;
    sign_in(&app, MEI, WRONG).await.expect(401);
    let of_source = |item: &&Value| item["pk"]["S"].as_str().unwrap().contains("-source#");
    let counted = items(&app, "limits");
    let counted: Vec<&Value> = counted.iter().filter(of_source).collect();
    assert_eq!(counted.len(), 2, "{counted:?}");
    for item in counted {
        let ends: i64 = item["expires_at"]["N"].as_str().unwrap().parse().unwrap();
        assert!(ends - app.now().as_second() <= 3600, "{item}");
        assert!(!item.to_string().contains("203.0"), "{item}");
    }
}
