//! How workers take their messages: each for itself, so that one that fails does not take its batch with it.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::DeserializeOwned;

use crate::telemetry::chain;

/// Does `work` for every message of the event, one after the other. Those that fail are named in the answer and come again
/// after their visibility time-out; the queue's dead-letter queue takes what fails too often, a message that cannot be read
/// included.
pub async fn each<M, E, F>(event: SqsEvent, work: impl Fn(M) -> F) -> SqsBatchResponse
where
    M: DeserializeOwned,
    E: std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<(), E>>,
{
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        if let Err(error) = one(&message, &work).await {
            tracing::warn!(message.id = %id, error = %chain(error.as_ref()), "A message failed and will come again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
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
