//! What the store takes for granted of the database, asked of it directly.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update,
};
use shared::store::idempotency::Use;
use shared::store::{StoreError, TransactionError};

use crate::World;
use crate::world::Item;

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

/// A key of the table `ledger`, whose items here are of no ledger's form.
pub(crate) fn key(pk: &str, sk: &str) -> Item {
    [("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))].into()
}

pub(crate) fn item(sk: &str, value: AttributeValue) -> Item {
    let mut item = key("a", sk);
    item.insert("v".to_owned(), value);
    item
}

/// A write of a new item, as a piece of a transaction.
pub(crate) fn put(world: &World, item: Item) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(world.table("ledger"))
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(OnFailure::AllOld);
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

async fn write(world: &World, item: Item) -> Result<(), String> {
    let put = world.client.put_item().table_name(world.table("ledger"));
    let written = put.set_item(Some(item)).send().await;
    written.map(drop).map_err(|error| code(&error.into_service_error()))
}

async fn read(world: &World, sk: &str) -> Option<AttributeValue> {
    let get = world.client.get_item().table_name(world.table("ledger"));
    let got = get
        .set_key(Some(key("a", sk)))
        .consistent_read(true)
        .send()
        .await
        .unwrap();
    got.item
        .map(|mut item| item.remove("v").unwrap_or(AttributeValue::Null(true)))
}

/// An update of `a` / `sk`, and the attribute `v` afterwards.
async fn update(world: &World, sk: &str, expression: &str, value: AttributeValue) -> Result<AttributeValue, String> {
    let update = world.client.update_item().table_name(world.table("ledger"));
    let updated = update
        .set_key(Some(key("a", sk)))
        .update_expression(expression)
        .expression_attribute_values(":v", value)
        .return_values(ReturnValue::AllNew)
        .send()
        .await;
    let updated = updated.map_err(|error| code(&error.into_service_error()))?;
    Ok(updated.attributes.unwrap()["v"].clone())
}

fn code(error: &impl ProvideErrorMetadata) -> String {
    error.code().unwrap_or_default().to_owned()
}

const INVALID: &str = "ValidationException";

#[tokio::test]
async fn a_cancelled_transaction_says_of_each_write_in_order_what_stood_in_its_way() {
    let world = World::with(&["ledger"]).await;
    write(&world, item("there", n("7"))).await.unwrap();
    let check = ConditionCheck::builder()
        .table_name(world.table("ledger"))
        .set_key(Some(key("a", "absent")))
        .condition_expression("attribute_exists(pk)")
        .return_values_on_condition_check_failure(OnFailure::AllOld);
    let check = TransactWriteItem::builder()
        .condition_check(check.build().unwrap())
        .build();
    let update = Update::builder()
        .table_name(world.table("ledger"))
        .set_key(Some(key("a", "counted")))
        .update_expression("ADD v :v")
        .expression_attribute_values(":v", n("1"));
    let update = TransactWriteItem::builder().update(update.build().unwrap()).build();
    let writes = [
        put(&world, item("new", n("1"))),
        put(&world, item("there", n("1"))),
        check,
        update,
    ];
    let sent = world
        .client
        .transact_write_items()
        .set_transact_items(Some(writes.into()));
    let error = sent.send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = error
    else {
        panic!("{error:?}")
    };
    let reasons = cancelled.cancellation_reasons();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code().unwrap()).collect();
    assert_eq!(
        codes,
        ["None", "ConditionalCheckFailed", "ConditionalCheckFailed", "None"]
    );
    assert_eq!(reasons[1].item(), Some(&item("there", n("7"))));
    assert_eq!(reasons[2].item(), None);
    assert_eq!(
        world.items("ledger").await.len(),
        1,
        "a cancelled transaction wrote something"
    );
}

#[tokio::test]
async fn a_refused_write_shows_the_item_that_stood_in_its_way() {
    let world = World::with(&["ledger"]).await;
    write(&world, item("there", n("7"))).await.unwrap();
    for (sk, expected) in [("there", Some(item("there", n("7")))), ("absent", None)] {
        let update = world.client.update_item().table_name(world.table("ledger"));
        let update = update.set_key(Some(key("a", sk))).update_expression("SET v = :v");
        let update = update
            .condition_expression("v = :v")
            .expression_attribute_values(":v", n("8"));
        let update = update.return_values_on_condition_check_failure(OnFailure::AllOld);
        let error = update.send().await.unwrap_err().into_service_error();
        let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refused) = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(refused.item, expected, "{sk}");
    }
}

#[tokio::test]
async fn a_transaction_sent_twice_under_one_token_acts_once_and_another_under_it_is_refused() {
    let world = World::with(&["ledger"]).await;
    let send = async |value: &str| {
        let writes = vec![put(&world, item("once", n(value)))];
        let sent = world.client.transact_write_items().set_transact_items(Some(writes));
        let sent = sent.client_request_token("token-1").send().await;
        sent.map(drop).map_err(|error| code(&error.into_service_error()))
    };
    // The second would be refused by its own condition if it were not known to be the first.
    assert_eq!(send("1").await, Ok(()));
    assert_eq!(send("1").await, Ok(()));
    assert_eq!(send("2").await, Err("IdempotentParameterMismatchException".to_owned()));
    assert_eq!(read(&world, "once").await, Some(n("1")));
}

