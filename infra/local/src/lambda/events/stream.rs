//! A record of a table's stream, as Lambda and EventBridge Pipes show it.

use dynoxide::actions::get_records::Record;
use dynoxide::types::item_size;
use serde_json::{Value, json};

use crate::engine::spec::REGION;

/// The event for one record of the stream with this ARN. `expired` tells that the TTL service removed the item.
///
/// # Errors
/// When an image cannot be written as JSON.
pub fn stream_event(stream: &str, record: &Record, expired: bool) -> serde_json::Result<Value> {
    let mut event = serde_json::to_value(record)?;
    event["awsRegion"] = json!(REGION);
    event["eventSourceARN"] = json!(stream);
    event["dynamodb"]["ApproximateCreationDateTime"] = json!(whole_seconds(record));
    event["dynamodb"]["SizeBytes"] = json!(size(record));
    if expired {
        event["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    }
    Ok(event)
}

/// AWS dates a record to the second, and writes no fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the engine counts whole seconds in a float"
)]
fn whole_seconds(record: &Record) -> i64 {
    record.dynamodb.approximate_creation_date_time as i64
}

/// Keys and images by the rules for the size of an item, where the engine counts letters of JSON. So reckoned, the examples of
/// AWS's documentation come out at what they say.
fn size(record: &Record) -> usize {
    let change = &record.dynamodb;
    let images = [&change.new_image, &change.old_image].into_iter().flatten();
    item_size(&change.keys) + images.map(item_size).sum::<usize>()
}
