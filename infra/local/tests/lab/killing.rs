//! Workers that die wherever they wait.

use jiff::SignedDuration;
use shared::domain::{Credits, State};
use vitrine::lab::{self, End, kill_at};

use crate::ordered;

#[test]
fn every_point_where_a_worker_can_die_is_found_by_counting() {
    let points = lab::run(async {
        let (lab, _, _) = ordered(1).await;
        lab::count(lab.work("images-paint")).await.suspensions
    })
    .unwrap();
    assert!(points > 10, "{points}");
    for n in 1..=points + 1 {
        lab::run(async move {
            let (lab, _, _) = ordered(1).await;
            let life = kill_at(n, lab.work("images-paint")).await;
            assert_eq!(life.output.is_none(), n <= points, "suspension {n}");
            assert_eq!(life.suspensions, n.min(points));
            let dead = lab
                .journal
                .entries()
                .iter()
                .any(|entry| entry.end == Some(End::Dropped));
            assert_eq!(dead, n <= points, "{n}\n{}", lab.journal.lines());
        })
        .unwrap();
    }
}

#[test]
fn what_a_dead_worker_held_comes_again_and_is_paid_for_once() {
    let points = lab::run(async {
        let (lab, _, _) = ordered(1).await;
        lab::count(lab.work("images-paint")).await.suspensions
    })
    .unwrap();
    for n in 1..=points {
        lab::run(async move {
            let (lab, seller, key) = ordered(1).await;
            kill_at(n, lab.work("images-paint")).await;
            assert_eq!(lab.work("images-paint").await.unwrap().taken, 0, "it is hidden");
            for _ in 0..3 {
                lab.advance(SignedDuration::from_mins(20)).await;
                lab.drain().await.unwrap();
            }
            let image = lab.image(key).await.unwrap().unwrap();
            let ledger = lab.ledger(&seller).await.unwrap();
            assert!(image.state.is_final(), "killed at {n}: {:?}", image.state);
            assert!(ledger.holds.is_empty(), "killed at {n}");
            let left = if image.state == State::Ready { 2 } else { 3 };
            assert_eq!(ledger.balance.available, Credits(left), "killed at {n}");
            assert!(lab.books().seedream.work.len() <= 1, "killed at {n}");
        })
        .unwrap();
    }
}
