//! What success looks like.

use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use utoipa::ToSchema;

use super::cursor::Cursor;
use super::json::with_status;
use super::problem::Problem;

/// 202: taken on, and to be seen at `Location` while it is done.
#[derive(Debug, Clone)]
pub struct Accepted<T> {
    location: String,
    body: T,
}

impl<T> Accepted<T> {
    /// Taken on, to be seen at `location`.
    pub fn at(location: impl Into<String>, body: T) -> Self {
        Self {
            location: location.into(),
            body,
        }
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        located(StatusCode::ACCEPTED, &self.location, &self.body)
    }
}

/// 202 where there is nothing to look at: a mail is on its way, for instance, or is not.
#[derive(Debug, Clone, Copy)]
pub struct TakenOn<T>(pub T);

impl<T: Serialize> IntoResponse for TakenOn<T> {
    fn into_response(self) -> Response {
        with_status(StatusCode::ACCEPTED, &self.0)
    }
}

/// A body that is JSON text already, such as an answer that was kept to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawJson(pub String);

impl RawJson {
    /// `body` as text. Our own answers are plain data, so this does not fail; an empty object would stand in.
    pub fn of<T: Serialize>(body: &T) -> Self {
        Self(serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned()))
    }
}

impl Serialize for RawJson {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::value::RawValue::from_string(self.0.clone())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// 201: made, and found at `Location`.
#[derive(Debug, Clone)]
pub struct Created<T> {
    location: String,
    body: T,
}

impl<T> Created<T> {
    /// Made, and found at `location`.
    pub fn at(location: impl Into<String>, body: T) -> Self {
        Self {
            location: location.into(),
            body,
        }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        located(StatusCode::CREATED, &self.location, &self.body)
    }
}

fn located<T: Serialize>(status: StatusCode, location: &str, body: &T) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Problem::internal("a location is no header value").into_response();
    };
    let mut response = with_status(status, body);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// 204: done, and there is nothing to say.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Part of a long list. `next` is the cursor of the part after it, and absent on the last; the `Link` header says the same.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The things of this part.
    pub items: Vec<T>,
    /// Where the next part begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The page with everything on it turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(turn).collect(),
            next: self.next,
        }
    }
}

/// The cursor of the next page, kept among the response's extensions for whoever knows the request's address.
#[derive(Debug, Clone)]
pub(super) struct NextPage(pub(super) Cursor);

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let mut response = with_status(StatusCode::OK, &self);
        if let Some(next) = self.next {
            response.extensions_mut().insert(NextPage(next));
        }
        response
    }
}

/// Says, before another answer, whether that answer was given before: `(Replayed(true), Accepted::at(…))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed(pub bool);

impl IntoResponseParts for Replayed {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if self.0 {
            parts.headers_mut().insert(
                HeaderName::from_static("idempotent-replayed"),
                HeaderValue::from_static("true"),
            );
        }
        Ok(parts)
    }
}
