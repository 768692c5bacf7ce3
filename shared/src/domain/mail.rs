//! The mails we send. All of them are about the account; there is no kind for anything else (promise P4).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::EmailAddress;
use crate::ids::{self, Id};

/// What a mail is about. A closed list: a mail of no kind cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// The code that proves a new account's address.
    VerifyEmail,
    /// Somebody wanted to use an address for an account that has one already.
    AddressKnown,
    /// The code that proves the new address of an account.
    ChangeEmail,
    /// To the old address: the account has another one now.
    EmailChanged,
    /// The code that lets a forgotten password be replaced.
    ResetPassword,
    /// The password was changed, and the sessions elsewhere have ended.
    PasswordChanged,
    /// A pack of credits was paid for.
    Receipt,
    /// The account is closed and will be erased; where its receipt will be.
    AccountClosed,
    /// The account was closed and is open again.
    AccountRestored,
    /// The code that proves who asks about their data.
    PrivacyCode,
    /// Where the data can be fetched that somebody asked for. The data itself is never in a mail.
    PrivacyAccess,
    /// What came of a request about somebody's data.
    PrivacyAnswer,
    /// A picture was removed after a report.
    PictureRemoved,
}

impl MailKind {
    /// The name used in items and as the first half of the provider's idempotency key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::AddressKnown => "address_known",
            Self::ChangeEmail => "change_email",
            Self::EmailChanged => "email_changed",
            Self::ResetPassword => "reset_password",
            Self::PasswordChanged => "password_changed",
            Self::Receipt => "receipt",
            Self::AccountClosed => "account_closed",
            Self::AccountRestored => "account_restored",
            Self::PrivacyCode => "privacy_code",
            Self::PrivacyAccess => "privacy_access",
            Self::PrivacyAnswer => "privacy_answer",
            Self::PictureRemoved => "picture_removed",
        }
    }

    /// Whether it carries a code that proves the very address it goes to. Such a mail goes out although earlier mail to the
    /// address came back: it is how an address is shown to be good again.
    #[must_use]
    pub fn proves_its_address(self) -> bool {
        match self {
            Self::VerifyEmail | Self::ChangeEmail => true,
            Self::AddressKnown
            | Self::EmailChanged
            | Self::ResetPassword
            | Self::PasswordChanged
            | Self::Receipt
            | Self::AccountClosed
            | Self::AccountRestored
            | Self::PrivacyCode
            | Self::PrivacyAccess
            | Self::PrivacyAnswer
            | Self::PictureRemoved => false,
        }
    }
}

/// What a person reads. Frozen when it is written: the provider refuses the same key with another body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// A mail waiting in the outbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id, which is also the provider's idempotency key.
    pub id: Id<ids::Mail>,
    /// Whose account it is about; nobody's, where there is no account yet.
    pub account: Option<Id<ids::Account>>,
    /// What it is about.
    pub kind: MailKind,
    /// Where it goes.
    pub to: EmailAddress,
    /// What it says.
    pub letter: Letter,
    /// After this it is of no use and is given up.
    pub not_after: Timestamp,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
