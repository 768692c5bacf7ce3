//! SQS as a service: what operators ask of the queues, in Amazon's JSON protocol. Workers are handed their messages inside the stack.
//!
//! A move of dead letters is done when it is answered, so that none is ever seen running. As Amazon does, it leaves behind what
//! somebody is looking at, and fails at what came from no queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use shared::{Clock, Entropy};

use super::front::answer;
use super::grants::{Permissions, Resource};
use super::queues::{Message, Queues, arn};
use super::spec::ACCOUNT;

/// How many messages one call receives at most.
const MOST_RECEIVED: u64 = 10;

/// How many moves of a queue are remembered.
const MOST_MOVES: usize = 10;

/// The longest time for which a message is hidden, in seconds.
const LONGEST_HIDDEN_S: u64 = 43_200;

/// Where a queue's address begins for whoever does not say by which name it has come here.
const HOST: &str = "127.0.0.1:8003";

/// The queues, as SQS serves them. Clones are one and the same.
#[derive(Clone)]
pub(super) struct Sqs {
    queues: Queues,
    clock: Clock,
    entropy: Entropy,
    /// The newest first.
    moves: Arc<Mutex<VecDeque<Move>>>,
}

/// A move of dead letters that was made.
struct Move {
    dead: String,
    moved: usize,
    to_move: u64,
    failed: Option<&'static str>,
    started: Timestamp,
}

/// A refusal: its status, its name, the name that the service's older protocol has for it, and its words.
struct Refusal(StatusCode, &'static str, &'static str, String);

type Answer = Result<Value, Refusal>;

impl Sqs {
    pub(super) fn new(queues: Queues, clock: Clock, entropy: Entropy) -> Self {
        Self {
            queues,
            clock,
            entropy,
            moves: Arc::default(),
        }
    }

    /// Answers one call of the `AmazonSQS` interface.
    pub(super) fn answer(
        &self,
        caller: &str,
        (operation, headers): (&str, &HeaderMap),
        body: &[u8],
        permissions: &Permissions,
    ) -> Response {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let queue = named(&body);
        // What is done to ten messages at once is allowed like what is done to one.
        let action = format!("sqs:{}", operation.trim_end_matches("Batch"));
        let done = match permissions.check(caller, &action, &Resource::Queue(queue.to_owned())) {
            Err(denied) => {
                tracing::warn!(principal = caller, operation, "{denied}");
                let words = denied.to_string();
                Err(Refusal(
                    StatusCode::FORBIDDEN,
                    "AccessDeniedException",
                    "AccessDenied",
                    words,
                ))
            }
            Ok(()) => self.carry_out(operation, queue, &body, headers),
        };
        match done {
            Ok(body) => answer(StatusCode::OK, "application/x-amz-json-1.0", &body),
            Err(refusal) => refused(&refusal),
        }
    }

    fn carry_out(&self, operation: &str, queue: &str, body: &Value, headers: &HeaderMap) -> Answer {
        let exists = self.queues.names().any(|known| known == queue);
        match operation {
            "StartMessageMoveTask" | "ListMessageMoveTasks" if !exists => Err(no_resource()),
            "StartMessageMoveTask" => self.start_move(queue, body),
            "ListMessageMoveTasks" => self.list_moves(queue, body),
            "GetQueueUrl"
            | "GetQueueAttributes"
            | "ReceiveMessage"
            | "DeleteMessage"
            | "ChangeMessageVisibilityBatch"
            | "ListDeadLetterSourceQueues"
                if !exists =>
            {
                Err(no_queue())
            }
            "GetQueueUrl" => Ok(json!({ "QueueUrl": url(headers, queue) })),
            "GetQueueAttributes" => self.attributes(queue, body),
            "ReceiveMessage" => self.receive(queue, body),
            "DeleteMessage" => self.delete(queue, body),
            "ChangeMessageVisibilityBatch" => self.hide(queue, body),
            "ListDeadLetterSourceQueues" => {
                let urls: Vec<String> = self.queues.sources(queue).map(|source| url(headers, source)).collect();
                Ok(json!({ "queueUrls": urls }))
            }
            other => Err(Refusal(
                StatusCode::BAD_REQUEST,
                "UnknownOperationException",
                "InvalidAction",
                format!("{other} is not served here"),
            )),
        }
    }

