//! DynamoDB's bad days.

use tests::day::{Day, Fate, day};
use vitrine::engine::trouble::{Ordered, Trouble};
use vitrine::sim::Provider;

#[track_caller]
fn fate(ordered: Ordered) -> Fate {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        day.lab.engines.troubles.order(ordered.clone());
        day.lab.live_on().await.unwrap();
        day.fate_of(key, "bowl").await
    })
}

#[test]
fn a_database_that_throttles_delays_a_picture_and_loses_none() {
    for next in [1, 3, 9] {
        assert_eq!(
            fate(Ordered::next(next, Trouble::Throttled)),
            Fate::of("Ready", 1, 0, 1)
        );
    }
}

#[test]
fn a_transaction_that_meets_another_is_made_again() {
    let conflict = Ordered::next(3, Trouble::Conflict).of("TransactWriteItems");
    assert_eq!(fate(conflict), Fate::of("Ready", 1, 0, 1));
}

#[test]
fn an_end_whose_answer_was_lost_is_an_end() {
    let lost = Ordered::next(1, Trouble::ReplyLost).of("TransactWriteItems");
    assert_eq!(fate(lost), Fate::of("Ready", 1, 0, 1));
}

#[test]
fn a_step_whose_answer_was_lost_is_made_again_and_is_the_same_step() {
    for next in 1..=6 {
        let lost = Ordered::next(next, Trouble::ReplyLost).of("UpdateItem");
        let fate = fate(lost);
        assert!(fate.seedream <= 1 && fate.billed <= 1, "{next}: {fate:?}");
    }
}

#[test]
fn a_database_that_throttles_right_after_the_model_was_paid_loses_no_picture() {
    for by_backup in [false, true] {
        day(async |day: &Day| {
            if by_backup {
                day.fault(Provider::Seedream, 1, crate::status(401));
            }
            let key = day.order("bowl").await;
            day.lab.pump().unwrap();
            let asked = || {
                if by_backup {
                    !day.lab.books().dashscope.requests.is_empty()
                } else {
                    day.lab.billed("bowl") == 1
                }
            };
            let mut work = day.lab.work(tests::day::PAINT);
            while !asked() {
                assert!(futures::poll!(&mut work).is_pending(), "it has ended without asking");
                tokio::task::yield_now().await;
            }
            // Three tries of the client each, for half a minute.
            day.lab.engines.troubles.order(Ordered::next(15, Trouble::Throttled));
            assert_eq!(work.await.unwrap().done, 1);
            assert_eq!(day.image(key).await.attempt, 1);
            let fate = day.fate_of(key, "bowl").await;
            assert_eq!((fate.state.as_str(), fate.billed), ("Ready", 1));
        });
    }
}

#[test]
fn a_condition_that_does_not_hold_any_more_is_judged_anew() {
    // The balance changes between the worker's reading it and writing it: somebody orders in between.
    day(async |day: &Day| {
        let first = day.order("bowl").await;
        day.lab.pump().unwrap();
        let mut held = day.lab.engines.calls.hold("images-paint", "TransactWriteItems");
        let meanwhile = async {
            held.reached().await;
            let second = day.order("jug").await;
            drop(held);
            second
        };
        let (worked, second) = tokio::join!(day.lab.work(tests::day::PAINT), meanwhile);
        assert_eq!(worked.unwrap().done, 1);
        day.lab.live_on().await.unwrap();
        assert_eq!(day.fate_of(first, "bowl").await, Fate::of("Ready", 1, 0, 1));
        assert_eq!(day.fate_of(second, "jug").await, Fate::of("Ready", 1, 0, 1));
    });
}
