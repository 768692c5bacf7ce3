//! Requests that may be repeated safely.

use std::fmt;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::Method;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::json;
use super::kind::Kind;
use super::problem::Problem;

const HEADER: &str = "idempotency-key";

/// The value of `Idempotency-Key`: 1 to 128 visible ASCII characters, bare or in quotes as the IETF draft writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => text.to_owned(),
        };
        let fits = (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(key))
    }
}

/// The inside of a quoted string (RFC 9651 §3.3.3), given what follows its first quote.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = quoted.chars();
    loop {
        match letters.next()? {
            '"' => return letters.next().is_none().then_some(text),
            '\\' => text.push(letters.next().filter(|letter| matches!(letter, '"' | '\\'))?),
            letter => text.push(letter),
        }
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A caller may have put anything into it, so it is not for logs.
        f.write_str("IdempotencyKey(…)")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Err(Problem::new(
                Kind::MissingIdempotencyKey,
                "This request needs an Idempotency-Key header: a new random value for a new request.",
            ));
        };
        let key = value.to_str().ok().and_then(Self::parse);
        key.filter(|_| values.next().is_none()).ok_or_else(|| {
            Problem::new(
                Kind::InvalidIdempotencyKey,
                "The Idempotency-Key must have 1 to 128 visible ASCII characters and be given once.",
            )
        })
    }
}

/// What tells a repeated request from another one under the same key: SHA-256 over method, path and the body's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request. Spaces and the order of fields in the body make no difference.
    #[must_use]
    pub fn of(method: &Method, path: &str, body: &Value) -> Self {
        let mut text = format!("{method} {path}\n");
        write_canonical(body, &mut text);
        Self(Sha256::digest(text).into())
    }

    /// The fingerprint in hexadecimal, as it is stored.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

/// Writes `value` with its fields sorted and without spaces. Sorted here and not by the map: whether the map keeps the
/// order of insertion is decided by a feature that any crate in the build may turn on.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            text.push('{');
            for name in names {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(&fields[name], text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

/// A JSON request that may be repeated: its key, its fingerprint and its body. Takes the place of [`super::Json`].
#[derive(Debug, Clone)]
pub struct Idempotent<T> {
    /// What the caller named the request.
    pub key: IdempotencyKey,
    /// What the request says.
    pub fingerprint: Fingerprint,
    /// The request.
    pub body: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let key = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let bytes = json::read(Request::from_parts(parts, body), state).await?;
        let body = json::parse(&bytes)?;
        let fingerprint = Fingerprint::of(&method, &path, &json::parse(&bytes)?);
        Ok(Self { key, fingerprint, body })
    }
}