    fn attributes(&self, queue: &str, body: &Value) -> Answer {
        let spec = self.queues.spec(queue).map_err(|error| broken(&error))?;
        let depth = self.queues.depth(queue).map_err(|error| broken(&error))?;
        let mut all = vec![
            ("ApproximateNumberOfMessages", depth.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", depth.hidden.to_string()),
            ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
            ("QueueArn", arn(queue)),
            ("VisibilityTimeout", spec.visibility.as_secs().to_string()),
            ("MessageRetentionPeriod", spec.retention.as_secs().to_string()),
        ];
        if let Some(dead) = &spec.dead_letter {
            let policy = json!({ "deadLetterTargetArn": arn(&dead.queue), "maxReceiveCount": dead.max_receives });
            all.push(("RedrivePolicy", policy.to_string()));
        }
        Ok(json!({ "Attributes": chosen(all, &body["AttributeNames"]) }))
    }

    /// At once, and not after `WaitTimeSeconds`: nothing here is told late of what has arrived.
    fn receive(&self, queue: &str, body: &Value) -> Answer {
        let most = number(body, "MaxNumberOfMessages", 1..=MOST_RECEIVED)?.unwrap_or(1);
        let hidden = number(body, "VisibilityTimeout", 0..=LONGEST_HIDDEN_S)?;
        let spec = self.queues.spec(queue).map_err(|error| broken(&error))?;
        let hidden = hidden.map_or(spec.visibility, Duration::from_secs);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let received = self.queues.receive_for(queue, most, hidden);
        let received = received.map_err(|error| broken(&error))?;
        if received.is_empty() {
            return Ok(json!({}));
        }
        let names = ["MessageSystemAttributeNames", "AttributeNames"];
        let names = names.map(|name| &body[name]).into_iter().find(|names| !names.is_null());
        let shown = received
            .iter()
            .map(|message| shown(message, names.unwrap_or(&Value::Null)));
        Ok(json!({ "Messages": shown.collect::<Vec<_>>() }))
    }

    fn delete(&self, queue: &str, body: &Value) -> Answer {
        let receipt = body["ReceiptHandle"].as_str().unwrap_or_default();
        self.queues.delete(queue, receipt).map_err(|error| broken(&error))?;
        Ok(json!({}))
    }

    fn hide(&self, queue: &str, body: &Value) -> Answer {
        let (mut well, mut ill) = (Vec::new(), Vec::new());
        for entry in body["Entries"].as_array().into_iter().flatten() {
            let receipt = entry["ReceiptHandle"].as_str().unwrap_or_default();
            let hidden = number(entry, "VisibilityTimeout", 0..=LONGEST_HIDDEN_S)?.unwrap_or_default();
            let found = self.queues.hide(queue, receipt, Duration::from_secs(hidden));
            if found.map_err(|error| broken(&error))? {
                well.push(json!({ "Id": entry["Id"] }));
            } else {
                ill.push(json!({ "Id": entry["Id"], "SenderFault": true, "Code": "ReceiptHandleIsInvalid" }));
            }
        }
        Ok(json!({ "Successful": well, "Failed": ill }))
    }

    fn start_move(&self, dead: &str, body: &Value) -> Answer {
        if self.queues.sources(dead).next().is_none() {
            return Err(invalid("Source queue must be configured as a Dead Letter Queue."));
        }
        for other in ["DestinationArn", "MaxNumberOfMessagesPerSecond"] {
            if !body[other].is_null() {
                let words = format!("the local queues know no {other}");
                let name = "UnsupportedOperation";
                return Err(Refusal(
                    StatusCode::BAD_REQUEST,
                    name,
                    "AWS.SimpleQueueService.UnsupportedOperation",
                    words,
                ));
            }
        }
        let to_move = self.queues.depth(dead).map_err(|error| broken(&error))?.visible;
        let moved = self.queues.redrive(dead).map_err(|error| broken(&error))?;
        let left = self.queues.depth(dead).map_err(|error| broken(&error))?.visible;
        let mut moves = self.lock();
        moves.push_front(Move {
            dead: dead.to_owned(),
            moved,
            to_move,
            failed: (left > 0).then_some("CouldNotDetermineMessageSource"),
            started: self.clock.now(),
        });
        moves.truncate(MOST_MOVES * self.queues.names().count());
        Ok(json!({ "TaskHandle": self.entropy.hex::<24>() }))
    }

    fn list_moves(&self, dead: &str, body: &Value) -> Answer {
        let most = number(body, "MaxResults", 1..=MOST_MOVES as u64)?.unwrap_or(1);
        let most = usize::try_from(most).unwrap_or(MOST_MOVES);
        let moves = self.lock();
        let of_this = moves.iter().filter(|made| made.dead == dead).take(most);
        Ok(json!({ "Results": of_this.map(Move::shown).collect::<Vec<_>>() }))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Move>> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Move {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "Status": if self.failed.is_some() { "FAILED" } else { "COMPLETED" },
            "SourceArn": arn(&self.dead),
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started.as_millisecond(),
        });
        if let (Some(why), Some(shown)) = (self.failed, shown.as_object_mut()) {
            shown.insert("FailureReason".to_owned(), json!(why));
        }
        shown
    }
}

