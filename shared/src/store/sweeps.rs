//! How far the sweeps have come, in the table `limits`.
//!
//! | pk | what |
//! |---|---|
//! | `sweep#<walk>` | a walk through a store or a table: where it goes on, and what it has counted |
//! | `orphan#<store>#<object key>` | no picture names this object: since which pass |

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Item, StoreError, Table, Updated, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::{ObjectKey, Store};

/// How long a mark is kept: an object that is older goes without one.
const MARK_MEMORY: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The sweeps' part of the table `limits`.
#[derive(Clone, Debug)]
pub struct Sweeps {
    table: Table,
}

/// How far a walk has come. A pass is one walk through everything, over as many runs as it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which pass is under way, or comes next.
    pub pass: u64,
    /// Where it goes on; `None` when it has not begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// What it has seen so far.
    #[serde(default)]
    pub seen: Count,
    /// What the whole pass before it saw.
    #[serde(default)]
    pub before: Count,
    /// When the whole pass before it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
    /// Counts the times it was saved, so that of two runs at once only one goes on.
    version: u64,
}

/// What a pass through a store has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// All objects.
    pub objects: u64,
    /// Those that no picture names although they are old enough.
    pub orphans: u64,
    /// What was removed: objects, or items that were past their time.
    #[serde(default)]
    pub removed: u64,
}

impl Progress {
    /// Ends the pass at `now`; the next one begins at the start.
    pub fn end_pass(&mut self, now: Timestamp) {
        self.ended_at = Some(now);
        self.pass += 1;
        self.cursor = None;
        self.before = std::mem::take(&mut self.seen);
    }

    /// Begins the pass again from the start.
    pub fn begin_again(&mut self) {
        self.cursor = None;
        self.seen = Count::default();
    }
}

#[derive(Serialize, Deserialize)]
struct OrphanItem {
    pk: String,
    pass: u64,
    expires_at: i64,
}

impl Sweeps {
    /// In the table named by `LIMITS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("LIMITS_TABLE")?),
        })
    }

    /// How far the walk of that name has come; at the beginning if it never was.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn progress(&self, walk: &str) -> Result<Progress, StoreError> {
        match self.table.get(walk_key(walk)).await? {
            Some(item) => from_item(item, || format!("sweep#{walk}")),
            None => Ok(Progress::default()),
        }
    }

    /// Keeps how far the walk has come; `false` when another run has gone on with it meanwhile.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save(&self, walk: &str, progress: &mut Progress) -> Result<bool, StoreError> {
        let seen = progress.version;
        progress.version += 1;
        let unchanged = Expression::when("attribute_not_exists(#pk) OR #version = :seen").number(":seen", seen);
        let saved = self.table.change(walk_key(walk), progress, unchanged).await?;
        Ok(matches!(saved, Updated::Done(_)))
    }

    /// Marks an object that no picture names, and gives the pass that marked it first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_missed(
        &self,
        store: Store,
        object: &ObjectKey,
        pass: u64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let pk = format!("orphan#{}#{object}", store.as_str());
        let item = to_item(&OrphanItem {
            pk: pk.clone(),
            pass,
            expires_at: (now + MARK_MEMORY).as_second(),
        })?;
        match self.table.put(item, Expression::absent("pk", now)).await? {
            Updated::Refused(Some(marked)) => Ok(from_item::<OrphanItem>(marked, || pk)?.pass),
            Updated::Done(_) | Updated::Refused(None) => Ok(pass),
        }
    }
}

fn walk_key(walk: &str) -> Item {
    key(&[("pk", format!("sweep#{walk}"))])
}
