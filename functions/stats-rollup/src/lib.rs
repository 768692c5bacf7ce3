//! Schedule `rate(1 hour)`: what the shards of a day have counted becomes one sum, a day after the day's end.

use shared::Platform;
use shared::config::{ConfigError, Vars};
use shared::flows::counting::Counting;
use shared::grants::{Action, Grant};
use shared::schedule::Due;
use shared::store::{Analytics, StoreError};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[Grant::Table("analytics", &[Action::PutItem, Action::Query])];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    counting: Counting,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let counting = Counting {
            analytics: Analytics::new(&platform.db(), vars)?,
            clock: platform.clock.clone(),
        };
        Ok(Self { counting })
    }
}

/// Makes the sums that are due and are not there.
///
/// # Errors
/// When the store fails.
pub async fn run(deps: Deps, _due: Due) -> Result<(), StoreError> {
    let made = deps.counting.roll_up().await?;
    if made > 0 {
        tracing::info!(made, "Days were summed up");
    }
    Ok(())
}
