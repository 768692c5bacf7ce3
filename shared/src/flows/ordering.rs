//! An order for pictures: the pictures, the credits set aside for them and the answer to a repeat are one transaction.

use futures::try_join;
use jiff::Timestamp;

use super::ROUNDS;
use crate::domain::ledger::{Balance, LedgerRefusal, Posting};
use crate::domain::{Credits, Image};
use crate::ids::{self, Id};
use crate::store::idempotency::{Answer, Use};
use crate::store::ledger::PostError;
use crate::store::{Accounts, Guard, Idempotency, Images, Ledgers, StoreError, Transaction};

/// The tables an order is written in.
#[derive(Clone, Debug)]
pub struct Ordering {
    /// Whose account must be active.
    pub accounts: Accounts,
    /// Where the answer is kept.
    pub idempotency: Idempotency,
    /// Where the pictures are.
    pub images: Images,
    /// Where the credits are.
    pub ledgers: Ledgers,
}

/// An order that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The answer's body.
    pub body: String,
    /// Whether it was given before.
    pub replayed: bool,
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// There are not enough credits.
    #[error("{needed} credits are needed and {available} are available")]
    Insufficient {
        /// How many the order needs.
        needed: Credits,
        /// How many there are.
        available: Credits,
    },
    /// The key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The account is not there, or not active.
    #[error("the account is not active")]
    Inactive,
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known before an order: whose ledger pays, and the answer if the same order was taken before.
#[derive(Debug)]
pub struct Known {
    ledger: Option<Id<ids::Ledger>>,
    answer: Option<Answer>,
}

impl Known {
    /// Whether the order was taken before, so that nothing new is asked.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answer.is_some()
    }
}

impl Ordering {
    /// What has to be known before an order is taken. Reads only, so it may run beside the proof of who asks.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look(&self, account: Id<ids::Account>, used: &Use, now: Timestamp) -> Result<Known, StoreError> {
        let (profile, answer) = try_join!(self.accounts.profile(account), self.idempotency.answer(used, now))?;
        Ok(Known {
            ledger: profile.map(|profile| profile.ledger),
            answer,
        })
    }

    /// Takes the order, or gives the answer it got before. `body` writes the answer from the balance after the holds.
    ///
    /// # Errors
    /// See [`OrderError`]; nothing is half-done in any case.
    pub async fn take(
        &self,
        known: Known,
        account: Id<ids::Account>,
        images: &[Image],
        used: &Use,
        now: Timestamp,
        body: impl Fn(&Balance) -> String + Send,
    ) -> Result<Ordered, OrderError> {
        if let Some(answer) = known.answer {
            return replay(answer, used);
        }
        let ledger = known.ledger.ok_or(OrderError::Inactive)?;
        let holds: Vec<Posting> = images.iter().map(|image| Posting::Hold { image: image.id }).collect();
        for _ in 0..ROUNDS {
            let before = self.ledgers.balance(ledger).await?;
            let (after, entries) = self.ledgers.post(ledger, &before, &holds, now)?;
            let body = body(&after);
            let orders: Vec<_> = images
                .iter()
                .map(|image| self.images.order_write(image))
                .collect::<Result<_, _>>()?;
            let transaction = Transaction::of(orders)
                .and_all(entries)
                .and(self.idempotency.answer_write(used, body.clone(), now)?)
                .and(self.accounts.active_check(account)?);
            let error = match transaction.commit(self.images.db()).await {
                Ok(()) => return Ok(Ordered { body, replayed: false }),
                Err(error) => error,
            };
            if let Some(refused) = error.refused(Guard::Idempotency) {
                // The same request came twice at once, and the other one won.
                if let Some(answer) = self.idempotency.answer_in(refused, used, now)? {
                    return replay(answer, used);
                }
            } else if error.refused(Guard::Account).is_some() {
                return Err(OrderError::Inactive);
            } else if error.refused(Guard::Balance).is_none() {
                return Err(StoreError::from(error).into());
            }
        }
        Err(StoreError::Contended.into())
    }
}

fn replay(answer: Answer, used: &Use) -> Result<Ordered, OrderError> {
    if answer.fingerprint == used.fingerprint {
        Ok(Ordered {
            body: answer.body,
            replayed: true,
        })
    } else {
        Err(OrderError::KeyReused)
    }
}

impl From<PostError> for OrderError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Refused(LedgerRefusal::Insufficient { needed, available }) => {
                Self::Insufficient { needed, available }
            }
            // The ids of this order are new, so nothing can have acted because of them.
            PostError::Refused(LedgerRefusal::CausedBefore | LedgerRefusal::NotHeld) => {
                Self::Store(StoreError::Contended)
            }
            PostError::Store(store) => Self::Store(store),
        }
    }
}
