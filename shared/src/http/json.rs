//! JSON in and out.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::explain::{explain, pointer};
use super::kind::Kind;
use super::problem::Problem;

/// How many bytes a body may have, unless a route's own `DefaultBodyLimit` says otherwise.
pub const BODY_CAP: usize = 64 * 1024;

/// A request's or an answer's JSON.
///
/// A request must say that it is JSON, must keep to the cap, and must be a `T` and nothing more: each shortcoming is a
/// [`Problem`] that names the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        with_status(StatusCode::OK, &self.0)
    }
}

/// An answer with this status and this body.
pub(super) fn with_status<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => {
            let mut response = (status, text).into_response();
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// The layer that sets the usual cap. A route that needs another one layers its own beneath.
pub(super) fn body_cap() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY_CAP)
}

/// The body of a request that says it is JSON.
pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    if !says_json(request.headers()) {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "The body must be JSON, and the request must say so with Content-Type: application/json.",
        ));
    }
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(Kind::BodyTooLarge, "The body is larger than this request may be.")
        } else {
            Problem::new(Kind::BadRequest, "The body could not be read to its end.")
        }
    })
}

fn says_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next().and_then(|value| value.to_str().ok()), values.next()) else {
        return false;
    };
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let is_json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    is_json
        && parts.all(|part| {
            !part.starts_with("charset=") || part.trim_start_matches("charset=").trim_matches('"') == "utf-8"
        })
}

/// Reads `bytes` as a `T`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(
            Kind::InvalidBody,
            "The body is empty; it must be a JSON object.",
        ));
    }
    // A derived `Deserialize` takes a list for a struct, by position; our callers name their fields.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        let nothing: Result<IgnoredAny, _> = serde_json::from_slice(bytes);
        return Err(nothing.map_or_else(
            |error| malformed(&error),
            |_| Problem::invalid_field("", "must be an object"),
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refused(&error))?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn refused(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if !error.inner().is_data() {
        return malformed(error.inner());
    }
    let explained = explain(&error.inner().to_string());
    let pointer = pointer(error.path(), explained.field.as_deref());
    Problem::field(explained.kind, &pointer, &explained.must)
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let detail = if error.is_eof() {
        format!("The body ends too early, in line {line}, column {column}.")
    } else {
        format!("The body is not well-formed JSON: look at line {line}, column {column}.")
    };
    Problem::new(Kind::InvalidBody, detail)
        .with("line", line)
        .with("column", column)
}
