use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::RequestId as _;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Get, KeysAndAttributes, Put, PutRequest, TransactGetItem, TransactWriteItem,
    Update, WriteRequest,
};

use vitrine::engine::Engines;

use crate::support::{IMAGES, LEDGER, clock, dynamodb, engines, settings};

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn put(id: &str) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(IMAGES)
        .item("account_id", s("acc"))
        .item("id", s(id))
        .build()
        .unwrap();
    TransactWriteItem::builder().put(put).build()
}

fn refused<T, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, E>, action: &str) {
    let error = result.err().expect("the call should be refused");
    assert_eq!(error.code(), Some("AccessDeniedException"), "{error:?}");
    let message = error.message().unwrap();
    assert!(
        message.contains(&format!(
            "is not authorized to perform: dynamodb:{action} on resource: arn:aws"
        )),
        "{message}"
    );
}

#[tokio::test]
async fn a_function_does_what_it_was_allowed_and_nothing_else() {
    let engines = engines(&clock()).await;
    let db = dynamodb(&engines, "images-create");
    let created = db
        .put_item()
        .table_name(IMAGES)
        .item("account_id", s("acc"))
        .item("id", s("img"))
        .send()
        .await;
    assert!(created.unwrap().request_id().is_some());
    let key = |table: &str| {
        db.get_item()
            .table_name(table)
            .key("account_id", s("acc"))
            .key("id", s("img"))
    };
    assert!(key(IMAGES).send().await.unwrap().item.is_some());
    refused(
        key(LEDGER).send().await.map_err(|error| error.into_service_error()),
        "GetItem",
    );
    let deleted = db
        .delete_item()
        .table_name(IMAGES)
        .key("account_id", s("acc"))
        .key("id", s("img"))
        .send()
        .await;
    refused(deleted.map_err(|error| error.into_service_error()), "DeleteItem");
    let updated = db
        .update_item()
        .table_name(IMAGES)
        .key("account_id", s("acc"))
        .key("id", s("img"))
        .send()
        .await;
    refused(updated.map_err(|error| error.into_service_error()), "UpdateItem");
}

#[tokio::test]
async fn an_unknown_caller_may_do_nothing_and_the_operator_everything() {
    let engines = engines(&clock()).await;
    let stranger = dynamodb(&engines, "nobody").scan().table_name(IMAGES).send().await;
    refused(stranger.map_err(|error| error.into_service_error()), "Scan");
    assert!(
        dynamodb(&engines, "operator")
            .scan()
            .table_name(IMAGES)
            .send()
            .await
            .is_ok()
    );
    assert!(dynamodb(&engines, "operator").list_tables().send().await.is_ok());
    let listed = dynamodb(&engines, "images-create").list_tables().send().await;
    refused(listed.map_err(|error| error.into_service_error()), "ListTables");
}

#[tokio::test]
async fn an_index_is_a_resource_of_its_own() {
    let engines = engines(&clock()).await;
    let query = |who: &str| {
        let query = dynamodb(&engines, who)
            .query()
            .table_name(IMAGES)
            .index_name("by_state");
        let query = query
            .key_condition_expression("#s = :s")
            .expression_attribute_names("#s", "state");
        query.expression_attribute_values(":s", s("queued")).send()
    };
    assert_eq!(query("images-list").await.unwrap().count, 0);
    refused(
        query("images-create").await.map_err(|error| error.into_service_error()),
        "Query",
    );
}

