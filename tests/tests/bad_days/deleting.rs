//! Owners who do not want their picture any more, at the worst of times.

use jiff::SignedDuration;
use shared::domain::Store;
use shared::domain::image::LIFE;
use tests::day::{Day, PAINT, day};
use vitrine::lab::kill_at;

/// How many suspensions into its life a worker is when it has asked the model.
const ASKING: u64 = 12;

#[test]
fn a_picture_deleted_while_it_waits_is_never_asked_for() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.delete(key).await;
        day.lab.live_on().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await.seedream, 0);
        assert_eq!(day.lab.ledger(&day.seller).await.unwrap().balance.available.0, 20);
    });
}

#[test]
fn a_picture_deleted_while_it_is_painted_goes_with_its_outcome() {
    for n in 1..40 {
        day(async |day: &Day| {
            let key = day.order("bowl").await;
            day.lab.pump().unwrap();
            let sandbox = day.lab.sandbox().unwrap();
            let mut work = sandbox.work(PAINT);
            // So far and no further, while its owner deletes.
            let mut ended = false;
            for _ in 0..n {
                ended = ended || futures::poll!(&mut work).is_ready();
                tokio::task::yield_now().await;
            }
            day.delete(key).await;
            if !ended {
                work.await.unwrap();
            }
            day.lab.live_on().await.unwrap();
            assert_eq!(day.fate_of(key, "bowl").await.state, "gone");
            assert!(day.lab.objects(Store::Cos).unwrap().is_empty());
        });
    }
}

#[test]
fn a_picture_deleted_twice_is_deleted_once() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        day.delete(key).await;
        assert!(day.lab.delete(key).await.is_err(), "there is no such picture");
        let unfinished = day.order("jug").await;
        day.delete(unfinished).await;
        day.delete(unfinished).await;
        day.lab.live_on().await.unwrap();
    });
}

#[test]
fn a_picture_whose_account_is_erased_while_it_is_painted_leaves_nothing() {
    for n in [2, ASKING, 16, 20] {
        day(async |day: &Day| {
            let key = day.order("bowl").await;
            day.lab.pump().unwrap();
            kill_at(n, day.lab.work(PAINT)).await;
            day.lab.erase(&day.seller).await.unwrap();
            day.forget(key);
            day.lab.live_on().await.unwrap();
            day.lab.sweep_twice().await.unwrap();
            assert_eq!(day.fate_of(key, "bowl").await.state, "gone");
            assert!(day.lab.objects(Store::Cos).unwrap().is_empty());
        });
    }
}

#[test]
fn a_picture_deleted_in_the_second_it_expires_is_gone_once() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        let left = (key.id.made_at() + LIFE).duration_since(day.lab.now());
        day.lab.advance(left - SignedDuration::from_secs(1)).await;
        let image = day.image(key).await;
        day.lab.advance(SignedDuration::from_secs(2)).await;
        day.is_to_be_gone(key);
        assert!(day.lab.expire().unwrap() > 0);
        assert!(day.lab.image(key).await.unwrap().is_none());
        // The request read it a moment before.
        day.lab.delete_as_read(image).await.unwrap();
        day.lab.live_on().await.unwrap();
        assert!(day.lab.objects(Store::Cos).unwrap().is_empty());
    });
}
