//! How workers take their messages: each for itself, so that one that fails does not take its batch with it.

use std::time::Instant;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use crate::Trace;
use crate::telemetry::chain;

/// What every message says beside what it is about.
#[derive(Deserialize, Default)]
struct Origin {
    /// The request that it came from; an item of an older function names none.
    #[serde(default)]
    trace: Option<String>,
}

/// Does `work` for every message of the event, one after the other. Those that fail are named in the answer and come again
/// after their visibility time-out; the queue's dead-letter queue takes what fails too often, a message that cannot be read
/// included. Each has one span and one log line, by the name of the request that it came from.
pub async fn each<M, E, F>(event: SqsEvent, work: impl Fn(M) -> F) -> SqsBatchResponse
where
    M: DeserializeOwned,
    E: std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<(), E>>,
{
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        let trace = origin(&message);
        let span = tracing::info_span!("message", request_id = trace.as_ref().map(Trace::as_str), message.id = %id);
        if !done(&message, trace, &work).instrument(span).await {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

/// The request that a message came from, if it names one.
fn origin(message: &SqsMessage) -> Option<Trace> {
    let body = message.body.as_deref().unwrap_or_default();
    let origin: Origin = serde_json::from_str(body).unwrap_or_default();
    origin.trace.as_deref().and_then(Trace::parse)
}

/// Works on one message, and says in the log what came of it.
async fn done<M, E, F>(message: &SqsMessage, trace: Option<Trace>, work: impl Fn(M) -> F) -> bool
where
    M: DeserializeOwned,
    E: std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<(), E>>,
{
    let started = Instant::now();
    let result = match trace {
        Some(trace) => trace.carry(one(message, work)).await,
        None => one(message, work).await,
    };
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &result {
        Ok(()) => tracing::info!(ms, "Worked off"),
        Err(error) => tracing::warn!(ms, error = %chain(error.as_ref()), "A message failed and will come again"),
    }
    result.is_ok()
}

async fn one<M, E, F>(
    message: &SqsMessage,
    work: impl Fn(M) -> F,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    M: DeserializeOwned,
    E: std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<(), E>>,
{
    let message = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    // Boxed, because the whole story of a picture or a mail is one large future.
    Ok(Box::pin(work(message)).await?)
}

/// Runs a worker under Lambda.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn run<F>(work: impl Fn(SqsEvent) -> F) -> Result<(), Error>
where
    F: Future<Output = SqsBatchResponse>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async {
        Ok::<_, Error>(work(event.payload).await)
    }))
    .await
}
