use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use vitrine::engine::Engines;
use vitrine::engine::schedules::{Handler, interval};
use vitrine::engine::spec::ScheduleSpec;

use crate::support::{clock, engines, settings};

const FIVE_MINUTES: SignedDuration = SignedDuration::from_mins(5);

fn spec(name: &str) -> ScheduleSpec {
    ScheduleSpec {
        name: name.to_owned(),
        function: name.to_owned(),
        every: FIVE_MINUTES,
        input: r#"{"at":"<aws.scheduler.scheduled-time>","id":"<aws.scheduler.execution-id>"}"#.to_owned(),
        timeout: Some(Duration::from_secs(60)),
    }
}

type Inputs = Arc<Mutex<Vec<Value>>>;

fn woken() -> (Handler, Inputs) {
    let seen = Inputs::default();
    let inputs = Arc::clone(&seen);
    let handler: Handler = Arc::new(move |input| {
        inputs.lock().unwrap().push(input);
        async { Ok(()) }.boxed()
    });
    (handler, seen)
}

async fn ran(engines: &Engines) -> Vec<String> {
    engines.run_due_schedules().await.unwrap()
}

#[tokio::test]
async fn a_schedule_is_due_once_however_far_the_clock_was_moved() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (handler, seen) = woken();
    engines.schedules.attach(spec("settle"), handler).unwrap();
    assert!(ran(&engines).await.is_empty(), "nothing is due in the beginning");
    clock.advance(SignedDuration::from_secs(299));
    assert!(ran(&engines).await.is_empty(), "five minutes are not over");
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(ran(&engines).await, ["settle"]);
    assert!(ran(&engines).await.is_empty(), "it has just run");
    clock.advance(SignedDuration::from_hours(72));
    assert_eq!(ran(&engines).await, ["settle"]);
    assert!(ran(&engines).await.is_empty(), "three days are made up for by one run");
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_function_is_handed_the_input_with_the_schedulers_values_in_it() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (handler, seen) = woken();
    engines.schedules.attach(spec("settle"), handler.clone()).unwrap();
    clock.advance(SignedDuration::from_millis(1_500));
    engines.schedules.run("settle").await.unwrap();
    engines.schedules.run("settle").await.unwrap();
    let inputs = seen.lock().unwrap().clone();
    assert_eq!(
        inputs[0]["at"], "2026-11-22T09:00:01Z",
        "whole seconds, as the scheduler gives them"
    );
    assert_ne!(inputs[0]["id"], inputs[1]["id"], "each waking has a name of its own");

    let input = r#"{"attempt":"<aws.scheduler.attempt-number>"}"#.to_owned();
    let unknown = ScheduleSpec { input, ..spec("other") };
    engines.schedules.attach(unknown, handler).unwrap();
    let error = engines.schedules.run("other").await.unwrap_err();
    assert!(format!("{error:#}").contains("asks for a value"), "{error:#}");
}

#[tokio::test]
async fn what_was_run_before_a_restart_is_not_due_again_and_what_was_not_still_is() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let start = || async {
        let engines = Engines::start(settings(&clock, Some(folder.path()))).await.unwrap();
        for name in ["ran", "waits"] {
            engines.schedules.attach(spec(name), woken().0).unwrap();
        }
        engines
    };
    let engines = start().await;
    clock.advance(SignedDuration::from_mins(4));
    engines.schedules.run("ran").await.unwrap();
    engines.close().await;
    clock.advance(SignedDuration::from_mins(1));
    let engines = start().await;
    assert_eq!(ran(&engines).await, ["waits"]);
    let due: Vec<_> = engines
        .schedules
        .list()
        .iter()
        .map(|seen| seen.due.to_string())
        .collect();
    assert_eq!(due, ["2026-11-22T09:09:00Z", "2026-11-22T09:10:00Z"]);
    engines.close().await;
}

#[tokio::test]
async fn a_run_that_fails_or_panics_says_so_keeps_nobody_else_from_running_and_is_tried_when_due_again() {
    let clock = clock();
    let engines = engines(&clock).await;
    let failing: Handler = Arc::new(|_| async { Err(anyhow::anyhow!("no table")) }.boxed());
    let panicking: Handler = Arc::new(|_| async { panic!("it breaks") }.boxed());
    let (fine, seen) = woken();
    engines.schedules.attach(spec("a-failing"), failing).unwrap();
    engines.schedules.attach(spec("b-panicking"), panicking).unwrap();
    engines.schedules.attach(spec("c-fine"), fine.clone()).unwrap();
    clock.advance(FIVE_MINUTES);
    engines.run_due_schedules().await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 1);
    let why: Vec<_> = engines.schedules.list().into_iter().map(|seen| seen.failed).collect();
    assert_eq!(why, [Some("no table".to_owned()), Some("it panicked".to_owned()), None]);

    engines.schedules.attach(spec("a-failing"), fine.clone()).unwrap();
    engines.schedules.attach(spec("b-panicking"), fine).unwrap();
    assert!(ran(&engines).await.is_empty());
    clock.advance(FIVE_MINUTES);
    assert_eq!(ran(&engines).await, ["a-failing", "b-panicking", "c-fine"]);
    assert!(engines.schedules.list().iter().all(|seen| seen.failed.is_none()));
    let unknown = engines.schedules.run("nobody").await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no schedule `nobody`");
}

#[tokio::test]
async fn in_the_background_what_is_due_runs_by_itself() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (send, mut woken) = tokio::sync::mpsc::unbounded_channel();
    let handler: Handler = Arc::new(move |input| {
        send.send(input).unwrap();
        async { Ok(()) }.boxed()
    });
    engines.schedules.attach(spec("settle"), handler).unwrap();
    engines.run_in_background();
    clock.advance(FIVE_MINUTES);
    let input = tokio::time::timeout(Duration::from_secs(60), woken.recv())
        .await
        .unwrap();
    assert_eq!(input.unwrap()["at"], json!("2026-11-22T09:05:00Z"));
    engines.close().await;
}

#[test]
fn an_interval_is_written_as_eventbridge_wants_it() {
    for (expression, seconds) in [
        ("rate(1 minute)", Some(60)),
        ("rate(5 minutes)", Some(300)),
        ("rate(1 hour)", Some(3_600)),
        ("rate(2 days)", Some(172_800)),
        ("rate(1 minutes)", None),
        ("rate(5 minute)", None),
        ("rate(0 minutes)", None),
        ("rate(-5 minutes)", None),
        ("rate(5)", None),
        ("5 minutes", None),
        ("cron(0 12 * * ? *)", None),
    ] {
        let read = interval(expression).ok().map(|every| every.as_secs());
        assert_eq!(read, seconds, "{expression}");
    }
}
