//! The table `audit`: what operators did.
//!
//! | id | what |
//! |---|---|
//! | `act_…` | one act: what, why, and how much; whom it concerned stands in what it changed, not here |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, StoreError, Table, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::{Credits, Money};
use crate::ids::{self, Id};

/// The table `audit`.
#[derive(Clone, Debug)]
pub struct Acts {
    table: Table,
}

/// What an operator did. Nothing in it tells who was concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Which act it is; what it changed names it as its cause.
    pub id: Id<ids::Act>,
    /// What was done, by the command's name, such as `accounts credit`.
    pub what: String,
    /// Why, in the operator's words, which are to name nobody.
    pub reason: String,
    /// How many credits were given, if that is what was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credits: Option<Credits>,
    /// How much money was sent back, if that is what was done; all that was left, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<Money>,
    /// When.
    pub at: Timestamp,
}

impl Acts {
    /// The table named by `AUDIT_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("AUDIT_TABLE")?),
        })
    }

    /// The act, if there is one of this id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, id: Id<ids::Act>) -> Result<Option<Act>, StoreError> {
        let item = self.table.get(key(&[("id", id.to_string())])).await?;
        item.map(|item| from_item(item, || id.to_string())).transpose()
    }

    /// Writes an act down, as a piece of the transaction that carries it out; refused if it was done before.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn act_write(&self, act: &Act) -> Result<Write, StoreError> {
        let is_new = Expression::when("attribute_not_exists(#id)");
        self.table.put_write(to_item(act)?, is_new, Guard::Act)
    }
}
