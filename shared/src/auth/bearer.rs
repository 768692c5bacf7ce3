//! The caller's token, checked.

use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::token::{Verified, VerifyingKeys};
use crate::Clock;
use crate::http::Problem;

/// A caller with a valid access token, as a handler's parameter: without one the handler is not reached.
///
/// It does not know whether the session has been ended since the token was made; the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer(Verified);

impl Bearer {
    /// Whom the token names.
    #[must_use]
    pub fn verified(&self) -> Verified {
        self.0
    }
}

impl<S> FromRequestParts<S> for Bearer
where
    S: Send + Sync,
    VerifyingKeys: FromRef<S>,
    Clock: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(token) = token(&parts.headers)? else {
            return Err(Problem::unauthorized(None));
        };
        let verified = VerifyingKeys::from_ref(state).verify(token, Clock::from_ref(state).now())?;
        Ok(Self(verified))
    }
}

/// The token in `Authorization: Bearer …`; none if there is no such header.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty() && values.next().is_none());
    match token {
        Some(token) => Ok(Some(token)),
        None => Err(Problem::unauthorized(Some(
            "The Authorization header must be given once, as: Bearer …",
        ))),
    }
}
