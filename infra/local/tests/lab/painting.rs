//! One picture, from its order to its end.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use shared::domain::{Credits, State, Store};
use vitrine::lab::{self, Party};
use vitrine::sim::{Fault, Provider};

use crate::ordered;

#[test]
fn a_picture_is_painted_and_its_credit_spent_without_a_socket() {
    lab::run(async {
        let (lab, seller, key) = ordered(1).await;
        assert_eq!(lab.ledger(&seller).await.unwrap().holds, [key.id.to_string()]);
        assert_eq!(lab.work("images-paint").await.unwrap().done, 1);
        let image = lab.image(key).await.unwrap().unwrap();
        assert_eq!(image.state, State::Ready);
        assert_eq!(lab.books().seedream.work.len(), 1);
        assert_eq!(
            lab.objects(Store::Cos).unwrap(),
            [image.object_key.unwrap().as_str().to_owned()]
        );
        let ledger = lab.ledger(&seller).await.unwrap();
        assert_eq!((ledger.balance.available, ledger.holds.len()), (Credits(2), 0));
        assert_eq!(lab.messages("images-paint").unwrap(), []);
    })
    .unwrap();
}

#[test]
fn a_deleted_picture_takes_its_object_with_it() {
    lab::run(async {
        let (lab, _, key) = ordered(1).await;
        lab.drain().await.unwrap();
        lab.delete(key).await.unwrap();
        lab.drain().await.unwrap();
        assert!(lab.objects(Store::Cos).unwrap().is_empty());
        assert!(lab.items("images").unwrap().is_empty());
    })
    .unwrap();
}

#[test]
fn thirty_days_pass_in_no_time() {
    lab::run(async {
        let (lab, _, key) = ordered(1).await;
        lab.drain().await.unwrap();
        lab.advance(SignedDuration::from_hours(30 * 24 + 1)).await;
        assert_eq!(lab.image(key).await.unwrap(), None);
        assert!(lab.expire().unwrap() >= 1);
        lab.drain().await.unwrap();
        assert!(lab.objects(Store::Cos).unwrap().is_empty());
    })
    .unwrap();
}

#[test]
fn a_model_that_hangs_costs_its_deadline_and_no_real_time() {
    let began = Instant::now();
    lab::run(async {
        let (lab, _, key) = ordered(1).await;
        let hang = Fault {
            delay_ms: 300_000,
            ..Fault::default()
        };
        lab.simulators.fault(Provider::Seedream, 1, hang).unwrap();
        let before = lab.now();
        lab.work("images-paint").await.unwrap();
        let waited = lab.now().duration_since(before);
        assert!(waited >= SignedDuration::from_secs(100), "{waited:?}");
        let image = lab.image(key).await.unwrap().unwrap();
        assert!(matches!(image.state, State::Failed(_)), "{:?}", image.state);
        // Nobody waits any more, and the model paints all the same.
        lab.advance(SignedDuration::from_secs(300)).await;
        assert_eq!(lab.books().seedream.work.len(), 1);
    })
    .unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn equal_seeds_give_equal_journals_byte_for_byte() {
    let journal = |seed| {
        lab::run(async move {
            let (lab, seller, _) = ordered(seed).await;
            for _ in 0..2 {
                lab.order(
                    &seller,
                    "walnut desk lamp",
                    shared::domain::Ratio::default(),
                    shared::domain::Fallback::default(),
                )
                .await
                .unwrap();
            }
            lab.pump().unwrap();
            lab.pauses(Duration::from_millis(40));
            let sandboxes = [lab.sandbox().unwrap(), lab.sandbox().unwrap(), lab.sandbox().unwrap()];
            let work = sandboxes.iter().map(|sandbox| sandbox.work("images-paint"));
            futures::future::try_join_all(work).await.unwrap();
            lab.journal.lines()
        })
        .unwrap()
    };
    assert_eq!(journal(7), journal(7));
    assert_ne!(journal(7), journal(8));
}

#[test]
fn the_journal_tells_who_asked_whom_for_what() {
    lab::run(async {
        let (lab, _, _) = ordered(1).await;
        lab.work("images-paint").await.unwrap();
        let entries = lab.journal.entries();
        let parties: Vec<_> = entries.iter().map(|entry| entry.party).collect();
        assert_eq!(parties[0], Party::Parameters);
        assert!(parties.contains(&Party::Store(Store::Cos)));
        assert!(entries.iter().all(|entry| &*entry.caller == "images-paint"));
        let paid = entries
            .iter()
            .filter(|entry| entry.what == "POST /api/v3/images/generations");
        assert_eq!(paid.count(), 1, "{}", lab.journal.lines());
    })
    .unwrap();
}
