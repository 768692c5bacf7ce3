//! Sign-ups, accounts, addresses and what was agreed to.

use jiff::SignedDuration;
use shared::domain::account::{PendingEmail, SIGN_UP_LIFE};
use shared::domain::{Code, Undeliverable, Undelivered};
use shared::store::Guard;

use crate::World;
use crate::people::{address, hash};

#[tokio::test]
async fn an_address_becomes_one_account_and_never_a_second() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let (first, second) = (
        world.waiting_sign_up("mei@example.com").await,
        world.waiting_sign_up("Mei+Shop@example.com").await,
    );
    let (profile, other) = (world.profile(&first), world.profile(&second));
    assert_eq!(
        world.commit(accounts.account_writes(&profile, first.id).unwrap()).await,
        []
    );
    let again = accounts.account_writes(&other, second.id).unwrap();
    assert_eq!(world.commit(again).await, [Guard::Address]);
    assert_eq!(accounts.profile(profile.id).await.unwrap().as_ref(), Some(&profile));
    assert_eq!(accounts.profile(other.id).await.unwrap(), None, "a half-made account");
    let owner = accounts.owner(&address("MEI@example.com")).await.unwrap().unwrap();
    assert_eq!(
        (owner.account, owner.proved_at, owner.undeliverable),
        (profile.id, world.now(), None)
    );
    assert_eq!(accounts.rival_sign_ups(&first.email).await.unwrap(), [second.id]);
}

#[tokio::test]
async fn a_sign_up_makes_an_account_once() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let sign_up = world.waiting_sign_up("mei@example.com").await;
    let profile = world.profile(&sign_up);
    assert_eq!(
        world
            .commit(accounts.account_writes(&profile, sign_up.id).unwrap())
            .await,
        []
    );
    // The same account again: everything of it is there, and the sign-up is not.
    let again = world
        .commit(accounts.account_writes(&profile, sign_up.id).unwrap())
        .await;
    assert_eq!(again, [Guard::New, Guard::Address, Guard::Consent, Guard::SignUp]);
}

#[tokio::test]
async fn the_code_of_a_sign_up_has_five_tries_however_many_guess_at_once() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let sign_up = world.waiting_sign_up("mei@example.com").await;
    let guesses = (0..20).map(|_| accounts.try_code(&sign_up.email, sign_up.id, world.now()));
    let guesses = futures::future::join_all(guesses).await;
    let let_in = guesses.into_iter().filter_map(|guess| guess.unwrap()).count();
    assert_eq!(u32::try_from(let_in).unwrap(), Code::TRIES);
    let ends = world.now() + SignedDuration::from_mins(15);
    let new = accounts.new_code_write(&sign_up.email, sign_up.id, "another".to_owned(), ends);
    assert_eq!(world.commit([new.unwrap()]).await, []);
    let tried = accounts
        .try_code(&sign_up.email, sign_up.id, world.now())
        .await
        .unwrap();
    let tried = tried.unwrap();
    assert_eq!((tried.code_hash.as_str(), tried.code_expires_at), ("another", ends));
    assert_eq!(tried.sign_up, sign_up);
}

#[tokio::test]
async fn a_sign_up_past_its_day_is_not_there_although_it_lies_there() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let sign_up = world.waiting_sign_up("mei@example.com").await;
    let (email, id) = (&sign_up.email, sign_up.id);
    world.advance(SIGN_UP_LIFE - SignedDuration::from_secs(1));
    assert!(accounts.waiting(email, id, world.now()).await.unwrap().is_some());
    world.advance(SignedDuration::from_secs(1));
    assert!(accounts.waiting(email, id, world.now()).await.unwrap().is_none());
    assert!(accounts.try_code(email, id, world.now()).await.unwrap().is_none());
    assert_eq!(world.items("accounts").await.len(), 1);
}

#[tokio::test]
async fn a_sign_up_that_is_gone_gets_no_code_and_is_forgotten_twice_without_harm() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let sign_up = world.waiting_sign_up("mei@example.com").await;
    for _ in 0..2 {
        let forget = accounts.forget_sign_up_write(&sign_up.email, sign_up.id).unwrap();
        assert_eq!(world.commit([forget]).await, []);
    }
    let code = accounts.new_code_write(&sign_up.email, sign_up.id, "x".to_owned(), world.now());
    assert_eq!(world.commit([code.unwrap()]).await, [Guard::SignUp]);
    assert_eq!(world.items("accounts").await.len(), 0, "what was erased came back");
}

