//! Seedream's bad days.

use shared::domain::Fallback;
use shared::domain::image::BackupReason;
use tests::day::{Day, Fate, day};
use vitrine::lab::{Fault as Trouble, Loss, Party};
use vitrine::sim::{Fault, Provider};

use crate::{done, named, reset, status};

/// One picture on a day on which Seedream's next calls fail so.
#[track_caller]
fn fate(next: u32, fault: Fault) -> Fate {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, next, fault.clone());
        day.fate("bowl").await
    })
}

#[test]
fn a_refused_prompt_is_an_answer_and_goes_to_nobody_else() {
    let fate = day(async |day: &Day| day.fate("FORBIDDEN bowl").await);
    assert_eq!(fate, Fate::of("Refused(Prompt)", 1, 0, 0));
}

#[test]
fn a_refused_picture_is_an_answer_and_goes_to_nobody_else() {
    let fate = fate(1, named("OutputImageSensitiveContentDetected"));
    assert_eq!(fate, Fate::of("Refused(Picture)", 1, 0, 0));
}

#[test]
fn a_wrong_key_is_not_tried_twice_and_the_backup_paints() {
    assert_eq!(fate(1, status(401)), Fate::of("Ready", 1, 1, 1));
}

#[test]
fn an_unpaid_bill_is_not_tried_twice_and_the_backup_paints() {
    assert_eq!(fate(1, named("AccountOverdueError")), Fate::of("Ready", 1, 1, 1));
}

#[test]
fn an_unknown_model_is_not_tried_twice_and_the_backup_paints() {
    assert_eq!(
        fate(1, named("InvalidEndpointOrModel.NotFound")),
        Fate::of("Ready", 1, 1, 1)
    );
}

#[test]
fn a_busy_model_is_tried_once_more_and_then_the_backup_paints() {
    assert_eq!(fate(1, status(429)), Fate::of("Ready", 2, 0, 1));
    assert_eq!(fate(2, status(429)), Fate::of("Ready", 2, 1, 1));
}

#[test]
fn a_broken_model_is_tried_once_more_and_then_the_backup_paints() {
    assert_eq!(fate(1, status(500)), Fate::of("Ready", 2, 0, 1));
    assert_eq!(fate(2, status(500)), Fate::of("Ready", 2, 1, 1));
}

#[test]
fn a_gateways_502_leaves_the_outcome_unknown_and_nobody_is_asked_again() {
    assert_eq!(fate(1, done(status(502))), Fate::of("Failed(OutcomeUnknown)", 1, 0, 1));
    assert_eq!(fate(1, done(status(504))), Fate::of("Failed(OutcomeUnknown)", 1, 0, 1));
}

#[test]
fn an_error_inside_of_200_is_an_error_and_the_backup_paints() {
    let error = Fault {
        error_in_ok: true,
        ..Fault::default()
    };
    assert_eq!(fate(2, error), Fate::of("Ready", 2, 1, 1));
}

#[test]
fn a_200_without_a_picture_that_bills_nothing_sends_the_order_to_the_backup() {
    let empty = Fault {
        no_image: true,
        ..Fault::default()
    };
    assert_eq!(fate(2, empty), Fate::of("Ready", 2, 1, 1));
}

#[test]
fn a_200_that_cannot_be_read_leaves_the_outcome_unknown() {
    let broken = Fault {
        malformed: true,
        ..Fault::default()
    };
    assert_eq!(fate(1, broken), Fate::of("Failed(OutcomeUnknown)", 1, 0, 1));
}

#[test]
fn a_picture_of_another_size_is_delivered_and_says_so() {
    day(async |day: &Day| {
        let smaller = Fault {
            wrong_size: true,
            ..Fault::default()
        };
        day.fault(Provider::Seedream, 1, smaller);
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        let image = day.image(key).await;
        let (asked, got) = (image.requested.unwrap(), image.delivered.unwrap());
        assert_eq!((asked.width, got.width), (2048, 1024));
    });
}

#[test]
fn a_time_out_after_the_order_was_taken_leaves_the_outcome_unknown() {
    let slow = Fault {
        delay_ms: 200_000,
        ..Fault::default()
    };
    assert_eq!(fate(1, done(slow)), Fate::of("Failed(OutcomeUnknown)", 1, 0, 1));
}

#[test]
fn a_refused_connection_cost_nothing_and_the_backup_paints() {
    let fate = day(async |day: &Day| {
        let refused = Trouble::next(2, Party::Provider, Loss::Refused);
        day.lab.fault(refused.saying("/images/generations"));
        day.fate("bowl").await
    });
    assert_eq!(fate, Fate::of("Ready", 0, 1, 1));
}

#[test]
fn a_connection_cut_before_or_after_the_work_leaves_the_outcome_unknown() {
    assert_eq!(fate(1, reset()), Fate::of("Failed(OutcomeUnknown)", 1, 0, 0));
    assert_eq!(fate(1, done(reset())), Fate::of("Failed(OutcomeUnknown)", 1, 0, 1));
}

#[test]
fn the_backup_paints_for_nobody_who_does_not_want_it() {
    let fate = day(async |day: &Day| {
        day.fault(Provider::Seedream, 2, status(500));
        let key = day.order_with("bowl", Fallback::Never).await;
        day.lab.live_on().await.unwrap();
        day.fate_of(key, "bowl").await
    });
    assert_eq!(fate, Fate::of("Failed(ModelUnavailable)", 2, 0, 0));
}

#[test]
fn a_model_that_failed_others_is_left_alone_then_probed_for_free_and_then_painted_with_again() {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        assert_eq!(day.fate("cup").await, Fate::of("Ready", 1, 1, 1));
        let key = day.order("bowl").await;
        day.lab.drain().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 0, 1, 1));
        assert_eq!(day.image(key).await.backup_because(), Some(BackupReason::PrimaryPaused));
        day.minutes(1).await;
        let asked = day.lab.books().seedream.requests_total;
        assert_eq!(day.fate("jug").await, Fate::of("Ready", 1, 0, 1));
        assert_eq!(
            day.lab.books().seedream.requests_total - asked,
            2,
            "a probe and a picture"
        );
        assert_eq!(day.fate("vase").await, Fate::of("Ready", 1, 0, 1));
        assert_eq!(
            day.lab.books().seedream.requests_total - asked,
            3,
            "a picture and no probe"
        );
    });
}

#[test]
fn of_many_workers_one_probes() {
    day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        day.fate("cup").await;
        day.minutes(1).await;
        day.fault(Provider::Seedream, 1_000, status(503));
        let asked = day.lab.books().seedream.requests_total;
        for number in 0..10 {
            day.order(&format!("bowl {number}")).await;
        }
        day.lab.pump().unwrap();
        let sandboxes: Vec<_> = (0..10).map(|_| day.lab.sandbox().unwrap()).collect();
        let work = sandboxes.iter().map(|sandbox| sandbox.work(tests::day::PAINT));
        futures::future::join_all(work).await;
        assert_eq!(day.lab.books().seedream.requests_total - asked, 1);
    });
}
