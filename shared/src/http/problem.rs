//! What goes wrong, as the caller is told it (RFC 9457), and the one place that turns our errors into it.

mod causes;

use std::error::Error;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::rate::Quota;
use crate::domain::Credits;
use crate::telemetry::chain;

/// The media type of every problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

type Cause = Box<dyn Error + Send + Sync>;

/// An answer that says what is wrong: to people in words, to programs by its type and members.
///
/// Its `source` is for our log alone: it is written there once, when the answer is made, and has no way into the answer.
pub struct Problem(Box<Inner>);

struct Inner {
    kind: Kind,
    detail: String,
    members: Map<String, Value>,
    headers: HeaderMap,
    source: Option<Cause>,
}

impl Problem {
    /// A problem of `kind`; `detail` says in a sentence what is wrong this time and never repeats what was sent.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            members: Map::new(),
            headers: HeaderMap::new(),
            source: None,
        }))
    }

    /// A problem of `kind` with nothing more to say than the kind itself.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self::new(kind, kind.usual_detail())
    }

    /// A field of the body that is not acceptable: `must` ends a sentence that begins with the field's name.
    #[must_use]
    pub fn invalid_field(pointer: &str, must: &str) -> Self {
        Self::field(Kind::InvalidField, pointer, must)
    }

    /// Any kind of problem that one field of the body has.
    #[must_use]
    pub fn field(kind: Kind, pointer: &str, must: &str) -> Self {
        let subject = if pointer.is_empty() { "The body" } else { pointer };
        Self::new(kind, format!("{subject} {must}.")).with("errors", json!([{ "pointer": pointer, "detail": must }]))
    }

    /// A parameter of the query that is not acceptable: `must` ends a sentence that begins with the parameter's name.
    #[must_use]
    pub fn invalid_parameter(kind: Kind, parameter: &str, must: &str) -> Self {
        Self::new(kind, format!("{parameter} {must}."))
            .with("parameter", parameter)
            .with("errors", json!([{ "parameter": parameter, "detail": must }]))
    }

    /// There is no valid access token; `detail` says why, if there was one.
    #[must_use]
    pub fn unauthorized(detail: Option<&str>) -> Self {
        let challenge = match detail {
            None => HeaderValue::from_static("Bearer"),
            Some(_) => HeaderValue::from_static(r#"Bearer error="invalid_token""#),
        };
        Self::new(Kind::Unauthorized, detail.unwrap_or(Kind::Unauthorized.usual_detail()))
            .header(WWW_AUTHENTICATE, challenge)
    }

    /// The session is over, and no token of it will be good again.
    #[must_use]
    pub fn session_ended() -> Self {
        let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
        Self::new(Kind::SessionEnded, "The session has ended; please sign in again.")
            .header(WWW_AUTHENTICATE, challenge)
    }

    /// The account is no longer there, or may do nothing.
    #[must_use]
    pub fn inactive() -> Self {
        Self::unauthorized(Some("The account is not active."))
    }

    /// There is nothing here, or nothing the caller may see.
    #[must_use]
    pub fn not_found() -> Self {
        Self::of(Kind::NotFound)
    }

    /// The path has only the methods `allowed`.
    #[must_use]
    pub fn method_not_allowed(allowed: &str) -> Self {
        let problem = Self::new(
            Kind::MethodNotAllowed,
            format!("The path takes {allowed} and nothing else."),
        );
        match HeaderValue::from_str(allowed) {
            Ok(value) => problem.header(ALLOW, value),
            Err(_) => problem,
        }
    }

    /// It costs `needed` credits and there are `available`.
    #[must_use]
    pub fn insufficient_credits(needed: Credits, available: Credits) -> Self {
        let missing = needed - available;
        Self::new(
            Kind::InsufficientCredits,
            format!("This costs {needed} credits; {available} are available, so {missing} are missing."),
        )
        .with("needed", needed.0)
        .with("available", available.0)
        .with("missing", missing.0)
    }

    /// `quota` is used up.
    #[must_use]
    pub fn too_many_requests(quota: Quota) -> Self {
        let detail = format!(
            "The limit is {} in {} seconds; please wait {} seconds.",
            quota.limit, quota.window_s, quota.reset_s
        );
        let mut problem = Self::new(Kind::TooManyRequests, detail).retry_after(quota.reset_s);
        quota.write(&mut problem.0.headers);
        problem
    }

    /// Too many writers at once: nothing was done, and a second try will very likely pass.
    #[must_use]
    pub fn contended() -> Self {
        Self::of(Kind::Contended).retry_after(1)
    }

    /// The day's budget for painting is spent; the next day begins at midnight UTC.
    #[must_use]
    pub fn painting_paused(now: Timestamp) -> Self {
        const DAY: i64 = 24 * 60 * 60;
        let left = DAY - now.as_second().rem_euclid(DAY);
        Self::of(Kind::PaintingPaused).retry_after(left.unsigned_abs())
    }

    /// A part of ours, such as the store, does not answer.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::of(Kind::Unavailable).retry_after(2).caused_by(cause)
    }

    /// Something that must not happen did.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::of(Kind::Internal).caused_by(cause)
    }

    /// Adds a member for programs.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Says in how many seconds to try again: as a member, and as the `Retry-After` header.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with("retry_after", seconds)
            .header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Tells what is left of some limits.
    #[must_use]
    pub fn limited<Q: Into<Quota>>(mut self, quotas: impl IntoIterator<Item = Q>) -> Self {
        for quota in quotas {
            quota.into().write(&mut self.0.headers);
        }
        self
    }

    /// Keeps what caused it, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// The kind of problem it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The answer's body, with the request's id if it is known already.
    fn document(&self, instance: Option<&str>) -> Value {
        let Inner {
            kind, detail, members, ..
        } = &*self.0;
        let mut document = Map::new();
        document.insert("type".into(), format!("/problems/{}", kind.slug()).into());
        document.insert("title".into(), kind.title().into());
        document.insert("status".into(), kind.status().as_u16().into());
        document.insert("detail".into(), detail.as_str().into());
        if let Some(instance) = instance {
            document.insert("instance".into(), instance.into());
        }
        for (member, value) in members {
            document.entry(member.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(document)
    }

    /// Writes the cause of a failure of ours, with everything that led to it. The span around tells which request.
    fn log(&self) {
        if self.0.kind.status().is_server_error() {
            let cause = self.0.source.as_deref().map(|source| chain(source));
            tracing::error!(
                problem = self.0.kind.slug(),
                error = cause,
                "Answering `{}`",
                self.0.kind.title()
            );
        }
    }
}

/// A problem's answer before the request's id is written into it; kept among the response's extensions.
#[derive(Clone)]
pub(crate) struct Unfinished(Value);

impl Unfinished {
    /// The body with the request's id.
    pub(crate) fn finish(mut self, instance: &str) -> String {
        if let Value::Object(document) = &mut self.0 {
            document.insert("instance".into(), instance.into());
        }
        self.0.to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let document = self.document(None);
        let mut response = (self.0.kind.status(), document.to_string()).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().extend(self.0.headers);
        response.extensions_mut().insert(Unfinished(document));
        response
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("document", &self.document(None))
            .field("source", &self.0.source)
            .finish()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
