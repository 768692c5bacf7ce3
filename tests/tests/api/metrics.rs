//! What is measured of pictures, as CloudWatch reads it out of the log.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{PASSWORD, TestApp};
use vitrine::sim::{Fault, Provider};

use crate::logs;
use crate::support::{app, order};

/// The metrics of a picture, in their order, with their values.
fn measured(id: &str) -> Vec<(String, u64)> {
    let lines = logs::all();
    let of_picture = lines
        .lines()
        .filter(|line| line.contains(id) && line.contains("\"_aws\""));
    of_picture
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let metrics = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(metrics["Namespace"], "Vitrine");
            assert_eq!(line["stage"], "local");
            let name = metrics["Metrics"][0]["Name"].as_str().unwrap().to_owned();
            let value = line[&name].as_u64().unwrap();
            (name, value)
        })
        .collect()
}

fn named(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

/// A stack at a time of its own, so that its pictures have ids which no other test's have: all write one log.
async fn at(days: i64) -> TestApp {
    let app = app().await;
    app.advance(SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(4_711));
    app
}

fn fault(app: &TestApp, fault: Fault) {
    app.stack.simulators.fault(Provider::Seedream, 100, fault).unwrap();
}

#[tokio::test]
async fn a_picture_is_measured_once_by_its_end_and_by_who_was_asked() {
    logs::keep();
    let app = at(1).await;
    let mei = app.person("mei").await;
    let ready = order(&app, &mei, "a bowl").await;
    let refused = order(&app, &mei, "FORBIDDEN").await;
    app.drain().await;
    fault(
        &app,
        Fault {
            error: Some("QuotaExceeded".to_owned()),
            ..Fault::default()
        },
    );
    let backup = order(&app, &mei, "a jug").await;
    app.drain().await;
    assert_eq!(measured(&ready), named(&[("PicturesReady", 1)]));
    assert_eq!(measured(&refused), named(&[("PicturesRefused", 1)]));
    assert_eq!(
        measured(&backup),
        named(&[("PicturesReady", 1), ("PicturesByBackup", 1)])
    );
}

#[tokio::test]
async fn what_may_have_been_paid_for_nothing_is_measured_with_its_price() {
    logs::keep();
    let app = at(2).await;
    let mei = app.person("mei").await;
    let lost = Fault {
        reset: true,
        after_work: true,
        ..Fault::default()
    };
    fault(&app, lost);
    let id = order(&app, &mei, "a bowl").await;
    app.drain().await;
    let expected = [("PicturesFailed", 1), ("OutcomesUnknown", 1), ("PerhapsLostFen", 22)];
    assert_eq!(measured(&id), named(&expected));
}

/// Whether a line says that this metric stood at this number.
fn stood(metric: &str, at: u64) -> bool {
    let lines = logs::all();
    lines.lines().any(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line[metric] == at && line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] == metric
    })
}

#[tokio::test]
async fn how_long_an_answer_took_stands_in_its_own_line_and_a_refusal_is_counted() {
    logs::keep();
    let app = at(3).await;
    let refused = app.ask("GET", "/v1/account", None).await.expect(401);
    let request = refused.header("x-request-id");
    let lines = logs::all();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["request_id"] == request)
        .collect();
    let [counted, answered] = lines.as_slice() else {
        panic!("{lines:#?}")
    };
    assert_eq!(
        (&counted["message"], &counted["Refusals"]),
        (&"Measured".into(), &1.into())
    );
    assert_eq!(
        (&answered["message"], &answered["status"]),
        (&"Answered".into(), &401.into())
    );
    assert_eq!(answered["Latency"], answered["ms"]);
    let metric = &answered["_aws"]["CloudWatchMetrics"][0]["Metrics"][0];
    assert_eq!(
        (&metric["Name"], &metric["Unit"]),
        (&"Latency".into(), &"Milliseconds".into())
    );
}

#[tokio::test]
async fn what_is_under_way_and_what_is_late_is_measured_by_the_clock() {
    logs::keep();
    let mut app = at(4).await;
    // Both first: whoever signs up waits for his mail, and with it for all work.
    let (mei, wei) = (app.person("mei").await, app.person("wei").await);
    for person in [&mei, &wei] {
        for _ in 0..3 {
            order(&app, person, "a bowl").await;
        }
    }
    let asked = json!({ "email": "mei@example.com", "purpose": "reset_password" });
    app.ask("POST", "/v1/codes", Some(asked)).await.expect(202);
    // Nobody works, and its life is nearly over.
    app.advance(SignedDuration::from_secs(823));
    app.stack.run_schedule("settle-stale").await.unwrap();
    assert!(stood("HoldsOpen", 6) && stood("OutboxAge", 823));
    app.leave_work();
}

#[tokio::test]
async fn a_deletion_that_is_an_hour_late_is_measured_and_one_that_is_carried_out_is_not() {
    logs::keep();
    let app = at(5).await;
    for name in ["mei", "wei", "jun", "ana", "bo"] {
        let person = app.person(name).await;
        let body = json!({ "password": PASSWORD, "forfeit_credits": true });
        app.request(
            "DELETE",
            "/v1/account",
            Some(&person.token),
            &[],
            Some(body.to_string()),
        )
        .await
        .expect(202);
    }
    app.drain().await;
    app.advance(SignedDuration::from_hours(73));
    app.stack.run_schedule("requests-watch").await.unwrap();
    assert!(stood("DeletionsDue", 5));
}

#[tokio::test]
async fn a_breaker_that_opens_is_measured_once() {
    logs::keep();
    let opened = || logs::all().matches("\"BreakerOpened\":1").count();
    let app = at(6).await;
    let mei = app.person("mei").await;
    let before = opened();
    fault(
        &app,
        Fault {
            status: Some(401),
            ..Fault::default()
        },
    );
    order(&app, &mei, "a bowl").await;
    app.drain().await;
    assert!(opened() > before);
}
