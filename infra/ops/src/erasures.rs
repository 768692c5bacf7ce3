//! Erasures: those that are under way, and those that a backup has undone.

use std::fmt;

use jiff::Timestamp;
use shared::domain::deletion::{Deletion, Stage};
use shared::flows::erasing;
use shared::store::StoreError;

use crate::{Ops, OpsError};

/// How many items are read at once.
const PAGE: i32 = 200;

/// The deletions that are not carried out.
#[derive(Debug, Clone)]
pub struct Open {
    deletions: Vec<Deletion>,
    now: Timestamp,
}

impl Ops {
    /// The deletions that are not carried out, those that are due first.
    ///
    /// # Errors
    /// When the table cannot be asked.
    pub async fn erasures(&self) -> Result<Open, OpsError> {
        let mut deletions = self.open_deletions().await.map_err(|error| self.explained(error))?;
        deletions.sort_by_key(|deletion| deletion.due_at);
        Ok(Open {
            deletions,
            now: self.clock.now(),
        })
    }

    async fn open_deletions(&self) -> Result<Vec<Deletion>, StoreError> {
        let (mut open, mut from) = (Vec::new(), None);
        loop {
            let (found, next) = self.privacy.open(from, PAGE).await?;
            open.extend(found);
            match next {
                Some(mark) => from = Some(mark),
                None => return Ok(open),
            }
        }
    }

    /// Begins the erasure anew of every account that was erased as far back as a backup can reach: to be done after tables were
    /// recovered from one, and before they serve. Tells how many that is.
    ///
    /// # Errors
    /// When a table cannot be asked; doing it again is safe.
    pub async fn erase_again(&self) -> Result<usize, OpsError> {
        self.begin_again().await.map_err(|error| self.explained(error))
    }

    async fn begin_again(&self) -> Result<usize, StoreError> {
        let (mut count, mut from) = (0, None);
        loop {
            let (accounts, next) = self.privacy.erased(from, PAGE).await?;
            for account in accounts {
                erasing::begin_again(account, &self.accounts, &self.privacy, &self.entropy, self.clock.now()).await?;
                count += 1;
            }
            match next {
                Some(mark) => from = Some(mark),
                None => return Ok(count),
            }
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deletions.is_empty() {
            return f.write_str("No deletion is open");
        }
        writeln!(f, "asked for             erases                state")?;
        for deletion in &self.deletions {
            let state = match deletion.stage {
                Stage::Erasing(_) => "erasing",
                Stage::Waiting(_) if deletion.due_at <= self.now => "due",
                Stage::Waiting(_) => "waiting",
                Stage::Erased(_) => "erased",
            };
            let [asked, erases] = [deletion.asked_at, deletion.due_at].map(|at| at.strftime("%Y-%m-%d %H:%M:%SZ"));
            writeln!(f, "{asked}  {erases}  {state}")?;
        }
        Ok(())
    }
}
