//! Tables, recovered: what is missing from one and stands in a copy of it from an earlier time is put back.
//!
//! DynamoDB recovers into a new table, never into an old one. Only what is missing comes back, never what is merely otherwise now: the
//! tables belong together, and none can be set back by itself without tearing credits from pictures or accounts from their deletions.
//! `docs/runbooks/recovery.md` has the whole way.

use std::fmt;
use std::str::FromStr;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use shared::store::recovery::{Difference, RecoveryError};
use shared::store::{Recovery, StoreError};

use crate::accounts::fit_reason;
use crate::{Ops, OpsError};

/// It is told how far a walk has come whenever it has passed so many items.
const TOLD_EVERY: u64 = 10_000;

/// A table that can be recovered, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recoverable {
    /// Deletions and requests about somebody's data.
    Privacy,
    /// Who has had a bonus.
    Limits,
    /// Accounts.
    Accounts,
    /// Credits.
    Ledger,
    /// Orders for credits.
    Orders,
    /// Pictures.
    Images,
    /// What was counted.
    Analytics,
    /// What operators did.
    Audit,
}

/// There is no table of that name that could be recovered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be recovered, only {all}: sessions that were ended must not begin again, and what the others hold is for days",
    all = Recoverable::ALL.map(Recoverable::name).join(", ")
)]
pub struct NotRecoverable(String);

/// How many items are judged and put back at the same time.
const AT_ONCE: usize = 16;

/// What becomes of an item of a copy.
enum Fate {
    /// It is there as in the copy.
    Same,
    /// It is there otherwise, and stays so.
    Changed,
    /// It is missing, and comes back.
    Returns,
    /// It is missing, and is to be.
    StaysAway,
}

/// How many items of a copy stand how in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    same: u64,
    changed: u64,
    missing: u64,
    stay_away: u64,
}

impl Recoverable {
    /// All there are, in the order in which they come back: each is judged by those before it.
    pub const ALL: [Self; 8] = [
        Self::Privacy,
        Self::Limits,
        Self::Accounts,
        Self::Ledger,
        Self::Orders,
        Self::Images,
        Self::Analytics,
        Self::Audit,
    ];

    /// Its name without product and stage.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Privacy => "privacy",
            Self::Limits => "limits",
            Self::Accounts => "accounts",
            Self::Ledger => "ledger",
            Self::Orders => "orders",
            Self::Images => "images",
            Self::Analytics => "analytics",
            Self::Audit => "audit",
        }
    }
}

impl FromStr for Recoverable {
    type Err = NotRecoverable;

    fn from_str(text: &str) -> Result<Self, NotRecoverable> {
        let known = Self::ALL.into_iter().find(|table| table.name() == text);
        known.ok_or_else(|| NotRecoverable(text.to_owned()))
    }
}

impl fmt::Display for Recoverable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Ops {
    /// How `copy`, the full name of a copy of a table, stands beside it. Nothing is changed.
    ///
    /// # Errors
    /// When one of them is not there, or cannot be asked.
    pub async fn compare(
        &self,
        table: Recoverable,
        copy: &str,
        tell: impl FnMut(String),
    ) -> Result<Comparison, OpsError> {
        let recovery = self.beside(table, copy).await?;
        let walk = self.walked(table, &recovery, false, tell).await;
        walk.map_err(|error| self.explained(error))
    }

    /// Puts back what is missing from a table and stands in `copy`, the full name of a copy of it. What is there stays as it is. Whoever
    /// was interrupted calls again.
    ///
    /// # Errors
    /// When one of them is not there or cannot be asked.
    pub async fn recover(
        &self,
        table: Recoverable,
        copy: &str,
        reason: &str,
        mut tell: impl FnMut(String),
    ) -> Result<Comparison, OpsError> {
        let reason = fit_reason(reason)?;
        let recovery = self.beside(table, copy).await?;
        let (what, why) = (format!("tables recover {table}"), format!("from {copy}: {reason}"));
        let act = self.write_down(&what, &why, self.clock.now()).await?;
        tell(format!("{table} gets back what it lacks of {copy} ({act})"));
        let walk = self.walked(table, &recovery, true, tell).await;
        walk.map_err(|error| self.explained(error))
    }

    async fn beside(&self, table: Recoverable, copy: &str) -> Result<Recovery, OpsError> {
        let name = format!("vitrine-{}-{table}", self.stage());
        let recovery = Recovery::of(self.accounts.db(), &name, copy).await;
        recovery.map_err(|error| match error {
            RecoveryError::Store(store) => self.explained(store),
            RecoveryError::Absent(_) | RecoveryError::Unlike { .. } | RecoveryError::Unfinished(_) => {
                OpsError::Recovery(error)
            }
        })
    }

    async fn walked(
        &self,
        table: Recoverable,
        recovery: &Recovery,
        put_back: bool,
        mut tell: impl FnMut(String),
    ) -> Result<Comparison, StoreError> {
        let (mut found, mut from) = (Comparison::default(), None);
        loop {
            let before = found.all();
            let (differences, next) = recovery.differences(from).await?;
            let fates = stream::iter(differences)
                .map(|difference| self.fate(table, recovery, difference, put_back))
                .buffer_unordered(AT_ONCE);
            found.count(fates.try_collect().await?);
            if found.all() / TOLD_EVERY > before / TOLD_EVERY {
                tell(format!("{} items compared", found.all()));
            }
            match next {
                Some(mark) => from = Some(mark),
                None => return Ok(found),
            }
        }
    }

    /// What becomes of an item; one that returns is written, if that is wanted.
    async fn fate(
        &self,
        table: Recoverable,
        recovery: &Recovery,
        difference: Difference,
        put_back: bool,
    ) -> Result<Fate, StoreError> {
        let item = match difference {
            Difference::Same => return Ok(Fate::Same),
            Difference::Changed => return Ok(Fate::Changed),
            Difference::Missing(item) => item,
        };
        if !self.may_return(table, &item).await? {
            return Ok(Fate::StaysAway);
        }
        if put_back {
            recovery.put_back(item).await?;
        }
        Ok(Fate::Returns)
    }
}

impl Comparison {
    fn count(&mut self, fates: Vec<Fate>) {
        for fate in fates {
            *match fate {
                Fate::Same => &mut self.same,
                Fate::Changed => &mut self.changed,
                Fate::Returns => &mut self.missing,
                Fate::StaysAway => &mut self.stay_away,
            } += 1;
        }
    }

    fn all(&self) -> u64 {
        self.same + self.changed + self.missing + self.stay_away
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            (self.same, "as in the copy"),
            (self.changed, "changed since, and stay as they are"),
            (self.missing, "missing, and come back"),
            (
                self.stay_away,
                "missing, and stay away: they have ended, or were rightly removed",
            ),
        ];
        for (count, what) in rows {
            writeln!(f, "{count:>9}  {what}")?;
        }
        Ok(())
    }
}