#[tokio::test]
async fn a_folder_made_before_an_index_gets_it_with_what_is_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = settings(&clock(), Some(folder.path()));
    before.tables.iter_mut().for_each(|table| table.indexes.clear());
    let engines = Engines::start(before).await.unwrap();
    let put = dynamodb(&engines, "operator").put_item().table_name(IMAGES);
    let put = put.item("account_id", s("acc")).item("id", s("old"));
    let put = put
        .item("state", s("queued"))
        .item("ordered", AttributeValue::N("1".into()));
    put.send().await.unwrap();
    engines.close().await;

    for _ in ["the update", "a start like any other"] {
        let engines = Engines::start(settings(&clock(), Some(folder.path()))).await.unwrap();
        let query = dynamodb(&engines, "operator")
            .query()
            .table_name(IMAGES)
            .index_name("by_state");
        let query = query
            .key_condition_expression("#s = :s")
            .expression_attribute_names("#s", "state");
        let found = query
            .expression_attribute_values(":s", s("queued"))
            .send()
            .await
            .unwrap();
        assert_eq!(found.items()[0]["id"], s("old"));
        engines.close().await;
    }
}

#[tokio::test]
async fn every_part_of_a_transaction_needs_its_own_action() {
    let engines = engines(&clock()).await;
    let db = dynamodb(&engines, "images-create");
    let update = |table: &str, names: (&str, &str)| {
        let update = Update::builder()
            .table_name(table)
            .key(names.0, s("a"))
            .key(names.1, s("b"));
        let update = update
            .update_expression("SET n = :n")
            .expression_attribute_values(":n", AttributeValue::N("1".into()));
        TransactWriteItem::builder().update(update.build().unwrap()).build()
    };
    let check = ConditionCheck::builder()
        .table_name(IMAGES)
        .key("account_id", s("x"))
        .key("id", s("y"));
    let check = check.condition_expression("attribute_not_exists(id)").build().unwrap();
    let check = TransactWriteItem::builder().condition_check(check).build();
    let write = db
        .transact_write_items()
        .transact_items(put("one"))
        .transact_items(check);
    assert!(write.transact_items(update(LEDGER, ("pk", "sk"))).send().await.is_ok());
    let write = db.transact_write_items().transact_items(put("two"));
    let write = write.transact_items(update(IMAGES, ("account_id", "id"))).send().await;
    refused(write.map_err(|error| error.into_service_error()), "UpdateItem");
    let operator = dynamodb(&engines, "operator")
        .scan()
        .table_name(IMAGES)
        .send()
        .await
        .unwrap();
    assert_eq!(operator.count, 1, "a refused transaction wrote something");
}

#[tokio::test]
async fn reading_in_a_transaction_needs_get_item() {
    let engines = engines(&clock()).await;
    let read = |table: &str, names: (&str, &str)| {
        let get = Get::builder()
            .table_name(table)
            .key(names.0, s("a"))
            .key(names.1, s("b"))
            .build()
            .unwrap();
        dynamodb(&engines, "images-create")
            .transact_get_items()
            .transact_items(TransactGetItem::builder().get(get).build())
            .send()
    };
    assert!(read(IMAGES, ("account_id", "id")).await.is_ok());
    refused(
        read(LEDGER, ("pk", "sk"))
            .await
            .map_err(|error| error.into_service_error()),
        "GetItem",
    );
}

#[tokio::test]
async fn a_batch_needs_its_action_on_every_table_it_names() {
    let engines = engines(&clock()).await;
    let db = dynamodb(&engines, "images-create");
    let keys = |names: (&str, &str)| {
        let key = [(names.0.to_owned(), s("a")), (names.1.to_owned(), s("b"))].into();
        KeysAndAttributes::builder().keys(key).build().unwrap()
    };
    let get = db.batch_get_item().request_items(IMAGES, keys(("account_id", "id")));
    assert!(get.clone().send().await.is_ok());
    let get = get.request_items(LEDGER, keys(("pk", "sk"))).send().await;
    refused(get.map_err(|error| error.into_service_error()), "BatchGetItem");
    let put = PutRequest::builder()
        .item("account_id", s("a"))
        .item("id", s("b"))
        .build()
        .unwrap();
    let write = WriteRequest::builder().put_request(put).build();
    let write = db.batch_write_item().request_items(IMAGES, vec![write]).send().await;
    refused(write.map_err(|error| error.into_service_error()), "BatchWriteItem");
}
