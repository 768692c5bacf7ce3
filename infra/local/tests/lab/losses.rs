//! Calls that are lost, by order and by chance.

use std::time::Duration;

use jiff::SignedDuration;
use shared::domain::image::Failure;
use shared::domain::{State, Store};
use vitrine::engine::trouble::{Ordered, Trouble};
use vitrine::lab::{self, Fault, Loss, Odds, Party};

use crate::ordered;

#[test]
fn a_refused_connection_is_known_to_have_cost_nothing_and_a_lost_answer_is_not() {
    for (loss, billed, state) in [
        (Loss::Refused, 1, State::Ready),
        (Loss::Request, 0, State::Failed(Failure::OutcomeUnknown)),
        (Loss::Reply, 1, State::Failed(Failure::OutcomeUnknown)),
    ] {
        lab::run(async move {
            let (lab, _, key) = ordered(1).await;
            lab.fault(Fault::next(1, Party::Provider, loss).saying("POST /api/v3"));
            lab.drain().await.unwrap();
            assert_eq!(lab.image(key).await.unwrap().unwrap().state, state, "{loss:?}");
            assert_eq!(lab.books().seedream.work.len(), billed, "{loss:?}");
        })
        .unwrap();
    }
}

#[test]
fn a_store_that_loses_its_answers_gets_the_picture_in_the_end() {
    lab::run(async {
        let (lab, _, key) = ordered(1).await;
        lab.fault(Fault::next(4, Party::Store(Store::Cos), Loss::Reply));
        for _ in 0..8 {
            lab.drain().await.unwrap();
            lab.advance(SignedDuration::from_mins(10)).await;
        }
        assert_eq!(lab.image(key).await.unwrap().unwrap().state, State::Ready);
        assert_eq!(lab.objects(Store::Cos).unwrap().len(), 1);
        assert_eq!(lab.books().seedream.work.len(), 1);
    })
    .unwrap();
}

#[test]
fn a_database_in_trouble_is_asked_again() {
    for trouble in [
        Trouble::Throttled,
        Trouble::Conflict,
        Trouble::RequestLost,
        Trouble::ReplyLost,
    ] {
        lab::run(async move {
            let (lab, seller, key) = ordered(1).await;
            lab.engines
                .troubles
                .order(Ordered::next(2, trouble).of("TransactWriteItems"));
            lab.drain().await.unwrap();
            assert_eq!(
                lab.image(key).await.unwrap().unwrap().state,
                State::Ready,
                "{trouble:?}"
            );
            assert!(lab.ledger(&seller).await.unwrap().holds.is_empty(), "{trouble:?}");
        })
        .unwrap();
    }
}

#[test]
fn bad_weather_is_repeated_by_its_seed() {
    let journal = || {
        lab::run(async {
            let (lab, _, _) = ordered(5).await;
            lab.pauses(Duration::from_millis(20));
            let odds = Odds {
                refused: 1000,
                request: 1000,
                reply: 1000,
            };
            lab.odds(Party::Database, odds);
            for _ in 0..4 {
                lab.drain().await.unwrap();
                lab.advance(SignedDuration::from_mins(20)).await;
            }
            lab.journal.lines()
        })
        .unwrap()
    };
    let first = journal();
    assert!(first.contains("lost on the way"), "{first}");
    assert_eq!(first, journal());
}
