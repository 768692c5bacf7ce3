//! Accounts at the owner's desk: found by address, looked at, blocked and let go. Each act is written down beside what it changes.

use shared::domain::EmailAddress;
use shared::domain::account::Status;
use shared::ids::AccountId;
use shared::store::acts::Act;
use shared::store::{Guard, StoreError, Transaction};

use crate::accounts::fit_reason;
use crate::table::Table;
use crate::{Ops, OpsError};

/// More sessions and orders than this are not counted.
const MOST: i32 = 100;

impl Ops {
    /// Whose account has this address, as text to read.
    ///
    /// # Errors
    /// When it is no address, nobody's, or the table cannot be asked.
    pub async fn account_of(&self, email: &str) -> Result<String, OpsError> {
        self.looked("accounts find").await?;
        let email: EmailAddress = email
            .parse()
            .map_err(|error| OpsError::Unfit(format!("the address {error}")))?;
        let owner = self
            .accounts
            .owner(&email)
            .await
            .map_err(|error| self.explained(error))?;
        let owner = owner.ok_or_else(|| OpsError::Absent("no account has this address".to_owned()))?;
        self.told(owner.account).await
    }

    /// What an account is and has, as text to read.
    ///
    /// # Errors
    /// When there is none, or a table cannot be asked.
    pub async fn account(&self, id: AccountId) -> Result<String, OpsError> {
        self.looked("accounts show").await?;
        self.told(id).await
    }

    async fn told(&self, id: AccountId) -> Result<String, OpsError> {
        let text = self.described(id).await.map_err(|error| self.explained(error))?;
        text.ok_or_else(|| OpsError::Absent(format!("there is no account {id}: it was erased, or never made")))
    }

    async fn described(&self, id: AccountId) -> Result<Option<String>, StoreError> {
        let Some(profile) = self.accounts.profile(id).await? else {
            return Ok(None);
        };
        let owner = self.accounts.owner(&profile.email).await?;
        let balance = self.ledgers.balance(profile.ledger).await?;
        let sessions = self.sessions.list(id, None, MOST, self.clock.now()).await?.len();
        let mut table = Table::default();
        table.heading(&id.to_string());
        table.fact("status", profile.status.as_str());
        table.fact("address", profile.email.as_str());
        table.known(
            "address problem",
            owner
                .and_then(|owner| owner.undeliverable)
                .map(|mark| mark.why.as_str()),
        );
        table.fact("made", profile.created_at);
        table.fact(
            "policy",
            format!(
                "{} since {}",
                profile.consent.policy_version, profile.consent.accepted_at
            ),
        );
        table.fact("sessions", sessions);
        table.fact(
            "credits",
            format!("{} available, {} held", balance.available, balance.held),
        );
        table.known("deletion", profile.deletion);
        Ok(Some(table.text()))
    }

    /// Blocks an account and ends its sessions, or lets a blocked one be used again. Blocking what is blocked ends whatever session is
    /// left, for whoever was interrupted before.
    ///
    /// # Errors
    /// When there is none in the state before, or a table cannot be asked.
    pub async fn block(&self, id: AccountId, blocked: bool, reason: &str) -> Result<String, OpsError> {
        let act = Act {
            id: self.ids.next(),
            what: if blocked { "accounts block" } else { "accounts unblock" }.to_owned(),
            reason: fit_reason(reason)?,
            credits: None,
            amount: None,
            at: self.clock.now(),
        };
        let transaction = Transaction::of([self.accounts.blocking_write(id, blocked)?, self.acts.act_write(&act)?]);
        let told = match transaction.commit(self.accounts.db()).await {
            Ok(()) if blocked => format!("{id} is blocked ({})", act.id),
            Ok(()) => format!("{id} is active again ({})", act.id),
            Err(error) if error.refused(Guard::Account).is_some() => self.unmoved(id, blocked).await?,
            Err(error) => return Err(self.explained(StoreError::from(error))),
        };
        if blocked {
            // None begins any more: whoever begins one checks that the account is active.
            let ended = self.sessions.end_all(id, None).await;
            ended.map_err(|error| self.explained(error))?;
        }
        Ok(told)
    }

    /// What is said of an account that was not in the state before.
    async fn unmoved(&self, id: AccountId, blocked: bool) -> Result<String, OpsError> {
        let profile = self.accounts.profile(id).await.map_err(|error| self.explained(error))?;
        match profile.map(|profile| profile.status) {
            Some(Status::Blocked) if blocked => Ok(format!("{id} was blocked before")),
            Some(status) => Err(OpsError::Unfit(format!(
                "{id} is {}; nothing was done",
                status.as_str()
            ))),
            None => Err(OpsError::Absent(format!("there is no account {id}"))),
        }
    }
}
