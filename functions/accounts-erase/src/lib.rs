//! Schedule `rate(1 hour)`: accounts whose time has come are erased.
//!
//! Each deletion also orders a waking of its own, so that its time is kept to the second. `flows::erasing` does the work. A run that dies leaves what it has not erased to the next one.

use shared::Platform;
use shared::auth::StatementSigner;
use shared::config::{ConfigError, Vars};
use shared::flows::erasing::{EraseError, Eraser};
use shared::flows::payment::Cashier;
use shared::grants::{Action, Grant, ObjectAction};
use shared::objects::Stores;
use shared::schedule::Due;
use shared::store::{Accounts, Idempotency, Images, Outbox, Privacy, Requests, Sessions};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table(
        "accounts",
        &[Action::DeleteItem, Action::GetItem, Action::Query, Action::UpdateItem],
    ),
    Grant::Table("idempotency", &[Action::DeleteItem, Action::Query]),
    Grant::Table("images", &[Action::DeleteItem, Action::Query, Action::UpdateItem]),
    Grant::Table("ledger", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table(
        "orders",
        &[Action::DeleteItem, Action::GetItem, Action::PutItem, Action::UpdateItem],
    ),
    Grant::Index("orders", "account", &[Action::Query]),
    Grant::Table("outbox", &[Action::DeleteItem, Action::PutItem]),
    Grant::Index("outbox", "account", &[Action::Query]),
    Grant::Table(
        "privacy",
        &[Action::DeleteItem, Action::GetItem, Action::PutItem, Action::UpdateItem],
    ),
    Grant::Index("privacy", "account", &[Action::Query]),
    Grant::Index("privacy", "unfinished", &[Action::Query]),
    Grant::Table("sessions", &[Action::DeleteItem, Action::Query]),
    Grant::Parameter("cos-eraser"),
    Grant::Parameter("erasure-signing-key"),
    Grant::Parameter("oss-eraser"),
    Grant::Parameter("paypal-credentials"),
    Grant::Bucket(&[ObjectAction::DeleteObject]),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    eraser: Eraser,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let eraser = Eraser {
            accounts: Accounts::new(&db, vars)?,
            idempotency: Idempotency::new(&db, vars)?,
            images: Images::new(&db, vars)?,
            stores: Stores::new(vars, platform)?,
            outbox: Outbox::new(&db, vars)?,
            privacy: Privacy::new(&db, vars)?,
            requests: Requests::new(&db, vars)?,
            sessions: Sessions::new(&db, vars)?,
            cashier: Cashier::configured(vars, platform)?,
            signer: StatementSigner::configured(vars, &platform.secrets)?,
            service: vars.url("PUBLIC_URL")?.origin().ascii_serialization(),
            clock: platform.clock.clone(),
        };
        Ok(Self { eraser })
    }
}

/// Goes on with every deletion that is due.
///
/// # Errors
/// When some of it failed; the rest was done.
pub async fn run(deps: Deps, _due: Due) -> Result<(), EraseError> {
    let erased = deps.eraser.run().await?;
    if erased > 0 {
        tracing::info!(erased, "Accounts were erased");
    }
    Ok(())
}
