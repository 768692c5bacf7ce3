//! What a person should be told, beside the answer to what was asked.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Undeliverable, Undelivered};

/// Something that the person should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// What it is; programs decide by this, and pass over kinds that they do not know.
    kind: NoticeKind,
    /// Since when it is so.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// The same for people, in a sentence.
    detail: &'static str,
}

/// What somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Mail to the account's address came back, so none is sent there any more.
    AddressBounced,
    /// Our mail was called unwanted at the account's address, so none is sent there any more.
    AddressComplained,
}

impl From<Undeliverable> for Notice {
    fn from(Undeliverable { why, since }: Undeliverable) -> Self {
        let (kind, detail) = match why {
            Undelivered::Bounced => (
                NoticeKind::AddressBounced,
                "Mail to your address came back, so we send none there any more.",
            ),
            Undelivered::Complained => (
                NoticeKind::AddressComplained,
                "Our mail was reported as unwanted at your address, so we send none there any more.",
            ),
        };
        Self { kind, since, detail }
    }
}

/// Why the account's address gets no mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmailProblem {
    /// What happened to our mail.
    kind: Undelivered,
    /// Since when none is sent.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<Undeliverable> for EmailProblem {
    fn from(Undeliverable { why, since }: Undeliverable) -> Self {
        Self { kind: why, since }
    }
}
