//! Wakings that are ordered one at a time: a function is woken once, at a time of its own (EventBridge Scheduler).
//!
//! A waking is a convenience: whatever it is for is also found by a schedule that runs anyway. So it is ordered after the
//! transaction that it serves, and losing it loses an hour.

use std::sync::Arc;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::SdkError;
use aws_sdk_scheduler::operation::create_schedule::CreateScheduleError;
use aws_sdk_scheduler::operation::delete_schedule::DeleteScheduleError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::{Timestamp, Unit};

use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::store::BoxError;

/// What the woken function is handed: what a schedule of the template hands it too ([`Due`](crate::schedule::Due)).
const INPUT: &str =
    r#"{"scheduled_at":"<aws.scheduler.scheduled-time>","execution_id":"<aws.scheduler.execution-id>"}"#;

/// How often a function that fails is woken again.
const RETRIES: i32 = 10;

/// For how long, in seconds.
const RETRIES_FOR: i32 = 3600;

/// The wakings of one group.
#[derive(Clone, Debug)]
pub struct Wakings {
    client: Client,
    group: Arc<str>,
}

/// Who is woken, and the role that may do so.
#[derive(Clone, Debug)]
pub struct Sleeper {
    /// The function's ARN.
    pub function: String,
    /// The role's ARN.
    pub role: String,
}

/// A waking could not be ordered or removed.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler did not do what it was asked")]
pub struct WakingError(#[source] BoxError);

impl Sleeper {
    /// Reads `ERASE_FUNCTION` and `ERASE_ROLE`.
    ///
    /// # Errors
    /// When one of the two is missing.
    pub fn configured(vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            function: vars.text("ERASE_FUNCTION")?,
            role: vars.text("ERASE_ROLE")?,
        })
    }
}

impl Wakings {
    /// Reads `SCHEDULE_GROUP`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            client: platform.scheduler(),
            group: vars.text("SCHEDULE_GROUP")?.into(),
        })
    }

    /// Orders a waking under a name of its own, which is gone once it has happened. One of that name that is there already is the
    /// same.
    ///
    /// # Errors
    /// When the scheduler fails; then it may have been ordered.
    pub async fn create(&self, name: &str, sleeper: &Sleeper, at: Timestamp) -> Result<(), WakingError> {
        let broken = |error: aws_sdk_scheduler::error::BuildError| WakingError(error.into());
        let target = Target::builder()
            .arn(&sleeper.function)
            .role_arn(&sleeper.role)
            .input(INPUT)
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(RETRIES)
                    .maximum_event_age_in_seconds(RETRIES_FOR)
                    .build(),
            )
            .build()
            .map_err(broken)?;
        let exact = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(broken)?;
        let request = self
            .client
            .create_schedule()
            .group_name(&*self.group)
            .name(name)
            .schedule_expression(expression(at))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(exact)
            .target(target)
            .action_after_completion(ActionAfterCompletion::Delete);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(CreateScheduleError::ConflictException(_))
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes a waking. One that is not there is removed already.
    ///
    /// # Errors
    /// When the scheduler fails; then it may have been removed.
    pub async fn remove(&self, name: &str) -> Result<(), WakingError> {
        let request = self.client.delete_schedule().group_name(&*self.group).name(name);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(DeleteScheduleError::ResourceNotFoundException(_))
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed<E, R>(error: SdkError<E, R>) -> WakingError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    WakingError(error.into())
}

/// The scheduler knows whole seconds. It is not to wake anybody before the time.
fn expression(at: Timestamp) -> String {
    let up = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Ceil);
    let second = at.round(up).unwrap_or(at);
    format!("at({})", second.strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waking_is_never_ordered_before_its_time() {
        for (at, expected) in [
            ("2026-11-29T10:00:00Z", "at(2026-11-29T10:00:00)"),
            ("2026-11-29T10:00:00.001Z", "at(2026-11-29T10:00:01)"),
            ("2026-12-31T23:59:59.999Z", "at(2027-01-01T00:00:00)"),
        ] {
            assert_eq!(expression(at.parse().unwrap()), expected);
        }
    }
}
