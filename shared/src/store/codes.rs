//! The codes of accounts, in the table `accounts`: at most one for each purpose, and a new one takes the old one's place.
//! (The code of a sign-up stands in the sign-up itself.)
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `acc_…` | `code#<purpose>` | the code that was mailed last |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::Code;
use crate::domain::code::Purpose;
use crate::ids::{self, Id};

/// The codes in the table `accounts`.
#[derive(Clone, Debug)]
pub struct Codes {
    table: Table,
}

/// A code as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its keyed hash, bound to account and purpose.
    pub hash: String,
}

#[derive(Serialize, Deserialize)]
struct CodeItem {
    pk: String,
    sk: String,
    code_hash: String,
    tries_left: u32,
    expires_at: i64,
}

fn code_key(account: Id<ids::Account>, purpose: Purpose) -> Item {
    key(&[("pk", account.to_string()), ("sk", sort_key(purpose))])
}

fn sort_key(purpose: Purpose) -> String {
    format!("code#{}", purpose.as_str())
}

impl Codes {
    /// Those in the table named by `ACCOUNTS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("ACCOUNTS_TABLE")?),
        })
    }

    /// Keeps a code with all its tries, until `ends`. The one before is void.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn put_write(
        &self,
        account: Id<ids::Account>,
        purpose: Purpose,
        hash: String,
        ends: Timestamp,
    ) -> Result<Write, StoreError> {
        let item = to_item(&CodeItem {
            pk: account.to_string(),
            sk: sort_key(purpose),
            code_hash: hash,
            tries_left: Code::TRIES,
            expires_at: ends.as_second(),
        })?;
        self.table.put_write(item, Expression::default(), Guard::New)
    }

    /// The account's code, if it is still good. Every call costs it one of its tries, so that guesses which race each other
    /// are all counted; `None` too when no try is left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn try_code(
        &self,
        account: Id<ids::Account>,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<Stored>, StoreError> {
        let expression = Expression::update("SET #tries_left = #tries_left - :one")
            .and_when("attribute_exists(#pk) AND #tries_left > :none AND #expires_at > :now")
            .number(":one", 1)
            .number(":none", 0)
            .number(":now", now.as_second());
        match self.table.update(code_key(account, purpose), expression).await? {
            Updated::Done(item) => {
                let item: CodeItem = from_item(item, || format!("{account} {}", sort_key(purpose)))?;
                Ok(Some(Stored { hash: item.code_hash }))
            }
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Uses the code up, as a piece of the transaction that it allows. Refused under [`Guard::Code`] when it was used or
    /// replaced meanwhile.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn spend_write(&self, account: Id<ids::Account>, purpose: Purpose, hash: &str) -> Result<Write, StoreError> {
        let same = Expression::when("#code_hash = :hash").text(":hash", hash);
        self.table.delete_write(code_key(account, purpose), same, Guard::Code)
    }
}
