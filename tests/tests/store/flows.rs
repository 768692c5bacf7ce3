//! The flows whose correctness is the database's: ordering, ending, staying signed in.

use futures::future::join_all;
use jiff::SignedDuration;
use shared::auth::refresh_token::Named;
use shared::domain::image::{Failure, Refusal};
use shared::domain::ledger::verify;
use shared::domain::{Credits, Image, Profile, Session, State};
use shared::flows::counting::Counting;
use shared::flows::ending::{Ender, Finish};
use shared::flows::ordering::{OrderError, Ordered, Ordering};
use shared::flows::refreshing::{RefreshError, refresh};
use shared::store::StoreError;
use shared::store::idempotency::Use;
use shared::store::images::Ending;

use crate::World;

const TABLES: [&str; 5] = ["accounts", "analytics", "idempotency", "images", "ledger"];

impl World {
    async fn order_as(&self, used: &Use, count: usize) -> Result<Ordered, OrderError> {
        let images: Vec<Image> = (0..count).map(|_| self.order(used.account)).collect();
        let ordering = Ordering {
            accounts: self.accounts(),
            idempotency: self.idempotency(),
            images: self.images(),
            ledgers: self.ledgers(),
        };
        let known = ordering.look(used.account, used, self.now()).await?;
        let ids: Vec<_> = images.iter().map(|image| image.id.to_string()).collect();
        let body = |_: &_| ids.join(" ");
        ordering
            .take(known, used.account, &images, used, self.now(), body)
            .await
    }

    fn key(&self, profile: &Profile, key: &str) -> Use {
        Use::new(profile.id, "images-create", key, format!("fingerprint of {key}"))
    }

    async fn pictures(&self, profile: &Profile) -> Vec<Image> {
        self.images().list(profile.id, None, 100, self.now()).await.unwrap()
    }

    /// Available and held, and that the entries prove them.
    async fn credits(&self, profile: &Profile) -> (i64, i64) {
        let balance = self.ledgers().balance(profile.ledger).await.unwrap();
        let entries = self.ledgers().entries(profile.ledger, None, 100).await.unwrap();
        assert_eq!(verify(entries.iter().rev()).unwrap(), balance);
        (balance.available.0, balance.held.0)
    }

    fn ender(&self) -> Ender {
        Ender {
            accounts: self.accounts(),
            images: self.images(),
            ledgers: self.ledgers(),
            counting: Counting {
                analytics: self.analytics(),
                clock: self.clock.clone(),
            },
            clock: self.clock.clone(),
        }
    }

    /// The one picture of an account that has ordered one, taken by a worker.
    async fn taken(&self, profile: &Profile) -> Image {
        let image = self.pictures(profile).await.remove(0);
        self.take(&image).await
    }
}

#[tokio::test]
async fn an_order_is_taken_with_its_credits_or_not_at_all() {
    let world = World::with(&TABLES).await;
    let mei = world.seller("mei@example.com", 3).await;
    let taken = world.order_as(&world.key(&mei, "first"), 2).await.unwrap();
    assert!(!taken.replayed);
    assert_eq!(world.credits(&mei).await, (1, 2));
    let refused = world.order_as(&world.key(&mei, "second"), 2).await.unwrap_err();
    assert!(
        matches!(
            refused,
            OrderError::Insufficient {
                needed: Credits(2),
                available: Credits(1)
            }
        ),
        "{refused:?}"
    );
    assert_eq!(
        (world.credits(&mei).await, world.pictures(&mei).await.len()),
        ((1, 2), 2)
    );
}

#[tokio::test]
async fn one_key_takes_one_order_however_often_it_comes_at_once() {
    let world = World::with(&TABLES).await;
    let mei = world.seller("mei@example.com", 10).await;
    let used = world.key(&mei, "once");
    let outcomes = join_all((0..10).map(|_| world.order_as(&used, 1))).await;
    let outcomes: Vec<Ordered> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|order| !order.replayed).count(), 1);
    assert!(outcomes.iter().all(|order| order.body == outcomes[0].body));
    assert_eq!(
        (world.credits(&mei).await, world.pictures(&mei).await.len()),
        ((9, 1), 1)
    );
    let other = Use {
        fingerprint: "of another request".to_owned(),
        ..used
    };
    assert!(matches!(world.order_as(&other, 1).await, Err(OrderError::KeyReused)));
}

