//! Requests about somebody's own data, by people who cannot or will not sign in (promise P17).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EmailAddress, Message};
use crate::ids::{self, Id};

/// How long an answer may take at most.
pub const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long before that an alarm is raised.
pub const ALARM_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long it is kept that a request was made and what came of it (declared in PRIVACY.md).
pub const MEMORY: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How long the data can be fetched that somebody asked for.
pub const EXPORT_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long whoever has begun to fetch it may go on with its further parts.
pub const EXPORT_VISIT: SignedDuration = SignedDuration::from_hours(1);

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PrivacyRequestKind)]
pub enum Wanted {
    /// To see everything that is kept. The machine answers.
    Access,
    /// To have something corrected that the person cannot correct. A person answers.
    Correction,
    /// To have the account deleted. The machine does it.
    Deletion,
}

impl Wanted {
    /// The name, as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Correction => "correction",
            Self::Deletion => "deletion",
        }
    }
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PrivacyRequestState)]
pub enum Stand {
    /// The address is not proved yet.
    Open,
    /// The address is proved, and somebody has to answer.
    Confirmed,
    /// It was done.
    Done,
    /// It was refused, with a reason.
    Refused,
}

impl Stand {
    /// The name, as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// A request about somebody's own data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyRequest {
    /// The request, and its number.
    pub id: Id<ids::PrivacyRequest>,
    /// What is wanted.
    pub wanted: Wanted,
    /// How far it is.
    pub stand: Stand,
    /// Whose data, once that is proved; nobody's, for an address without an account.
    pub account: Option<Id<ids::Account>>,
    /// Where the answer goes; not there for an address without an account.
    pub email: Option<EmailAddress>,
    /// What the person wrote.
    pub message: Option<Message>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When the address was proved.
    pub confirmed_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

impl PrivacyRequest {
    /// When it was made.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        self.id.made_at()
    }

    /// Until when it has to be answered.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        self.made_at() + ANSWER_WITHIN
    }

    /// Whether it waits for a person.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.stand == Stand::Confirmed
    }
}
