//! Schedule `rate(1 hour)`: compares stores and items both ways, and removes what should be gone.

use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::schedule::Due;
use shared::store::{Images, Limits, StoreError};
use shared::{Clock, Platform};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("images", &[Action::DeleteItem, Action::GetItem, Action::Scan]),
    Grant::Index("images", "object", &[Action::Query]),
    Grant::Table("limits", &[Action::GetItem, Action::PutItem]),
];

/// What this function needs.
#[derive(Clone)]
#[expect(dead_code, reason = "the sweep is about to come")]
pub struct Deps {
    clock: Clock,
    images: Images,
    limits: Limits,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            clock: platform.clock.clone(),
            images: Images::new(&db, vars)?,
            limits: Limits::new(&db, vars)?,
        })
    }
}

/// Goes on with the comparison for as long as a run may take.
///
/// # Errors
/// When the store fails.
pub async fn run(deps: Deps, _due: Due) -> Result<(), StoreError> {
    tracing::info!(now = %deps.clock.now(), "Nothing is swept yet");
    Ok(())
}
