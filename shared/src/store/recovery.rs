//! A table beside a copy of it from an earlier time: DynamoDB recovers into a table of its own, and what is wanted of it is put back
//! into the one that streams, functions and permissions know.
//!
//! Nobody else may write to the table meanwhile.

use aws_sdk_dynamodb::types::KeyType;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use super::table::failed;
use super::{Db, Expression, Item, StoreError, Table};

/// How many items are read at once.
const PAGE: i32 = 200;

/// How many items are looked for, or written, at the same time.
const AT_ONCE: usize = 16;

/// A table and its copy.
#[derive(Clone, Debug)]
pub struct Recovery {
    table: Table,
    copy: Table,
    /// The attributes of the key, which both have.
    key: Vec<String>,
}

/// Why two tables cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// There is no such table.
    #[error("there is no table `{0}`")]
    Absent(String),
    /// The one is no copy of the other.
    #[error("`{copy}` is no copy of `{table}`: their keys differ")]
    Unlike {
        /// The table.
        table: String,
        /// What was said to be a copy of it.
        copy: String,
    },
    /// A table cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A place in a walk through one of the two.
#[derive(Clone, Debug)]
pub struct Mark(Item);

/// An item as it is written or removed.
#[derive(Clone, Debug)]
pub struct Kept(Item);

impl Kept {
    /// Whether it has an attribute of this name.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.0.contains_key(attribute)
    }
}

/// How an item of the copy stands in the table.
#[derive(Clone, Debug)]
pub enum Difference {
    /// It is the same there.
    Same,
    /// It is there, and otherwise.
    Changed(Kept),
    /// It is not there.
    Missing(Kept),
    /// It has passed its end, so it does not exist, wherever it still lies.
    Ended,
}

impl Recovery {
    /// The table `table` beside `copy`, by their full names.
    ///
    /// # Errors
    /// When one of them is not there, they are no tables of the same kind, or the database cannot be asked.
    pub async fn of(db: &Db, table: &str, copy: &str) -> Result<Self, RecoveryError> {
        let (key, other) = (key_of(db, table).await?, key_of(db, copy).await?);
        if key != other {
            return Err(RecoveryError::Unlike {
                table: table.to_owned(),
                copy: copy.to_owned(),
            });
        }
        Ok(Self {
            table: Table::new(db, table.to_owned()),
            copy: Table::new(db, copy.to_owned()),
            key,
        })
    }

    /// How the next items of the copy stand in the table at `now`, and where the walk goes on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn differences(
        &self,
        from: Option<Mark>,
        now: Timestamp,
    ) -> Result<(Vec<Difference>, Option<Mark>), StoreError> {
        let from = from.map(|mark| mark.0);
        let page = self.copy.scan(Expression::default(), PAGE, from).await?;
        let compared = stream::iter(page.items).map(|item| self.difference(item, now));
        let compared = compared.buffered(AT_ONCE).try_collect().await?;
        Ok((compared, page.next.map(Mark)))
    }

    async fn difference(&self, item: Item, now: Timestamp) -> Result<Difference, StoreError> {
        if has_ended(&item, now) {
            return Ok(Difference::Ended);
        }
        Ok(match self.table.get(self.key_of_item(&item)).await? {
            None => Difference::Missing(Kept(item)),
            Some(there) if there == item => Difference::Same,
            Some(_) => Difference::Changed(Kept(item)),
        })
    }

    /// Which of the next items of the table the copy does not have, how many these were, and where the walk goes on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn newer(&self, from: Option<Mark>) -> Result<(Vec<Kept>, usize, Option<Mark>), StoreError> {
        let from = from.map(|mark| mark.0);
        let page = self.table.scan(Expression::default(), PAGE, from).await?;
        let looked_for = stream::iter(page.items).map(|item| async move {
            let key = self.key_of_item(&item);
            let there = self.copy.get(key.clone()).await?;
            Ok::<_, StoreError>(there.is_none().then_some(Kept(key)))
        });
        let found: Vec<_> = looked_for.buffered(AT_ONCE).try_collect().await?;
        let walked = found.len();
        Ok((found.into_iter().flatten().collect(), walked, page.next.map(Mark)))
    }

    /// Writes items of the copy into the table, over whatever is there.
    ///
    /// # Errors
    /// When the store fails; doing it again is safe.
    pub async fn put_back(&self, items: Vec<Kept>) -> Result<(), StoreError> {
        let writes = stream::iter(items).map(|item| self.table.put(item.0, Expression::default()));
        writes.buffered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
    }

    /// Removes items from the table.
    ///
    /// # Errors
    /// When the store fails; doing it again is safe.
    pub async fn take_away(&self, items: Vec<Kept>) -> Result<(), StoreError> {
        let writes = stream::iter(items).map(|item| self.table.delete(item.0, Expression::default()));
        writes.buffered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
    }

    fn key_of_item(&self, item: &Item) -> Item {
        let of_key = item.iter().filter(|(name, _)| self.key.contains(name));
        of_key.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The attributes of a table's key, the partition's first.
async fn key_of(db: &Db, table: &str) -> Result<Vec<String>, RecoveryError> {
    let described = Box::pin(db.client.describe_table().table_name(table).send()).await;
    let described = described.map_err(|error| match error.as_service_error() {
        Some(refused) if refused.is_resource_not_found_exception() => RecoveryError::Absent(table.to_owned()),
        Some(_) | None => failed(error).into(),
    })?;
    let mut key = described.table.and_then(|table| table.key_schema).unwrap_or_default();
    key.sort_by_key(|part| *part.key_type() != KeyType::Hash);
    Ok(key.into_iter().map(|part| part.attribute_name).collect())
}

/// Whether an item's end, in seconds since 1970, has passed at `now`.
fn has_ended(item: &Item, now: Timestamp) -> bool {
    let end = item.get("expires_at").and_then(|end| end.as_n().ok());
    let end = end.and_then(|end| end.parse::<i64>().ok());
    end.is_some_and(|end| end <= now.as_second())
}