#[tokio::test]
async fn an_address_is_marked_only_while_its_owner_is_as_it_was_seen() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let profile = world.account("mei@example.com").await;
    let email = &profile.email;
    let seen = accounts.owner(email).await.unwrap().unwrap();
    let mark = |why| Undeliverable {
        why,
        since: world.now(),
    };
    let bounced = accounts.undeliverable_write(email, &seen, mark(Undelivered::Bounced));
    assert_eq!(world.commit([bounced.unwrap()]).await, []);
    // Whoever saw it without a mark is late.
    let late = accounts.undeliverable_write(email, &seen, mark(Undelivered::Complained));
    assert_eq!(world.commit([late.unwrap()]).await, [Guard::Owner]);
    let seen = accounts.owner(email).await.unwrap().unwrap();
    assert_eq!(seen.undeliverable.unwrap().why, Undelivered::Bounced);
    let complained = accounts.undeliverable_write(email, &seen, mark(Undelivered::Complained));
    assert_eq!(world.commit([complained.unwrap()]).await, []);
    let nobody = accounts.undeliverable_write(&address("nobody@example.com"), &seen, mark(Undelivered::Bounced));
    assert_eq!(world.commit([nobody.unwrap()]).await, [Guard::Owner]);
    assert!(accounts.owner(&address("nobody@example.com")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_name_is_set_and_removed_and_nobody_else_gets_one() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let profile = world.account("mei@example.com").await;
    let name = "名前 O'Hara".parse().unwrap();
    let renamed = accounts.rename(profile.id, Some(&name)).await.unwrap().unwrap();
    assert_eq!(renamed.name.as_ref(), Some(&name));
    let nameless = accounts.rename(profile.id, None).await.unwrap().unwrap();
    assert_eq!(nameless.name, None);
    assert_eq!(accounts.profile(profile.id).await.unwrap(), Some(nameless));
    let nobody = world.ids.next();
    assert_eq!(accounts.rename(nobody, Some(&name)).await.unwrap(), None);
    assert_eq!(accounts.profile(nobody).await.unwrap(), None);
}

#[tokio::test]
async fn an_account_moves_to_its_proved_address_and_the_old_one_is_free() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let profile = world.account("mei@example.com").await;
    let pending = PendingEmail {
        email: address("mei@new.example"),
        expires_at: world.now() + SignedDuration::from_mins(15),
    };
    let write = accounts.email_change_write(profile.id, &pending, "hash".to_owned());
    assert_eq!(world.commit([write.unwrap()]).await, []);
    let waiting = accounts.try_email_code(profile.id, world.now()).await.unwrap().unwrap();
    assert_eq!((&waiting.email, waiting.code_hash.as_str()), (&pending.email, "hash"));
    let writes = accounts.email_writes(&profile, &waiting, world.now()).unwrap();
    assert_eq!(world.commit(writes.clone()).await, []);
    assert!(accounts.owner(&profile.email).await.unwrap().is_none());
    let owner = accounts.owner(&pending.email).await.unwrap().unwrap();
    assert_eq!(owner.account, profile.id);
    // Once more: the profile has another address, the change is over, the new address is taken and the old one nobody's.
    assert_eq!(
        world.commit(writes).await,
        [Guard::Account, Guard::EmailChange, Guard::Address, Guard::Owner]
    );
    assert!(
        accounts
            .try_email_code(profile.id, world.now())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_address_that_somebody_has_is_not_taken_over() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let (mei, li) = (
        world.account("mei@example.com").await,
        world.account("li@example.com").await,
    );
    let pending = PendingEmail {
        email: li.email.clone(),
        expires_at: world.now() + SignedDuration::from_mins(15),
    };
    let write = accounts.email_change_write(mei.id, &pending, "hash".to_owned());
    assert_eq!(world.commit([write.unwrap()]).await, []);
    let waiting = accounts.try_email_code(mei.id, world.now()).await.unwrap().unwrap();
    let writes = accounts.email_writes(&mei, &waiting, world.now()).unwrap();
    assert_eq!(world.commit(writes).await, [Guard::Address]);
    assert_eq!(accounts.owner(&li.email).await.unwrap().unwrap().account, li.id);
    assert_eq!(accounts.owner(&mei.email).await.unwrap().unwrap().account, mei.id);
    assert_eq!(accounts.profile(mei.id).await.unwrap(), Some(mei));
}

#[tokio::test]
async fn the_first_time_a_policy_was_accepted_stays() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let profile = world.account("mei@example.com").await;
    let second = world.consent("2");
    let accepted = accounts.accept(profile.id, second.clone()).await.unwrap();
    assert_eq!(accepted, Some(second.clone()));
    world.advance(SignedDuration::from_hours(1));
    let again = accounts.accept(profile.id, world.consent("2")).await.unwrap();
    assert_eq!(again, Some(second.clone()));
    let kept = accounts.profile(profile.id).await.unwrap().unwrap();
    assert_eq!(kept.consent, second);
    let nobody = world.ids.next();
    assert_eq!(accounts.accept(nobody, world.consent("2")).await.unwrap(), None);
    let consents = world.items("accounts").await;
    let consents = consents
        .iter()
        .filter(|item| item["sk"].as_s().unwrap().starts_with("consent#"));
    assert_eq!(consents.count(), 2, "a consent of nobody, or one too many");
}

#[tokio::test]
async fn who_is_not_there_is_not_active() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let profile = world.account("mei@example.com").await;
    assert_eq!(world.commit([accounts.active_check(profile.id).unwrap()]).await, []);
    let nobody = accounts.active_check(world.ids.next()).unwrap();
    let error = world.try_commit([nobody]).await.unwrap_err();
    assert!(!accounts.is_active(error.refused(Guard::Account).unwrap()));
}

#[tokio::test]
async fn a_change_that_was_verified_by_an_old_password_is_refused() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let profile = world.account("mei@example.com").await;
    let stale = shared::domain::Profile {
        password_hash: hash("$2b$12$older"),
        ..profile.clone()
    };
    let name = "Other".parse().unwrap();
    for (of, expected) in [(&stale, vec![Guard::Account]), (&profile, Vec::new())] {
        let check = accounts.verified_check(of).unwrap();
        assert_eq!(world.commit([check]).await, expected);
        let rename = accounts.verified_rename_write(of, Some(&name)).unwrap();
        let outcome = world.try_commit([rename]).await;
        if let Err(error) = &outcome {
            // The old item comes back with the refusal, so that "changed meanwhile" is told from "gone".
            assert!(accounts.is_active(error.refused(Guard::Account).unwrap()));
        }
        assert_eq!(crate::refused(outcome), expected);
    }
}
