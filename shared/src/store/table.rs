//! A table of DynamoDB as the modules beside this one use it.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Select};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::Entropy;
use crate::ids::{self, Id};

/// An item as DynamoDB has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The database, as a platform hands it in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) client: Client,
    /// Spreads retries out, so that those who met once do not meet again.
    pub(super) entropy: Entropy,
}

impl Db {
    /// The database behind `client`.
    #[must_use]
    pub fn new(client: Client, entropy: Entropy) -> Self {
        Self { client, entropy }
    }
}

/// One table. Every request of the SDK is boxed: as a value it is ten kilobytes of future, and flows hold many.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) db: Db,
    pub(super) name: String,
}

/// What came of a conditional update.
pub(super) enum Updated {
    /// It was done; this is the item now.
    Done(Item),
    /// The condition did not hold; this is the item as it stands, if there is one.
    Refused(Option<Item>),
}

impl Table {
    pub(super) fn new(db: &Db, name: String) -> Self {
        Self { db: db.clone(), name }
    }

    /// The item with this key, read consistently.
    pub(super) async fn get(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let request = self
            .db
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true);
        Ok(Box::pin(request.send()).await.map_err(failed)?.item)
    }

    /// Writes an item if `expression`'s condition holds for what is there.
    pub(super) async fn put(&self, item: Item, expression: Expression) -> Result<Updated, StoreError> {
        let request = self
            .db
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.clone()))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(Updated::Done(item)),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Updated::Refused(refused.item.clone()))
                }
                Some(_) | None => Err(failed(error)),
            },
        }
    }

    /// Changes an item if `expression`'s condition holds.
    pub(super) async fn update(&self, key: Item, expression: Expression) -> Result<Updated, StoreError> {
        let request = self
            .db
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_update_expression(expression.update)
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match Box::pin(request.send()).await {
            Ok(done) => Ok(Updated::Done(done.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Updated::Refused(refused.item.clone()))
                }
                Some(_) | None => Err(failed(error)),
            },
        }
    }

    /// Removes an item if `expression`'s condition holds; `false` when it does not.
    pub(super) async fn delete(&self, key: Item, expression: Expression) -> Result<bool, StoreError> {
        let request = self
            .db
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                Some(_) | None => Err(failed(error)),
            },
        }
    }

    /// Up to `limit` items of one partition, in the order of the sort key or, if `newest_first`, against it.
    pub(super) async fn query(
        &self,
        expression: Expression,
        newest_first: bool,
        limit: i32,
    ) -> Result<Vec<Item>, StoreError> {
        let request = self
            .db
            .client
            .query()
            .table_name(&self.name)
            .set_key_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .scan_index_forward(!newest_first)
            .consistent_read(true)
            .limit(limit);
        Ok(Box::pin(request.send())
            .await
            .map_err(failed)?
            .items
            .unwrap_or_default())
    }
}

impl Table {
    /// Up to `limit` items of an account, newest first, those before `before` if given; for tables whose key is `account_id`
    /// and `id`.
    pub(super) async fn newest<K: ids::Kind>(
        &self,
        account: Id<ids::Account>,
        before: Option<Id<K>>,
        limit: i32,
    ) -> Result<Vec<Item>, StoreError> {
        self.query(of_account(account, before), true, limit).await
    }
}

/// The items of an account, those before `before` if given, by the attributes `account_id` and `id`.
pub(super) fn of_account<K: ids::Kind>(account: Id<ids::Account>, before: Option<Id<K>>) -> Expression {
    let mine = Expression::when("#account_id = :account");
    let expression = match before {
        None => mine,
        Some(before) => mine
            .and_when("#account_id = :account AND #id < :before")
            .text(":before", before.to_string()),
    };
    expression.text(":account", account.to_string())
}

/// A place in a walk through a whole table.
#[derive(Clone, Debug)]
pub struct Mark(pub(super) Item);

/// A part of what was asked for, and where the rest begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// Give it to the same question again; `None` when there is no more.
    pub(super) next: Option<Item>,
}

impl Page {
    fn of(items: Option<Vec<Item>>, next: Option<Item>) -> Self {
        Self {
            items: items.unwrap_or_default(),
            next,
        }
    }
}

