//! A batch of a standard queue, as Lambda's poller hands it over.

use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use crate::engine::queues::{Message, arn};
use crate::engine::spec::REGION;

/// Who sent a message: a role's id and the session of the pipe that had taken it. All messages here come through pipes.
const SENDER: &str = "AROALOCALVITRINEPIPES:pipe";

/// The event for messages that were received together.
#[must_use]
pub fn sqs_event(messages: &[Message]) -> Value {
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

fn record(message: &Message) -> Value {
    let first_received = message.first_received.unwrap_or(message.sent);
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receives.to_string(),
            "SentTimestamp": message.sent.as_millisecond().to_string(),
            "SenderId": SENDER,
            "ApproximateFirstReceiveTimestamp": first_received.as_millisecond().to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": hex::encode(Md5::digest(&message.body)),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn(&message.queue),
        "awsRegion": REGION,
    })
}
