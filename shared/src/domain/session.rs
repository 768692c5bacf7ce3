//! Sessions: somebody signed in on some device, and the rule by which they stay so.
//!
//! A session has refresh tokens that count up: each is of one *generation*. Whoever shows the newest one gets the next.
//! Replies get lost and two tabs refresh at once, so the one before is forgiven; two tokens in two pairs of hands are not.

use jiff::{SignedDuration, Timestamp};

use super::DeviceName;
use crate::ids::{self, Id};

/// How long a session lasts at most.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long the token before the newest is as good as the newest, and how long the newest lasts at least: longer than a slow
/// reply and a slow request together, so nobody who sends the token at hand can be two behind.
pub const GRACE: SignedDuration = SignedDuration::from_secs(60);

/// Tabs that ask within this time of each other ask at once; it is not written down for each of them.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(1);

/// Somebody signed in on some device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session.
    pub id: Id<ids::Session>,
    /// Whose it is.
    pub account: Id<ids::Account>,
    /// What the person called the device, if they said so.
    pub device: Option<DeviceName>,
    /// The generation of the newest refresh token. The first is 0.
    pub generation: u32,
    /// When that one was given out: first, or again after its reply was lost.
    pub refreshed_at: Timestamp,
    /// Whether somebody has shown an access token of that generation: then the reply that brought it was not lost.
    pub used: bool,
    /// When it was last known to be in use, to the quarter of an hour.
    pub last_used_at: Timestamp,
    /// The version of the privacy policy that its owner has accepted, as far as the session knows: whoever refreshes it reads no
    /// account.
    pub policy: Option<String>,
}

/// What a shown refresh token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presented {
    /// It is the newest: the next generation is given out.
    Next,
    /// The newest has only just been given out, and this is it or the one before: the same is given out again.
    Again,
    /// It is the one before, and nobody has ever used the newest, so its reply was lost or is slow: the newest is given out
    /// again, and its minute begins anew, for the tabs that ask for it together.
    Lost,
    /// Two people have it, or it is older still: the session ends, for both.
    Stolen,
}

impl Session {
    /// A session that begins with its id.
    #[must_use]
    pub fn begun(id: Id<ids::Session>, account: Id<ids::Account>, device: Option<DeviceName>) -> Self {
        Self {
            id,
            account,
            device,
            generation: 0,
            refreshed_at: id.made_at(),
            used: false,
            last_used_at: id.made_at(),
            policy: None,
        }
    }

    /// The session of somebody who has accepted this version of the privacy policy.
    #[must_use]
    pub fn having_accepted(self, version: &str) -> Self {
        Self {
            policy: Some(version.to_owned()),
            ..self
        }
    }

    /// When it began.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.id.made_at()
    }

    /// When it ends, whatever is done with it.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.id.made_at() + SESSION_LIFE
    }

    /// What a refresh token of `generation` is worth `now`.
    ///
    /// The one before the newest is forgiven within [`GRACE`], and later for as long as nobody has used what came after it:
    /// then the reply was lost, and whoever asks again is the one who asked before. Once the successor is in use, its
    /// predecessor in other hands means that a token was copied.
    #[must_use]
    pub fn present(&self, generation: u32, now: Timestamp) -> Presented {
        let age = now.duration_since(self.refreshed_at);
        let is_new = age < GRACE;
        match self.generation.checked_sub(generation) {
            Some(0) if is_new => Presented::Again,
            Some(0) => Presented::Next,
            Some(1) if !self.used && age >= AT_ONCE => Presented::Lost,
            Some(1) if is_new || !self.used => Presented::Again,
            // A generation that was never given out: the table was put back to an earlier time. Nobody can tell any more
            // whose token is the newest.
            Some(_) | None => Presented::Stolen,
        }
    }

    /// The session with its newest token given out once more.
    #[must_use]
    pub fn given_again(&self, now: Timestamp) -> Self {
        Self {
            refreshed_at: now,
            last_used_at: now,
            ..self.clone()
        }
    }

    /// The session with its next generation.
    #[must_use]
    pub fn refreshed(&self, now: Timestamp) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            refreshed_at: now,
            used: false,
            last_used_at: now,
            ..self.clone()
        }
    }
}