impl Table {
    /// Up to `limit` entries of the index `unfinished`, those that are longest due at `now` first; `pending` is the one
    /// partition that the table has in it.
    pub(super) async fn due<T: DeserializeOwned>(
        &self,
        pending: &str,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<T>, StoreError> {
        let expression = Expression::when("#pending = :pending AND #due_at <= :now")
            .text(":pending", pending)
            .number(":now", now.as_second());
        let page = self.query_index("unfinished", expression, limit, None).await?;
        let entry = |item| from_item(item, || "an entry of the index `unfinished`".to_owned());
        page.items.into_iter().map(entry).collect()
    }

    /// How many entries the partition `pending` of the index `unfinished` has, `most` at most.
    pub(super) async fn count_unfinished(&self, pending: &str, most: i32) -> Result<u64, StoreError> {
        let (mut count, mut from) = (0, None);
        loop {
            let request = self
                .db
                .client
                .query()
                .table_name(&self.name)
                .index_name("unfinished")
                .select(Select::Count)
                .key_condition_expression("#pending = :pending")
                .expression_attribute_names("#pending", "pending")
                .expression_attribute_values(":pending", AttributeValue::S(pending.to_owned()))
                .set_exclusive_start_key(from)
                .limit(most);
            let found = Box::pin(request.send()).await.map_err(failed)?;
            count += u64::try_from(found.count).unwrap_or_default();
            from = found.last_evaluated_key;
            if from.is_none() || count >= u64::try_from(most).unwrap_or_default() {
                return Ok(count);
            }
        }
    }

    /// Up to `limit` items of an index, in the order of its sort key, from `from` on. Most indexes of ours hold keys alone, and all lag
    /// a little behind their table: read the items before believing anything.
    pub(super) async fn query_index(
        &self,
        index: &str,
        expression: Expression,
        limit: i32,
        from: Option<Item>,
    ) -> Result<Page, StoreError> {
        self.ask_index(index, expression, true, limit, from).await
    }

    /// Up to `limit` items of an index, against the order of its sort key.
    pub(super) async fn newest_of_index(
        &self,
        index: &str,
        expression: Expression,
        limit: i32,
    ) -> Result<Page, StoreError> {
        self.ask_index(index, expression, false, limit, None).await
    }

    async fn ask_index(
        &self,
        index: &str,
        expression: Expression,
        forward: bool,
        limit: i32,
        from: Option<Item>,
    ) -> Result<Page, StoreError> {
        let request = self
            .db
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .set_key_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .set_exclusive_start_key(from)
            .scan_index_forward(forward)
            .limit(limit);
        let found = Box::pin(request.send()).await.map_err(failed)?;
        Ok(Page::of(found.items, found.last_evaluated_key))
    }

    /// What `expression`'s condition lets through of the next `limit` items of the whole table, from `from` on. A page may be
    /// empty and yet not the last.
    pub(super) async fn scan(
        &self,
        expression: Expression,
        limit: i32,
        from: Option<Item>,
    ) -> Result<Page, StoreError> {
        let request = self
            .db
            .client
            .scan()
            .table_name(&self.name)
            .set_filter_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .set_exclusive_start_key(from)
            .limit(limit);
        let found = Box::pin(request.send()).await.map_err(failed)?;
        Ok(Page::of(found.items, found.last_evaluated_key))
    }
}

/// Sorts an SDK error into what can be done about it.
pub(super) fn failed<E, R>(error: SdkError<E, R>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .map(str::to_owned);
    match code.as_deref() {
        None
        | Some(
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "InternalServerError"
            | "ServiceUnavailable",
        ) => StoreError::Unavailable(error.into()),
        Some("TransactionConflictException" | "TransactionInProgressException") => StoreError::Contended,
        Some(_) => StoreError::Rejected(error.into()),
    }
}

/// A condition, an update, and the values they speak of.
///
/// `#word` in either text stands for the attribute `word`, so no attribute's name can clash with a reserved word.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    pub(super) condition: Option<String>,
    pub(super) update: Option<String>,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Expression {
    /// A condition alone (or a key condition).
    pub(super) fn when(condition: &str) -> Self {
        Self::default().and_when(condition)
    }

    /// An update without a condition.
    pub(super) fn update(update: &str) -> Self {
        Self::default().and_update(update)
    }

    /// With an update.
    pub(super) fn and_update(mut self, update: &str) -> Self {
        self.name_all(update);
        self.update = Some(update.to_owned());
        self
    }

    /// With a condition.
    pub(super) fn and_when(mut self, condition: &str) -> Self {
        self.name_all(condition);
        self.condition = Some(condition.to_owned());
        self
    }

    /// Put only where nothing is, or something that TTL has not removed yet. `key` is any attribute of the key.
    pub(super) fn absent(key: &str, now: Timestamp) -> Self {
        Self::when(&format!("attribute_not_exists(#{key}) OR #expires_at <= :now")).number(":now", now.as_second())
    }

    pub(super) fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.value(name, AttributeValue::S(value.into()))
    }

    pub(super) fn number(self, name: &str, value: impl std::fmt::Display) -> Self {
        self.value(name, AttributeValue::N(value.to_string()))
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        self.value(name, AttributeValue::Bool(value))
    }

    pub(super) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    fn name_all(&mut self, text: &str) {
        for part in text.split('#').skip(1) {
            let word: String = part
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            self.names.get_or_insert_default().insert(format!("#{word}"), word);
        }
    }
}

/// A key of one or two text attributes.
pub(super) fn key(parts: &[(&str, String)]) -> Item {
    parts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), AttributeValue::S(value.clone())))
        .collect()
}

/// Our item struct as an item. Cannot fail for the structs of this floor, which are plain maps of plain values; should
/// it, the write is refused as broken.
pub(super) fn to_item<T: Serialize>(what: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(what).map_err(|cause| StoreError::Broken {
        key: "new item".to_owned(),
        cause: cause.into(),
    })
}

/// An item as our struct, or an error that names the item by its key.
pub(super) fn from_item<T: DeserializeOwned>(item: Item, key: impl FnOnce() -> String) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|cause| StoreError::Broken {
        key: key(),
        cause: cause.into(),
    })
}
