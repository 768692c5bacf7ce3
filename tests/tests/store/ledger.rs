//! Credits.

use shared::domain::Credits;
use shared::domain::ledger::{Balance, Posting, verify};
use shared::store::Guard;

use crate::World;

const BONUS: Posting = Posting::Bonus { credits: Credits(3) };

#[tokio::test]
async fn a_balance_is_what_was_entered_and_the_entries_prove_it() {
    let world = World::with(&["ledger"]).await;
    let (ledgers, ledger) = (world.ledgers(), world.ids.next());
    assert_eq!(ledgers.balance(ledger).await.unwrap(), Balance::default());
    let [one, two] = [world.ids.next(), world.ids.next()];
    world.post(ledger, &[BONUS]).await;
    world
        .post(ledger, &[Posting::Hold { image: one }, Posting::Hold { image: two }])
        .await;
    world.post(ledger, &[Posting::Settle { image: one }]).await;
    world.post(ledger, &[Posting::Release { image: two }]).await;
    let balance = ledgers.balance(ledger).await.unwrap();
    assert_eq!(
        (balance.available, balance.held, balance.seq),
        (Credits(2), Credits(0), 5)
    );
    let (first, second) = (
        ledgers.entries(ledger, None, 3).await.unwrap(),
        ledgers.entries(ledger, Some(3), 3).await.unwrap(),
    );
    let numbers = |entries: &[shared::domain::ledger::Entry]| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
    assert_eq!((numbers(&first), numbers(&second)), (vec![5, 4, 3], vec![2, 1]));
    let all: Vec<_> = second.iter().rev().chain(first.iter().rev()).collect();
    assert_eq!(verify(all).unwrap(), balance);
    assert_eq!(ledgers.entries(ledger, Some(1), 3).await.unwrap(), []);
}

#[tokio::test]
async fn of_two_who_read_one_balance_the_second_is_refused_and_nothing_is_half_done() {
    let world = World::with(&["ledger"]).await;
    let (ledgers, ledger) = (world.ledgers(), world.ids.next());
    for round in 0..3 {
        let read = ledgers.balance(ledger).await.unwrap();
        let post = || {
            let posting = match round {
                0 => BONUS,
                _ => Posting::Hold {
                    image: world.ids.next(),
                },
            };
            ledgers.post(ledger, &read, &[posting], world.now()).unwrap().1
        };
        assert_eq!(world.commit(post()).await, []);
        let late = world.commit(post()).await;
        // Twice: the balance has changed, and there is an entry of this number.
        assert!(late.starts_with(&[Guard::Balance, Guard::Balance]), "{late:?}");
    }
    let balance = ledgers.balance(ledger).await.unwrap();
    assert_eq!(
        (balance.available, balance.held, balance.seq),
        (Credits(1), Credits(2), 3)
    );
    let open = world.items("ledger").await;
    let open = open
        .iter()
        .filter(|item| item["sk"].as_s().unwrap().starts_with("HOLD#"));
    assert_eq!(open.count(), 2);
}

#[tokio::test]
async fn a_cause_acts_once_and_a_hold_is_resolved_once() {
    let world = World::with(&["ledger"]).await;
    let (ledgers, ledger) = (world.ledgers(), world.ids.next());
    let image = world.ids.next();
    world.post(ledger, &[BONUS, Posting::Hold { image }]).await;
    let try_posting = async |posting| {
        let before = ledgers.balance(ledger).await.unwrap();
        let (_, writes) = ledgers.post(ledger, &before, &[posting], world.now()).unwrap();
        world.commit(writes).await
    };
    assert_eq!(try_posting(BONUS).await, [Guard::Cause]);
    assert_eq!(try_posting(Posting::Hold { image }).await, [Guard::Cause, Guard::Hold]);
    assert_eq!(try_posting(Posting::Settle { image }).await, []);
    assert_eq!(
        try_posting(Posting::Release { image }).await,
        [Guard::Cause, Guard::Hold]
    );
    let never_held = Posting::Settle {
        image: world.ids.next(),
    };
    assert_eq!(try_posting(never_held).await, [Guard::Hold]);
    let balance = ledgers.balance(ledger).await.unwrap();
    assert_eq!((balance.available, balance.held), (Credits(2), Credits(0)));
}

#[tokio::test]
async fn ledgers_know_nothing_of_each_other() {
    let world = World::with(&["ledger"]).await;
    let (ledgers, mine, theirs) = (world.ledgers(), world.ids.next(), world.ids.next());
    world.post(mine, &[BONUS]).await;
    world.post(theirs, &[BONUS]).await;
    world
        .post(
            mine,
            &[Posting::Hold {
                image: world.ids.next(),
            }],
        )
        .await;
    assert_eq!(ledgers.balance(theirs).await.unwrap().available, Credits(3));
    assert_eq!(ledgers.entries(theirs, None, 10).await.unwrap().len(), 1);
}
