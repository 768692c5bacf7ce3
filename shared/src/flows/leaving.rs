//! Somebody leaves: the account is closed at once and erased at its due time, and until then it can be opened again.
//!
//! Closing is one transaction: the account's state, the end of its sessions, the deletion, and the mail that says where its
//! receipt will be. The waking at the due time is ordered after it; should that be lost, the hourly run of `accounts-erase`
//! finds what is due by itself.

use jiff::{SignedDuration, Timestamp};

use super::{ROUNDS, letters, mailing, signing_out};
use crate::config::{ConfigError, Vars};
use crate::domain::account::Status;
use crate::domain::mail::{Mail, MailKind};
use crate::domain::{Credits, Deletion, Language, Profile, ReceiptKey};
use crate::ids::{self, Id};
use crate::store::{Accounts, Guard, Ledgers, Orders, Outbox, Privacy, Sessions, StoreError, Transaction, Write};
use crate::wakings::{Sleeper, Wakings};
use crate::{Entropy, Ids, Platform};

/// How many orders are read at once.
const PAGE: i32 = 50;

/// What closing an account needs.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Whose account.
    pub accounts: Accounts,
    /// What it has.
    pub ledgers: Ledgers,
    /// What of that was paid for.
    pub orders: Orders,
    /// Where the notice goes out from.
    pub outbox: Outbox,
    /// Where the deletion is kept.
    pub privacy: Privacy,
    /// The sessions that end.
    pub sessions: Sessions,
    /// Where the erasure's waking is ordered.
    pub wakings: Wakings,
    /// Who carries the erasure out.
    pub sleeper: Sleeper,
    /// Makes keys of receipts.
    pub entropy: Entropy,
    /// Names mails.
    pub ids: Ids,
    /// How long it can be undone.
    pub delay: SignedDuration,
    /// Where receipts are: the address before their key.
    pub receipts: String,
}

/// A deletion that was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The deletion.
    pub deletion: Deletion,
    /// Where its receipt will be.
    pub receipt_url: String,
}

/// Why an account was not closed.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// The account is not there, or not active, or its password is another one by now.
    #[error("the account is not active")]
    Inactive,
    /// It has credits that were paid for, and nobody has said that they may go.
    #[error("{0} credits that were paid for would be lost")]
    CreditsRemain(Credits),
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not opened again.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// It is not waiting for its deletion (any more).
    #[error("the account is not waiting for its deletion")]
    NotWaiting,
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Leaving {
    /// Reads what its tables, [`Wakings::configured`] and [`Sleeper::configured`] read, `PUBLIC_URL`, and `DELETION_HOURS`: how long a deletion can be
    /// undone.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            ledgers: Ledgers::new(&db, vars)?,
            orders: Orders::new(&db, vars)?,
            outbox: Outbox::new(&db, vars)?,
            privacy: Privacy::new(&db, vars)?,
            sessions: Sessions::new(&db, vars)?,
            wakings: Wakings::configured(vars, platform)?,
            sleeper: Sleeper::configured(vars)?,
            entropy: platform.entropy.clone(),
            ids: platform.ids.clone(),
            delay: SignedDuration::from_hours(vars.parsed("DELETION_HOURS", "a number of hours")?),
            receipts: receipts(vars)?,
        })
    }

    /// Closes the account of `profile`, whose owner has shown the password or the mailbox, and ends every session. Credits
    /// that were paid for go only if `forfeit` says so. May die anywhere: either all of it has happened or nothing; the
    /// receipt's address is in the mail as well.
    ///
    /// # Errors
    /// See [`LeaveError`].
    pub async fn leave(
        &self,
        verified: Profile,
        forfeit: bool,
        language: Language,
        now: Timestamp,
    ) -> Result<Asked, LeaveError> {
        // One that is leaving already leaves under its first receipt.
        if !matches!(verified.status, Status::Active | Status::Blocked) {
            return Err(LeaveError::Inactive);
        }
        let key = ReceiptKey::new(&self.entropy);
        let asked = Asked {
            deletion: Deletion::asked(key.id(), verified.id, now, self.delay),
            receipt_url: format!("{}{}", self.receipts, key.to_text()),
        };
        let mut profile = verified.clone();
        for _ in 0..ROUNDS {
            let mut transaction = self.closing(&profile, &asked, language, now).await?;
            if !forfeit {
                transaction = transaction.and(self.nothing_paid_is_left(&profile).await?);
            }
            let error = match transaction.commit(self.accounts.db()).await {
                Ok(()) => {
                    self.wake(&asked.deletion).await;
                    return Ok(asked);
                }
                Err(error) => error,
            };
            if error.refused(Guard::Account).is_none() && error.refused(Guard::Balance).is_none() {
                return Err(StoreError::from(error).into());
            }
            // A session has begun or a credit has moved meanwhile; or somebody else has closed the account.
            profile = self
                .accounts
                .profile(verified.id)
                .await?
                .filter(|now| now.status == verified.status && now.password_hash == verified.password_hash)
                .ok_or(LeaveError::Inactive)?;
        }
        Err(StoreError::Contended.into())
    }

    async fn closing(
        &self,
        profile: &Profile,
        asked: &Asked,
        language: Language,
        now: Timestamp,
    ) -> Result<Transaction, StoreError> {
        let Asked { deletion, receipt_url } = asked;
        let notice = self.outbox.mail_write(&Mail {
            id: self.ids.next(),
            account: Some(profile.id),
            kind: MailKind::AccountClosed,
            to: profile.email.clone(),
            letter: letters::account_closed(language, deletion.due_at, receipt_url),
            not_after: now + mailing::PATIENCE,
        })?;
        let ends = signing_out::ending_writes(&self.sessions, profile.id, None).await?;
        Ok(Transaction::of(ends)
            .and(self.accounts.closing_write(profile, &deletion.id)?)
            .and(self.privacy.asked_write(deletion)?)
            .and(notice))
    }

    /// Goes on only if no credits are there that were paid for. Those that were given are spent first.
    async fn nothing_paid_is_left(&self, profile: &Profile) -> Result<Write, LeaveError> {
        let balance = self.ledgers.balance(profile.ledger).await?;
        let left = balance.available + balance.held;
        if left > Credits::ZERO {
            let paid = self.paid(profile.id).await?.min(left);
            if paid > Credits::ZERO {
                return Err(LeaveError::CreditsRemain(paid));
            }
        }
        Ok(self.ledgers.unchanged_check(profile.ledger, &balance)?)
    }

    /// How many credits were ever paid for and not taken back.
    async fn paid(&self, account: Id<ids::Account>) -> Result<Credits, StoreError> {
        let (mut paid, mut before) = (Credits::ZERO, None);
        loop {
            let orders = self.orders.list(account, before, PAGE).await?;
            for order in &orders {
                paid = paid + (order.given() - order.taken_back);
            }
            match orders.last() {
                Some(last) => before = Some(last.id),
                None => return Ok(paid),
            }
        }
    }

    /// Has the erasure woken at its due time. Not worth failing for: the hourly run finds what is due.
    async fn wake(&self, deletion: &Deletion) {
        let Deletion { id, due_at, .. } = deletion;
        if let Err(error) = self.wakings.create(id.as_str(), &self.sleeper, *due_at).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "An erasure could not be scheduled; the hourly run will find it");
        }
    }
}

