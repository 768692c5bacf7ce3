//! A table beside a copy of it from an earlier time: DynamoDB recovers into a table of its own, and what is missing is put back into
//! the one that streams, functions and permissions know.

use aws_sdk_dynamodb::types::{KeyType, TableDescription};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use super::table::failed;
use super::{Db, Expression, Item, Mark, StoreError, Table, Updated};

/// How many items are read at once.
const PAGE: i32 = 200;

/// How many items are looked for at the same time.
const AT_ONCE: usize = 16;

/// A table and its copy.
#[derive(Clone, Debug)]
pub struct Recovery {
    table: Table,
    copy: Table,
    /// The attributes of the key, the partition's first.
    key: Vec<String>,
}

/// Why two tables cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// There is no such table.
    #[error("there is no table `{0}`")]
    Absent(String),
    /// The one was not made from the other.
    #[error("`{copy}` was not recovered from `{table}`")]
    Unlike {
        /// The table.
        table: String,
        /// What was said to be a copy of it.
        copy: String,
    },
    /// DynamoDB still writes the copy.
    #[error("`{0}` is still being recovered")]
    Unfinished(String),
    /// A table cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An item of the copy.
#[derive(Clone, Debug)]
pub struct Kept(Item);

/// How an item of the copy stands in the table.
#[derive(Clone, Debug)]
pub enum Difference {
    /// It is the same there.
    Same,
    /// It is there, and otherwise.
    Changed,
    /// It is not there.
    Missing(Kept),
}

impl Kept {
    /// Whether it has an attribute of this name.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.0.contains_key(attribute)
    }

    /// What is written in the attribute of this name, if that is text.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute)?.as_s().ok().map(String::as_str)
    }

    /// Whether it has an end, and that has passed at `now`.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        let end = self.0.get("expires_at").and_then(|end| end.as_n().ok());
        let end = end.and_then(|end| end.parse::<i64>().ok());
        end.is_some_and(|end| end <= now.as_second())
    }
}

impl Recovery {
    /// The table `table` beside `copy`, by their full names.
    ///
    /// # Errors
    /// When one of them is not there, the copy is not one of this table or not finished, or the database cannot be asked.
    pub async fn of(db: &Db, table: &str, copy: &str) -> Result<Self, RecoveryError> {
        let (there, recovered) = (described(db, table).await?, described(db, copy).await?);
        let source = match recovered.restore_summary() {
            Some(summary) if summary.restore_in_progress => return Err(RecoveryError::Unfinished(copy.to_owned())),
            Some(summary) => summary.source_table_arn().unwrap_or_default().rsplit('/').next(),
            // A copy that was made by other means tells by its name what it is one of.
            None => copy.starts_with(&format!("{table}-")).then_some(table),
        };
        let key = key_of(&there);
        if source != Some(table) || key != key_of(&recovered) {
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

    /// How the next items of the copy stand in the table, and where the walk goes on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn differences(&self, from: Option<Mark>) -> Result<(Vec<Difference>, Option<Mark>), StoreError> {
        let from = from.map(|mark| mark.0);
        let page = self.copy.scan(Expression::default(), PAGE, from).await?;
        let compared = stream::iter(page.items).map(|item| self.difference(item));
        let compared = compared.buffered(AT_ONCE).try_collect().await?;
        Ok((compared, page.next.map(Mark)))
    }

    async fn difference(&self, item: Item) -> Result<Difference, StoreError> {
        let of_key = item.iter().filter(|(name, _)| self.key.contains(name));
        let key = of_key.map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(match self.table.get(key).await? {
            None => Difference::Missing(Kept(item)),
            Some(there) if there == item => Difference::Same,
            Some(_) => Difference::Changed,
        })
    }

    /// Writes an item of the copy into the table, unless it is there by now; tells whether it was written.
    ///
    /// # Errors
    /// When the store fails; doing it again is safe.
    pub async fn put_back(&self, item: Kept) -> Result<bool, StoreError> {
        let partition = self.key.first().map(String::as_str).unwrap_or_default();
        let new = Expression::when(&format!("attribute_not_exists(#{partition})"));
        Ok(matches!(self.table.put(item.0, new).await?, Updated::Done(_)))
    }
}

async fn described(db: &Db, table: &str) -> Result<TableDescription, RecoveryError> {
    let asked = Box::pin(db.client.describe_table().table_name(table).send()).await;
    let answer = asked.map_err(|error| match error.as_service_error() {
        Some(refused) if refused.is_resource_not_found_exception() => RecoveryError::Absent(table.to_owned()),
        Some(_) | None => failed(error).into(),
    })?;
    answer.table.ok_or_else(|| RecoveryError::Absent(table.to_owned()))
}

/// The attributes of a table's key, the partition's first.
fn key_of(table: &TableDescription) -> Vec<String> {
    let mut key: Vec<_> = table.key_schema().iter().collect();
    key.sort_by_key(|part| *part.key_type() != KeyType::Hash);
    key.into_iter().map(|part| part.attribute_name.clone()).collect()
}
