//! Mails on their way out.

use jiff::SignedDuration;
use shared::domain::mail::MailKind;
use shared::store::Guard;
use shared::store::outbox::Fate;

use crate::World;

const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

#[tokio::test]
async fn a_mail_is_there_word_by_word_until_it_is_sent_and_then_nothing_of_it_is() {
    let world = World::with(&["outbox"]).await;
    let outbox = world.outbox();
    let mail = world.mail().await;
    assert_eq!(outbox.to_send(mail.id).await.unwrap(), Some(mail.clone()));
    assert_eq!(
        world.commit([outbox.mail_write(&mail).unwrap()]).await,
        [Guard::New],
        "one mail twice"
    );
    outbox.end(mail.id, Fate::Sent, world.now()).await.unwrap();
    assert_eq!(outbox.to_send(mail.id).await.unwrap(), None);
    let left = world.items("outbox").await.remove(0);
    let mut left: Vec<_> = left.into_keys().collect();
    left.sort();
    assert_eq!(
        left,
        [
            "created_at",
            "ended_at",
            "expires_at",
            "id",
            "kind",
            "not_after",
            "state"
        ]
    );
}

#[tokio::test]
async fn the_first_end_of_a_mail_is_its_end_and_nothing_wakes_it_again() {
    let world = World::with(&["outbox"]).await;
    let outbox = world.outbox();
    let mail = world.mail().await;
    outbox.end(mail.id, Fate::Withheld, world.now()).await.unwrap();
    let ended = world.items("outbox").await;
    world.advance(TEN_MINUTES);
    outbox.end(mail.id, Fate::Sent, world.now()).await.unwrap();
    outbox.wake(mail.id, world.now()).await.unwrap();
    assert_eq!(world.items("outbox").await, ended);
    // And one that was erased stays erased.
    outbox.end(world.ids.next(), Fate::Sent, world.now()).await.unwrap();
    outbox.wake(world.ids.next(), world.now()).await.unwrap();
    assert_eq!(world.items("outbox").await.len(), 1);
}

#[tokio::test]
async fn a_mail_that_nobody_sends_is_due_after_ten_minutes_and_again_after_ten() {
    let world = World::with(&["outbox"]).await;
    let outbox = world.outbox();
    let (first, sent) = (world.mail().await, world.mail().await);
    outbox.end(sent.id, Fate::Sent, world.now()).await.unwrap();
    world.advance(SignedDuration::from_secs(1));
    let second = world.mail().await;
    world.advance(TEN_MINUTES - SignedDuration::from_secs(1));
    let due = |limit| outbox.due(world.now(), limit);
    assert_eq!(due(10).await.unwrap(), [first.id]);
    world.advance(SignedDuration::from_secs(1));
    assert_eq!(due(10).await.unwrap(), [first.id, second.id]);
    assert_eq!(due(1).await.unwrap(), [first.id]);
    outbox.wake(first.id, world.now()).await.unwrap();
    assert_eq!(due(10).await.unwrap(), [second.id]);
    world.advance(TEN_MINUTES);
    assert_eq!(due(10).await.unwrap(), [second.id, first.id]);
}

#[tokio::test]
async fn a_mail_to_nobody_is_neither_sent_nor_due() {
    let world = World::with(&["outbox"]).await;
    let outbox = world.outbox();
    let id = world.ids.next();
    let ends = world.now() + TEN_MINUTES;
    let write = outbox.unaddressed_write(id, MailKind::ResetPassword, ends).unwrap();
    assert_eq!(world.commit([write]).await, []);
    assert_eq!(outbox.to_send(id).await.unwrap(), None);
    world.advance(TEN_MINUTES * 2);
    assert_eq!(outbox.due(world.now(), 10).await.unwrap(), []);
}
