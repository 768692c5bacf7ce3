//! The caller, with a session that has not ended.

use axum::extract::{FromRef, FromRequestParts};
use futures::try_join;
use http::request::Parts;
use jiff::Timestamp;

use super::{Bearer, VerifyingKeys};
use crate::Clock;
use crate::domain::Session;
use crate::http::Problem;
use crate::ids::{self, Id};
use crate::store::{Sessions, StoreError};
use crate::telemetry::chain;

/// Somebody whose token is good and whose session has not ended. Only the check makes one, so a handler that has it needs
/// no other proof.
#[derive(Debug, Clone)]
pub struct Caller(Session);

impl Caller {
    /// Whose session it is.
    #[must_use]
    pub fn account(&self) -> Id<ids::Account> {
        self.0.account
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Id<ids::Session> {
        self.0.id
    }
}

impl Bearer {
    /// The account the token names.
    #[must_use]
    pub fn account(&self) -> Id<ids::Account> {
        self.verified().account()
    }

    /// The caller, if the session has not ended, and what `read` gives, both asked for at once. Nothing that was read
    /// leaves here without the session's proof.
    ///
    /// The first access token of a generation that is seen tells that the reply which brought it has arrived; this is
    /// written down beside the read, once a generation.
    ///
    /// # Errors
    /// 401 when the session has ended, or the store's failure.
    pub async fn beside<T>(
        self,
        sessions: &Sessions,
        now: Timestamp,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(Caller, T), Problem> {
        let (session, value) = try_join!(self.session(sessions, now), read)?;
        let session = session.ok_or_else(Problem::session_ended)?;
        Ok((Caller(session), value))
    }

    async fn session(self, sessions: &Sessions, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let verified = self.verified();
        let session = sessions.find(verified.account(), verified.session(), now).await?;
        if let Some(session) = &session
            && !session.used
            && session.generation == verified.generation()
            && let Err(error) = sessions.mark_used(session, now).await
        {
            // The next request marks it; until then a lost reply is forgiven a little longer than it need be.
            tracing::warn!(session.id = %session.id, error = chain(&error), "A session could not be marked as used");
        }
        Ok(session)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    VerifyingKeys: FromRef<S>,
    Clock: FromRef<S>,
    Sessions: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bearer = Bearer::from_request_parts(parts, state).await?;
        let (sessions, now) = (Sessions::from_ref(state), Clock::from_ref(state).now());
        let (caller, ()) = bearer.beside(&sessions, now, std::future::ready(Ok(()))).await?;
        Ok(caller)
    }
}
