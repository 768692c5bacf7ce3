//! What is measured of pictures, as CloudWatch reads it out of the log.

use jiff::SignedDuration;
use serde_json::Value;
use tests::TestApp;
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
