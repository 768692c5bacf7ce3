//! A session as the one who began it is shown it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use crate::auth::TokenSigner;
use crate::auth::token::ACCESS_TOKEN_LIFE;
use crate::domain::Session;
use crate::ids;

/// A session and the token that shows it.
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
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl SessionView {
    /// A session that has begun, with its first token.
    ///
    /// # Errors
    /// When the token cannot be signed.
    pub fn begun(session: &Session, signer: &TokenSigner, now: Timestamp) -> Result<Self, Problem> {
        let token = signer.issue(session.account, session.id, now)?;
        Ok(Self {
            id: session.id,
            access_token: token.into_string(),
            token_type: "Bearer",
            access_expires_at: now + ACCESS_TOKEN_LIFE,
            expires_at: session.expires_at,
        })
    }
}