#[tokio::test]
async fn however_many_order_at_once_each_picture_has_its_credit() {
    let world = World::with(&TABLES).await;
    let mei = world.seller("mei@example.com", 8).await;
    let keys: Vec<_> = (0..16)
        .map(|number| world.key(&mei, &format!("order {number}")))
        .collect();
    let mut taken = 0;
    for outcome in join_all(keys.iter().map(|used| world.order_as(used, 1))).await {
        match outcome {
            Ok(_) => taken += 1,
            Err(OrderError::Insufficient { .. } | OrderError::Store(StoreError::Contended)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!((1..=8).contains(&taken), "{taken}");
    assert_eq!(world.credits(&mei).await, (8 - taken, taken));
    assert_eq!(i64::try_from(world.pictures(&mei).await.len()).unwrap(), taken);
}

#[tokio::test]
async fn who_has_no_account_orders_nothing() {
    let world = World::with(&TABLES).await;
    let nobody = world.profile(&world.sign_up("mei@example.com"));
    let outcome = world.order_as(&world.key(&nobody, "first"), 1).await;
    assert!(matches!(outcome, Err(OrderError::Inactive)), "{outcome:?}");
    assert_eq!(world.items("images").await.len(), 0);
}

#[tokio::test]
async fn a_picture_ends_once_and_its_credit_is_spent_or_given_back() {
    let world = World::with(&TABLES).await;
    for (address, ending, credits, state) in [
        ("a@example.com", Ending::Ready, (2, 0), State::Ready),
        (
            "b@example.com",
            Ending::Refused(Refusal::Prompt),
            (3, 0),
            State::Refused(Refusal::Prompt),
        ),
        (
            "c@example.com",
            Ending::Failed(Failure::NotStored),
            (3, 0),
            State::Failed(Failure::NotStored),
        ),
    ] {
        let seller = world.seller(address, 3).await;
        world.order_as(&world.key(&seller, "k"), 1).await.unwrap();
        let image = world.taken(&seller).await;
        let ender = world.ender();
        let ends = join_all((0..5).map(|_| ender.end(image.clone(), ending, None))).await;
        let written = ends.into_iter().filter(|end| *end.as_ref().unwrap() == Finish::Written);
        assert_eq!(written.count(), 1, "{address}");
        assert_eq!(world.credits(&seller).await, credits, "{address}");
        assert_eq!(world.pictures(&seller).await[0].state, state);
    }
}

#[tokio::test]
async fn a_picture_that_its_owner_wants_gone_goes_with_its_end() {
    let world = World::with(&TABLES).await;
    let mei = world.seller("mei@example.com", 3).await;
    world.order_as(&world.key(&mei, "k"), 1).await.unwrap();
    let image = world.taken(&mei).await;
    // Marked after the worker has read it.
    assert_eq!(
        world
            .commit([world.images().deletion_mark_write(&image).unwrap()])
            .await,
        []
    );
    let end = world.ender().fail(image, Failure::OutcomeUnknown).await.unwrap();
    assert_eq!(end, Finish::Written);
    assert_eq!(
        (world.credits(&mei).await, world.pictures(&mei).await.len()),
        ((3, 0), 0)
    );
}

#[tokio::test]
async fn many_pictures_of_one_account_end_at_once() {
    let world = World::with(&TABLES).await;
    let mei = world.seller("mei@example.com", 4).await;
    world.order_as(&world.key(&mei, "k"), 4).await.unwrap();
    let mut images = Vec::new();
    for image in world.pictures(&mei).await {
        images.push(world.take(&image).await);
    }
    let ender = world.ender();
    let mut written = 0;
    for end in join_all(images.iter().map(|image| ender.end(image.clone(), Ending::Ready, None))).await {
        match end {
            Ok(Finish::Written) => written += 1,
            // Its worker comes again; nothing of it is half-done.
            Err(StoreError::Contended) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.credits(&mei).await, (0, 4 - written));
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_generation_and_a_thief_ends_the_session() {
    let world = World::with(&["sessions"]).await;
    let sessions = world.sessions();
    let session = Session::begun(world.ids.next(), world.ids.next(), None);
    assert_eq!(world.commit([sessions.begin_write(&session).unwrap()]).await, []);
    let named = |generation| Named {
        account: session.account,
        session: session.id,
        generation,
    };
    world.advance(SignedDuration::from_mins(15));
    let tabs = join_all((0..10).map(|_| refresh(named(0), &sessions, world.now()))).await;
    assert!(tabs.into_iter().all(|tab| tab.unwrap().generation == 1));
    let current = sessions
        .find(session.account, session.id, world.now())
        .await
        .unwrap()
        .unwrap();
    sessions.mark_used(&current, world.now()).await.unwrap();
    world.advance(SignedDuration::from_mins(15));
    let thief = refresh(named(0), &sessions, world.now()).await;
    assert!(matches!(thief, Err(RefreshError::Ended)), "{thief:?}");
    assert!(
        sessions
            .find(session.account, session.id, world.now())
            .await
            .unwrap()
            .is_none()
    );
}
