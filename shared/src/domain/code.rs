//! Codes sent by mail: six digits that prove an address.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Entropy;

/// Six digits, valid for 15 minutes and five tries. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, description = "Six digits, valid for 15 minutes and five tries.", pattern = "^[0-9]{6}$", example = "042917")]
pub struct Code(String);

/// What a code is for. One that was mailed for one purpose is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To prove the address of a sign-up.
    VerifyEmail,
    /// To choose a new password for an account whose password is forgotten.
    ResetPassword,
    /// To prove the new address of an account.
    ChangeEmail,
    /// To prove the address of somebody who asks about their data.
    PrivacyRequest,
}

impl Purpose {
    /// The name used in keys and in hashes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::PrivacyRequest => "privacy_request",
        }
    }
}

/// Why a text is no code, as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the six digits of the mail")]
pub struct InvalidCode;

impl Code {
    /// How long a code is good.
    pub const LIFE: SignedDuration = SignedDuration::from_mins(15);
    /// How many wrong guesses a code bears.
    pub const TRIES: u32 = 5;

    /// A new code, each of the million equally likely.
    #[must_use]
    pub fn new(entropy: &Entropy) -> Self {
        Self(format!("{:06}", entropy.below(1_000_000)))
    }

    /// The digits, for the mail and for the keyed hash that is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        // People copy "123 456" from mails.
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(InvalidCode)
        }
    }
}

impl TryFrom<String> for Code {
    type Error = InvalidCode;

    fn try_from(text: String) -> Result<Self, InvalidCode> {
        text.parse()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(······)")
    }
}
