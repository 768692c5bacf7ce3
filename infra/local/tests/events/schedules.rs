use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use futures::FutureExt as _;
use jiff::SignedDuration;
use serde_json::Value;
use shared::schedule::Due;
use vitrine::engine::schedules::interval;
use vitrine::engine::spec::ScheduleSpec;
use vitrine::template::Template;

use crate::compare::assert_same;
use crate::support::{clock, engines, fixture};

#[tokio::test]
async fn a_schedule_of_the_template_hands_its_function_its_input_alone() {
    let template = Template::local().unwrap();
    let schedule = template.schedule_of("settle-stale").unwrap();
    let (clock, seen) = (clock(), Arc::new(Mutex::new(None)));
    let engines = engines(&clock);
    let book = Arc::clone(&seen);
    let spec = ScheduleSpec {
        name: schedule.name.clone(),
        function: schedule.function.clone(),
        every: interval(&schedule.expression).unwrap(),
        input: schedule.input.clone(),
        timeout: Some(Duration::from_secs(60)),
    };
    let handler = move |input| {
        *book.lock().unwrap() = Some(input);
        async { Ok(()) }.boxed()
    };
    engines.schedules.attach(spec, Arc::new(handler)).unwrap();
    clock.advance(SignedDuration::from_mins(5));
    assert_eq!(engines.run_due_schedules().await.unwrap(), ["settle-stale"]);
    let input: Value = seen.lock().unwrap().take().unwrap();
    assert_same(&input, &fixture("schedule-input"), &[]);
}

#[test]
fn a_scheduled_function_reads_the_templates_input_and_refuses_the_schedulers_own_event() {
    let due: Due = serde_json::from_value(fixture("schedule-input")).unwrap();
    assert_eq!(due.scheduled_at.to_string(), "2026-11-22T09:05:00Z");
    // What the scheduler sends where a schedule has no input: it parses as an event, and is none that ours are woken by.
    let event: EventBridgeEvent<Value> = serde_json::from_value(fixture("schedule-default")).unwrap();
    assert_eq!(
        (event.source.as_str(), event.detail_type.as_str()),
        ("aws.scheduler", "Scheduled Event")
    );
    serde_json::from_value::<Due>(fixture("schedule-default")).unwrap_err();
}
