//! The way of every call to a provider: written into its book, met by the fault that was ordered, answered.
//!
//! A provider is a router of plain handlers that take a [`Call`]; [`through`] is laid over it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::faults::Fault;
use super::{Provider, World};

/// Larger than anything the providers accept: thirty megabytes of picture in base64, forty of mail.
const LARGEST_BODY: usize = 64 << 20;

/// A call that has been written down and may have a fault.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) fault: Arc<Fault>,
    /// Whether it comes with a key that is taken no more.
    revoked: bool,
}

impl Call {
    /// The time that the provider takes for its work: none, unless a fault says so.
    pub(super) async fn work_time(&self) {
        if !self.fault.after_work && self.fault.keep_alive_blanks == 0 {
            pause(self.fault.delay()).await;
        }
    }

    /// The value of a header, if it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The key behind `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, key) = self.header("authorization")?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") && !key.trim().is_empty()).then(|| key.trim())
    }

    /// Whether the key that it comes with is none: it says so itself, or it was revoked.
    pub(super) fn is_bad(&self, key: &str) -> bool {
        self.revoked || key.contains("bad")
    }

    /// The body as a JSON object in which an explicit `null` counts as absent.
    pub(super) fn object(&self) -> Option<serde_json::Map<String, Value>> {
        match without_nulls(serde_json::from_slice(&self.body).ok()?) {
            Value::Object(fields) => Some(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Removes every field whose value is `null`.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

/// Marks a response that must never be sent: the connection dies instead. `serve` knows it, and so
/// does a wire; under any other server the body breaks off at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HangUp;

/// Whose calls these are, and the world they happen in.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) provider: Provider,
    pub(super) world: Arc<World>,
}

/// Lays the common way over a provider's routes.
pub(super) async fn through(State(Desk { provider, world }): State<Desk>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let number = world.requests(provider).seen(&parts, &body, world.clock.now());
    let what = format!("{} {}", parts.method, parts.uri.path());
    let fault = Arc::new(world.faults.take(provider, &what));
    let call = Call {
        headers: parts.headers.clone(),
        body: body.clone(),
        fault: fault.clone(),
        revoked: world.revoked.has(&parts.headers),
    };

    let mut response = if fault.replaces_answer() && !fault.after_work {
        call.work_time().await;
        replacement(&world, provider, &fault)
    } else {
        parts.extensions.insert(call);
        let done = next.run(Request::from_parts(parts, Body::from(body))).await;
        if fault.after_work {
            pause(fault.delay()).await;
        }
        if fault.replaces_answer() {
            replacement(&world, provider, &fault)
        } else {
            done
        }
    };
    for (name, value) in &fault.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    if response.extensions().get::<HangUp>().is_some() {
        return response;
    }
    world.requests(provider).answered(number, response.status().as_u16());
    if fault.malformed {
        response = halved(response).await;
    }
    if fault.keep_alive_blanks > 0 {
        response = after_blanks(response, fault.keep_alive_blanks, fault.delay());
    }
    response
}

fn replacement(world: &World, provider: Provider, fault: &Fault) -> Response {
    if fault.reset {
        let broken = Body::from_stream(stream::once(async {
            Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        }));
        let mut response = Response::new(broken);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from_static("100"));
        response.extensions_mut().insert(HangUp);
        return response;
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    match (&fault.body, status) {
        (Some(Value::String(text)), status) => (status.unwrap_or_default(), text.clone()).into_response(),
        (Some(body), status) => (status.unwrap_or_default(), axum::Json(body)).into_response(),
        (None, status) => provider.stock_error(world, status, fault.error.as_deref()),
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

async fn halved(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes.slice(..bytes.len() / 2)))
}

/// The status is on the wire at once, then blank lines keep the connection alive, and only then comes the body.
fn after_blanks(response: Response, blanks: u32, time: Duration) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let between = time / blanks;
    let lines = stream::iter(0..blanks).then(move |_| async move {
        pause(between).await;
        Ok::<_, axum::Error>(Bytes::from_static(b"\n"))
    });
    Response::from_parts(parts, Body::from_stream(lines.chain(body.into_data_stream())))
}
