//! What may come back into a table when it is recovered. Much that is missing is so rightly: somebody was erased, took a deletion back,
//! has another address, or a picture ended and was deleted. None of that may come back, and all of it can be told from what is there.

use shared::domain::account::{Profile, Status};
use shared::ids::{AccountId, Id, Image, Ledger};
use shared::store::StoreError;
use shared::store::accounts::address_pk;
use shared::store::recovery::Kept;

use crate::Ops;
use crate::recovery::Recoverable;

/// Whose an item is.
enum Owner {
    /// Nobody's.
    Nobody,
    /// An account's that was erased or is being erased.
    Leaving,
    /// An account's that is not there, although nobody has erased it.
    Lost,
    /// This account's.
    Here(Box<Profile>),
}

impl Ops {
    /// Whether an item that is missing from a table may come back.
    pub(crate) async fn may_return(&self, table: Recoverable, item: &Kept) -> Result<bool, StoreError> {
        if item.has_ended(self.clock.now()) {
            return Ok(false);
        }
        let owner = self.owner(item).await?;
        if matches!(owner, Owner::Leaving) {
            return Ok(false);
        }
        match table {
            Recoverable::Analytics | Recoverable::Audit | Recoverable::Orders => Ok(true),
            Recoverable::Limits => Ok(is_lasting(item)),
            Recoverable::Privacy => Ok(is_wanted(item, &owner)),
            Recoverable::Accounts => Ok(is_valid(item, &owner)),
            Recoverable::Ledger => self.is_unresolved(item).await,
            Recoverable::Images => self.is_owed(item, &owner).await,
        }
    }

    async fn owner(&self, item: &Kept) -> Result<Owner, StoreError> {
        let Some(account) = account(item) else {
            return Ok(Owner::Nobody);
        };
        if self.privacy.has_erased(account).await? {
            return Ok(Owner::Leaving);
        }
        Ok(match self.accounts.profile(account).await? {
            None => Owner::Lost,
            Some(profile) if profile.status == Status::Erasing => Owner::Leaving,
            Some(profile) => Owner::Here(Box::new(profile)),
        })
    }

    /// A hold that was resolved is never open again.
    async fn is_unresolved(&self, item: &Kept) -> Result<bool, StoreError> {
        let ledger = item.text("pk").and_then(|id| id.parse::<Id<Ledger>>().ok());
        let held = item.text("sk").and_then(|sk| sk.strip_prefix("HOLD#"));
        let held = held.and_then(|id| id.parse::<Id<Image>>().ok());
        match ledger.zip(held) {
            Some((ledger, image)) => Ok(!self.ledgers.has_resolved(ledger, image).await?),
            None => Ok(true),
        }
    }

    /// The file of a picture that has ended went with its item, so only one comes back whose credit is held.
    async fn is_owed(&self, item: &Kept, owner: &Owner) -> Result<bool, StoreError> {
        let image = item.text("id").and_then(|id| id.parse().ok());
        match (owner, image) {
            (Owner::Here(owner), Some(image)) if !item.has("expires_at") => {
                Ok(self.ledgers.holds(owner.ledger).await?.contains(&image))
            }
            _ => Ok(false),
        }
    }
}

/// Of what is limited, who has had the bonus counts for a year; the rest is for hours, or is counted anew.
fn is_lasting(item: &Kept) -> bool {
    item.text("pk").is_some_and(|key| key.starts_with("bonus#"))
}

/// A deletion that is not carried out is wanted if the account waits for it: else it was taken back. A report goes when it is closed, and
/// what somebody wrote in it is to stay erased.
fn is_wanted(item: &Kept, owner: &Owner) -> bool {
    let id = item.text("id").unwrap_or_default();
    match (id.strip_prefix("deletion#"), owner) {
        (Some(deletion), Owner::Here(owner)) => owner.deletion.as_ref().is_some_and(|id| id.to_string() == deletion),
        _ => !id.starts_with("rep_"),
    }
}

/// What has an end, such as a code, is for minutes. An address is its account's as long as that has no other.
fn is_valid(item: &Kept, owner: &Owner) -> bool {
    let key = item.text("pk").unwrap_or_default();
    let is_anothers = match owner {
        Owner::Here(owner) => key.starts_with("address#") && address_pk(&owner.email) != key,
        Owner::Nobody | Owner::Leaving | Owner::Lost => false,
    };
    !item.has("expires_at") && !is_anothers
}

/// The account that an item names, or whose partition it is in.
fn account(item: &Kept) -> Option<AccountId> {
    let named = item.text("account_id").or_else(|| item.text("pk"));
    named?.parse().ok()
}
