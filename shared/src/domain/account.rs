//! Accounts, and the sign-ups they come from.

use jiff::{SignedDuration, Timestamp};

use serde::{Deserialize, Serialize};

use crate::domain::deletion::DeletionId;
use crate::domain::{EmailAddress, Name};
use crate::ids::{self, Id};

/// How long an unproved sign-up waits for its code.
pub const SIGN_UP_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// How long it is remembered that an address has had its bonus (declared in PRIVACY.md).
pub const BONUS_MEMORY: SignedDuration = SignedDuration::from_hours(365 * 24);

/// An account: all that is kept about a person beside what they do here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The account.
    pub id: Id<ids::Account>,
    /// Where mail goes.
    pub email: EmailAddress,
    /// What the person wants to be called, if they said so.
    pub name: Option<Name>,
    /// The bcrypt hash; never serialised outside the store.
    pub password_hash: PasswordHash,
    /// The ledger of its credits. Only here is it written whose ledger that is.
    pub ledger: Id<ids::Ledger>,
    /// When the address was proved.
    pub created_at: Timestamp,
    /// What the person agreed to.
    pub consent: Consent,
    /// How many sessions have begun. Whoever ends them all makes sure that this has not changed meanwhile.
    pub sessions_begun: u64,
    /// What may be done with it.
    pub status: Status,
    /// The deletion that was asked for, if one was.
    pub deletion: Option<DeletionId>,
}

/// What may be done with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything.
    Active,
    /// Nothing: an operator has blocked it.
    Blocked,
    /// Its owner wants it deleted, and may still change their mind.
    Deleting,
    /// It is being erased, and nothing brings it back.
    Erasing,
}

impl Status {
    /// The name, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Deleting => "deleting",
            Self::Erasing => "erasing",
        }
    }
}

/// Agreement to the privacy policy, processing in China and storage in the United States included (promise P14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The version that was shown.
    pub policy_version: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A change of address that waits for the code that was mailed to the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEmail {
    /// The new address, as it was written.
    pub email: EmailAddress,
    /// Until when the code is good.
    pub expires_at: Timestamp,
}

/// A bcrypt hash in its own text form. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash as bcrypt wrote it.
    #[must_use]
    pub fn from_bcrypt(text: String) -> Self {
        Self(text)
    }

    /// The text to store or to verify against.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A sign-up whose address is not proved yet. It holds its own password and consent, so that nobody's password rides on
/// somebody else's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSignUp {
    /// The sign-up; whoever signed up knows it, whoever reads the mail knows the code, and both are needed.
    pub id: Id<ids::SignUp>,
    /// The address to be proved.
    pub email: EmailAddress,
    /// What the person wants to be called.
    pub name: Option<Name>,
    /// The password that will be the account's.
    pub password_hash: PasswordHash,
    /// What was agreed to at sign-up.
    pub consent: Consent,
}

impl PendingSignUp {
    /// When it is forgotten.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.id.made_at() + SIGN_UP_LIFE
    }
}
