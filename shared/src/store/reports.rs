//! Reports of pictures, in the table `privacy`.
//!
//! | id | what |
//! |---|---|
//! | `rep_…` | a report that nobody has closed; a closed one is gone |
//!
//! In the index `unfinished` every report stands under the time at which it was made.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, StoreError, Table, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::report::{MEMORY, Reason, Reported};
use crate::domain::{Message, Report};
use crate::ids::{self, Id};

/// The partition of the index `unfinished` that has reports.
const PENDING: &str = "report";

/// The reports in the table `privacy`.
#[derive(Clone, Debug)]
pub struct Reports {
    table: Table,
}

#[derive(Serialize, Deserialize)]
struct ReportItem {
    id: Id<ids::Report>,
    picture: Reported,
    reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    message: Option<Message>,
    pending: String,
    due_at: i64,
    expires_at: i64,
}

/// An entry of the index.
#[derive(Deserialize)]
struct Entry {
    id: Id<ids::Report>,
}

impl Reports {
    /// Those in the table named by `PRIVACY_TABLE`.
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

    /// Keeps a new report. Twice is once.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn new_write(&self, report: &Report) -> Result<Write, StoreError> {
        let item = to_item(&ReportItem {
            id: report.id,
            picture: report.picture.clone(),
            reason: report.reason,
            message: report.message.clone(),
            pending: PENDING.to_owned(),
            due_at: report.made_at().as_second(),
            expires_at: (report.made_at() + MEMORY).as_second(),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// The report, if nobody has closed it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, id: Id<ids::Report>, now: Timestamp) -> Result<Option<Report>, StoreError> {
        let Some(item) = self.table.get(report_key(id)).await? else {
            return Ok(None);
        };
        let item: ReportItem = from_item(item, || id.to_string())?;
        Ok((item.expires_at > now.as_second()).then_some(Report {
            id: item.id,
            picture: item.picture,
            reason: item.reason,
            message: item.message,
        }))
    }

    /// The reports that nobody has closed, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self, limit: i32, now: Timestamp) -> Result<Vec<Report>, StoreError> {
        let entries: Vec<Entry> = self.table.due(PENDING, Timestamp::MAX, limit).await?;
        let mut reports = Vec::new();
        for Entry { id } in entries {
            reports.extend(self.find(id, now).await?);
        }
        Ok(reports)
    }

    /// How many reports nobody has closed, counted up to `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count(&self, limit: i32) -> Result<usize, StoreError> {
        let entries: Vec<Entry> = self.table.due(PENDING, Timestamp::MAX, limit).await?;
        Ok(entries.len())
    }

    /// Closes a report: nothing of it stays. Refused under [`Guard::Report`] when somebody has done so before.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn closing_write(&self, id: Id<ids::Report>) -> Result<Write, StoreError> {
        let there = Expression::when("attribute_exists(#id)");
        self.table.delete_write(report_key(id), there, Guard::Report)
    }
}

fn report_key(id: Id<ids::Report>) -> Item {
    key(&[("id", id.to_string())])
}
