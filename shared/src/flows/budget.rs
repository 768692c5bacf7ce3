//! The most that may be spent on painting in a day, and what a picture costs.

use jiff::Timestamp;

use crate::config::{ConfigError, Vars};
use crate::domain::Fen;
use crate::domain::spend::Ceiling;
use crate::store::{Db, Limits, StoreError};

/// The day's budget, for those who only look at it.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    ceiling: Ceiling,
}

impl Budget {
    /// Reads `LIMITS_TABLE` and `PAINT_BUDGET_FEN`.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            limits: Limits::new(db, vars)?,
            ceiling: ceiling(vars)?,
        })
    }

    /// Whether anything is left of it. Orders are turned away once nothing is; the worker, which knows the price, is exact.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn room(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.limits.affords(Fen(1), self.ceiling, now).await
    }
}

/// The day's ceiling, read from `PAINT_BUDGET_FEN`: fen, or 0 for none.
///
/// # Errors
/// When it is no number.
pub fn ceiling(vars: &Vars) -> Result<Ceiling, ConfigError> {
    let fen: u32 = vars.parsed("PAINT_BUDGET_FEN", "a number of fen, or 0 for no ceiling")?;
    Ok(Ceiling::from(fen))
}

/// What a picture costs, read from the variable `name`: fen, and more than nothing, or the ceiling would mean nothing.
///
/// # Errors
/// When it is no such number.
pub fn price(vars: &Vars, name: &str) -> Result<Fen, ConfigError> {
    let expected = "a number of fen above 0";
    match vars.parsed::<u32>(name, expected)? {
        0 => Err(ConfigError::invalid(name, format!("must be {expected}"))),
        fen => Ok(Fen(fen)),
    }
}
