//! Worker of the queue `mail-send`: from the outbox to Resend.
//!
//! The table's stream puts a message there for every new mail. The mail's id is the provider's idempotency key, so a
//! message that comes twice sends once.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::flows::mailing;
use shared::grants::{Action, Grant};
use shared::ids::{self, Id};
use shared::providers::Mailer;
use shared::providers::resend::Resend;
use shared::store::{Accounts, Outbox};
use shared::{Clock, Platform, worker};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("outbox", &[Action::GetItem, Action::UpdateItem]),
    Grant::Queue("mail-send"),
    Grant::Parameter("resend-key"),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    accounts: Accounts,
    clock: Clock,
    mailer: Arc<dyn Mailer>,
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
            mailer: Arc::new(Resend::new(vars, platform)?),
            outbox: Outbox::new(&db, vars)?,
        })
    }
}

/// Which mail.
#[derive(Deserialize)]
struct Message {
    id: Id<ids::Mail>,
}

/// Sends the mails of one batch.
pub async fn work(deps: Deps, event: SqsEvent) -> SqsBatchResponse {
    worker::each(event, |Message { id }| {
        mailing::deliver(id, &deps.outbox, &deps.accounts, &*deps.mailer, deps.clock.now())
    })
    .await
}
