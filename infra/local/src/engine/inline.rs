//! The database asked without a server between: one call, answered before anything else happens.
//!
//! The engine's own server knows more operations and checks what no client of ours ever sends; here are those that the
//! functions' policies name.

use axum::response::Response;
use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::front::answer;

const JSON: &str = "application/x-amz-json-1.0";

/// Answers one call of the `DynamoDB_20120810` interface.
pub(super) fn ask(database: &Database, operation: &str, body: &[u8]) -> Response {
    let result = match operation {
        "GetItem" => run(body, |request| database.get_item(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => run(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        _ => Err(DynoxideError::ValidationException(format!(
            "{operation} is not served here"
        ))),
    };
    match result {
        Ok(body) => answer(StatusCode::OK, JSON, &body),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            let body = serde_json::from_str(&error.to_json()).unwrap_or_else(|_| json!({"message": error.to_string()}));
            answer(status, JSON, &body)
        }
    }
}

fn run<Q: DeserializeOwned, A: serde::Serialize>(
    body: &[u8],
    call: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Value, DynoxideError> {
    let unreadable = |error: serde_json::Error| DynoxideError::SerializationException(error.to_string());
    let request = serde_json::from_slice(body).map_err(unreadable)?;
    serde_json::to_value(call(request)?).map_err(unreadable)
}
