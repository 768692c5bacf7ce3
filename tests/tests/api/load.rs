//! Too many at once: who hashes passwords is protected, and nobody else notices.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, PASSWORD, Person, TestApp};

use crate::logs;
use crate::support::items;

/// What a route that hashes passwords takes at once, by `template.yaml`.
const BURST: usize = 10;

/// What the number-th of many people sends. Each has an address of their own, so that it is not the limit of an address that
/// answers; the first few have accounts, and every other one of those knows the password.
fn credentials(number: usize, known: &[Person]) -> Option<Value> {
    let password = if number.is_multiple_of(2) {
        PASSWORD
    } else {
        "a kiln of loud glazes"
    };
    let email = match known.get(number) {
        Some(person) => person.email.clone(),
        None => format!("someone{number}@example.com"),
    };
    Some(json!({ "email": email, "password": password }))
}

/// The gateway's own refusal, which is AWS's and not a problem of ours.
fn refused_by_the_gateway(answer: &Answer) -> bool {
    answer.status == 429
        && answer.header("content-type") == "application/json"
        && answer.json == json!({ "message": "Too Many Requests" })
}

#[tokio::test]
async fn of_two_hundred_sign_ins_at_once_the_excess_is_refused_before_any_hash_and_every_other_route_lives() {
    logs::keep();
    let app = TestApp::throttled().await;
    let mut people = Vec::new();
    for name in ["mei", "other", "third", "fourth"] {
        people.push(app.person(name).await);
    }
    let over = AtomicBool::new(false);
    let sign_ins = async {
        let sent = (0..200).map(|number| app.ask("POST", "/v1/sessions", credentials(number, &people)));
        let answers = join_all(sent).await;
        over.store(true, Ordering::SeqCst);
        answers
    };
    let others = async {
        // Each of these routes has a bucket of its own, which 100 rounds do not empty.
        for _ in 0..100 {
            app.ask("GET", "/v1/health", None).await.expect(200);
            for person in &people[..2] {
                app.get(person, "/v1/account").await.expect(200);
            }
            app.get(&people[2], "/v1/images").await.expect(200);
            if over.load(Ordering::SeqCst) {
                break;
            }
        }
    };
    let (answers, ()) = tokio::join!(sign_ins, others);

    let (refused, taken): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 429);
    for answer in &refused {
        assert!(refused_by_the_gateway(answer), "{}", answer.text);
    }
    for answer in &taken {
        match answer.status {
            201 => {}
            401 => assert_eq!(answer.problem(), "invalid-credentials"),
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert_eq!((taken.len(), refused.len()), (BURST, 200 - BURST));
    // A try is counted before its password is hashed: what was not counted was not hashed.
    let tried = items(&app, "limits")
        .iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("rate#sign-in#"))
        .count();
    assert_eq!(tried, BURST);
}

#[tokio::test]
async fn who_was_sent_away_by_the_gateway_gets_in_a_moment_later() {
    logs::keep();
    let app = TestApp::throttled().await;
    let mei = app.person("mei").await;
    let right = || Some(json!({ "email": mei.email, "password": PASSWORD }));
    let nobody = |number: usize| Some(json!({ "email": format!("someone{number}@example.com"), "password": PASSWORD }));
    join_all((0..BURST).map(|number| app.ask("POST", "/v1/sessions", nobody(number)))).await;
    let answer = app.ask("POST", "/v1/sessions", right()).await;
    assert!(refused_by_the_gateway(&answer), "{} {}", answer.status, answer.text);
    app.advance(SignedDuration::from_millis(50));
    app.ask("POST", "/v1/sessions", right()).await.expect(201);
}

#[tokio::test]
async fn two_hundred_sign_ups_at_once_make_no_more_than_the_gateway_lets_through() {
    logs::keep();
    let mut app = TestApp::throttled().await;
    let policy = app.stack.policy_version().unwrap();
    let sent = (0..200).map(|number| {
        let email = format!("someone{number}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "policy_version": policy });
        app.ask("POST", "/v1/accounts", Some(body))
    });
    let answers = join_all(sent).await;
    let taken = answers.iter().filter(|answer| answer.status == 202).count();
    let refused = answers.iter().filter(|answer| refused_by_the_gateway(answer)).count();
    assert_eq!((taken, refused), (BURST, 200 - BURST));
    assert_eq!(items(&app, "outbox").len(), BURST);
    app.leave_work();
}
