//! The sparse indexes of pictures, and walks through the whole table.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use shared::Id;
use shared::domain::image::{Failure, LIFE};
use shared::domain::{Image, ObjectKey, Store};
use shared::ids;
use shared::store::images::{Ending, ImageKey, Walked};

use crate::World;
use crate::people::LEASE;

const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

async fn ended(world: &World, ending: Ending) -> Image {
    let image = world.ordered(world.ids.next()).await;
    let image = world.take(&image).await;
    let end = world.images().ending_write(&image, ending, None, world.now()).unwrap();
    assert_eq!(world.commit([end]).await, []);
    image
}

async fn due(world: &World, limit: i32) -> Vec<Id<ids::Image>> {
    let due = world.images().due(world.now(), limit).await.unwrap();
    due.into_iter().map(|key| key.id).collect()
}

#[tokio::test]
async fn what_nobody_is_at_is_due_the_longest_waiting_first() {
    let world = World::with(&["images"]).await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(world.ordered(world.ids.next()).await.id);
        world.advance(SignedDuration::from_secs(1));
    }
    ended(&world, Ending::Failed(Failure::NotStored)).await;
    assert_eq!(due(&world, 10).await, []);
    world.advance(TEN_MINUTES);
    assert_eq!(due(&world, 10).await, ids);
    assert_eq!(due(&world, 4).await, ids[..4]);
}

#[tokio::test]
async fn one_that_is_being_worked_at_or_was_woken_is_due_later() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let (taken, woken) = (
        world.ordered(world.ids.next()).await,
        world.ordered(world.ids.next()).await,
    );
    world.advance(TEN_MINUTES);
    assert!(images.wake(&woken, world.now()).await.unwrap());
    images.claim((&taken).into(), LEASE, world.now()).await.unwrap();
    assert_eq!(due(&world, 10).await, []);
    // It is not as it was read any more.
    assert!(!images.wake(&taken, world.now()).await.unwrap());
    world.advance(LEASE);
    assert_eq!(due(&world, 10).await, [taken.id]);
    world.advance(TEN_MINUTES - LEASE);
    assert_eq!(due(&world, 10).await, [taken.id, woken.id]);
}

#[tokio::test]
async fn the_index_says_which_picture_names_an_object() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = world.ordered(world.ids.next()).await;
    let mut image = world.take(&image).await;
    let key = ObjectKey::new(&world.entropy, "jpg");
    assert_eq!(images.named_by(&key).await.unwrap(), None);
    assert!(images.dispatched(&image).await.unwrap());
    image.result_url = Some("https://x.volces.com/p".to_owned());
    assert!(images.painted(&image).await.unwrap());
    assert!(images.storing(&image, &key, Store::Cos).await.unwrap());
    assert_eq!(images.named_by(&key).await.unwrap(), Some((&image).into()));
    assert!(images.abandoned(&image).await.unwrap());
    assert_eq!(images.named_by(&key).await.unwrap(), None);
}

/// A walk from beginning to end, a few items a page.
async fn walk(step: impl AsyncFn(Option<ImageKey>) -> Walked) -> (BTreeSet<Id<ids::Image>>, usize) {
    let (mut found, mut pages, mut from) = (BTreeSet::new(), 0, None);
    loop {
        let page = step(from).await;
        found.extend(page.images.iter().map(|image| image.id));
        pages += 1;
        assert!(pages < 100, "a walk without end");
        match page.next {
            Some(next) => from = Some(next),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
async fn a_walk_passes_every_item_and_finds_what_it_looks_for_over_empty_pages() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let old: BTreeSet<_> = [ended(&world, Ending::Ready).await.id].into();
    world.advance(LIFE);
    let mut ready = BTreeSet::new();
    for _ in 0..3 {
        ready.insert(ended(&world, Ending::Ready).await.id);
        for _ in 0..3 {
            ended(&world, Ending::Failed(Failure::NotStored)).await;
        }
    }
    let now = world.now();
    let (found, pages) = walk(async |from| images.past_their_time(from, 2, world.now()).await.unwrap()).await;
    assert_eq!(found, old);
    assert!(pages >= 7, "13 items, two a page: {pages}");
    let (found, _) = walk(async |from| images.downloadable(from, 2, now).await.unwrap()).await;
    assert_eq!(found, ready);
    let one = *ready.first().unwrap();
    let (found, _) = walk(async |from| images.whose(one, from, 5).await.unwrap()).await;
    assert_eq!(found, BTreeSet::from([one]));
}

#[tokio::test]
async fn what_ttl_has_not_removed_yet_is_removed_and_nothing_else_is() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let (old, open) = (
        ended(&world, Ending::Ready).await,
        world.ordered(world.ids.next()).await,
    );
    let removed = |image: &Image| images.remove_past_its_time(image.into(), world.now());
    assert!(!removed(&old).await.unwrap(), "its time is not over");
    world.advance(LIFE);
    assert!(removed(&old).await.unwrap());
    assert!(removed(&old).await.unwrap(), "that it is gone is success");
    assert!(
        !removed(&open).await.unwrap(),
        "one that holds a credit has to end first"
    );
    assert_eq!(world.items("images").await.len(), 1);
}
