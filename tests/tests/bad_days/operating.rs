//! The parameter store's bad days: functions read their secrets when they start.

use futures::future::join_all;
use tests::day::{Day, Fate, PAINT, day};
use vitrine::engine::trouble::{Ordered, Trouble};

/// The parameter store turns the next questions away.
fn busy(day: &Day, next: u32) {
    let trouble = Ordered::next(next, Trouble::Throttled).of("GetParameters");
    day.lab.engines.troubles.order(trouble);
}

/// How often the parameter store was asked.
fn asked(day: &Day) -> usize {
    let lines = day.lab.journal.lines();
    lines.lines().filter(|line| line.contains("GetParameters")).count()
}

#[test]
fn a_busy_parameter_store_is_asked_again_and_the_function_starts() {
    for next in 1..=6 {
        day(async |day: &Day| {
            busy(day, next);
            let before = day.lab.now();
            day.lab.start("images-paint").await.unwrap();
            assert_eq!(asked(day), usize::try_from(next).unwrap() + 1);
            let took = day.lab.now().duration_since(before);
            assert!(took.as_millis() > 0, "it was asked again without a pause");
            // Lambda gives a start ten seconds.
            assert!(took.as_secs() < 8, "{next}: {took}");
        });
    }
}

#[test]
fn a_parameter_store_that_stays_busy_stops_the_start_with_one_line_and_the_next_start_works() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        busy(day, 1_000);
        let error = day.lab.start("images-paint").await.unwrap_err();
        let line = format!("{error:#}");
        assert_eq!(
            line,
            "the secrets named by COS_KEYS_PARAMETER, DASHSCOPE_KEY_PARAMETER, OSS_KEYS_PARAMETER, SEEDREAM_KEY_PARAMETER \
             could not be had: the parameter store is busy (ThrottlingException)"
        );
        // The worker does not start either, and its message waits.
        let worked = day.lab.work(PAINT).await.unwrap();
        assert_eq!((worked.done, worked.failed), (0, 1));
        day.lab.engines.troubles.clear();
        day.lab.live_on().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
    });
}

#[test]
fn a_parameter_store_that_does_not_answer_or_lets_nobody_read_is_told_apart_from_a_busy_one() {
    for (trouble, why) in [
        (Trouble::RequestLost, "does not answer"),
        (
            Trouble::Denied,
            "does not let this function read them (AccessDeniedException)",
        ),
    ] {
        day(async |day: &Day| {
            let trouble = Ordered::next(1_000, trouble).of("GetParameters");
            day.lab.engines.troubles.order(trouble);
            let error = day.lab.start("mail-send").await.unwrap_err();
            assert_eq!(
                format!("{error:#}"),
                format!("the secrets named by RESEND_KEY_PARAMETER could not be had: the parameter store {why}")
            );
        });
    }
}

#[test]
fn functions_that_start_all_at_once_all_come_through_a_busy_parameter_store() {
    for seed in 1..=5 {
        vitrine::lab::run(async {
            let day = Day::begin(seed).await;
            let functions = day.lab.secretive();
            assert!(functions.len() > 30, "{functions:?}");
            // Two of three questions are turned away.
            busy(&day, u32::try_from(functions.len()).unwrap() * 2);
            let starts = join_all(functions.iter().map(|function| day.lab.start(function))).await;
            for (function, start) in functions.iter().zip(starts) {
                start.unwrap_or_else(|error| panic!("seed {seed}, `{function}`: {error:#}"));
            }
        })
        .unwrap();
    }
}
