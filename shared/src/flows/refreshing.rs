//! Staying signed in: a refresh token becomes the next one, or the end of a session whose tokens were copied.

use jiff::Timestamp;

use super::ROUNDS;
use crate::auth::refresh_token::Named;
use crate::domain::Session;
use crate::domain::session::Presented;
use crate::store::{Sessions, StoreError};

/// Why a session does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It has ended: signed out, run out, or ended here because a copy of its token turned up.
    #[error("the session has ended")]
    Ended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The session with its newest generation, if the token that named it is worth that; else the session ends.
///
/// May die anywhere and be called again: the generation is written before its token is given out, and the token before it
/// brings the same one again for as long as nobody has used it.
///
/// # Errors
/// See [`RefreshError`].
pub async fn refresh(named: Named, sessions: &Sessions, now: Timestamp) -> Result<Session, RefreshError> {
    for _ in 0..ROUNDS {
        let session = sessions.find(named.account, named.session, now).await?;
        let session = session.ok_or(RefreshError::Ended)?;
        match session.present(named.generation, now) {
            Presented::Again => return Ok(session),
            Presented::Next => {
                let next = session.refreshed(now);
                if sessions.replace(&session, &next).await? {
                    return Ok(next);
                }
            }
            Presented::Lost => {
                let again = session.given_again(now);
                if sessions.replace(&session, &again).await? {
                    return Ok(again);
                }
            }
            Presented::Stolen => {
                sessions.end(session.account, session.id).await?;
                tracing::warn!(session.id = %session.id, "A refresh token was shown that somebody else has gone on from; the session was ended");
                return Err(RefreshError::Ended);
            }
        }
        // Somebody with the same token was faster; what they were given is given to this one too.
    }
    Err(StoreError::Contended.into())
}
