//! The stores' bad days.

use jiff::SignedDuration;
use shared::domain::Store;
use tests::day::{Day, Fate, day};
use vitrine::engine::objects::Fault as Down;
use vitrine::lab::{Fault as Trouble, Loss, Party};

fn down() -> Down {
    Down::fail(Some("PutObject"), 1_000, 503, "SlowDown")
}

#[test]
fn a_picture_goes_to_the_second_store_while_the_first_is_out_and_knows_it() {
    day(async |day: &Day| {
        day.lab.engines.objects.book().trouble(down());
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        let image = day.image(key).await;
        assert_eq!(image.stored_in, Some(Store::Oss));
        assert_eq!(day.lab.objects(Store::Cos).unwrap().len(), 0);
        assert_eq!(day.lab.objects(Store::Oss).unwrap().len(), 1);
        day.lab.engines.objects.book().calm();
        day.delete(key).await;
        day.lab.live_on().await.unwrap();
        assert!(day.lab.objects(Store::Oss).unwrap().is_empty());
    });
}

#[test]
fn an_object_whose_receipt_was_lost_is_erased_from_both_stores() {
    day(async |day: &Day| {
        let lost = Trouble::next(20, Party::Store(Store::Cos), Loss::Reply);
        day.lab.fault(lost.saying("PUT"));
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        assert_eq!(day.image(key).await.stored_in, Some(Store::Oss));
        assert_eq!(day.lab.objects(Store::Cos).unwrap().len(), 1, "it did take it");
        day.lab.clear_up();
        day.delete(key).await;
        day.lab.live_on().await.unwrap();
        assert!(day.lab.objects(Store::Cos).unwrap().is_empty());
        assert!(day.lab.objects(Store::Oss).unwrap().is_empty());
    });
}

#[test]
fn a_picture_that_no_store_takes_is_kept_until_one_does() {
    day(async |day: &Day| {
        let (cos, oss) = (&day.lab.engines.objects, &day.lab.engines.oss);
        cos.book().trouble(down());
        oss.book().trouble(down());
        let key = day.order("bowl").await;
        for _ in 0..6 {
            day.lab.drain().await.unwrap();
            day.minutes(30).await;
            day.lab.run("settle-stale").await.unwrap();
        }
        assert!(!day.image(key).await.state.is_final());
        oss.book().calm();
        day.lab.live_on().await.unwrap();
        cos.book().calm();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
    });
}

#[test]
fn a_picture_that_no_store_takes_before_its_link_dies_fails_and_gives_the_credit_back() {
    day(async |day: &Day| {
        let (cos, oss) = (&day.lab.engines.objects, &day.lab.engines.oss);
        cos.book().trouble(down());
        oss.book().trouble(down());
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        cos.book().calm();
        oss.book().calm();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Failed(NotStored)", 1, 0, 1));
        assert!(day.lab.now().duration_since(key.id.made_at()) > SignedDuration::from_hours(23));
    });
}

#[test]
fn a_store_that_is_out_when_a_picture_ends_keeps_nothing_in_the_other() {
    day(async |day: &Day| {
        let lost = Trouble::next(20, Party::Store(Store::Cos), Loss::Reply);
        day.lab.fault(lost.saying("PUT"));
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        day.lab.clear_up();
        let files = || [Store::Cos, Store::Oss].map(|store| day.lab.objects(store).unwrap().len());
        assert_eq!(files(), [1, 1], "it lies in both");
        day.is_to_be_gone(key);

        let cos = day.lab.engines.objects.book();
        cos.trouble(Down::down());
        day.lab.advance(SignedDuration::from_hours(30 * 24)).await;
        assert!(day.lab.run("objects-sweep").await.is_err());
        assert_eq!(files(), [1, 0]);
        cos.calm();
        day.lab.run("objects-sweep").await.unwrap();
        assert_eq!(files(), [0, 0]);
    });
}
