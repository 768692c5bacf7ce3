//! Schedule `rate(5 minutes)`: brings pictures, mails and orders to an end that are stuck in between.
//!
//! `flows::settling` does the work. A run that dies leaves what it has not settled to the next one.

use shared::Platform;
use shared::config::{ConfigError, Vars};
use shared::flows::counting::Counting;
use shared::flows::ending::Ender;
use shared::flows::payment::Cashier;
use shared::flows::settling::Settler;
use shared::grants::{Action, Grant};
use shared::schedule::Due;
use shared::store::{Accounts, Analytics, Images, Ledgers, Limits, Outbox, StoreError};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("analytics", &[Action::UpdateItem]),
    Grant::Table("images", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
    Grant::Index("images", "unfinished", &[Action::Query]),
    Grant::Table(
        "ledger",
        &[Action::DeleteItem, Action::GetItem, Action::PutItem, Action::UpdateItem],
    ),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("orders", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Index("orders", "unfinished", &[Action::Query]),
    Grant::Table("outbox", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Index("outbox", "unfinished", &[Action::Query]),
    Grant::Parameter("paypal-credentials"),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    settler: Settler,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let settler = Settler {
            ender: Ender {
                accounts: Accounts::new(&db, vars)?,
                images: Images::new(&db, vars)?,
                ledgers: Ledgers::new(&db, vars)?,
                counting: Counting {
                    analytics: Analytics::new(&db, vars)?,
                    clock: platform.clock.clone(),
                },
                clock: platform.clock.clone(),
            },
            limits: Limits::new(&db, vars)?,
            outbox: Outbox::new(&db, vars)?,
            cashier: Cashier::configured(vars, platform)?,
            clock: platform.clock.clone(),
        };
        Ok(Self { settler })
    }
}

/// Looks once after everything that is due.
///
/// # Errors
/// When the store fails.
pub async fn run(deps: Deps, _due: Due) -> Result<(), StoreError> {
    let settled = deps.settler.run().await?;
    deps.settler.measure().await?;
    if settled.is_nothing() {
        return Ok(());
    }
    let (images, mails, orders) = (settled.images, settled.mails, settled.orders);
    tracing::info!(
        images.woken,
        images.ended,
        images.failed,
        mails.woken,
        mails.ended,
        mails.failed,
        orders.woken,
        orders.ended,
        orders.failed,
        "What was stuck has been looked after"
    );
    Ok(())
}
