//! Functions that the clock wakes.

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use tracing::Instrument as _;

use crate::telemetry::chain;

/// What EventBridge Scheduler hands over: the `Input` of the function's stanza, its placeholders filled in. It may come twice,
/// and late.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// When the function was to be woken.
    pub scheduled_at: Timestamp,
    /// The name of this waking; one that is repeated has the same.
    pub execution_id: String,
}

/// Does `work` and logs it if that fails. What failed is done again: by Lambda, and by the next waking.
///
/// # Errors
/// When `work` fails.
pub async fn once<F, E>(due: Due, work: impl FnOnce(Due) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    let span = tracing::info_span!("schedule", due.scheduled_at = %due.scheduled_at, due.id = due.execution_id);
    // Boxed, because a run goes through whole tables and stores: one large future.
    let done = Box::pin(work(due)).instrument(span.clone()).await;
    Ok(done.inspect_err(|error| span.in_scope(|| tracing::error!(error = %chain(error), "A scheduled run failed")))?)
}

/// Runs a scheduled function under Lambda.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn run<F, E>(work: impl Fn(Due) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Due>| once(event.payload, &work))).await
}
