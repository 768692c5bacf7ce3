//! The table `privacy`: deletions that were asked for, and the numbers of accounts that were erased.
//!
//! | id | what |
//! |---|---|
//! | `deletion#<hash of the receipt's address>` | a deletion: whose and when due; once it is carried out, the signed statement alone |
//! | `erased#acc_…` | that account was erased, so that it is erased again if a backup brings it back |
//!
//! The sparse index `unfinished` has every deletion that is not carried out under the time at which somebody has to go on
//! with it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, Mark, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::deletion::{ERASED_MEMORY, Gone, RECEIPT_LIFE, Stage};
use crate::domain::{Deletion, DeletionId};
use crate::ids::{self, Id};

/// The table `privacy`.
#[derive(Clone, Debug)]
pub struct Privacy {
    table: Table,
}

/// The partition of the index `unfinished` that has deletions.
const PENDING: &str = "deletion";

#[derive(Serialize, Deserialize)]
struct DeletionItem {
    id: String,
    stage: StageName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account_id: Option<Id<ids::Account>>,
    asked_at: Timestamp,
    erases_at: Timestamp,
    gone: Gone,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    statement: Option<String>,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StageName {
    Waiting,
    Erasing,
    Erased,
}

#[derive(Serialize, Deserialize)]
struct ErasedItem {
    id: String,
    erased_at: Timestamp,
    expires_at: i64,
}

/// An entry of the index `unfinished`.
#[derive(Deserialize)]
struct Due {
    id: String,
}

impl Due {
    fn deletion(self) -> Option<DeletionId> {
        self.id.strip_prefix("deletion#").and_then(DeletionId::from_hash)
    }
}

impl Privacy {
    /// The table named by `PRIVACY_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("PRIVACY_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// The deletion, if it is known: one that was undone is not, and one that was carried out for a year.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn deletion(&self, id: &DeletionId, now: Timestamp) -> Result<Option<Deletion>, StoreError> {
        let Some(item) = self.table.get(deletion_key(id)).await? else {
            return Ok(None);
        };
        let item: DeletionItem = from_item(item, || pk(id))?;
        if item.expires_at.is_some_and(|ends| ends <= now.as_second()) {
            return Ok(None);
        }
        deletion_from(id.clone(), item).map(Some)
    }

