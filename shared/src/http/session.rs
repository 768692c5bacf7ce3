//! A session as the one who began it is shown it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{PolicyVersion, Problem};
use crate::auth::token::ACCESS_TOKEN_LIFE;
use crate::auth::{HashKey, RefreshToken, TokenSigner};
use crate::domain::{DeviceName, Session};
use crate::ids;

/// A session and the tokens that show it.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    id: ids::SessionId,
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    token_type: &'static str,
    /// When the access token ends.
    #[schema(value_type = String, format = DateTime)]
    access_expires_at: Timestamp,
    /// Gets the next access token at `POST /v1/sessions/refresh`. Keep it before you use the access token: once that is in
    /// use, the refresh token before this one ends the session.
    refresh_token: String,
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The version of the privacy policy that waits to be accepted at `POST /v1/account/consents`. Not there once it is: then
    /// nobody is asked for it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_to_accept: Option<String>,
}

/// A session that has begun, without an access token yet: the function that began it has no key to sign one.
#[derive(Serialize, ToSchema)]
pub struct SessionTicket {
    id: ids::SessionId,
    /// Gets the first access token at `POST /v1/sessions/refresh`.
    refresh_token: String,
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl SessionTicket {
    /// The session with the refresh token of its present generation.
    #[must_use]
    pub fn of(session: &Session, key: &HashKey) -> Self {
        Self {
            id: session.id,
            refresh_token: RefreshToken::newest(session, key),
            expires_at: session.expires_at(),
        }
    }
}

/// Makes the tokens of sessions.
#[derive(Debug, Clone)]
pub struct SessionTokens {
    /// Signs access tokens.
    pub signer: TokenSigner,
    /// Hashes refresh tokens.
    pub hash_key: HashKey,
    /// The policy in force.
    pub policy: PolicyVersion,
}

impl SessionTokens {
    /// The session with the tokens of its present generation. Asked again, it gives the same refresh token.
    ///
    /// # Errors
    /// When the access token cannot be signed.
    pub fn show(&self, session: &Session, now: Timestamp) -> Result<SessionView, Problem> {
        let token = self.signer.issue(session, now)?;
        let ends = session.expires_at();
        Ok(SessionView {
            id: session.id,
            access_token: token.into_string(),
            token_type: "Bearer",
            access_expires_at: ends.min(now + ACCESS_TOKEN_LIFE),
            refresh_token: RefreshToken::newest(session, &self.hash_key),
            expires_at: ends,
            policy_to_accept: self.policy.unless_accepted(session.policy.as_deref()),
        })
    }
}

/// One place where the caller is signed in. Neither an address nor a browser is kept with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Listed)]
pub struct ListedSession {
    id: ids::SessionId,
    /// What you called the device when you signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceName>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the quarter of an hour.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether it is the session of this request.
    current: bool,
}

impl ListedSession {
    /// The session; `current` is the one of the request.
    #[must_use]
    pub fn new(session: Session, current: Option<ids::SessionId>) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at(),
            last_used_at: session.last_used_at,
            expires_at: session.expires_at(),
            current: Some(session.id) == current,
            device: session.device,
        }
    }
}
