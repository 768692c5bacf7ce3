//! Schedule `rate(1 hour)`: compares stores and items both ways, and removes what should be gone.

use shared::Platform;
use shared::config::{ConfigError, Vars};
use shared::flows::sweeping::{SweepError, Sweeper};
use shared::grants::{Action, Grant, ObjectAction};
use shared::objects::Stores;
use shared::schedule::Due;
use shared::store::{Images, Sweeps};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("images", &[Action::DeleteItem, Action::GetItem, Action::Scan]),
    Grant::Index("images", "object", &[Action::Query]),
    Grant::Table("limits", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Parameter("cos-sweeper"),
    Grant::Parameter("oss-sweeper"),
    Grant::Bucket(&[
        ObjectAction::DeleteObject,
        ObjectAction::GetObject,
        ObjectAction::ListBucket,
    ]),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    sweeper: Sweeper,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            sweeper: Sweeper {
                clock: platform.clock.clone(),
                images: Images::new(&db, vars)?,
                stores: Stores::new(vars, platform)?,
                sweeps: Sweeps::new(&db, vars)?,
            },
        })
    }
}

/// Goes on with the comparison for as long as a run may take.
///
/// # Errors
/// When a store or the table fails; the rest was done.
pub async fn run(deps: Deps, _due: Due) -> Result<(), SweepError> {
    deps.sweeper.run().await
}
