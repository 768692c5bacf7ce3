//! Asking about one's data from outside: the code, what the machine does, and what waits for a person.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, Person, TestApp};

use crate::leaving::{erased, state};
use crate::logs;
use crate::support::{app, items, nameless};

async fn asked(app: &TestApp, email: &str, kind: &str, message: Option<&str>) -> Answer {
    let body = json!({ "email": email, "kind": kind, "message": message });
    app.ask("POST", "/v1/privacy-requests", Some(body)).await
}

async fn confirm(app: &TestApp, id: &Value, email: &str, code: &str) -> Answer {
    let path = format!("/v1/privacy-requests/{}/confirm", id.as_str().unwrap());
    app.ask("POST", &path, Some(json!({ "email": email, "code": code })))
        .await
}

/// Asks, and shows the code that was mailed.
async fn confirmed(app: &TestApp, person: &Person, kind: &str, message: Option<&str>) -> Value {
    let asked = asked(app, &person.email, kind, message).await.expect(202);
    app.drain().await;
    let code = app.mail_to(&person.email).and_then(|mail| mail.code).unwrap();
    let shown = confirm(app, &asked.json["id"], &person.email, &code).await.expect(200);
    app.drain().await;
    assert_eq!(shown.json["id"], asked.json["id"]);
    shown.json
}

/// The address in the newest mail to somebody that begins with this path.
fn mailed_address(app: &TestApp, person: &Person, path: &str) -> String {
    let text = app.mail_to(&person.email).unwrap().text.unwrap();
    let begin = format!("{}{path}", app.stack.api_url());
    let at = text.find(&begin);
    assert!(at.is_some(), "no {begin} in {text}");
    let rest = &text[at.unwrap() + app.stack.api_url().len()..];
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn access_is_answered_with_an_address_that_opens_once_and_no_data_is_mailed() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a walnut lamp").await;
    let request = confirmed(&app, &mei, "access", None).await;
    assert_eq!(
        (&request["state"], &request["due_at"]),
        (&json!("done"), &json!("2026-12-22T09:00:00Z"))
    );
    let mail = app.mail_to(&mei.email).unwrap();
    assert!(
        !mail.text.as_ref().unwrap().contains("walnut"),
        "data was mailed: {mail:?}"
    );
    let address = mailed_address(&app, &mei, "/v1/privacy-exports/");
    let export = app.ask("GET", &address, None).await.expect(200);
    assert_eq!(export.header("cache-control"), "no-store");
    let own = app.get(&mei, "/v1/account/export").await.expect(200);
    assert_eq!(
        (&export.json["account"], &export.json["orders"]),
        (&own.json["account"], &own.json["orders"])
    );
    assert_eq!(export.json["images"][0]["prompt"], "a walnut lamp");
    assert_eq!(export.json["requests"][0]["kind"], "access");
    let again = app.ask("GET", &address, None).await.expect(404);
    assert_eq!(again.problem(), "not-found");
}

#[tokio::test]
async fn an_address_that_nobody_opened_is_dead_after_seven_days() {
    let app = app().await;
    let mei = app.person("mei").await;
    for (days, status) in [(6, 200), (7, 404)] {
        confirmed(&app, &mei, "access", None).await;
        let address = mailed_address(&app, &mei, "/v1/privacy-exports/");
        app.advance(SignedDuration::from_hours(days * 24));
        app.ask("GET", &address, None).await.expect(status);
    }
}

#[tokio::test]
async fn a_deletion_asked_for_from_outside_ends_in_the_same_erasure_with_a_receipt() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a walnut lamp").await;
    let request = confirmed(&app, &mei, "deletion", None).await;
    assert_eq!(request["state"], "done");
    assert_eq!(
        app.get(&mei, "/v1/account").await.expect(401).problem(),
        "session-ended"
    );
    let receipt = mailed_address(&app, &mei, "/v1/deletions/");
    assert_eq!(state(&app, &receipt).await, "waiting");
    // Asking once more changes nothing.
    app.advance(SignedDuration::from_hours(1));
    confirmed(&app, &mei, "deletion", None).await;
    assert_eq!(state(&app, &receipt).await, "waiting");
    erased(&app).await;
    assert_eq!(state(&app, &receipt).await, "erased");
    let left = items(&app, "privacy");
    assert!(
        !left
            .iter()
            .any(|item| item["id"]["S"].as_str().unwrap().starts_with("prq_")),
        "{left:?}"
    );
}