/// The queue that a request is about: by its name, the end of its address, or the end of its ARN.
fn named(body: &Value) -> &str {
    let text = |member: &str| body[member].as_str();
    text("QueueName")
        .or_else(|| text("QueueUrl").and_then(|url| url.rsplit('/').next()))
        .or_else(|| text("SourceArn").and_then(|arn| arn.rsplit(':').next()))
        .unwrap_or_default()
}

fn url(headers: &HeaderMap, queue: &str) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}/{ACCOUNT}/{queue}", host.unwrap_or(HOST))
}

fn shown(message: &Message, names: &Value) -> Value {
    let mut all = vec![
        ("SentTimestamp", message.sent.as_millisecond().to_string()),
        ("ApproximateReceiveCount", message.receives.to_string()),
    ];
    let first = message.first_received.map(|first| first.as_millisecond().to_string());
    all.extend(first.map(|first| ("ApproximateFirstReceiveTimestamp", first)));
    all.extend(
        message
            .source
            .as_deref()
            .map(|source| ("DeadLetterQueueSourceArn", arn(source))),
    );
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": hex::encode(Md5::digest(&message.body)),
        "Body": message.body,
    });
    let attributes = chosen(all, names);
    if let Some(shown) = shown.as_object_mut().filter(|_| !attributes.is_empty()) {
        shown.insert("Attributes".to_owned(), attributes.into());
    }
    shown
}

/// Those of the attributes that are asked for.
fn chosen(all: Vec<(&str, String)>, names: &Value) -> Map<String, Value> {
    let wanted = |name: &str| {
        let mut names = names.as_array().into_iter().flatten();
        names.any(|wanted| wanted == name || wanted == "All")
    };
    let chosen = all.into_iter().filter(|(name, _)| wanted(name));
    chosen.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn number(body: &Value, name: &str, within: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
    let given = &body[name];
    if given.is_null() {
        return Ok(None);
    }
    let fit = given.as_u64().filter(|given| within.contains(given));
    let fit = fit.ok_or_else(|| {
        invalid(&format!(
            "Value {given} for parameter {name} is invalid. Reason: Must be between {} and {}, if provided.",
            within.start(),
            within.end()
        ))
    });
    fit.map(Some)
}

fn invalid(words: &str) -> Refusal {
    let name = "InvalidParameterValueException";
    Refusal(StatusCode::BAD_REQUEST, name, "InvalidParameterValue", words.to_owned())
}

fn no_queue() -> Refusal {
    let (name, old) = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
    Refusal(
        StatusCode::BAD_REQUEST,
        name,
        old,
        "The specified queue does not exist.".to_owned(),
    )
}

fn no_resource() -> Refusal {
    let name = "ResourceNotFoundException";
    let words = "The resource that you specified for the SourceArn parameter doesn't exist.";
    Refusal(StatusCode::NOT_FOUND, name, name, words.to_owned())
}

fn broken(error: &anyhow::Error) -> Refusal {
    let name = "InternalFailure";
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, name, name, format!("{error:#}"))
}

fn refused(Refusal(status, name, old, words): &Refusal) -> Response {
    let body = json!({ "__type": format!("com.amazonaws.sqs#{name}"), "message": words });
    let mut response = answer(*status, "application/x-amz-json-1.0", &body);
    let fault = if status.is_client_error() { "Sender" } else { "Receiver" };
    if let Ok(value) = HeaderValue::from_str(&format!("{old};{fault}")) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}
