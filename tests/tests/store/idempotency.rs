//! First answers and events that have acted.

use jiff::SignedDuration;
use shared::store::Guard;
use shared::store::idempotency::{EVENT_MEMORY, MEMORY, Use};

use crate::World;

fn used(world: &World, key: &str) -> Use {
    Use::new(world.ids.next(), "images-create", key, "what was asked".to_owned())
}

#[tokio::test]
async fn the_first_answer_stays_for_a_day_and_comes_back_with_the_refusal_of_a_second() {
    let world = World::with(&["idempotency"]).await;
    let kept = world.idempotency();
    let used = used(&world, "order-1");
    assert_eq!(kept.answer(&used, world.now()).await.unwrap(), None);
    let write = |body: &str| kept.answer_write(&used, body.to_owned(), world.now()).unwrap();
    assert_eq!(world.commit([write(r#"{"id":"一"}"#)]).await, []);
    let error = world.try_commit([write("another")]).await.unwrap_err();
    let refused = error.refused(Guard::Idempotency).unwrap();
    let first = kept.answer_in(refused, &used, world.now()).unwrap().unwrap();
    assert_eq!(first.body, r#"{"id":"一"}"#);
    assert_eq!(kept.answer(&used, world.now()).await.unwrap(), Some(first));
    world.advance(MEMORY);
    assert_eq!(kept.answer(&used, world.now()).await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_past_its_day_is_written_over_where_it_lies() {
    let world = World::with(&["idempotency"]).await;
    let kept = world.idempotency();
    let used = used(&world, "order-1");
    let write = |body: &str| kept.answer_write(&used, body.to_owned(), world.now()).unwrap();
    assert_eq!(world.commit([write("first")]).await, []);
    world.advance(MEMORY - SignedDuration::from_secs(1));
    assert_eq!(world.commit([write("early")]).await, [Guard::Idempotency]);
    world.advance(SignedDuration::from_secs(1));
    assert_eq!(world.commit([write("second")]).await, []);
    let answer = kept.answer(&used, world.now()).await.unwrap().unwrap();
    assert_eq!(answer.body, "second");
    assert_eq!(world.items("idempotency").await.len(), 1);
}

#[tokio::test]
async fn keys_of_different_accounts_and_routes_never_meet() {
    let world = World::with(&["idempotency"]).await;
    let kept = world.idempotency();
    let mine = used(&world, "k");
    let elsewhere = Use {
        route: "orders-create",
        ..mine.clone()
    };
    for used in [mine, elsewhere, used(&world, "k")] {
        let write = kept.answer_write(&used, "body".to_owned(), world.now()).unwrap();
        assert_eq!(world.commit([write]).await, []);
    }
}

#[tokio::test]
async fn an_event_acts_once_in_three_days() {
    let world = World::with(&["idempotency"]).await;
    let kept = world.idempotency();
    let event = |id: &str| kept.event_write("resend", id, world.now()).unwrap();
    assert_eq!(world.commit([event("msg_1"), event("msg_2")]).await, []);
    assert_eq!(
        world.commit([event("msg_3"), event("msg_2")]).await,
        [Guard::Idempotency]
    );
    assert_eq!(
        world.items("idempotency").await.len(),
        2,
        "half of a transaction was made"
    );
    world.advance(EVENT_MEMORY);
    assert_eq!(world.commit([event("msg_1")]).await, []);
}