#[tokio::test]
async fn a_transaction_has_a_hundred_writes_at_most_and_no_item_twice() {
    let world = World::with(&["ledger"]).await;
    let send = async |writes: Vec<TransactWriteItem>| {
        let sent = world.client.transact_write_items().set_transact_items(Some(writes));
        sent.send()
            .await
            .map(drop)
            .map_err(|error| code(&error.into_service_error()))
    };
    let writes = |count: u32| {
        (0..count)
            .map(|sk| put(&world, item(&sk.to_string(), n("1"))))
            .collect()
    };
    assert_eq!(send(writes(101)).await, Err(INVALID.to_owned()));
    assert_eq!(world.items("ledger").await.len(), 0);
    assert_eq!(send(writes(100)).await, Ok(()));
    assert_eq!(world.items("ledger").await.len(), 100);
    let bare = Put::builder()
        .table_name(world.table("ledger"))
        .set_item(Some(item("x", n("1"))))
        .build();
    let bare = TransactWriteItem::builder().put(bare.unwrap()).build();
    assert_eq!(send(vec![bare.clone(), bare]).await, Err(INVALID.to_owned()));
    // Under a condition the engines do not say it alike (`differences.rs`), but none of them does it.
    let twice = vec![put(&world, item("x", n("1"))), put(&world, item("x", n("1")))];
    assert!(send(twice).await.is_err());
    assert_eq!(read(&world, "x").await, None);
}

#[tokio::test]
async fn an_item_has_four_hundred_kibibytes_at_most_names_included() {
    let world = World::with(&["ledger"]).await;
    // The names `pk`, `sk` and `v`, the values "a" and "big".
    let room = 400 * 1024 - 5 - 4;
    assert_eq!(write(&world, item("big", s(&"x".repeat(room)))).await, Ok(()));
    assert_eq!(
        write(&world, item("big", s(&"x".repeat(room + 1)))).await,
        Err(INVALID.to_owned())
    );
    let grown = update(&world, "big", "SET w = :v", n("1")).await;
    assert_eq!(grown, Err(INVALID.to_owned()));
    // Three bytes a letter.
    assert_eq!(
        write(&world, item("big", s(&"灯".repeat(room / 3 + 1)))).await,
        Err(INVALID.to_owned())
    );
}

