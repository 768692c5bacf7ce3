//! What somebody corrects about an account: the name, and the address once its code has been shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ACTIVE, Accounts, PROFILE, account_key, owner_key, profile_from};
use crate::domain::account::PendingEmail;
use crate::domain::{Code, EmailAddress, Name, Profile};
use crate::ids::{self, Id};
use crate::store::{Expression, Guard, StoreError, Updated, Write, from_item, to_item};

const EMAIL_CHANGE: &str = "email_change";

/// A change of address as it waits, with what is needed to judge a code.
#[derive(Debug, Clone)]
pub struct WaitingEmail {
    /// The address that is to be proved.
    pub email: EmailAddress,
    /// Keyed hash of its code.
    pub code_hash: String,
}

#[derive(Serialize, Deserialize)]
struct EmailChangeItem {
    pk: String,
    sk: String,
    email: EmailAddress,
    code_hash: String,
    tries_left: u32,
    expires_at: i64,
}

impl Accounts {
    /// Sets the name, or removes it; `None` when the account is not there or not active.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rename(&self, account: Id<ids::Account>, name: Option<&Name>) -> Result<Option<Profile>, StoreError> {
        let renamed = naming(name).and_when("#status = :active").text(":active", ACTIVE);
        let key = account_key(account, PROFILE.to_owned());
        match self.table.update(key, renamed).await? {
            Updated::Done(item) => profile_from(account, item).map(Some),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Sets or removes the name, if the account is active and its password still the one that was verified; a piece of a
    /// transaction.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn verified_rename_write(&self, profile: &Profile, name: Option<&Name>) -> Result<Write, StoreError> {
        let key = account_key(profile.id, PROFILE.to_owned());
        self.table
            .update_write(key, verified(naming(name), profile), Guard::Account)
    }

    /// Goes on only if the account is active and its password still the one that was verified.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn verified_check(&self, profile: &Profile) -> Result<Write, StoreError> {
        let key = account_key(profile.id, PROFILE.to_owned());
        self.table
            .check_write(key, verified(Expression::default(), profile), Guard::Account)
    }

    /// Keeps a change of address until its code is shown; one that waited before is void. Whoever writes this makes sure in
    /// the same transaction that the account is there.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn email_change_write(
        &self,
        account: Id<ids::Account>,
        pending: &PendingEmail,
        code_hash: String,
    ) -> Result<Write, StoreError> {
        let item = to_item(&EmailChangeItem {
            pk: account.to_string(),
            sk: EMAIL_CHANGE.to_owned(),
            email: pending.email.clone(),
            code_hash,
            tries_left: Code::TRIES,
            expires_at: pending.expires_at.as_second(),
        })?;
        self.table.put_write(item, Expression::default(), Guard::New)
    }

    /// The change of address, if one waits still. Every call costs it one of its code's tries, so that guesses which race
    /// each other are all counted; `None` too when no try is left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn try_email_code(
        &self,
        account: Id<ids::Account>,
        now: Timestamp,
    ) -> Result<Option<WaitingEmail>, StoreError> {
        let expression = Expression::update("SET #tries_left = #tries_left - :one")
            .and_when("attribute_exists(#pk) AND #tries_left > :none AND #expires_at > :now")
            .number(":one", 1)
            .number(":none", 0)
            .number(":now", now.as_second());
        match self.table.update(email_change_key(account), expression).await? {
            Updated::Done(item) => {
                let item: EmailChangeItem = from_item(item, || format!("{account} {EMAIL_CHANGE}"))?;
                Ok(Some(WaitingEmail {
                    email: item.email,
                    code_hash: item.code_hash,
                }))
            }
            Updated::Refused(_) => Ok(None),
        }
    }

    /// The writes that give the account in `profile` its proved new address: in the profile, with the address itself, with
    /// the old address if that is another one, and the end of what waited.
    ///
    /// # Errors
    /// When an item cannot be made.
    pub fn email_writes(
        &self,
        profile: &Profile,
        waiting: &WaitingEmail,
        now: Timestamp,
    ) -> Result<Vec<Write>, StoreError> {
        let is_own = waiting.email.normalised() == profile.email.normalised();
        let moved = Expression::update("SET #email = :new")
            .and_when("#status = :active AND #email = :old")
            .text(":active", ACTIVE)
            .text(":new", waiting.email.as_str())
            .text(":old", profile.email.as_str());
        let key = account_key(profile.id, PROFILE.to_owned());
        let same_code = Expression::when("#code_hash = :hash").text(":hash", &waiting.code_hash);
        let mut writes = vec![
            self.table.update_write(key, moved, Guard::Account)?,
            self.table
                .delete_write(email_change_key(profile.id), same_code, Guard::EmailChange)?,
            self.owner_write(&waiting.email, is_own.then_some(profile.id), profile.id, now)?,
        ];
        if !is_own {
            let own = Expression::when("#account_id = :account").text(":account", profile.id.to_string());
            writes.push(self.table.delete_write(owner_key(&profile.email), own, Guard::Owner)?);
        }
        Ok(writes)
    }
}

fn email_change_key(account: Id<ids::Account>) -> super::Item {
    account_key(account, EMAIL_CHANGE.to_owned())
}

fn naming(name: Option<&Name>) -> Expression {
    match name {
        Some(name) => Expression::update("SET #name = :name").text(":name", name.as_str()),
        None => Expression::update("REMOVE #name"),
    }
}

fn verified(expression: Expression, profile: &Profile) -> Expression {
    expression
        .and_when("#status = :active AND #password_hash = :verified")
        .text(":active", ACTIVE)
        .text(":verified", profile.password_hash.as_str())
}
