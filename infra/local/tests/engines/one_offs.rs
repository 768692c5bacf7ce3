use std::sync::{Arc, Mutex};

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata as _;
use aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use futures::FutureExt as _;
use jiff::SignedDuration;
use serde_json::Value;
use vitrine::engine::Engines;
use vitrine::engine::grants::OPERATOR;
use vitrine::engine::schedules::Handler;
use vitrine::engine::trouble::{Ordered, Trouble};

use crate::support::{GROUP, ROLE, clock, engines, scheduler, settings};

const FUNCTION: &str = "vitrine-local-accounts-erase";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

type Inputs = Arc<Mutex<Vec<Value>>>;

/// A function that fails the first `failures` times.
fn sleeper(engines: &Engines, failures: usize) -> Inputs {
    let seen = Inputs::default();
    let inputs = Arc::clone(&seen);
    let handler: Handler = Arc::new(move |input| {
        let mut inputs = inputs.lock().unwrap();
        inputs.push(input);
        let fails = inputs.len() <= failures;
        async move { if fails { Err(anyhow::anyhow!("not yet")) } else { Ok(()) } }.boxed()
    });
    engines.one_offs.attach(FUNCTION, handler);
    seen
}

/// A waking in an hour, as the product orders it.
fn in_an_hour(client: &Client, name: &str) -> CreateScheduleFluentBuilder {
    let retries = RetryPolicy::builder()
        .maximum_retry_attempts(2)
        .maximum_event_age_in_seconds(3600)
        .build();
    let target = Target::builder()
        .arn(format!("arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}"))
        .role_arn(ROLE)
        .input(r#"{"at":"<aws.scheduler.scheduled-time>"}"#)
        .retry_policy(retries)
        .build()
        .unwrap();
    let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
    client
        .create_schedule()
        .group_name(GROUP)
        .name(name)
        .schedule_expression("at(2026-11-22T10:00:00)")
        .flexible_time_window(exact.unwrap())
        .target(target)
        .action_after_completion(ActionAfterCompletion::Delete)
}

#[tokio::test]
async fn a_function_is_woken_once_at_its_time_and_the_schedule_is_gone() {
    let clock = clock();
    let engines = engines(&clock).await;
    let seen = sleeper(&engines, 0);
    in_an_hour(&scheduler(&engines, "leaver"), "a").send().await.unwrap();
    clock.advance(HOUR - SignedDuration::from_secs(1));
    assert!(engines.run_due_schedules().await.unwrap().is_empty());
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(engines.run_due_schedules().await.unwrap(), [format!("{GROUP}/a")]);
    assert_eq!(seen.lock().unwrap()[0]["at"], "2026-11-22T10:00:00Z");
    clock.advance(HOUR);
    assert!(engines.run_due_schedules().await.unwrap().is_empty());
    assert_eq!((seen.lock().unwrap().len(), engines.one_offs.names().len()), (1, 0));
}

#[tokio::test]
async fn the_same_request_once_more_is_the_same_schedule_and_another_of_its_name_is_a_conflict() {
    let engines = engines(&clock()).await;
    let client = scheduler(&engines, "leaver");
    let first = in_an_hour(&client, "a").client_token("t").send().await.unwrap();
    let again = in_an_hour(&client, "a").client_token("t").send().await.unwrap();
    assert_eq!(first.schedule_arn(), again.schedule_arn());
    let other = in_an_hour(&client, "a").client_token("u").send().await.unwrap_err();
    assert!(other.into_service_error().is_conflict_exception());
    assert_eq!(engines.one_offs.names().len(), 1);
}

#[tokio::test]
async fn a_schedule_is_shown_and_removed_and_then_it_is_not_there() {
    let engines = engines(&clock()).await;
    in_an_hour(&scheduler(&engines, "leaver"), "a").send().await.unwrap();
    let shown = scheduler(&engines, OPERATOR)
        .get_schedule()
        .group_name(GROUP)
        .name("a")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (shown.schedule_expression(), shown.name()),
        (Some("at(2026-11-22T10:00:00)"), Some("a"))
    );
    let remove = || {
        scheduler(&engines, "returner")
            .delete_schedule()
            .group_name(GROUP)
            .name("a")
            .send()
    };
    remove().await.unwrap();
    assert!(
        remove()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    let absent = scheduler(&engines, OPERATOR)
        .get_schedule()
        .group_name(GROUP)
        .name("a")
        .send()
        .await;
    assert!(
        absent
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
}

#[tokio::test]
async fn what_was_not_allowed_or_asked_wrongly_is_refused_in_the_services_words() {
    let engines = engines(&clock()).await;
    let client = scheduler(&engines, "leaver");
    let refused = async |request: CreateScheduleFluentBuilder| {
        request
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .code()
            .unwrap_or_default()
            .to_owned()
    };
    let denied = scheduler(&engines, "returner");
    assert_eq!(refused(in_an_hour(&denied, "a")).await, "AccessDeniedException");
    let other_role = in_an_hour(&client, "a").get_target().clone().map(|mut target| {
        target.role_arn = "arn:aws:iam::000000000000:role/another".to_owned();
        target
    });
    assert_eq!(
        refused(in_an_hour(&client, "a").set_target(other_role)).await,
        "AccessDeniedException"
    );
    assert_eq!(
        refused(in_an_hour(&client, "a").group_name("nowhere")).await,
        "ResourceNotFoundException"
    );
    for wrong in ["at(tomorrow)", "2026-11-22T10:00:00", "at(2026-11-31T10:00:00)"] {
        let request = in_an_hour(&client, "a").schedule_expression(wrong);
        assert_eq!(refused(request).await, "ValidationException", "{wrong}");
    }
    assert_eq!(
        refused(in_an_hour(&client, &"n".repeat(65))).await,
        "ValidationException"
    );
    assert!(engines.one_offs.names().is_empty());
}

#[tokio::test]
async fn a_function_that_fails_is_woken_again_as_often_as_the_policy_says() {
    for (failures, calls) in [(2, 3), (9, 3)] {
        let clock = clock();
        let engines = engines(&clock).await;
        let seen = sleeper(&engines, failures);
        in_an_hour(&scheduler(&engines, "leaver"), "a").send().await.unwrap();
        clock.advance(HOUR);
        for minutes in [1, 2, 4, 8, 16] {
            drop(engines.run_due_schedules().await);
            clock.advance(SignedDuration::from_mins(minutes));
        }
        assert_eq!((seen.lock().unwrap().len(), engines.one_offs.names().len()), (calls, 0));
    }
}

#[tokio::test]
async fn what_was_ordered_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let start = async || Engines::start(settings(&clock, Some(folder.path()))).await.unwrap();
    let engines = start().await;
    in_an_hour(&scheduler(&engines, "leaver"), "a").send().await.unwrap();
    engines.close().await;
    drop(engines);
    let engines = start().await;
    let seen = sleeper(&engines, 0);
    clock.advance(HOUR);
    engines.run_due_schedules().await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn its_troubles_are_the_services_own_and_a_lost_reply_comes_after_the_work() {
    let engines = engines(&clock()).await;
    let client = scheduler(&engines, "leaver");
    for (trouble, code, there) in [
        (Trouble::Throttled, Some("ThrottlingException"), 0),
        (Trouble::Conflict, Some("ConflictException"), 0),
        (Trouble::RequestLost, None, 0),
        (Trouble::ReplyLost, None, 1),
    ] {
        engines.troubles.order(Ordered::next(1, trouble).of("CreateSchedule"));
        let error = in_an_hour(&client, "a").send().await.unwrap_err();
        assert_eq!(
            error.as_service_error().and_then(|error| error.code()),
            code,
            "{trouble:?}"
        );
        assert_eq!(engines.one_offs.names().len(), there, "{trouble:?}");
    }
    engines.one_offs.lose_all();
    assert!(engines.one_offs.names().is_empty());
}
