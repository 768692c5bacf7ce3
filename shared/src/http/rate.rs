//! How often something may be done, told with every answer.

use axum::response::{IntoResponseParts, ResponseParts};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::SignedDuration;

use crate::store::limits::Remaining;

/// A limit and what is left of it, as the IETF draft on rate-limit fields writes them:
/// `RateLimit-Policy: "prompts";q=50;w=86400` and `RateLimit: "prompts";r=49;t=3600`.
///
/// Stands before an answer: `(quota, Json(…))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The limit's name, in lower-case letters.
    pub policy: &'static str,
    /// How many in a window.
    pub limit: u64,
    /// How many are left in this one.
    pub remaining: u64,
    /// In how many seconds the window ends.
    pub reset_s: u64,
    /// How many seconds a window has.
    pub window_s: u64,
}

impl Quota {
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let Self {
            policy,
            limit,
            remaining,
            reset_s,
            window_s,
        } = self;
        let fields = [
            ("ratelimit-policy", format!(r#""{policy}";q={limit};w={window_s}"#)),
            ("ratelimit", format!(r#""{policy}";r={remaining};t={reset_s}"#)),
        ];
        for (name, text) in fields {
            if let Ok(value) = HeaderValue::from_str(&text) {
                // Appended: several limits are one list.
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }
}

impl From<Remaining> for Quota {
    fn from(
        Remaining {
            policy,
            remaining,
            reset,
        }: Remaining,
    ) -> Self {
        let seconds = |duration: SignedDuration| u64::try_from(duration.as_secs()).unwrap_or(0);
        Self {
            policy: policy.name,
            limit: policy.quota.into(),
            remaining: remaining.into(),
            reset_s: seconds(reset),
            window_s: seconds(policy.window),
        }
    }
}

impl IntoResponseParts for Quota {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        self.write(parts.headers_mut());
        Ok(parts)
    }
}

/// What is left of several limits, before an answer: `(Quotas::of(…), Json(…))`.
#[derive(Debug, Clone)]
pub struct Quotas(Vec<Quota>);

impl Quotas {
    /// These.
    pub fn of<Q: Into<Quota>>(quotas: impl IntoIterator<Item = Q>) -> Self {
        Self(quotas.into_iter().map(Into::into).collect())
    }
}

impl IntoResponseParts for Quotas {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        for quota in self.0 {
            quota.write(parts.headers_mut());
        }
        Ok(parts)
    }
}
