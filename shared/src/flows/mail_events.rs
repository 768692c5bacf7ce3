//! What the mail provider tells us about an address, written down with the address.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use jiff::Timestamp;

use super::ROUNDS;
use crate::domain::{EmailAddress, Undeliverable};
use crate::providers::resend_webhook::{Event, News};
use crate::store::accounts::Owner;
use crate::store::{Accounts, Guard, Idempotency, StoreError, Transaction};

/// Whose events are remembered under this name.
const COMPANY: &str = "resend";

/// Where events act.
#[derive(Clone, Debug)]
pub struct MailEvents {
    /// Where addresses are.
    pub accounts: Accounts,
    /// Where it is remembered which events have acted.
    pub idempotency: Idempotency,
}

impl MailEvents {
    /// Lets an event act. One that says nothing of use, that has acted before, or that comes too late does nothing, and all
    /// of these are successes: Resend need not tell it again.
    ///
    /// # Errors
    /// When the store fails; nothing is half-done then.
    pub async fn apply(&self, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        let Some(news) = event.news() else {
            return Ok(());
        };
        for _ in 0..ROUNDS {
            let marks: Vec<_> = self.concerned(news).await?;
            let mut transaction = Transaction::of([self.idempotency.event_write(COMPANY, event.id(), now)?]);
            for (email, owner) in &marks {
                transaction = transaction.and(self.accounts.undeliverable_write(email, owner, news.mark)?);
            }
            match transaction.commit(self.accounts.db()).await {
                Ok(()) => return Ok(()),
                Err(error) if error.refused(Guard::Idempotency).is_some() => return Ok(()),
                Err(error) if error.refused(Guard::Owner).is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Contended)
    }

    /// The addresses that the news changes, each once, with their owners as they are now.
    async fn concerned<'a>(&self, news: &'a News) -> Result<Vec<(&'a EmailAddress, Owner)>, StoreError> {
        let different: BTreeMap<String, &EmailAddress> = news
            .addresses
            .iter()
            .map(|address| (address.as_str().to_lowercase(), address))
            .collect();
        let found = try_join_all(
            different
                .into_values()
                .map(|address| self.owner_to_mark(address, news.mark)),
        )
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The address with its owner, if the owner's mail goes there and the address was not proved after this happened.
    async fn owner_to_mark<'a>(
        &self,
        address: &'a EmailAddress,
        mark: Undeliverable,
    ) -> Result<Option<(&'a EmailAddress, Owner)>, StoreError> {
        let Some(owner) = self.accounts.owner(address).await? else {
            return Ok(None);
        };
        if owner.proved_at >= mark.since || !mark.replaces(owner.undeliverable) {
            return Ok(None);
        }
        // Anybody can have a mail sent to a sub-address of somebody else, such as one that does not exist. That it came back
        // says nothing about the address as its owner writes it.
        let profile = self.accounts.profile(owner.account).await?;
        let is_own = profile.is_some_and(|profile| profile.email.is_spelled_as(address));
        Ok(is_own.then_some((address, owner)))
    }
}
