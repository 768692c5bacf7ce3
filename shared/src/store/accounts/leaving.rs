//! What becomes of an account whose owner leaves, or that an operator blocks: closed, opened again, or removed piece by piece.

use super::{Accounts, PROFILE, account_key, owner_key};
use crate::domain::account::Status;
use crate::domain::deletion::Thing;
use crate::domain::{DeletionId, Profile};
use crate::ids::{self, Id};
use crate::store::{Expression, Guard, Item, StoreError, Write, from_item};

/// Something of an account beside its profile.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Part {
    sk: String,
}

impl Part {
    /// What it is.
    #[must_use]
    pub fn thing(&self) -> Thing {
        if self.sk.starts_with("consent#") {
            Thing::Consents
        } else {
            // A change of address that waits is a code as well.
            Thing::Codes
        }
    }
}

impl Accounts {
    /// Closes the account until `deletion` is carried out or undone, if it still is as `profile` was read: no session has begun
    /// since that whoever ends them all has not seen.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn closing_write(&self, profile: &Profile, deletion: &DeletionId) -> Result<Write, StoreError> {
        let closed = Expression::update("SET #status = :deleting, #status_before = :was, #deletion = :deletion")
            .and_when("#status = :was AND #password_hash = :verified AND #sessions_begun = :seen")
            .text(":deleting", Status::Deleting.as_str())
            .text(":was", profile.status.as_str())
            .text(":deletion", deletion.as_str())
            .text(":verified", profile.password_hash.as_str())
            .number(":seen", profile.sessions_begun);
        self.table
            .update_write(account_key(profile.id, PROFILE.to_owned()), closed, Guard::Account)
    }

    /// Opens an account again that `deletion` closed, if its password still is the one that was verified.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn reopening_write(&self, profile: &Profile, deletion: &DeletionId) -> Result<Write, StoreError> {
        let opened = Expression::update("SET #status = #status_before REMOVE #status_before, #deletion")
            .and_when("#status = :deleting AND #deletion = :deletion AND #password_hash = :verified")
            .text(":deleting", Status::Deleting.as_str())
            .text(":deletion", deletion.as_str())
            .text(":verified", profile.password_hash.as_str());
        self.table
            .update_write(account_key(profile.id, PROFILE.to_owned()), opened, Guard::Account)
    }

    /// Blocks an active account, or lets a blocked one be active again.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn blocking_write(&self, account: Id<ids::Account>, blocked: bool) -> Result<Write, StoreError> {
        let (from, to) = if blocked {
            (Status::Active, Status::Blocked)
        } else {
            (Status::Blocked, Status::Active)
        };
        let moved = Expression::update("SET #status = :to")
            .and_when("#status = :from")
            .text(":from", from.as_str())
            .text(":to", to.as_str());
        self.table
            .update_write(account_key(account, PROFILE.to_owned()), moved, Guard::Account)
    }

    /// Begins the erasure of an account that `deletion` closed. From here on nothing opens it again.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn erasing_write(&self, account: Id<ids::Account>, deletion: &DeletionId) -> Result<Write, StoreError> {
        let erasing = Expression::update("SET #status = :erasing")
            .and_when("#status = :deleting AND #deletion = :deletion")
            .text(":erasing", Status::Erasing.as_str())
            .text(":deleting", Status::Deleting.as_str())
            .text(":deletion", deletion.as_str());
        self.table
            .update_write(account_key(account, PROFILE.to_owned()), erasing, Guard::Account)
    }

    /// Up to `limit` pieces of the account beside its profile.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn parts(&self, account: Id<ids::Account>, limit: i32) -> Result<Vec<Part>, StoreError> {
        // `c` and `e` are before `profile`, and nothing is behind it.
        let beside = Expression::when("#pk = :pk AND #sk < :profile")
            .text(":pk", account.to_string())
            .text(":profile", PROFILE);
        let items = self.table.query(beside, false, limit).await?;
        let part = |item: Item| from_item(item, || format!("a piece of {account}"));
        items.into_iter().map(part).collect()
    }

    /// Removes a piece of an account. Refused under [`Guard::Part`] when it is gone already.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn part_removal_write(&self, account: Id<ids::Account>, part: &Part) -> Result<Write, StoreError> {
        let there = Expression::when("attribute_exists(#pk)");
        self.table
            .delete_write(account_key(account, part.sk.clone()), there, Guard::Part)
    }

    /// Begins the erasure of an account that a backup has brought back, whatever state it is in.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn erasing_again_write(&self, account: Id<ids::Account>, deletion: &DeletionId) -> Result<Write, StoreError> {
        let erasing = Expression::update("SET #status = :erasing, #deletion = :deletion")
            .and_when("attribute_exists(#pk)")
            .text(":erasing", Status::Erasing.as_str())
            .text(":deletion", deletion.as_str());
        self.table
            .update_write(account_key(account, PROFILE.to_owned()), erasing, Guard::Account)
    }

    /// Removes the profile of an account that is being erased.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn farewell_write(&self, account: Id<ids::Account>) -> Result<Write, StoreError> {
        let erasing = Expression::when("#status = :erasing").text(":erasing", Status::Erasing.as_str());
        self.table
            .delete_write(account_key(account, PROFILE.to_owned()), erasing, Guard::Account)
    }

    /// Frees the address of an account that is being erased.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn free_address_write(&self, profile: &Profile) -> Result<Write, StoreError> {
        let own = Expression::when("#account_id = :account").text(":account", profile.id.to_string());
        self.table.delete_write(owner_key(&profile.email), own, Guard::Owner)
    }
}