/// What opening an account again needs.
#[derive(Clone, Debug)]
pub struct Returning {
    /// Whose account.
    pub accounts: Accounts,
    /// Where the notice goes out from.
    pub outbox: Outbox,
    /// Where the deletion is kept.
    pub privacy: Privacy,
    /// Who was to wake the erasure.
    pub wakings: Wakings,
    /// Names mails.
    pub ids: Ids,
}

impl Returning {
    /// Opens an account again whose owner has shown the password. Doing it twice is doing it once, until it is asked to be
    /// deleted anew.
    ///
    /// # Errors
    /// See [`ReturnError`].
    pub async fn restore(&self, verified: &Profile, language: Language, now: Timestamp) -> Result<(), ReturnError> {
        let deletion = match (&verified.deletion, verified.status) {
            (Some(deletion), Status::Deleting) => deletion,
            (None | Some(_), Status::Active | Status::Blocked | Status::Deleting | Status::Erasing) => {
                return Err(ReturnError::NotWaiting);
            }
        };
        let notice = self.outbox.mail_write(&Mail {
            id: self.ids.next(),
            account: Some(verified.id),
            kind: MailKind::AccountRestored,
            to: verified.email.clone(),
            letter: letters::account_restored(language),
            not_after: now + mailing::PATIENCE,
        })?;
        let transaction = Transaction::of([
            self.accounts.reopening_write(verified, deletion)?,
            self.privacy.undone_write(deletion)?,
            notice,
        ]);
        match transaction.commit(self.accounts.db()).await {
            Ok(()) => {}
            Err(error) if error.refused(Guard::Account).is_some() || error.refused(Guard::Deletion).is_some() => {
                return Err(ReturnError::NotWaiting);
            }
            Err(error) => return Err(StoreError::from(error).into()),
        }
        if let Err(error) = self.wakings.remove(deletion.as_str()).await {
            // It will wake the erasure for nothing.
            tracing::warn!(error = %crate::telemetry::chain(&error), "The waking of an erasure that was undone could not be removed");
        }
        Ok(())
    }
}

/// The address of receipts before their key.
fn receipts(vars: &Vars) -> Result<String, ConfigError> {
    let origin = vars.url("PUBLIC_URL")?;
    Ok(format!("{}/v1/deletions/", origin.as_str().trim_end_matches('/')))
}
