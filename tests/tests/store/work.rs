//! What workers write about a picture.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use shared::domain::image::{Failure, Provider, TaskId, Try, TryOutcome};
use shared::domain::{Fen, Image, ObjectKey, PixelSize, State, Store};
use shared::store::Guard;
use shared::store::images::{Claim, Ending, ImageKey};

use crate::World;
use crate::people::LEASE;

const SQUARE: PixelSize = PixelSize {
    width: 2048,
    height: 2048,
};

async fn claimed(world: &World) -> Image {
    let image = world.ordered(world.ids.next()).await;
    world.take(&image).await
}

/// One that a model is being asked for.
async fn dispatched(world: &World) -> Image {
    let mut image = claimed(world).await;
    image.requested = Some(SQUARE);
    image.tries = vec![asked(world)];
    assert!(world.images().dispatched(&image).await.unwrap());
    image
}

/// One whose result is known.
async fn painted(world: &World) -> Image {
    let mut image = dispatched(world).await;
    image.model = Some("doubao-seedream-5-0-260128".to_owned());
    image.result_url = Some("https://x.volces.com/p?s=1".to_owned());
    image.tries[0].outcome = Some(TryOutcome::Painted);
    assert!(world.images().painted(&image).await.unwrap());
    image
}

fn asked(world: &World) -> Try {
    Try {
        at: world.now(),
        provider: Provider::Seedream,
        price: Fen(22),
        outcome: None,
        reason: None,
        ended_at: None,
    }
}

async fn found(world: &World, image: &Image) -> Image {
    world.images().as_it_stands(image.into()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_picture_goes_from_order_to_ready_and_leaves_nothing_behind_that_was_for_the_work() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let mut image = painted(&world).await;
    let key = ObjectKey::new(&world.entropy, "jpg");
    for store in [Store::Cos, Store::Oss, Store::Cos] {
        assert!(images.storing(&image, &key, store).await.unwrap());
    }
    let other = ObjectKey::new(&world.entropy, "jpg");
    assert!(
        !images.storing(&image, &other, Store::Cos).await.unwrap(),
        "two keys for one picture"
    );
    image.stored_in = Some(Store::Oss);
    world.advance(SignedDuration::from_secs(40));
    let end = images
        .ending_write(&image, Ending::Ready, Some(SQUARE), world.now())
        .unwrap();
    assert_eq!(world.commit([end]).await, []);
    let ready = found(&world, &image).await;
    assert_eq!(ready.state, State::Ready);
    assert_eq!(ready.stores, BTreeSet::from([Store::Cos, Store::Oss]));
    assert_eq!((ready.stored_in, ready.object_key), (Some(Store::Oss), Some(key)));
    assert_eq!((ready.requested, ready.delivered), (Some(SQUARE), Some(SQUARE)));
    assert_eq!((ready.tries, ready.model), (image.tries.clone(), image.model.clone()));
    let item = world.items("images").await.remove(0);
    let ends = image.expires_at().as_second().to_string();
    assert_eq!(item["expires_at"].as_n(), Ok(&ends));
    for gone in [
        "lease_until",
        "result_url",
        "task",
        "pending",
        "due_at",
        "wake",
        "refusal",
        "failure",
    ] {
        assert!(!item.contains_key(gone), "{gone} is left");
    }
}

#[tokio::test]
async fn of_fifty_workers_one_takes_a_picture() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = world.ordered(world.ids.next()).await;
    let claims = (0..50).map(|_| images.claim((&image).into(), LEASE, world.now()));
    let claims = futures::future::join_all(claims).await;
    let claims: Vec<Claim> = claims.into_iter().map(Result::unwrap).collect();
    let taken = claims.iter().filter(|claim| matches!(claim, Claim::Paint(_))).count();
    let busy = claims.iter().filter(|claim| matches!(claim, Claim::Busy)).count();
    assert_eq!((taken, busy), (1, 49));
    assert_eq!(found(&world, &image).await.attempt, 1);
}

