//! Schedule `rate(5 minutes)`: brings pictures and mails to an end that are stuck in between.

use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::schedule::Due;
use shared::store::{Accounts, Images, Ledgers, Outbox, StoreError};
use shared::{Clock, Platform};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("images", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
    Grant::Index("images", "unfinished", &[Action::Query]),
    Grant::Table("ledger", &[Action::DeleteItem, Action::GetItem, Action::PutItem]),
    Grant::Table("outbox", &[Action::GetItem, Action::UpdateItem]),
    Grant::Index("outbox", "unfinished", &[Action::Query]),
];

/// What this function needs.
#[derive(Clone)]
#[expect(dead_code, reason = "what is settled, and how, is about to come")]
pub struct Deps {
    accounts: Accounts,
    clock: Clock,
    images: Images,
    ledgers: Ledgers,
    outbox: Outbox,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            clock: platform.clock.clone(),
            images: Images::new(&db, vars)?,
            ledgers: Ledgers::new(&db, vars)?,
            outbox: Outbox::new(&db, vars)?,
        })
    }
}

/// Looks once through everything that is unfinished.
///
/// # Errors
/// When the store fails.
pub async fn run(deps: Deps, _due: Due) -> Result<(), StoreError> {
    tracing::info!(now = %deps.clock.now(), "Nothing is settled yet");
    Ok(())
}
