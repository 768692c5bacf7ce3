//! The parameters after the question mark.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use url::form_urlencoded;

use super::cursor::Cursor;
use super::explain::explain;
use super::kind::Kind;
use super::problem::Problem;

/// The parameters of the query as a `T`. Each shortcoming is a [`Problem`] that names the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let explained = explain(&error.inner().to_string());
        let named = error.path().iter().next_back().and_then(|segment| match segment {
            Segment::Map { key } => Some(key.chars().take(64).collect()),
            Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
        });
        let parameter: String = explained.field.or(named).unwrap_or_default();
        if explained.must == Cursor::MUST {
            return Problem::invalid_parameter(Kind::InvalidCursor, &parameter, Cursor::MUST);
        }
        let must = if explained.kind == Kind::UnknownField {
            "is not a parameter of this request"
        } else {
            &explained.must
        };
        Problem::invalid_parameter(Kind::InvalidParameter, &parameter, must)
    })
}