#[tokio::test]
async fn an_unknown_address_gets_the_same_answers_and_no_mail() {
    let app = app().await;
    app.person("mei").await;
    let known = asked(&app, "mei@example.com", "correction", Some("my name"))
        .await
        .expect(202);
    let unknown = asked(&app, "nobody@example.com", "correction", Some("my name"))
        .await
        .expect(202);
    let alike = |answer: &Answer| {
        let names: Vec<String> = answer.json.as_object().unwrap().keys().cloned().collect();
        (answer.status, names, answer.header("ratelimit").len())
    };
    assert_eq!(alike(&known), alike(&unknown));
    app.drain().await;
    assert!(app.mail_to("nobody@example.com").is_none());
    for (answer, email) in [(&known, "mei@example.com"), (&unknown, "nobody@example.com")] {
        for _ in 0..6 {
            let wrong = confirm(&app, &answer.json["id"], email, "000000").await.expect(422);
            assert_eq!((wrong.problem(), wrong.field()), ("wrong-code", "/code"));
            assert_eq!(nameless(&wrong)["detail"], "/code is wrong or no longer good.");
        }
    }
    let kept = items(&app, "privacy");
    let of_nobody = kept.iter().find(|item| item["id"]["S"] == unknown.json["id"]).unwrap();
    assert!(
        of_nobody.get("email").is_none() && of_nobody.get("message").is_none(),
        "{of_nobody}"
    );
}

#[tokio::test]
async fn a_code_is_good_for_its_request_for_fifteen_minutes_and_once() {
    let app = app().await;
    let mei = app.person("mei").await;
    let one = asked(&app, &mei.email, "correction", None).await.expect(202).json;
    app.drain().await;
    let code = app.mail_to(&mei.email).and_then(|mail| mail.code).unwrap();
    let two = asked(&app, &mei.email, "correction", None).await.expect(202).json;
    app.drain().await;
    confirm(&app, &two["id"], &mei.email, &code).await.expect(422);
    confirm(&app, &one["id"], &mei.email, &code).await.expect(200);
    confirm(&app, &one["id"], &mei.email, &code).await.expect(422);
    let late = app.mail_to(&mei.email).and_then(|mail| mail.code).unwrap();
    app.advance(SignedDuration::from_mins(15));
    confirm(&app, &two["id"], &mei.email, &late).await.expect(422);
    let wrong = asked(&app, &mei.email, "gossip", None).await.expect(422);
    assert_eq!(wrong.field(), "/kind");
}

#[tokio::test]
async fn a_correction_waits_for_a_person_and_raises_the_alarm_a_week_before_it_is_due() {
    let app = app().await;
    let mei = app.person("mei").await;
    let request = confirmed(&app, &mei, "correction", Some("My name is written wrong.")).await;
    assert_eq!(request["state"], "confirmed");
    let export = app.get(&mei, "/v1/account/export").await.expect(200).json;
    assert_eq!(export["requests"][0]["message"], "My name is written wrong.");
    let id = request["id"].as_str().unwrap();
    let told = || {
        logs::all()
            .lines()
            .filter(|line| line.contains(id) && line.contains("has to be answered"))
            .count()
    };
    app.advance(SignedDuration::from_hours(23 * 24 - 1));
    app.stack.run_schedule("requests-watch").await.unwrap();
    assert_eq!(told(), 0, "there are more than seven days left");
    app.advance(SignedDuration::from_hours(1));
    app.stack.run_schedule("requests-watch").await.unwrap();
    assert_eq!(told(), 1);
    let measured = logs::all();
    assert!(measured.contains("PrivacyRequestsDue"), "nothing was measured");
}
