//! Schedule `rate(1 hour)`: says how many requests about somebody's data have to be answered soon, and how many reports of pictures wait,
//! and how many deletions are late, so that alarms can be raised.

use jiff::SignedDuration;
use shared::config::{ConfigError, Vars};
use shared::domain::privacy_request::ALARM_BEFORE;
use shared::grants::{Action, Grant};
use shared::metrics::{self, Metric};
use shared::schedule::Due;
use shared::store::{Privacy, Reports, Requests, StoreError};
use shared::{Clock, Platform};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("privacy", &[Action::GetItem]),
    Grant::Index("privacy", "unfinished", &[Action::Query]),
];

/// How many are looked at. More than that waiting is an alarm as well.
const MOST: i32 = 500;

/// How long after its time a deletion may be under way before it counts as due: whoever erases wakes every hour as well.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    clock: Clock,
    privacy: Privacy,
    reports: Reports,
    requests: Requests,
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
            privacy: Privacy::new(&db, vars)?,
            reports: Reports::new(&db, vars)?,
            requests: Requests::new(&db, vars)?,
        })
    }
}

/// Counts the requests that wait and are due within a week, the reports, and the deletions that are late. Nothing due is said as well, so that an alarm ends.
///
/// # Errors
/// When the store fails.
pub async fn run(deps: Deps, _due: Due) -> Result<(), StoreError> {
    let soon = deps.clock.now() + ALARM_BEFORE;
    let waiting = deps.requests.waiting(MOST).await?;
    let due: Vec<_> = waiting.iter().filter(|request| request.due_at() <= soon).collect();
    for request in &due {
        tracing::warn!(request.id = %request.id, request.due_at = %request.due_at(), "A request about somebody's data has to be answered");
    }
    metrics::count(Metric::PrivacyRequestsDue, u64::try_from(due.len()).unwrap_or(u64::MAX));
    let reports = deps.reports.count(MOST).await?;
    metrics::count(Metric::ReportsWaiting, u64::try_from(reports).unwrap_or(u64::MAX));
    let overdue = deps.privacy.overdue(deps.clock.now() - GRACE, MOST).await?;
    metrics::count(Metric::DeletionsDue, u64::try_from(overdue).unwrap_or(u64::MAX));
    Ok(())
}
