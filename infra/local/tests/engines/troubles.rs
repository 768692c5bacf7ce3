//! The database's bad days, over a connection like any other.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use vitrine::engine::Engines;
use vitrine::engine::trouble::{Ordered, Trouble};

use crate::support::{LEDGER, clock, dynamodb, engines};

/// Adds one to a counter, by a client that asks again when it hears nothing, and says what it stands at then.
async fn counted(engines: &Engines) -> Option<String> {
    let text = |text: &str| AttributeValue::S(text.into());
    let updated = dynamodb(engines, "images-create")
        .update_item()
        .table_name(LEDGER)
        .key("pk", text("led"))
        .key("sk", text("COUNT"))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()))
        .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
        .send()
        .await;
    match updated {
        Ok(done) => Some(done.attributes?.get("n")?.as_n().ok()?.clone()),
        Err(error) => error.code().map(str::to_owned),
    }
}

#[tokio::test]
async fn a_lost_reply_leaves_the_work_done_and_a_lost_request_does_not() {
    for (trouble, counter) in [
        (Trouble::ReplyLost, "2"),
        (Trouble::RequestLost, "1"),
        (Trouble::Throttled, "1"),
    ] {
        let engines = engines(&clock()).await;
        engines.troubles.order(Ordered::next(1, trouble).of("UpdateItem"));
        assert_eq!(counted(&engines).await.as_deref(), Some(counter), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_trouble_befalls_whom_it_was_ordered_for_and_as_often_as_ordered() {
    let engines = engines(&clock()).await;
    let conflict = Ordered::next(1, Trouble::Conflict);
    engines.troubles.order(conflict.clone().by("images-paint"));
    assert_eq!(counted(&engines).await.as_deref(), Some("1"));
    engines.troubles.order(conflict.by("images-create"));
    assert_eq!(counted(&engines).await.as_deref(), Some("TransactionConflictException"));
    assert_eq!(counted(&engines).await.as_deref(), Some("2"));
}
