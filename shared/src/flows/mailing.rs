//! From the outbox to the provider, once.

use jiff::{SignedDuration, Timestamp};

use crate::ids::{self, Id};
use crate::providers::{MailError, Mailer};
use crate::store::outbox::{Fate, Outbox};
use crate::store::{Accounts, StoreError};
use crate::telemetry::chain;

/// How long a mail without a code is tried: shorter than the 24 hours for which Resend remembers its key.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(23);

/// Why a mail is still in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The provider wants to be asked again, with the same key.
    #[error("the mail provider could not take the mail now")]
    Later(#[source] MailError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sends the mail if it is still to be sent. Asking twice sends once: its id is the provider's idempotency key and its
/// body was frozen when it was written. An address that is marked as undeliverable gets none, unless the mail proves it.
///
/// # Errors
/// When it should be tried again.
pub async fn deliver(
    mail: Id<ids::Mail>,
    outbox: &Outbox,
    accounts: &Accounts,
    mailer: &dyn Mailer,
    now: Timestamp,
) -> Result<(), DeliveryError> {
    let Some(mail) = outbox.to_send(mail).await? else {
        return Ok(());
    };
    if now >= mail.not_after {
        tracing::warn!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), "A mail became useless before it could be sent");
        outbox.end(mail.id, Fate::Undelivered, now).await?;
        return Ok(());
    }
    if !mail.kind.proves_its_address()
        && let Some(mark) = accounts.owner(&mail.to).await?.and_then(|owner| owner.undeliverable)
    {
        tracing::warn!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), reason = mark.why.as_str(), "A mail was withheld");
        outbox.end(mail.id, Fate::Withheld, now).await?;
        return Ok(());
    }
    match mailer.send(&mail).await {
        Ok(_) | Err(MailError::AlreadySent) => outbox.end(mail.id, Fate::Sent, now).await?,
        Err(MailError::Rejected { reason }) => {
            tracing::error!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), reason, "A mail was refused for good");
            outbox.end(mail.id, Fate::Undelivered, now).await?;
        }
        Err(later @ MailError::Retry { .. }) => return Err(DeliveryError::Later(later)),
        Err(alarm @ MailError::Alarm { .. }) => {
            tracing::error!(mail.id = %mail.id, cause = chain(&alarm), "The mail provider has to be looked after");
            return Err(DeliveryError::Later(alarm));
        }
    }
    Ok(())
}
