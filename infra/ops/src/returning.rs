//! What may come back into a table when it is recovered. Much that is missing is so rightly: somebody was erased, took a deletion back,
//! has another address, or a picture ended and was deleted. None of that may come back, and all of it can be told from what is there.

use shared::domain::account::{Profile, Status};
use shared::ids::{AccountId, Id, Image, Ledger};
use shared::store::StoreError;
use shared::store::accounts::address_pk;
use shared::store::recovery::Kept;

use crate::Ops;
use crate::recovery::Recoverable;

impl Ops {
    /// Whether an item that is missing from a table may come back.
    pub(crate) async fn may_return(&self, table: Recoverable, item: &Kept) -> Result<bool, StoreError> {
        if item.has_ended(self.clock.now()) {
            return Ok(false);
        }
        match table {
            Recoverable::Audit => Ok(true),
            Recoverable::Privacy => self.privacy_may_return(item).await,
            Recoverable::Accounts => self.account_may_return(item).await,
            Recoverable::Ledger => self.credits_may_return(item).await,
            Recoverable::Orders => self.is_somebodys(account(item)).await,
            Recoverable::Images => self.picture_may_return(item).await,
        }
    }

    /// Whether whoever it belongs to, if anybody, is neither erased nor being erased.
    async fn is_somebodys(&self, account: Option<AccountId>) -> Result<bool, StoreError> {
        let Some(account) = account else {
            return Ok(true);
        };
        if self.privacy.has_erased(account).await? {
            return Ok(false);
        }
        let profile = self.accounts.profile(account).await?;
        Ok(profile.is_none_or(|profile| profile.status != Status::Erasing))
    }

    /// A deletion that is not carried out comes back only if the account, where it is there, waits for it: else it was taken back. A report
    /// goes when it is closed, and what somebody wrote in it is to stay erased.
    async fn privacy_may_return(&self, item: &Kept) -> Result<bool, StoreError> {
        let id = item.text("id").unwrap_or_default();
        if id.starts_with("rep_") {
            return Ok(false);
        }
        match (id.strip_prefix("deletion#"), account(item)) {
            (Some(deletion), Some(account)) => {
                let waits_for_it = |profile: Profile| profile.deletion.is_some_and(|id| id.to_string() == deletion);
                let profile = self.accounts.profile(account).await?;
                Ok(profile.is_none_or(waits_for_it) && !self.privacy.has_erased(account).await?)
            }
            (_, account) => self.is_somebodys(account).await,
        }
    }

    /// What has an end is for minutes. An address comes back only to the account that still has it.
    async fn account_may_return(&self, item: &Kept) -> Result<bool, StoreError> {
        let partition = item.text("pk").unwrap_or_default();
        let owner = account(item).filter(|_| partition.starts_with("address#"));
        let account = owner.or_else(|| partition.parse().ok());
        if item.has("expires_at") || !self.is_somebodys(account).await? {
            return Ok(false);
        }
        let Some(owner) = owner else {
            return Ok(true);
        };
        let profile = self.accounts.profile(owner).await?;
        Ok(profile.is_none_or(|profile| address_pk(&profile.email) == partition))
    }

    /// A hold that was resolved is never open again.
    async fn credits_may_return(&self, item: &Kept) -> Result<bool, StoreError> {
        let ledger = item.text("pk").and_then(|id| id.parse::<Id<Ledger>>().ok());
        let held = item.text("sk").and_then(|sk| sk.strip_prefix("HOLD#"));
        let held = held.and_then(|id| id.parse::<Id<Image>>().ok());
        match (ledger, held) {
            (Some(ledger), Some(image)) => Ok(!self.ledgers.has_resolved(ledger, image).await?),
            _ => Ok(true),
        }
    }

    /// The file of a picture that has ended went with its item, so only one comes back that is still owed: its credit is held.
    async fn picture_may_return(&self, item: &Kept) -> Result<bool, StoreError> {
        let Some((account, image)) = account(item).zip(item.text("id").and_then(|id| id.parse().ok())) else {
            return Ok(false);
        };
        if item.has("expires_at") || !self.is_somebodys(Some(account)).await? {
            return Ok(false);
        }
        let Some(profile) = self.accounts.profile(account).await? else {
            return Ok(false);
        };
        Ok(self.ledgers.holds(profile.ledger).await?.contains(&image))
    }
}

/// Whose an item is, if it says so.
fn account(item: &Kept) -> Option<AccountId> {
    item.text("account_id")?.parse().ok()
}
