//! What operators do for an account. Each act is written down beside what it changes, and can be done once.

use shared::domain::Credits;
use shared::domain::ledger::{LedgerRefusal, Posting};
use shared::ids::{AccountId, Act as ActId, Id};
use shared::store::acts::Act;
use shared::store::ledger::PostError;
use shared::store::{Guard, StoreError, Transaction};

use crate::table::Table;
use crate::{Ops, OpsError};

/// The most credits that are given at once: more than that is mistyped.
const MOST: i64 = 10_000;

/// The longest reason.
const LONGEST: usize = 200;

/// How often the balance is read anew because somebody else has changed it.
const ROUNDS: usize = 6;

/// A gift of credits, as it was ordered.
#[derive(Debug, Clone)]
pub struct Gift {
    /// To whom.
    pub account: AccountId,
    /// How many.
    pub credits: Credits,
    /// Why. It is kept, and is to name nobody.
    pub reason: String,
    /// Under which name; a new one, unless it is tried again.
    pub act: Option<Id<ActId>>,
}

impl Ops {
    /// Gives credits, as an entry of the ledger like any other; once for each act. Tells what came of it, as text to read.
    ///
    /// # Errors
    /// When there is no such active account, the act was done before, or a table cannot be asked. Whether it was done is then
    /// unknown if the answer was lost: doing it again under the same name is safe.
    pub async fn credit(&self, gift: Gift) -> Result<String, OpsError> {
        let Gift {
            account,
            credits,
            reason,
            act,
        } = gift;
        if !(1..=MOST).contains(&credits.0) {
            return Err(OpsError::Unfit(format!("the number of credits must be 1 to {MOST}")));
        }
        let reason = fit_reason(&reason)?;
        let act = Act {
            id: act.unwrap_or_else(|| self.ids.next()),
            what: "accounts credit".to_owned(),
            reason,
            credits: Some(credits),
            amount: None,
            at: self.clock.now(),
        };
        let ledger = self.ledger_of(account).await?;
        let posting = Posting::Grant { act: act.id, credits };
        for _ in 0..ROUNDS {
            let before = self
                .ledgers
                .balance(ledger)
                .await
                .map_err(|error| self.explained(error))?;
            let posted = self
                .ledgers
                .post(ledger, &before, std::slice::from_ref(&posting), act.at);
            let (after, entries) = posted.map_err(refused)?;
            let transaction = Transaction::of([self.acts.act_write(&act)?, self.accounts.active_check(account)?]);
            let Err(error) = transaction.and_all(entries).commit(self.ledgers.db()).await else {
                let mut table = Table::default();
                table.heading(&act.id.to_string());
                table.fact("account", account);
                table.fact("given", credits);
                table.fact(
                    "available",
                    format!("{} before, {} after", before.available, after.available),
                );
                table.fact("entry", after.seq);
                return Ok(table.text());
            };
            if error.refused(Guard::Act).is_some() || error.refused(Guard::Cause).is_some() {
                return Err(OpsError::Unfit(format!(
                    "{} was done before; nothing was done now",
                    act.id
                )));
            }
            if error.refused(Guard::Account).is_some() {
                return Err(OpsError::Absent(format!("the account {account} is not active")));
            }
            if error.refused(Guard::Balance).is_none() {
                let error = self.explained(error.into());
                return Err(OpsError::Unknown {
                    act: act.id,
                    cause: Box::new(error),
                });
            }
        }
        Err(StoreError::Contended.into())
    }
}

/// The reason of an act, in its form.
pub(crate) fn fit_reason(text: &str) -> Result<String, OpsError> {
    let text = text.trim();
    if (1..=LONGEST).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    let must = format!("the reason must have 1 to {LONGEST} characters");
    Err(OpsError::Unfit(must))
}

fn refused(error: PostError) -> OpsError {
    match error {
        PostError::Store(store) => store.into(),
        // A gift is never refused by the ledger's rules.
        PostError::Refused(
            LedgerRefusal::Insufficient { .. } | LedgerRefusal::CausedBefore | LedgerRefusal::NotHeld,
        ) => StoreError::Contended.into(),
    }
}