#[tokio::test]
async fn what_the_database_will_never_take_is_told_from_what_may_be_tried_again() {
    let world = World::with(&["idempotency"]).await;
    let used = Use::new(world.ids.next(), "images-create", "k", "f".to_owned());
    let large = world
        .idempotency()
        .answer_write(&used, "x".repeat(500_000), world.now());
    let outcome = world.try_commit([large.unwrap()]).await;
    assert!(
        matches!(outcome, Err(TransactionError::Store(StoreError::Rejected(_)))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn numbers_are_exact_to_thirty_eight_digits_and_no_further() {
    let world = World::with(&["ledger"]).await;
    let most = "9".repeat(37) + "8";
    assert_eq!(write(&world, item("n", n(&most))).await, Ok(()));
    assert_eq!(update(&world, "n", "ADD v :v", n("1")).await, Ok(n(&"9".repeat(38))));
    assert_eq!(
        write(&world, item("n", n(&"9".repeat(39)))).await,
        Err(INVALID.to_owned())
    );
    for (written, kept) in [("007", "7"), ("1.50", "1.5"), ("-0", "0"), ("1e3", "1000")] {
        write(&world, item("n", n(written))).await.unwrap();
        assert_eq!(read(&world, "n").await, Some(n(kept)));
    }
}

#[tokio::test]
async fn an_empty_text_is_a_value_and_no_key_and_a_set_is_never_empty() {
    let world = World::with(&["ledger", "images"]).await;
    assert_eq!(write(&world, item("empty", s(""))).await, Ok(()));
    assert_eq!(read(&world, "empty").await, Some(s("")));
    assert_eq!(write(&world, key("a", "")).await, Err(INVALID.to_owned()));
    let set = |names: &[&str]| AttributeValue::Ss(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(write(&world, item("set", set(&[]))).await, Err(INVALID.to_owned()));
    assert_eq!(
        write(&world, item("set", set(&["x", "x"]))).await,
        Err(INVALID.to_owned())
    );
    assert_eq!(write(&world, item("list", AttributeValue::L(Vec::new()))).await, Ok(()));
    // The last name taken out of a set takes the set with it.
    write(&world, item("set", set(&["cos"]))).await.unwrap();
    let update = world.client.update_item().table_name(world.table("ledger"));
    let update = update.set_key(Some(key("a", "set"))).update_expression("DELETE v :v");
    update
        .expression_attribute_values(":v", set(&["cos"]))
        .send()
        .await
        .unwrap();
    assert_eq!(read(&world, "set").await, Some(AttributeValue::Null(true)));
    // Nor may the key of an index be empty, or of another type.
    for wrong in [s(""), n("1")] {
        let put = world.client.put_item().table_name(world.table("images"));
        let put = put
            .item("account_id", s("a"))
            .item("id", s("b"))
            .item("object_key", wrong);
        let error = put.send().await.unwrap_err().into_service_error();
        assert_eq!(code(&error), INVALID);
    }
}

#[tokio::test]
async fn adding_begins_at_nothing_and_subtracting_from_nothing_is_refused() {
    let world = World::with(&["ledger"]).await;
    assert_eq!(update(&world, "new", "ADD v :v", n("3")).await, Ok(n("3")));
    assert_eq!(update(&world, "new", "ADD v :v", n("-5")).await, Ok(n("-2")));
    assert_eq!(
        update(&world, "other", "SET v = v - :v", n("1")).await,
        Err(INVALID.to_owned())
    );
    assert_eq!(
        update(&world, "first", "SET v = if_not_exists(v, :v)", n("1")).await,
        Ok(n("1"))
    );
    assert_eq!(
        update(&world, "first", "SET v = if_not_exists(v, :v)", n("2")).await,
        Ok(n("1"))
    );
}

#[tokio::test]
async fn words_of_the_databases_own_and_values_that_nothing_uses_are_refused() {
    let world = World::with(&["ledger"]).await;
    for word in ["state", "name", "status", "hash", "text", "to"] {
        assert_eq!(
            update(&world, "x", &format!("SET {word} = :v"), n("1")).await,
            Err(INVALID.to_owned()),
            "{word}"
        );
        let update = world.client.update_item().table_name(world.table("ledger"));
        let update = update.set_key(Some(key("a", "x"))).update_expression("SET #word = :v");
        let update = update.expression_attribute_names("#word", word);
        update.expression_attribute_values(":v", n("1")).send().await.unwrap();
    }
    assert_eq!(
        update(&world, "x", "REMOVE v", n("1")).await,
        Err(INVALID.to_owned()),
        "a value that no expression names"
    );
}

#[tokio::test]
async fn a_full_page_may_be_the_last_and_an_empty_one_need_not_be() {
    let world = World::with(&["ledger"]).await;
    for number in 0..6 {
        write(&world, item(&format!("ENTRY#{number}"), n(&(number % 2).to_string())))
            .await
            .unwrap();
    }
    let page = async |limit: i32, filter: Option<&str>, from: Option<Item>| {
        let query = world.client.query().table_name(world.table("ledger"));
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s("a"));
        let query = match filter {
            Some(filter) => query
                .filter_expression("v = :v")
                .expression_attribute_values(":v", n(filter)),
            None => query,
        };
        let page = query.limit(limit).set_exclusive_start_key(from).send().await.unwrap();
        (page.count, page.last_evaluated_key)
    };
    let (count, next) = page(6, None, None).await;
    assert_eq!((count, next.clone()), (6, Some(key("a", "ENTRY#5"))));
    assert_eq!(page(6, None, next).await, (0, None));
    assert_eq!(page(7, None, None).await, (6, None));
    // The limit is on what is looked at, before the filter.
    let (count, next) = page(1, Some("1"), None).await;
    assert_eq!((count, next.clone()), (0, Some(key("a", "ENTRY#0"))));
    assert_eq!(page(1, Some("1"), next).await.0, 1);
    // And a page may begin at a key that is not there.
    assert_eq!(page(7, None, Some(key("a", "ENTRY#3x"))).await.0, 2);
}

#[tokio::test]
async fn an_index_is_ordered_by_number_and_never_read_consistently() {
    let world = World::with(&["images"]).await;
    for due in [9, 10, 100, 1] {
        let put = world.client.put_item().table_name(world.table("images"));
        let put = put.item("account_id", s("a")).item("id", s(&due.to_string()));
        let put = put.item("pending", s("image")).item("due_at", n(&due.to_string()));
        put.item("prompt", s("not in the index")).send().await.unwrap();
    }
    let query = || {
        let query = world
            .client
            .query()
            .table_name(world.table("images"))
            .index_name("unfinished");
        let query = query.key_condition_expression("pending = :p");
        query.expression_attribute_values(":p", s("image"))
    };
    let found = query().send().await.unwrap();
    let due: Vec<_> = found.items().iter().map(|item| item["due_at"].clone()).collect();
    assert_eq!(due, [n("1"), n("9"), n("10"), n("100")]);
    assert!(found.items().iter().all(|item| item.len() == 4), "keys alone");
    let (mut walked, mut from) = (0, None);
    loop {
        let page = query().limit(3).set_exclusive_start_key(from).send().await.unwrap();
        walked += page.count;
        from = page.last_evaluated_key;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(walked, 4);
    let error = query().consistent_read(true).send().await.unwrap_err();
    assert_eq!(code(&error.into_service_error()), INVALID);
}
