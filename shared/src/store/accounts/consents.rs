//! Which versions of the policy somebody accepted, and when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ACTIVE, Accounts, PROFILE, account_key};
use crate::domain::account::Consent;
use crate::ids::{self, Id};
use crate::store::{Expression, Guard, StoreError, Transaction, Updated, Write, from_item, to_item};

/// How the sort key of a consent begins.
const KIND: &str = "consent#";

/// More versions than anybody can have accepted.
const MOST: i32 = 500;

#[derive(Serialize, Deserialize)]
struct ConsentItem {
    pk: String,
    sk: String,
    accepted_at: Timestamp,
}

impl Accounts {
    /// Remembers that a version was accepted, if it has not been before: the first time counts.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn consent_write(&self, account: Id<ids::Account>, consent: &Consent) -> Result<Write, StoreError> {
        let item = to_item(&ConsentItem {
            pk: account.to_string(),
            sk: format!("{KIND}{}", consent.policy_version),
            accepted_at: consent.accepted_at,
        })?;
        let new = Expression::when("attribute_not_exists(#pk)");
        self.table.put_write(item, new, Guard::Consent)
    }

    /// The versions that were accepted, and when each was first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn consents(&self, account: Id<ids::Account>) -> Result<Vec<Consent>, StoreError> {
        let own = Expression::when("#pk = :pk AND begins_with(#sk, :kind)")
            .text(":pk", account.to_string())
            .text(":kind", KIND);
        let items = self.table.query(own, false, MOST).await?;
        let consent = |item| {
            let item: ConsentItem = from_item(item, || format!("{account} consent"))?;
            Ok(Consent {
                policy_version: item.sk.strip_prefix(KIND).unwrap_or_default().to_owned(),
                accepted_at: item.accepted_at,
            })
        };
        items.into_iter().map(consent).collect()
    }

    /// Accepts a version: it becomes the account's present one. Accepting it again changes nothing, and the first time stays.
    /// `None` when the account is not there or not active.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accept(&self, account: Id<ids::Account>, consent: Consent) -> Result<Option<Consent>, StoreError> {
        let transaction = Transaction::of([
            self.table.update_write(
                account_key(account, PROFILE.to_owned()),
                present(&consent),
                Guard::Account,
            )?,
            self.consent_write(account, &consent)?,
        ]);
        let error = match transaction.commit(self.db()).await {
            Ok(()) => return Ok(Some(consent)),
            Err(error) => error,
        };
        if error.refused(Guard::Account).is_some() {
            return Ok(None);
        }
        let before = error.refused(Guard::Consent).and_then(|refused| refused.item.clone());
        let Some(item) = before else {
            return Err(error.into());
        };
        let item: ConsentItem = from_item(item, || format!("{account} consent"))?;
        let first = Consent {
            accepted_at: item.accepted_at,
            ..consent
        };
        let key = account_key(account, PROFILE.to_owned());
        Ok(match self.table.update(key, present(&first)).await? {
            Updated::Done(_) => Some(first),
            Updated::Refused(_) => None,
        })
    }
}

fn present(consent: &Consent) -> Expression {
    Expression::update("SET #policy_version = :version, #policy_accepted_at = :at")
        .and_when("#status = :active")
        .text(":active", ACTIVE)
        .text(":version", &consent.policy_version)
        .text(":at", consent.accepted_at.to_string())
}
