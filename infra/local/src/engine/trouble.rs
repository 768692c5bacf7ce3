//! Troubles of the database and the parameter store, to order: they are busy, others write the same items, or an answer gets lost on
//! the way.
//!
//! The embedded engine has none of its own. It never throttles, it has no two transactions at once, and its answers always
//! arrive; whatever is written for those days is proved here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::front::answer;
use super::grants::OPERATOR;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing is done: `ThrottlingException`.
    Throttled,
    /// Nothing is done, because another transaction is at the same items: `TransactionConflict`.
    Conflict,
    /// Nothing is done: `AccessDeniedException`, as for a role that has lost a right.
    Denied,
    /// Nothing is done, and the connection breaks.
    RequestLost,
    /// It is done, and the connection breaks before the answer.
    ReplyLost,
}

/// A trouble and the calls that it befalls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The function whose calls those are, by its folder's name; without one, anybody's but the operator's.
    pub function: Option<String>,
    /// The operation, such as `TransactWriteItems`; without one, any but those of the parameter store, which are read when functions start.
    pub operation: Option<String>,
    /// How many of those come through before it begins.
    pub after: u32,
    /// How many calls it befalls then.
    pub next: u32,
    /// What it is.
    pub trouble: Trouble,
}

impl Ordered {
    /// The trouble befalls the next `next` calls, whichever function makes them.
    #[must_use]
    pub fn next(next: u32, trouble: Trouble) -> Self {
        Self {
            function: None,
            operation: None,
            after: 0,
            next,
            trouble,
        }
    }

    /// The first `after` of them come through.
    #[must_use]
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }

    /// Only those of this operation.
    #[must_use]
    pub fn of(self, operation: &str) -> Self {
        Self {
            operation: Some(operation.to_owned()),
            ..self
        }
    }

    /// Only those of the function of this folder.
    #[must_use]
    pub fn by(self, function: &str) -> Self {
        Self {
            function: Some(function.to_owned()),
            ..self
        }
    }

    fn befalls(&self, function: &str, operation: &str) -> bool {
        let is = |wanted: &Option<String>, given| wanted.as_deref().is_none_or(|wanted| wanted == given);
        function != OPERATOR && is(&self.function, function) && is(&self.operation, operation)
    }
}

/// The troubles that are still to come. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Troubles(Arc<Mutex<Vec<Ordered>>>);

impl Troubles {
    /// Lets the next calls that fit fail; what was ordered first comes first.
    pub fn order(&self, ordered: Ordered) {
        if ordered.next > 0 {
            self.lock().push(ordered);
        }
    }

    /// Forgets all troubles that are still to come.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The trouble of the call that has just come in, if it is to have one.
    pub(super) fn take(&self, function: &str, operation: &str) -> Option<Trouble> {
        self.take_if(|ordered| ordered.befalls(function, operation))
    }

    /// The same for an operation that nobody means who does not name it.
    pub(super) fn take_named(&self, function: &str, operation: &str) -> Option<Trouble> {
        self.take_if(|ordered| ordered.operation.is_some() && ordered.befalls(function, operation))
    }

    fn take_if(&self, befalls: impl Fn(&Ordered) -> bool) -> Option<Trouble> {
        let mut all = self.lock();
        let at = all.iter().position(befalls)?;
        if all[at].after > 0 {
            all[at].after -= 1;
            return None;
        }
        let trouble = all[at].trouble;
        all[at].next -= 1;
        all.retain(|ordered| ordered.next > 0);
        Some(trouble)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ordered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks an answer that is never to arrive. A server breaks off in its body; a wire without one sees the mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lost;

impl Trouble {
    /// What comes in place of the answer to this call.
    pub(super) fn answer(self, operation: &str, call: &Value) -> Response {
        match self {
            Self::Throttled => refusal(&json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
                "message": "Throughput exceeds the current capacity of your table or index.",
            })),
            Self::Conflict if operation == "TransactWriteItems" => {
                let parts = call["TransactItems"].as_array().map_or(1, Vec::len).max(1);
                let mut reasons = vec![json!({"Code": "None"}); parts];
                reasons[0] = json!({
                    "Code": "TransactionConflict",
                    "Message": "Transaction is ongoing for the item",
                });
                let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
                refusal(&json!({
                    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                    "Message": format!(
                        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                        codes.join(", ")
                    ),
                    "CancellationReasons": reasons,
                }))
            }
            Self::Conflict => refusal(&json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
                "message": "Transaction is ongoing for the item",
            })),
            Self::Denied => refusal(&json!({
                "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException",
                "Message": "User is not authorized to perform this action",
            })),
            Self::RequestLost | Self::ReplyLost => lost(),
        }
    }

    /// What comes in place of the parameter store's answer.
    pub(super) fn of_parameters(self) -> Response {
        let (kind, message) = match self {
            Self::Throttled | Self::Conflict => ("ThrottlingException", "Rate exceeded"),
            Self::Denied => ("AccessDeniedException", "User is not authorized to perform this action"),
            Self::RequestLost | Self::ReplyLost => return lost(),
        };
        let body = json!({ "__type": kind, "message": message });
        answer(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", &body)
    }
}

fn refusal(body: &Value) -> Response {
    answer(StatusCode::BAD_REQUEST, "application/x-amz-json-1.0", body)
}

pub(super) fn lost() -> Response {
    let broken =
        futures::stream::once(async { Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset)) });
    let mut response = Response::new(Body::from_stream(broken));
    // More than ever comes, so that nobody takes the break for the end.
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("100"));
    response.extensions_mut().insert(Lost);
    response
}
