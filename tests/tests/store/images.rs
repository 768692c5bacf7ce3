//! Pictures as their owners see them.

use jiff::SignedDuration;
use shared::domain::State;
use shared::domain::image::{Image, LIFE, Refusal};
use shared::store::Guard;
use shared::store::images::{Ending, ImageKey};
use shared::trace::Trace;

use crate::World;

#[tokio::test]
async fn an_order_is_found_as_it_was_given_and_by_its_owner_alone() {
    let world = World::with(&["images"]).await;
    let (images, account) = (world.images(), world.ids.next());
    let image = world.ordered(account).await;
    let found = images.find((&image).into(), world.now()).await.unwrap();
    // Written outside a request, the order is its own cause.
    let written = Image {
        trace: Some(Trace::of(image.id)),
        ..image.clone()
    };
    assert_eq!(found, Some(written));
    let elsewhere = ImageKey {
        account_id: world.ids.next(),
        id: image.id,
    };
    assert_eq!(images.find(elsewhere, world.now()).await.unwrap(), None);
    let again = images.order_write(&image).unwrap();
    assert_eq!(world.commit([again]).await, [Guard::Image]);
}

#[tokio::test]
async fn pictures_are_listed_newest_first_page_by_page() {
    let world = World::with(&["images"]).await;
    let (images, account) = (world.images(), world.ids.next());
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.ordered(account).await.id);
        world.ordered(world.ids.next()).await;
        world.advance(SignedDuration::from_millis(1));
    }
    ids.reverse();
    let list = |before, limit| {
        let images = images.clone();
        let now = world.now();
        async move {
            let page = images.list(account, before, limit, now).await.unwrap();
            page.into_iter().map(|image| image.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(None, 3).await, ids[..3]);
    assert_eq!(list(Some(ids[2]), 3).await, ids[3..]);
    assert_eq!(list(Some(ids[4]), 3).await, []);
}

#[tokio::test]
async fn a_picture_past_its_thirty_days_is_not_there_although_it_lies_there() {
    let world = World::with(&["images"]).await;
    let (images, account) = (world.images(), world.ids.next());
    let image = world.ordered(account).await;
    world.advance(LIFE - SignedDuration::from_millis(1));
    assert!(images.find((&image).into(), world.now()).await.unwrap().is_some());
    world.advance(SignedDuration::from_millis(1));
    assert_eq!(images.find((&image).into(), world.now()).await.unwrap(), None);
    assert_eq!(images.list(account, None, 10, world.now()).await.unwrap(), []);
    // But one that holds a credit is found by whoever has to end it.
    assert!(images.as_it_stands((&image).into()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_picture_is_removed_once_it_has_ended_and_marked_before() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = world.ordered(world.ids.next()).await;
    let removal = || images.removal_write(&image).unwrap();
    let mark = || images.deletion_mark_write(&image).unwrap();
    assert_eq!(world.commit([removal()]).await, [Guard::Image]);
    assert_eq!(world.commit([mark()]).await, []);
    let marked = world.take(&image).await;
    assert!(marked.delete_requested);
    // Its end is refused to a worker that does not know, and it goes with the right one.
    let refusal = Ending::Refused(Refusal::Prompt);
    let end = images.ending_write(&marked, refusal, None, world.now()).unwrap();
    assert_eq!(world.commit([end]).await, [Guard::Image]);
    assert_eq!(world.commit([images.farewell_write(&marked).unwrap()]).await, []);
    assert_eq!(world.commit([mark()]).await, [Guard::Image], "what is gone was marked");
    // That it is gone already is no obstacle.
    assert_eq!(world.commit([removal()]).await, []);
    assert_eq!(world.items("images").await.len(), 0);
}

#[tokio::test]
async fn what_has_ended_is_removed_and_cannot_be_marked() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = world.ordered(world.ids.next()).await;
    let claimed = world.take(&image).await;
    let refusal = Ending::Refused(Refusal::Picture);
    let end = images.ending_write(&claimed, refusal, None, world.now()).unwrap();
    assert_eq!(world.commit([end]).await, []);
    let ended = images.find((&image).into(), world.now()).await.unwrap().unwrap();
    assert_eq!(ended.state, State::Refused(Refusal::Picture));
    assert_eq!(ended.finished_at, Some(world.now()));
    assert_eq!(
        world.commit([images.deletion_mark_write(&ended).unwrap()]).await,
        [Guard::Image]
    );
    assert_eq!(
        world.commit([images.farewell_write(&claimed).unwrap()]).await,
        [Guard::Image]
    );
    assert_eq!(world.commit([images.removal_write(&ended).unwrap()]).await, []);
    assert_eq!(world.items("images").await.len(), 0);
}
