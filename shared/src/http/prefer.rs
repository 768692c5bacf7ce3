//! `Prefer: wait=N` (RFC 7240): the caller would rather wait a little than ask again.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponseParts, ResponseParts};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

/// How many seconds the caller is willing to wait: 20 at most, 0 if nothing sensible is said. It is a preference, so there
/// is nothing to refuse. Stands before an answer to say that it was honoured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wait(u64);

impl Wait {
    /// Nobody waits longer: the gateway in front gives up after thirty seconds.
    const LONGEST: u64 = 20;

    /// Whether the caller asked for it at all.
    #[must_use]
    pub fn is_asked(self) -> bool {
        self.0 > 0
    }

    /// How long.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    fn asked(headers: &HeaderMap) -> Self {
        headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|preference| preference.split(';').next()?.split_once('='))
            // The first of a preference given twice is the one that counts (RFC 7240 §2).
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
            .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok())
            .map_or(Self::default(), |seconds: u64| Self(seconds.min(Self::LONGEST)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::asked(&parts.headers))
    }
}

impl IntoResponseParts for Wait {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if self.0 > 0
            && let Ok(value) = HeaderValue::from_str(&format!("wait={}", self.0))
        {
            parts
                .headers_mut()
                .insert(HeaderName::from_static("preference-applied"), value);
        }
        Ok(parts)
    }
}
