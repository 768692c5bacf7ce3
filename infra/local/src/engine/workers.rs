//! The pollers that Lambda runs for a queue: take a batch, call the function, delete what it has done.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;

use super::queues::{Message, Queues};
use super::spec::WorkerSpec;
use crate::lambda::events::sqs::sqs_event;

/// A function that works off a queue: an event in, its answer out, both as the JSON that Lambda sees. An error is what a crash
/// is in Lambda: the whole batch comes again.
pub type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value>> + Send + Sync>;

/// The handler for a function that takes and gives the types of `aws_lambda_events`.
pub fn typed<F>(work: impl Fn(SqsEvent) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Result<SqsBatchResponse>> + Send + 'static,
{
    Arc::new(move |event| {
        let work = match serde_json::from_value(event) {
            Ok(event) => work(event).left_future(),
            Err(error) => ready(Err(error).context("the event has no shape that a function can read")).right_future(),
        };
        async move { Ok(serde_json::to_value(work.await?)?) }.boxed()
    })
}

/// All workers of the local stack.
#[derive(Clone)]
pub struct Workers {
    queues: Queues,
    by_queue: Arc<RwLock<BTreeMap<String, Worker>>>,
}

#[derive(Clone)]
struct Worker {
    spec: WorkerSpec,
    handler: Handler,
}

/// What one call of a worker came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worked {
    /// Messages that it was given.
    pub taken: usize,
    /// Messages that are done and gone.
    pub done: usize,
    /// Messages that will come again, or go to the dead-letter queue.
    pub failed: usize,
}

impl Workers {
    /// No worker yet.
    #[must_use]
    pub fn new(queues: Queues) -> Self {
        Self {
            queues,
            by_queue: Arc::default(),
        }
    }

    /// Lets `handler` work off the queue of `spec`, in place of whoever did before.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn attach(&self, spec: WorkerSpec, handler: Handler) -> Result<()> {
        self.queues.spec(&spec.queue)?;
        let mut workers = self.by_queue.write().unwrap_or_else(PoisonError::into_inner);
        workers.insert(spec.queue.clone(), Worker { spec, handler });
        Ok(())
    }

    /// The workers there are.
    #[must_use]
    pub fn specs(&self) -> Vec<WorkerSpec> {
        let workers = self.by_queue.read().unwrap_or_else(PoisonError::into_inner);
        workers.values().map(|worker| worker.spec.clone()).collect()
    }

    /// Takes one batch from `queue`, if there is anything, and has it worked off.
    ///
    /// # Errors
    /// When the queue has no worker, or the queues fail; not when the worker does.
    pub async fn work_once(&self, queue: &str) -> Result<Worked> {
        let worker = {
            let workers = self.by_queue.read().unwrap_or_else(PoisonError::into_inner);
            workers
                .get(queue)
                .cloned()
                .with_context(|| format!("nobody works off queue `{queue}`"))?
        };
        let messages = self.queues.receive(queue, worker.spec.batch_size)?;
        if messages.is_empty() {
            return Ok(Worked::default());
        }
        let failed = worker.call(&messages).await?;
        let mut done = 0;
        for message in messages.iter().filter(|message| !failed.contains(&message.id)) {
            if let Some(receipt) = &message.receipt {
                done += usize::from(self.queues.delete(queue, receipt)?);
            }
        }
        Ok(Worked {
            taken: messages.len(),
            done,
            failed: failed.len(),
        })
    }
}

/// What a function answers that reports failures. As Lambda reads it: nothing at all is a batch without failures.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// The messages that the answer names as failed, if it can be read.
fn named(answer: Value) -> Option<Vec<String>> {
    let empty = answer.as_str().is_some_and(str::is_empty);
    let answer: Option<Answer> = if empty {
        None
    } else {
        serde_json::from_value(answer).ok()?
    };
    let failures = answer.and_then(|answer| answer.batch_item_failures);
    let failures = failures.unwrap_or_default().into_iter();
    Some(failures.map(|failure| failure.item_identifier).collect())
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.specs().iter().map(|spec| &spec.function))
            .finish()
    }
}

impl Worker {
    /// The ids of the messages that are not done.
    async fn call(&self, messages: &[Message]) -> Result<BTreeSet<String>> {
        let all = || {
            messages
                .iter()
                .map(|message| message.id.clone())
                .collect::<BTreeSet<_>>()
        };
        // A panic is a failed batch, as the Lambda runtime makes of it, and not the end of this poller.
        let call = AssertUnwindSafe((self.handler)(sqs_event(messages))).catch_unwind();
        let call = tokio::time::timeout(self.spec.timeout.unwrap_or(Duration::MAX), call);
        let function = self.spec.function.as_str();
        let response = match call.await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_panic)) => {
                tracing::error!(function, "A worker panicked");
                return Ok(all());
            }
            Ok(Ok(Err(error))) => {
                tracing::error!(function, error = format!("{error:#}"), "A worker failed its batch");
                return Ok(all());
            }
            Err(_elapsed) => {
                tracing::error!(function, "A worker ran out of time");
                return Ok(all());
            }
        };
        if !self.spec.reports_failures {
            return Ok(BTreeSet::new());
        }
        let Some(named) = named(response) else {
            tracing::error!(function, "A worker answered in no form that tells its failures");
            return Ok(all());
        };
        let failed: BTreeSet<_> = named.iter().cloned().collect();
        // Lambda trusts no list that cannot be right: an id it never sent, an empty one, one named twice.
        if failed.len() != named.len() || !failed.is_subset(&all()) {
            tracing::error!(function, "A worker named failures that were not in its batch");
            return Ok(all());
        }
        Ok(failed)
    }
}
