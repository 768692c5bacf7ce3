//! Many at once.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use futures::future::join_all;
use shared::domain::Credits;
use shared::domain::ledger::{Posting, verify};
use shared::store::Guard;

use crate::World;
use crate::engine::{key, n};

#[tokio::test]
async fn of_a_hundred_who_write_one_new_item_one_does() {
    let world = World::with(&["ledger"]).await;
    let writes = (0..100).map(|number| {
        let put = world.client.put_item().table_name(world.table("ledger"));
        let put = put.set_item(Some(key("a", "one"))).item("v", n(&number.to_string()));
        put.condition_expression("attribute_not_exists(pk)").send()
    });
    let (mut won, mut lost) = (0, 0);
    for outcome in join_all(writes).await {
        match outcome.map_err(|error| error.into_service_error()) {
            Ok(_) => won += 1,
            Err(error) if error.is_conditional_check_failed_exception() => lost += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((won, lost), (1, 99));
}

#[tokio::test]
async fn whatever_transactions_and_single_writes_add_to_one_item_is_in_it() {
    let world = World::with(&["ledger"]).await;
    let counter = || {
        let update = Update::builder()
            .table_name(world.table("ledger"))
            .set_key(Some(key("a", "count")));
        let update = update
            .update_expression("ADD v :v")
            .expression_attribute_values(":v", n("1"));
        TransactWriteItem::builder().update(update.build().unwrap()).build()
    };
    let in_transactions = join_all((0..50).map(|_| async {
        let sent = world
            .client
            .transact_write_items()
            .transact_items(counter())
            .send()
            .await;
        match sent.map_err(|error| error.into_service_error()) {
            Ok(_) => 1,
            // A database may say no to one of two at once. Then nothing of it was written.
            Err(error) if error.is_transaction_canceled_exception() => 0,
            Err(error) => panic!("{error:?}"),
        }
    }));
    let alone = join_all((0..50).map(|_| async {
        let update = world.client.update_item().table_name(world.table("ledger"));
        let update = update.set_key(Some(key("a", "count"))).update_expression("ADD v :v");
        match update.expression_attribute_values(":v", n("1")).send().await {
            Ok(_) => 1,
            Err(error) if error.code() == Some("TransactionConflictException") => 0,
            Err(error) => panic!("{error:?}"),
        }
    }));
    let (in_transactions, alone) = futures::join!(in_transactions, alone);
    let added: i32 = in_transactions.iter().chain(&alone).sum();
    let item = world.items("ledger").await.remove(0);
    assert_eq!(item["v"], n(&added.to_string()));
}

#[tokio::test]
async fn of_thirty_who_hold_a_credit_of_one_balance_those_that_were_refused_hold_none() {
    let world = World::with(&["ledger"]).await;
    let (ledgers, ledger) = (world.ledgers(), world.ids.next());
    let bonus = Posting::Bonus { credits: Credits(100) };
    world.post(ledger, &[bonus]).await;
    let holds = (0..30).map(|_| async {
        let before = ledgers.balance(ledger).await.unwrap();
        let hold = Posting::Hold {
            image: world.ids.next(),
        };
        let (_, writes) = ledgers.post(ledger, &before, &[hold], world.now()).unwrap();
        world.commit(writes).await
    });
    let outcomes = join_all(holds).await;
    let held = outcomes.iter().filter(|guards| guards.is_empty()).count();
    assert!(held > 0);
    let refused = outcomes.iter().filter(|guards| !guards.is_empty());
    assert!(
        refused.clone().all(|guards| guards.contains(&Guard::Balance)),
        "{outcomes:?}"
    );
    let held = Credits(i64::try_from(held).unwrap());
    let balance = ledgers.balance(ledger).await.unwrap();
    assert_eq!((balance.held, balance.available), (held, Credits(100 - held.0)));
    let entries = ledgers.entries(ledger, None, 100).await.unwrap();
    assert_eq!(verify(entries.iter().rev()).unwrap(), balance);
}

#[tokio::test]
async fn of_two_proofs_of_one_address_at_once_one_makes_an_account() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let (one, other) = (
        world.waiting_sign_up("mei@example.com").await,
        world.waiting_sign_up("mei@example.com").await,
    );
    let (mine, theirs) = (world.profile(&one), world.profile(&other));
    let (first, second) = futures::join!(
        world.commit(accounts.account_writes(&mine, one.id).unwrap()),
        world.commit(accounts.account_writes(&theirs, other.id).unwrap())
    );
    assert_eq!([first, second].concat(), [Guard::Address]);
    let owner = accounts.owner(&one.email).await.unwrap().unwrap().account;
    for profile in [mine, theirs] {
        let found = accounts.profile(profile.id).await.unwrap();
        assert_eq!(found.is_some(), profile.id == owner);
    }
}
