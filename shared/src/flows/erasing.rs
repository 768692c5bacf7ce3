//! An account is erased, store by store, and what went is signed.
//!
//! Each step lists what is left and removes it together with its count in the deletion, in one transaction, until nothing is left.
//! So a run may die anywhere, two may meet, a store may be out for a day: whoever goes on later finds the rest, and no count is
//! wrong. Files go before the records that name them, and the profile goes last, with the statement in its place.

mod steps;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::payment::Cashier;
use crate::auth::{StatementSigner, TokenError};
use crate::domain::deletion::Stage;
use crate::domain::{Deletion, DeletionId, ReceiptKey, Store};
use crate::ids::{self, Id};
use crate::objects::{ObjectError, Stores};
use crate::store::{Accounts, Idempotency, Images, Outbox, Privacy, Requests, Sessions, StoreError, Transaction};
use crate::telemetry::chain;
use crate::{Clock, Entropy};

pub use steps::LEASE;
use steps::{Erasure, Stop};

/// How long a run begins new steps. What is under way then takes seconds, and the function may run for five minutes.
const BUDGET: SignedDuration = SignedDuration::from_mins(4);

/// How many deletions are read at once.
const PAGE: i32 = 20;

/// What erasing needs.
#[derive(Clone, Debug)]
pub struct Eraser {
    /// The accounts.
    pub accounts: Accounts,
    /// Answers kept for repeated requests.
    pub idempotency: Idempotency,
    /// The pictures.
    pub images: Images,
    /// Their files.
    pub stores: Stores,
    /// The mails.
    pub outbox: Outbox,
    /// The deletions.
    pub privacy: Privacy,
    /// Requests about the person's data.
    pub requests: Requests,
    /// The sessions.
    pub sessions: Sessions,
    /// Who knows how far orders are.
    pub cashier: Cashier,
    /// Who signs what went.
    pub signer: StatementSigner,
    /// The service's address, as statements name it.
    pub service: String,
    /// The time, asked anew after each step.
    pub clock: Clock,
}

/// Why an erasure did not come to its end now. What is gone stays gone, and a later run goes on.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be removed.
    #[error("a picture's file could not be removed from {}", .store.as_str())]
    File {
        /// Where it is.
        store: Store,
        /// Why it stays.
        #[source]
        cause: ObjectError,
    },
    /// The statement could not be signed.
    #[error("the statement could not be signed")]
    Unsigned(#[from] TokenError),
    /// Some of the erasures of a run failed; why stands in the log.
    #[error("{0} erasures could not go on")]
    Failed(usize),
}

/// How far an erasure came in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Nothing is left.
    ToItsEnd,
    /// Something has to end by itself first: a picture that is painted, money that is under way.
    ToAWait,
    /// It is not due, was undone, or somebody else is at it.
    Nowhere,
}

impl Eraser {
    /// Goes on with every deletion that is due, for as long as a run may take.
    ///
    /// # Errors
    /// When what is due cannot be read, or when some of it failed; the rest was done.
    pub async fn run(&self) -> Result<usize, EraseError> {
        let (start, mut erased, mut failed, mut seen) = (self.clock.now(), 0, 0, BTreeSet::new());
        loop {
            let mut due = self.privacy.due(start, PAGE).await?;
            // Those that failed are due still, and so are some that the index has not let go of yet.
            due.retain(|id| seen.insert(id.clone()));
            if due.is_empty() {
                return if failed > 0 {
                    Err(EraseError::Failed(failed))
                } else {
                    Ok(erased)
                };
            }
            for id in due {
                if self.clock.now().duration_since(start) >= BUDGET {
                    tracing::warn!("A run has come to its end before what was due; the next one goes on");
                    return Ok(erased);
                }
                match self.go_on(&id).await {
                    Ok(Came::ToItsEnd) => erased += 1,
                    Ok(Came::ToAWait | Came::Nowhere) => {}
                    Err(error) => {
                        failed += 1;
                        tracing::error!(deletion = %id, error = %chain(&error), "An erasure could not go on this time");
                    }
                }
            }
        }
    }

    /// Goes on with one deletion, if it is due.
    ///
    /// # Errors
    /// See [`EraseError`].
    pub async fn go_on(&self, id: &DeletionId) -> Result<Came, EraseError> {
        let now = self.clock.now();
        let Some(deletion) = self.privacy.deletion(id, now).await? else {
            return Ok(Came::Nowhere);
        };
        let Some(account) = deletion.account().filter(|_| deletion.due_at <= now) else {
            return Ok(Came::Nowhere);
        };
        let erasure = Erasure {
            eraser: self,
            deletion,
            account,
        };
        match erasure.carry_out().await {
            Ok(came) => Ok(came),
            Err(Stop::Overtaken) => Ok(Came::Nowhere),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

/// Begins the erasure of an account anew that was erased before and that a backup may have brought back. There is nothing to
/// state that was not stated then, so nobody is given the receipt's address.
///
/// # Errors
/// When the store fails; doing it again is safe.
pub async fn begin_again(
    account: Id<ids::Account>,
    accounts: &Accounts,
    privacy: &Privacy,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let deletion = Deletion {
        stage: Stage::Erasing(account),
        ..Deletion::asked(ReceiptKey::new(entropy).id(), account, now, SignedDuration::ZERO)
    };
    let mut transaction = Transaction::of([privacy.asked_write(&deletion)?]);
    if accounts.profile(account).await?.is_some() {
        transaction = transaction.and(accounts.erasing_again_write(account, &deletion.id)?);
    }
    Ok(transaction.commit(privacy.db()).await?)
}
