//! Tables, recovered: what a copy from an earlier time has is put back into the table that streams, functions and permissions know.
//!
//! DynamoDB recovers into a new table, never into an old one. `docs/runbooks/recovery.md` has all of it.

use std::fmt;
use std::str::FromStr;

use shared::store::recovery::{Difference, Kept, RecoveryError};
use shared::store::{Recovery, StoreError};

use crate::accounts::fit_reason;
use crate::{Ops, OpsError};

/// It is told how far a walk has come whenever it has passed so many items.
const TOLD_EVERY: u64 = 10_000;

/// A table that can be recovered, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recoverable {
    /// Accounts.
    Accounts,
    /// What was counted.
    Analytics,
    /// What operators did.
    Audit,
    /// Pictures.
    Images,
    /// Credits.
    Ledger,
    /// Orders for credits.
    Orders,
    /// Deletions and requests about somebody's data.
    Privacy,
}

/// There is no table of that name that could be recovered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be recovered, only {all}: what the others hold is for days, and sessions that were ended must not begin again",
    all = Recoverable::ALL.map(Recoverable::name).join(", ")
)]
pub struct NotRecoverable(String);

/// How much is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What is missing; everything that is there stays as it is.
    Missing,
    /// Everything: the table becomes what the copy is.
    All,
}

/// How many items of a table and its copy stand how to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    same: u64,
    changed: u64,
    missing: u64,
    newer: u64,
    stay_away: u64,
}

impl Recoverable {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Accounts,
        Self::Analytics,
        Self::Audit,
        Self::Images,
        Self::Ledger,
        Self::Orders,
        Self::Privacy,
    ];

    /// Its name without product and stage.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Analytics => "analytics",
            Self::Audit => "audit",
            Self::Images => "images",
            Self::Ledger => "ledger",
            Self::Orders => "orders",
            Self::Privacy => "privacy",
        }
    }

    /// Whether what was written since may be lost. It says who has to be erased again, and what operators did.
    fn may_lose(self) -> bool {
        !matches!(self, Self::Audit | Self::Privacy)
    }

    /// Whether an item that is missing may come back. The file of a picture that has ended went when its item did; whoever deleted it
    /// is not to find it again.
    fn may_come_back(self, item: &Kept) -> bool {
        self != Self::Images || !item.has("expires_at")
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
    /// How a table stands beside `copy`, the full name of a copy of it. Nothing is changed.
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
        self.walked(table, &recovery, None, tell).await
    }

    /// Puts back what `copy`, the full name of a copy of the table, has of it. Nobody else may write to the table meanwhile. Whoever was
    /// interrupted calls again.
    ///
    /// # Errors
    /// When one of them is not there or cannot be asked, or the table may not lose what was written since.
    pub async fn recover(
        &self,
        table: Recoverable,
        copy: &str,
        extent: Extent,
        reason: &str,
        mut tell: impl FnMut(String),
    ) -> Result<Comparison, OpsError> {
        let reason = fit_reason(reason)?;
        if extent == Extent::All && !table.may_lose() {
            let text = format!("what was written to `{table}` since must not be lost: put back what is `--missing`");
            return Err(OpsError::Unfit(text));
        }
        let recovery = self.beside(table, copy).await?;
        let what = format!("tables recover {table}");
        let act = self
            .write_down(&what, &format!("from {copy}: {reason}"), self.clock.now())
            .await?;
        tell(format!("{table} is recovered from {copy} ({act})"));
        self.walked(table, &recovery, Some(extent), tell).await
    }

    async fn beside(&self, table: Recoverable, copy: &str) -> Result<Recovery, OpsError> {
        let name = format!("vitrine-{}-{table}", self.stage());
        if copy == name {
            return Err(OpsError::Unfit(format!("`{copy}` is the table itself")));
        }
        let recovery = Recovery::of(self.accounts.db(), &name, copy).await;
        recovery.map_err(|error| match error {
            RecoveryError::Store(store) => self.explained(store),
            other @ (RecoveryError::Absent(_) | RecoveryError::Unlike { .. }) => OpsError::Recovery(other),
        })
    }

    /// Walks through both and, if that is wanted, puts back what is to be put back.
    async fn walked(
        &self,
        table: Recoverable,
        recovery: &Recovery,
        wanted: Option<Extent>,
        mut tell: impl FnMut(String),
    ) -> Result<Comparison, OpsError> {
        let mut found = Comparison::default();
        let walks = async {
            self.through_copy(table, recovery, wanted, &mut found, &mut tell)
                .await?;
            through_table(recovery, wanted, &mut found, &mut tell).await
        };
        walks.await.map_err(|error| self.explained(error))?;
        Ok(found)
    }

    async fn through_copy(
        &self,
        table: Recoverable,
        recovery: &Recovery,
        wanted: Option<Extent>,
        found: &mut Comparison,
        tell: &mut impl FnMut(String),
    ) -> Result<(), StoreError> {
        let (mut passed, mut from) = (0, None);
        loop {
            let (differences, next) = recovery.differences(from, self.clock.now()).await?;
            passed = told(passed, differences.len(), "compared", tell);
            let mut back = Vec::new();
            for difference in differences {
                match difference {
                    Difference::Same => found.same += 1,
                    Difference::Ended => found.stay_away += 1,
                    Difference::Missing(item) if !table.may_come_back(&item) => found.stay_away += 1,
                    Difference::Missing(item) => {
                        found.missing += 1;
                        back.extend(wanted.map(|_| item));
                    }
                    Difference::Changed(item) => {
                        found.changed += 1;
                        back.extend((wanted == Some(Extent::All)).then_some(item));
                    }
                }
            }
            recovery.put_back(back).await?;
            match next {
                Some(mark) => from = Some(mark),
                None => return Ok(()),
            }
        }
    }
}

async fn through_table(
    recovery: &Recovery,
    wanted: Option<Extent>,
    found: &mut Comparison,
    tell: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    let (mut passed, mut from) = (0, None);
    loop {
        let (newer, walked, next) = recovery.newer(from).await?;
        passed = told(passed, walked, "looked for in the copy", tell);
        found.newer += u64::try_from(newer.len()).unwrap_or_default();
        if wanted == Some(Extent::All) {
            recovery.take_away(newer).await?;
        }
        match next {
            Some(mark) => from = Some(mark),
            None => return Ok(()),
        }
    }
}

/// How many items a walk has passed with these; now and then it is told.
fn told(before: u64, more: usize, what: &str, tell: &mut impl FnMut(String)) -> u64 {
    let passed = before + u64::try_from(more).unwrap_or_default();
    if passed / TOLD_EVERY > before / TOLD_EVERY {
        tell(format!("{passed} items {what}"));
    }
    passed
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            (self.same, "as in the copy"),
            (self.changed, "changed since"),
            (self.missing, "removed since"),
            (self.newer, "new since"),
            (
                self.stay_away,
                "in the copy, and stay away: their end has passed, or their file is gone",
            ),
        ];
        for (count, what) in rows {
            writeln!(f, "{count:>9}  {what}")?;
        }
        Ok(())
    }
}