    /// Up to `limit` deletions that somebody has to go on with at `now`, the longest due first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<DeletionId>, StoreError> {
        let due: Vec<Due> = self.table.due(PENDING, now, limit).await?;
        Ok(due.into_iter().filter_map(Due::deletion).collect())
    }

    /// How many of the `among` deletions that are longest waited for should have been carried out before `by`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn overdue(&self, by: Timestamp, among: i32) -> Result<usize, StoreError> {
        let due: Vec<Due> = self.table.due(PENDING, Timestamp::MAX, among).await?;
        let mut overdue = 0;
        for id in due.into_iter().filter_map(Due::deletion) {
            if self
                .deletion(&id, by)
                .await?
                .is_some_and(|deletion| deletion.due_at <= by)
            {
                overdue += 1;
            }
        }
        Ok(overdue)
    }

    /// Keeps a deletion that is asked for now, as a piece of the transaction that closes the account.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn asked_write(&self, deletion: &Deletion) -> Result<Write, StoreError> {
        let item = to_item(&item_of(deletion, Some(deletion.due_at), None))?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// Forgets a deletion that has not begun. Refused under [`Guard::Deletion`] when it has.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn undone_write(&self, id: &DeletionId) -> Result<Write, StoreError> {
        let waits = Expression::when("#stage = :waiting").text(":waiting", "waiting");
        self.table.delete_write(deletion_key(id), waits, Guard::Deletion)
    }

    /// Writes how far a deletion has come, if it is still the version that `read` was; `after` becomes the next one. Somebody
    /// goes on with it at `look_again`.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn progress_write(
        &self,
        read: &Deletion,
        after: &mut Deletion,
        look_again: Timestamp,
    ) -> Result<Write, StoreError> {
        after.version = read.version + 1;
        let item = item_of(after, Some(look_again), None);
        self.table
            .change_write(deletion_key(&read.id), &item, unchanged(read), Guard::Deletion)
    }

    /// Puts off a deletion until `look_again`; `false` when somebody else has gone on with it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_off(&self, read: &Deletion, look_again: Timestamp) -> Result<bool, StoreError> {
        let mut after = read.clone();
        after.version = read.version + 1;
        let item = item_of(&after, Some(look_again), None);
        let changed = self.table.change(deletion_key(&read.id), &item, unchanged(read));
        Ok(matches!(changed.await?, Updated::Done(_)))
    }

    /// Ends a deletion: all that is left of it, whoever wrote it, is `statement`, and for a while the account's number, so that it can be erased
    /// again. A piece of the transaction that removes the profile.
    ///
    /// # Errors
    /// When an item cannot be made.
    pub fn erased_writes(
        &self,
        read: &Deletion,
        account: Id<ids::Account>,
        statement: String,
        now: Timestamp,
    ) -> Result<[Write; 2], StoreError> {
        let after = Deletion {
            stage: Stage::Erased(statement),
            version: read.version + 1,
            ..read.clone()
        };
        let item = to_item(&item_of(&after, None, Some(now + RECEIPT_LIFE)))?;
        let mark = to_item(&ErasedItem {
            id: erased_pk(account),
            erased_at: now,
            expires_at: (now + ERASED_MEMORY).as_second(),
        })?;
        Ok([
            self.table.put_write(item, unchanged(read), Guard::Deletion)?,
            self.table.put_write(mark, Expression::default(), Guard::New)?,
        ])
    }

    /// The deletions among the next `limit` items of the table, from `from` on, that are not carried out; and where the walk goes
    /// on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(&self, from: Option<Mark>, limit: i32) -> Result<(Vec<Deletion>, Option<Mark>), StoreError> {
        let open = Expression::when("#pending = :deletion").text(":deletion", PENDING);
        let page = self.table.scan(open, limit, from.map(|mark| mark.0)).await?;
        let deletions = page.items.into_iter().map(|item| {
            let item: DeletionItem = from_item(item, || "a deletion".to_owned())?;
            let id = item.id.strip_prefix("deletion#").and_then(DeletionId::from_hash);
            let id = id.ok_or_else(|| StoreError::Broken {
                key: item.id.clone(),
                cause: "its key is none of ours".into(),
            })?;
            deletion_from(id, item)
        });
        Ok((deletions.collect::<Result<_, _>>()?, page.next.map(Mark)))
    }

    /// Whether an account was erased, as far back as it is remembered.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_erased(&self, account: Id<ids::Account>) -> Result<bool, StoreError> {
        let mark = key(&[("id", erased_pk(account))]);
        Ok(self.table.get(mark).await?.is_some())
    }

    /// The accounts among the next `limit` items of the table, from `from` on, that were erased; and where the walk goes on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn erased(
        &self,
        from: Option<Mark>,
        limit: i32,
    ) -> Result<(Vec<Id<ids::Account>>, Option<Mark>), StoreError> {
        let marks = Expression::when("begins_with(#id, :erased)").text(":erased", "erased#");
        let page = self.table.scan(marks, limit, from.map(|mark| mark.0)).await?;
        let account = |item: &Item| item.get("id")?.as_s().ok()?.strip_prefix("erased#")?.parse().ok();
        let accounts = page.items.iter().filter_map(account).collect();
        Ok((accounts, page.next.map(Mark)))
    }
}

fn unchanged(read: &Deletion) -> Expression {
    Expression::when("#version = :version").number(":version", read.version)
}

fn pk(id: &DeletionId) -> String {
    format!("deletion#{id}")
}

fn erased_pk(account: Id<ids::Account>) -> String {
    format!("erased#{account}")
}

fn deletion_key(id: &DeletionId) -> Item {
    key(&[("id", pk(id))])
}

fn item_of(deletion: &Deletion, look_again: Option<Timestamp>, expires_at: Option<Timestamp>) -> DeletionItem {
    let (stage, statement) = match &deletion.stage {
        Stage::Waiting(_) => (StageName::Waiting, None),
        Stage::Erasing(_) => (StageName::Erasing, None),
        Stage::Erased(statement) => (StageName::Erased, Some(statement.clone())),
    };
    DeletionItem {
        id: pk(&deletion.id),
        stage,
        account_id: deletion.account(),
        asked_at: deletion.asked_at,
        erases_at: deletion.due_at,
        gone: deletion.gone.clone(),
        statement,
        version: deletion.version,
        pending: look_again.map(|_| PENDING.to_owned()),
        due_at: look_again.map(Timestamp::as_second),
        expires_at: expires_at.map(Timestamp::as_second),
    }
}

fn deletion_from(id: DeletionId, item: DeletionItem) -> Result<Deletion, StoreError> {
    let stage = match (item.stage, item.account_id, item.statement) {
        (StageName::Waiting, Some(account), _) => Some(Stage::Waiting(account)),
        (StageName::Erasing, Some(account), _) => Some(Stage::Erasing(account)),
        (StageName::Erased, _, Some(statement)) => Some(Stage::Erased(statement)),
        (StageName::Waiting | StageName::Erasing, None, _) | (StageName::Erased, _, None) => None,
    };
    let stage = stage.ok_or_else(|| StoreError::Broken {
        key: pk(&id),
        cause: "it says neither whose it is nor how it ended".into(),
    })?;
    Ok(Deletion {
        id,
        asked_at: item.asked_at,
        due_at: item.erases_at,
        stage,
        gone: item.gone,
        version: item.version,
    })
}
