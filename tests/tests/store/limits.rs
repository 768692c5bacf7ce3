//! How often, how much, and once.

use jiff::SignedDuration;
use shared::domain::Fen;
use shared::domain::account::BONUS_MEMORY;
use shared::domain::breaker::{Admission, Open, PAUSE, THRESHOLD, WINDOW};
use shared::domain::image::Provider;
use shared::domain::spend::Ceiling;
use shared::store::Guard;
use shared::store::limits::{LimitError, Policy};

use crate::World;

const TEN: Policy = Policy {
    name: "prompts",
    quota: 10,
    window: SignedDuration::from_hours(1),
};
const SEEDREAM: Provider = Provider::Seedream;

#[tokio::test]
async fn of_fifty_at_once_as_many_are_let_through_as_the_quota_says() {
    let world = World::with(&["limits"]).await;
    let limits = world.limits();
    let takes = (0..50).map(|_| limits.take(TEN, "acc_1", world.now()));
    let mut left = Vec::new();
    for taken in futures::future::join_all(takes).await {
        match taken {
            Ok(remaining) => left.push(remaining.remaining),
            Err(LimitError::Exceeded(remaining)) => assert_eq!(remaining.remaining, 0),
            Err(LimitError::Store(error)) => panic!("{error:?}"),
        }
    }
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>());
    assert!(
        limits.take(TEN, "acc_2", world.now()).await.is_ok(),
        "somebody else's quota"
    );
    world.advance(TEN.window);
    assert_eq!(limits.take(TEN, "acc_1", world.now()).await.unwrap().remaining, 9);
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again_and_no_more_is() {
    let world = World::with(&["limits"]).await;
    let limits = world.limits();
    let now = world.now();
    // What was never taken cannot be given back.
    limits.give_back(TEN, "acc_1", now).await.unwrap();
    for left in (5..10).rev() {
        assert_eq!(limits.take(TEN, "acc_1", now).await.unwrap().remaining, left);
    }
    limits.give_back(TEN, "acc_1", now).await.unwrap();
    assert_eq!(limits.take(TEN, "acc_1", now).await.unwrap().remaining, 5);
    limits.forget(TEN, "acc_1", now).await.unwrap();
    assert_eq!(limits.take(TEN, "acc_1", now).await.unwrap().remaining, 9);
}

#[tokio::test]
async fn an_address_has_its_bonus_once_a_year() {
    let world = World::with(&["limits"]).await;
    let limits = world.limits();
    let bonus = || limits.bonus_write("hash", world.now()).unwrap();
    assert_eq!(world.commit([bonus()]).await, []);
    assert_eq!(world.commit([bonus()]).await, [Guard::Bonus]);
    world.advance(BONUS_MEMORY - SignedDuration::from_secs(1));
    assert_eq!(world.commit([bonus()]).await, [Guard::Bonus]);
    world.advance(SignedDuration::from_secs(1));
    assert_eq!(
        world.commit([bonus()]).await,
        [],
        "what TTL has not removed yet stands in the way"
    );
}

#[tokio::test]
async fn two_wait_at_once_and_a_place_frees_itself() {
    let world = World::with(&["limits"]).await;
    let (limits, account) = (world.limits(), world.ids.next());
    let hold = SignedDuration::from_secs(20);
    let wait = || limits.wait_slot(account, 2, hold, world.now());
    let places = futures::future::join_all((0..10).map(|_| wait())).await;
    let mut places: Vec<_> = places.into_iter().filter_map(|place| place.unwrap()).collect();
    assert_eq!(places.len(), 2);
    limits.leave(places.remove(0)).await.unwrap();
    assert!(wait().await.unwrap().is_some());
    assert!(wait().await.unwrap().is_none());
    world.advance(hold + SignedDuration::from_secs(1));
    assert!(wait().await.unwrap().is_some() && wait().await.unwrap().is_some());
}

#[tokio::test]
async fn failures_in_a_row_open_the_breaker_and_one_probes() {
    let world = World::with(&["limits"]).await;
    let limits = world.limits();
    for _ in 1..THRESHOLD {
        limits.breaker_failed(SEEDREAM, 1, world.now()).await.unwrap();
    }
    let closed = limits.breaker(SEEDREAM).await.unwrap();
    assert_eq!((closed.failures, closed.open), (THRESHOLD - 1, None));
    limits.breaker_failed(SEEDREAM, 1, world.now()).await.unwrap();
    let open = limits.breaker(SEEDREAM).await.unwrap();
    assert_eq!(open.open, Some(Open::at(world.now())));
    assert_eq!(limits.breaker(Provider::Dashscope).await.unwrap().failures, 0);
    world.advance(PAUSE);
    let Admission::Probe { open: seen, next } = open.admits(world.now()) else {
        panic!("somebody should probe")
    };
    let probes = (0..20).map(|_| limits.breaker_open(SEEDREAM, Some(seen), next));
    let probes = futures::future::join_all(probes).await;
    assert_eq!(probes.into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
    // While it is open nobody forgets its failures; closing forgets everything.
    limits.breaker_forget(SEEDREAM).await.unwrap();
    assert_eq!(limits.breaker(SEEDREAM).await.unwrap().failures, THRESHOLD);
    limits.breaker_close(SEEDREAM).await.unwrap();
    let closed = limits.breaker(SEEDREAM).await.unwrap();
    assert_eq!((closed.failures, closed.failed_at, closed.open), (0, None, None));
}

#[tokio::test]
async fn failures_far_apart_are_not_in_a_row() {
    let world = World::with(&["limits"]).await;
    let limits = world.limits();
    for _ in 0..2 * THRESHOLD {
        limits.breaker_failed(SEEDREAM, 1, world.now()).await.unwrap();
        world.advance(WINDOW);
    }
    let breaker = limits.breaker(SEEDREAM).await.unwrap();
    assert_eq!((breaker.failures, breaker.open), (1, None));
    limits.breaker_forget(SEEDREAM).await.unwrap();
    assert_eq!(limits.breaker(SEEDREAM).await.unwrap().failures, 0);
}

#[tokio::test]
async fn no_more_is_spent_in_a_day_than_the_ceiling_however_many_spend_at_once() {
    let world = World::with(&["limits"]).await;
    let limits = world.limits();
    let (price, ceiling) = (Fen(22), Ceiling::At(Fen(200)));
    let spends = (0..40).map(|_| limits.spend(price, ceiling, world.now()));
    let spends = futures::future::join_all(spends).await;
    assert_eq!(spends.into_iter().filter(|spent| *spent.as_ref().unwrap()).count(), 9);
    assert!(!limits.affords(price, ceiling, world.now()).await.unwrap());
    limits.unspend(price, world.now()).await.unwrap();
    assert!(limits.affords(price, ceiling, world.now()).await.unwrap());
    limits.perhaps_lost(price, world.now()).await.unwrap();
    limits.perhaps_lost(price, world.now()).await.unwrap();
    let day = world.items("limits").await.remove(0);
    let number = |name: &str| day[name].as_n().unwrap().as_str();
    assert_eq!(
        (number("fen"), number("perhaps_lost"), number("perhaps_lost_fen")),
        ("176", "2", "44")
    );
    assert!(limits.spend(Fen(1_000), Ceiling::None, world.now()).await.unwrap());
    world.advance(SignedDuration::from_hours(24));
    assert!(
        limits.spend(price, ceiling, world.now()).await.unwrap(),
        "another day, another budget"
    );
    assert!(
        !limits.spend(Fen(201), ceiling, world.now()).await.unwrap(),
        "dearer than the ceiling"
    );
}
