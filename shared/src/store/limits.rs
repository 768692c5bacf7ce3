//! The table `limits`: how often something may be done, and what may be done once.
//!
//! | pk | what |
//! |---|---|
//! | `rate#<policy>#<window>#<subject>` | how often in this window |
//! | `bonus#<keyed hash of an address>` | this address has had its bonus |
//! | `wait#acc_…#<slot>` | this account waits in a request |
//! | `breaker#<provider>` | how a model fares: failures in a row, and when one that is left alone may be tried again |
//! | `budget#<day>` | what was spent on painting that day, and what of it perhaps for nothing |

mod breaker;
mod budget;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, StoreError, Table, Updated, Write, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::account::BONUS_MEMORY;
use crate::ids::{self, Id};

/// The table `limits`.
#[derive(Clone, Debug)]
pub struct Limits {
    table: Table,
}

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Its name, in keys and in the `RateLimit` header.
    pub name: &'static str,
    /// How often in one window.
    pub quota: u32,
    /// How long a window is; windows begin at multiples of it since the epoch.
    pub window: SignedDuration,
}

/// What is left of a policy's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// The policy.
    pub policy: Policy,
    /// How often more in this window.
    pub remaining: u32,
    /// How long until the window ends.
    pub reset: SignedDuration,
}

/// Why something may not be done now.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The quota of this window is used up.
    #[error("the limit `{}` is reached", .0.policy.name)]
    Exceeded(Remaining),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct MarkItem {
    pk: String,
    expires_at: i64,
}

impl Limits {
    /// The table named by `LIMITS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("LIMITS_TABLE")?),
        })
    }

    /// Does it once more under `policy` on behalf of `subject` (an account's id or a keyed hash, never an address).
    ///
    /// # Errors
    /// [`LimitError::Exceeded`] when the window's quota is used up, or when the store fails.
    pub async fn take(&self, policy: Policy, subject: &str, now: Timestamp) -> Result<Remaining, LimitError> {
        let (start, window) = (window_start(policy, now), window_seconds(policy));
        let reset = SignedDuration::from_secs(start + window - now.as_second());
        let expression = Expression::update("SET #expires_at = :ends ADD #uses :one")
            .and_when("attribute_not_exists(#uses) OR #uses < :quota")
            .number(":ends", start + 2 * window)
            .number(":one", 1)
            .number(":quota", policy.quota);
        match self.table.update(rate_key(policy, subject, now), expression).await? {
            Updated::Refused(_) => Err(LimitError::Exceeded(Remaining {
                policy,
                remaining: 0,
                reset,
            })),
            Updated::Done(item) => {
                let uses = item
                    .get("uses")
                    .and_then(|uses| uses.as_n().ok()?.parse().ok())
                    .unwrap_or(policy.quota);
                Ok(Remaining {
                    policy,
                    remaining: policy.quota.saturating_sub(uses),
                    reset,
                })
            }
        }
    }

    /// Gives one back that was taken at `taken`: it has turned out not to count.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_back(&self, policy: Policy, subject: &str, taken: Timestamp) -> Result<(), StoreError> {
        let expression = Expression::update("ADD #uses :back")
            .and_when("#uses > :none")
            .number(":back", -1)
            .number(":none", 0);
        self.table
            .update(rate_key(policy, subject, taken), expression)
            .await
            .map(drop)
    }

    /// Forgets how often it was done in the present window.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, policy: Policy, subject: &str, now: Timestamp) -> Result<(), StoreError> {
        self.table
            .delete(rate_key(policy, subject, now), Expression::default())
            .await
            .map(drop)
    }

    /// Marks that an address has had its bonus, if it has not; remembered for 12 months.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn bonus_write(&self, address_hash: &str, now: Timestamp) -> Result<Write, StoreError> {
        let item = to_item(&MarkItem {
            pk: format!("bonus#{address_hash}"),
            expires_at: (now + BONUS_MEMORY).as_second(),
        })?;
        self.table.put_write(item, Expression::absent("pk", now), Guard::Bonus)
    }

    /// Takes one of the account's `slots` places for waiting in a request, for at most `hold`; `None` when all are taken.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wait_slot(
        &self,
        account: Id<ids::Account>,
        slots: u8,
        hold: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<WaitSlot>, StoreError> {
        for slot in 0..slots {
            let pk = format!("wait#{account}#{slot}");
            let item = to_item(&MarkItem {
                pk: pk.clone(),
                expires_at: (now + hold).as_second() + 1,
            })?;
            if let Updated::Done(_) = self.table.put(item, Expression::absent("pk", now)).await? {
                return Ok(Some(WaitSlot(pk)));
            }
        }
        Ok(None)
    }

    /// Gives a place back. One that is never given back frees itself.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn leave(&self, slot: WaitSlot) -> Result<(), StoreError> {
        let free = Expression::update("SET #expires_at = :gone")
            .and_when("attribute_exists(#pk)")
            .number(":gone", 0);
        self.table.update(key(&[("pk", slot.0)]), free).await.map(drop)
    }
}

fn window_seconds(policy: Policy) -> i64 {
    policy.window.as_secs().max(1)
}

/// The second in which the window around `now` began.
fn window_start(policy: Policy, now: Timestamp) -> i64 {
    now.as_second() - now.as_second().rem_euclid(window_seconds(policy))
}

fn rate_key(policy: Policy, subject: &str, now: Timestamp) -> Item {
    let start = window_start(policy, now);
    key(&[("pk", format!("rate#{}#{start}#{subject}", policy.name))])
}

/// A place for waiting; give it back with [`Limits::leave`].
#[derive(Debug)]
#[must_use]
pub struct WaitSlot(String);