#[tokio::test]
async fn a_worker_that_was_overtaken_changes_nothing_any_more() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let slow = claimed(&world).await;
    world.advance(LEASE);
    let Claim::Paint(quick) = images.claim((&slow).into(), LEASE, world.now()).await.unwrap() else {
        panic!("its lease is over")
    };
    assert_eq!((slow.attempt, quick.attempt), (1, 2));
    let before = world.items("images").await;
    assert!(!images.dispatched(&slow).await.unwrap());
    assert!(!images.accepted(&slow).await.unwrap());
    assert!(!images.painted(&slow).await.unwrap());
    let key = ObjectKey::new(&world.entropy, "jpg");
    assert!(!images.storing(&slow, &key, Store::Cos).await.unwrap());
    images.handed_on(&slow, world.now()).await.unwrap();
    assert!(!images.abandoned(&slow).await.unwrap());
    let end = images.ending_write(&slow, Ending::Failed(Failure::OutcomeUnknown), None, world.now());
    assert_eq!(world.commit([end.unwrap()]).await, [Guard::Image]);
    assert_eq!(world.items("images").await, before);
    assert!(images.dispatched(&quick).await.unwrap());
}

#[tokio::test]
async fn a_worker_that_died_leaves_what_the_next_one_has_to_know() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let busy = |image: &Image| images.claim(ImageKey::from(image), LEASE, world.now());

    let died = dispatched(&world).await;
    assert!(matches!(busy(&died).await.unwrap(), Claim::Busy));
    let mut tasked = dispatched(&world).await;
    tasked.task = Some(TaskId::try_from("0385dc79".to_owned()).unwrap());
    assert!(images.accepted(&tasked).await.unwrap());
    let drawn = painted(&world).await;
    world.advance(LEASE);

    let Claim::Unknown(image) = busy(&died).await.unwrap() else {
        panic!("nobody knows")
    };
    assert_eq!((image.attempt, image.tries.len()), (2, 1));
    let Claim::Follow(image) = busy(&tasked).await.unwrap() else {
        panic!("there is a task")
    };
    assert_eq!(image.task, tasked.task);
    let Claim::Fetch(image) = busy(&drawn).await.unwrap() else {
        panic!("it is painted")
    };
    assert_eq!(image.result_url, drawn.result_url);
    assert!(matches!(busy(&drawn).await.unwrap(), Claim::Busy));
}

#[tokio::test]
async fn there_is_nothing_to_do_for_what_has_ended_or_never_was() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = claimed(&world).await;
    let end = images.ending_write(&image, Ending::Failed(Failure::NotStored), None, world.now());
    assert_eq!(world.commit([end.unwrap()]).await, []);
    assert_eq!(found(&world, &image).await.state, State::Failed(Failure::NotStored));
    world.advance(LEASE);
    let ended = images.claim((&image).into(), LEASE, world.now()).await.unwrap();
    assert!(matches!(ended, Claim::Done));
    let nothing = world.order(image.account);
    let claim = images.claim((&nothing).into(), LEASE, world.now()).await.unwrap();
    assert!(matches!(claim, Claim::Done));
    assert_eq!(world.items("images").await.len(), 1, "a claim made a picture");
}

#[tokio::test]
async fn the_second_of_the_same_writes_finds_what_the_first_wrote() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = painted(&world).await;
    let key = ObjectKey::new(&world.entropy, "jpg");
    for _ in 0..2 {
        // A reply that was lost is asked for again; no write of a worker minds.
        assert!(images.painted(&image).await.unwrap());
        assert!(images.storing(&image, &key, Store::Cos).await.unwrap());
    }
    assert_eq!(found(&world, &image).await.stores, BTreeSet::from([Store::Cos]));
    images.handed_on(&image, world.now()).await.unwrap();
    let next = images.claim((&image).into(), LEASE, world.now()).await.unwrap();
    assert!(matches!(next, Claim::Fetch(_)), "handed on, it is free at once");
}

#[tokio::test]
async fn a_picture_whose_account_is_gone_goes_while_it_is_the_workers() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = claimed(&world).await;
    assert!(images.abandoned(&image).await.unwrap());
    assert!(!images.abandoned(&image).await.unwrap());
    assert_eq!(world.items("images").await.len(), 0);
}
