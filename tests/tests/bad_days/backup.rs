//! DashScope's bad days, which are Seedream's as well.

use jiff::SignedDuration;
use tests::day::{Day, Fate, PAINT, day};
use vitrine::lab::{Fault as Trouble, Loss, Party};
use vitrine::sim::{Fault, Provider, TaskStatus};

use crate::{done, named, reset, status};

/// One picture on a day on which Seedream is out and DashScope's next calls fail so.
#[track_caller]
fn fate(next: u32, fault: Fault) -> Fate {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        day.fault(Provider::Dashscope, next, fault.clone());
        day.fate("bowl").await
    })
}

/// A task that ends so, inside of 200.
fn task(status: TaskStatus) -> Fault {
    Fault {
        task_status: Some(status),
        ..Fault::default()
    }
}

#[test]
fn a_task_that_failed_inside_of_200_fails_the_picture() {
    let fate = fate(1, task(TaskStatus::Failed));
    assert_eq!(fate, Fate::of("Failed(ModelUnavailable)", 1, 1, 0));
}

#[test]
fn a_task_that_nobody_knows_any_more_leaves_the_outcome_unknown() {
    let fate = fate(1, task(TaskStatus::Unknown));
    assert_eq!(fate.state, "Failed(OutcomeUnknown)");
}

#[test]
fn a_task_that_was_called_off_fails_the_picture() {
    let fate = fate(1, task(TaskStatus::Canceled));
    assert_eq!(fate, Fate::of("Failed(ModelUnavailable)", 1, 1, 0));
}

#[test]
fn a_prompt_that_the_backup_refuses_is_refused() {
    let fate = day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        day.fate("FORBIDDEN bowl").await
    });
    assert_eq!((fate.state.as_str(), fate.billed), ("Refused(Prompt)", 0));
}

#[test]
fn an_order_lost_before_its_task_had_a_name_is_not_given_again() {
    let fate = fate(1, done(reset()));
    assert_eq!((fate.state.as_str(), fate.dashscope), ("Failed(OutcomeUnknown)", 1));
}

#[test]
fn a_worker_killed_over_a_task_is_followed_by_one_that_goes_on_with_it() {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        let slow = Fault {
            task_s: 40,
            ..Fault::default()
        };
        day.fault(Provider::Dashscope, 1, slow);
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        let looked = async {
            let looks = || {
                day.lab
                    .books()
                    .dashscope
                    .requests
                    .iter()
                    .filter(|r| r.method == "GET")
                    .count()
            };
            while looks() < 3 {
                day.lab.advance(SignedDuration::from_millis(500)).await;
            }
        };
        tokio::select! {
            _ = day.lab.work(PAINT) => panic!("it has painted already"),
            () = looked => {}
        }
        day.lab.live_on().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 1, 1));
        assert_eq!(day.lab.books().dashscope.work.len(), 1, "one task");
    });
}

#[test]
fn a_task_that_takes_longer_than_a_worker_may_is_handed_on_at_once() {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        let slow = Fault {
            task_s: 600,
            ..Fault::default()
        };
        day.fault(Provider::Dashscope, 1, slow);
        let key = day.order("bowl").await;
        let began = day.lab.now();
        day.lab.drain().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 1, 1));
        assert!(day.image(key).await.attempt > 1);
        assert!(day.lab.now().duration_since(began) < SignedDuration::from_mins(15));
    });
}

#[test]
fn two_models_that_are_out_fail_the_picture_and_cost_nothing() {
    assert_eq!(fate(4, status(503)), Fate::of("Failed(ModelUnavailable)", 1, 2, 0));
    assert_eq!(
        fate(1, named("Arrearage")),
        Fate::of("Failed(ModelUnavailable)", 1, 1, 0)
    );
}

#[test]
fn a_backup_that_cannot_be_looked_at_for_a_while_is_looked_at_again() {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        let away = Trouble::next(60, Party::Provider, Loss::Request);
        day.lab.fault(away.saying("GET /api/v1/tasks"));
        assert_eq!(day.fate("bowl").await, Fate::of("Ready", 1, 1, 1));
    });
}

#[test]
fn nobody_asks_for_a_picture_that_the_days_budget_does_not_pay() {
    day(async |day: &Day| {
        day.lab.spend_everything().await.unwrap();
        assert_eq!(day.fate("bowl").await, Fate::of("Failed(BudgetSpent)", 0, 0, 0));
        day.lab.advance(SignedDuration::from_hours(24)).await;
        assert_eq!(day.fate("jug").await, Fate::of("Ready", 1, 0, 1));
    });
}
