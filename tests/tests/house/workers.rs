//! Times and shapes on the way from a table to a worker, and from the clock to a function.

use shared::flows::painting::LEASE;
use shared::flows::{erasing, settling};
use vitrine::engine::input::InputTemplate;
use vitrine::engine::pattern::Pattern;
use vitrine::engine::schedules::interval;
use vitrine::template::QueueSpec;

use crate::host::LOCAL;

fn queue(short: &str) -> &'static QueueSpec {
    LOCAL
        .queue(short)
        .unwrap_or_else(|| panic!("there is no queue `{short}`"))
}

#[test]
fn a_lease_outlives_its_worker_and_ends_before_the_message_comes_again() {
    let painter = LOCAL.function("images-paint").unwrap();
    let lease = u32::try_from(LEASE.as_secs()).unwrap();
    assert!(
        lease > painter.timeout_s,
        "the lease ends after {lease} s, and a worker may be at work for {} s: two would paint",
        painter.timeout_s
    );
    let hidden = queue("images-paint").visibility_s;
    assert!(
        lease < hidden,
        "the message comes again after {hidden} s and would find the lease of {lease} s taken"
    );
}

#[test]
fn what_the_clock_wakes_takes_things_for_longer_than_it_may_run() {
    for (folder, lease) in [("accounts-erase", erasing::LEASE), ("settle-stale", settling::LEASE)] {
        let seconds = LOCAL.function(folder).unwrap().timeout_s;
        assert!(
            lease.as_secs() > i64::from(seconds),
            "`{folder}` may run for {seconds} s"
        );
    }
}

#[test]
fn a_queue_hides_a_message_six_times_as_long_as_its_worker_may_run() {
    let unrouted = LOCAL.functions.iter().filter(|function| function.routes.is_empty());
    for function in unrouted.filter(|function| LOCAL.schedule_of(&function.folder).is_none()) {
        let folder = &function.folder;
        let [event] = function.queue_events.as_slice() else {
            panic!("`{folder}` has neither a route nor a schedule nor one queue");
        };
        assert_eq!(&event.queue, folder, "the queue of `{folder}`");
        assert!(
            event.reports_failures,
            "`{folder}` does not say which messages of a batch failed"
        );
        let queue = queue(&event.queue);
        assert!(
            queue.visibility_s >= 6 * function.timeout_s,
            "the queue of `{folder}` hides a message for {} s; its worker may run for {} s, so {} s are needed",
            queue.visibility_s,
            function.timeout_s,
            6 * function.timeout_s
        );
        let dead = queue.dead_letters.as_ref();
        let dead = dead.unwrap_or_else(|| panic!("the queue of `{folder}` has no dead-letter queue"));
        assert_eq!(
            dead.queue,
            format!("{folder}-dead"),
            "where the queue of `{folder}` puts what it gives up on"
        );
        let (kept, kept_dead) = (queue.retention_s, self::queue(&dead.queue).retention_s);
        assert!(kept_dead > kept, "`{}` forgets before anybody can look", dead.queue);
    }
}

#[test]
fn a_scheduled_function_has_one_schedule_of_its_name_and_has_ended_when_it_is_due_again() {
    for schedule in &LOCAL.schedules {
        let name = &schedule.name;
        assert_eq!(name, &schedule.function, "the schedule `{name}` and its function");
        let twins = LOCAL.schedules.iter().filter(|other| other.function == *name).count();
        assert_eq!(twins, 1, "schedules of `{name}`");
        let function = LOCAL.function(name).unwrap();
        let every = interval(&schedule.expression).unwrap();
        // Lambda repeats a failed run after one minute and after two more.
        let longest = 3 * i64::from(function.timeout_s) + 3 * 60;
        assert!(
            i64::from(function.timeout_s) < every.as_secs() && longest <= 2 * every.as_secs(),
            "`{name}` may take {} s and is due every {} s",
            function.timeout_s,
            every.as_secs()
        );
        assert!(
            schedule.input.contains("<aws.scheduler.scheduled-time>"),
            "the input of `{name}`"
        );
    }
}

#[test]
fn every_pipe_has_a_stream_a_pattern_and_a_message_that_are_understood() {
    for pipe in &LOCAL.pipes {
        let name = &pipe.name;
        let table = LOCAL.table(&pipe.table);
        let table = table.unwrap_or_else(|| panic!("{name} reads `{}`, which is no table", pipe.table));
        assert_eq!(
            table.stream.as_deref(),
            Some("NEW_AND_OLD_IMAGES"),
            "the stream of `{}`, which {name} reads",
            pipe.table
        );
        queue(&pipe.queue);
        assert!(!pipe.filters.is_empty(), "{name} lets every change through");
        for filter in &pipe.filters {
            Pattern::read(filter).unwrap_or_else(|error| panic!("{name}: the pattern {filter}: {error:#}"));
        }
        let template = pipe.input_template.as_deref();
        let template =
            template.unwrap_or_else(|| panic!("{name} would put whole records, prompts and all, into a queue"));
        InputTemplate::read(template).unwrap_or_else(|error| panic!("{name}: {template}: {error:#}"));
        for secret in ["prompt", "text", "html", "subject", ".to."] {
            assert!(!template.contains(secret), "{name} puts `{secret}` into a queue");
        }
    }
}
