//! Codes of accounts.

use jiff::SignedDuration;
use shared::domain::Code;
use shared::domain::code::Purpose;
use shared::store::Guard;

use crate::World;

const PURPOSE: Purpose = Purpose::ResetPassword;

#[tokio::test]
async fn a_code_has_five_tries_however_many_guess_at_once_and_is_spent_once() {
    let world = World::with(&["accounts"]).await;
    let (codes, account) = (world.codes(), world.ids.next());
    let ends = world.now() + Code::LIFE;
    let put = codes.put_write(account, PURPOSE, "hash".to_owned(), ends).unwrap();
    assert_eq!(world.commit([put]).await, []);
    let guesses = (0..20).map(|_| codes.try_code(account, PURPOSE, world.now()));
    let guesses = futures::future::join_all(guesses).await;
    let let_in: Vec<_> = guesses.into_iter().filter_map(|guess| guess.unwrap()).collect();
    assert_eq!(u32::try_from(let_in.len()).unwrap(), Code::TRIES);
    assert!(let_in.iter().all(|stored| stored.hash == "hash"));
    let spend = || codes.spend_write(account, PURPOSE, "hash").unwrap();
    assert_eq!(world.commit([spend()]).await, []);
    assert_eq!(world.commit([spend()]).await, [Guard::Code]);
}

#[tokio::test]
async fn a_new_code_voids_the_one_before_and_brings_its_own_tries() {
    let world = World::with(&["accounts"]).await;
    let (codes, account) = (world.codes(), world.ids.next());
    let ends = world.now() + Code::LIFE;
    for hash in ["old", "new"] {
        let put = codes.put_write(account, PURPOSE, hash.to_owned(), ends).unwrap();
        assert_eq!(world.commit([put]).await, []);
        for _ in 0..Code::TRIES {
            let tried = codes.try_code(account, PURPOSE, world.now()).await.unwrap();
            assert_eq!(tried.unwrap().hash, hash);
        }
        assert_eq!(codes.try_code(account, PURPOSE, world.now()).await.unwrap(), None);
    }
    let old = codes.spend_write(account, PURPOSE, "old").unwrap();
    assert_eq!(world.commit([old]).await, [Guard::Code]);
}

#[tokio::test]
async fn a_code_past_its_time_is_none_and_there_is_none_for_strangers() {
    let world = World::with(&["accounts"]).await;
    let (codes, account) = (world.codes(), world.ids.next());
    let ends = world.now() + Code::LIFE;
    let put = codes.put_write(account, PURPOSE, "hash".to_owned(), ends).unwrap();
    assert_eq!(world.commit([put]).await, []);
    world.advance(Code::LIFE - SignedDuration::from_secs(1));
    assert!(codes.try_code(account, PURPOSE, world.now()).await.unwrap().is_some());
    world.advance(SignedDuration::from_secs(1));
    assert!(codes.try_code(account, PURPOSE, world.now()).await.unwrap().is_none());
    let nobody = world.ids.next();
    assert!(codes.try_code(nobody, PURPOSE, world.now()).await.unwrap().is_none());
    assert_eq!(world.items("accounts").await.len(), 1, "a guess made an item");
}
