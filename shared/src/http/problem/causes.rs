//! What the caller is told of each error of ours. Every `impl From<…> for Problem` stands here, and nowhere else; each match is
//! exhaustive, so that a new variant asks here what is to be said.

use super::{Kind, Problem};

impl From<crate::auth::TokenError> for Problem {
    fn from(error: crate::auth::TokenError) -> Self {
        use crate::auth::TokenError;
        match error {
            TokenError::Expired => Self::unauthorized(Some(
                "The access token has expired; get the next one with the refresh token.",
            )),
            TokenError::Malformed
            | TokenError::UnknownKey
            | TokenError::Refused
            | TokenError::NotOurs
            | TokenError::NotYet => Self::unauthorized(Some("The access token is not valid.")),
            TokenError::Signing => Self::internal(error),
        }
    }
}

impl From<crate::providers::resend_webhook::WebhookError> for Problem {
    fn from(error: crate::providers::resend_webhook::WebhookError) -> Self {
        use crate::providers::resend_webhook::WebhookError;
        match error {
            // Answered alike: whoever tries signatures learns nothing from it.
            WebhookError::Unsigned | WebhookError::Stale | WebhookError::Forged => Self::new(
                Kind::InvalidSignature,
                "The signature is missing, too old, or not right.",
            ),
        }
    }
}

impl From<crate::providers::paypal::webhook::WebhookError> for Problem {
    fn from(error: crate::providers::paypal::webhook::WebhookError) -> Self {
        use crate::providers::paypal::webhook::WebhookError;
        match error {
            WebhookError::Unsigned | WebhookError::Stale | WebhookError::Forged | WebhookError::Undecided => Self::new(
                Kind::InvalidSignature,
                "The signature is missing, too old, or not right.",
            ),
        }
    }
}

impl From<crate::providers::paypal::PayPalError> for Problem {
    fn from(error: crate::providers::paypal::PayPalError) -> Self {
        use crate::providers::paypal::PayPalError;
        /// How long to wait where PayPal does not say.
        const SOON: u64 = 5;
        match &error {
            PayPalError::Unavailable { after, .. } => {
                let seconds = after.map_or(SOON, |after| after.as_secs().max(1));
                Self::of(Kind::UpstreamUnavailable)
                    .retry_after(seconds)
                    .caused_by(error)
            }
            PayPalError::Alarm { .. } | PayPalError::Missing => Self::of(Kind::UpstreamFailed).caused_by(error),
        }
    }
}

impl From<crate::flows::buying::BuyError> for Problem {
    fn from(error: crate::flows::buying::BuyError) -> Self {
        use crate::flows::buying::BuyError;
        match error {
            BuyError::KeyReused => Self::of(Kind::IdempotencyKeyReused),
            BuyError::Inactive => Self::inactive(),
            BuyError::PayPal(paypal) => paypal.into(),
            BuyError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::payment::PaymentError> for Problem {
    fn from(error: crate::flows::payment::PaymentError) -> Self {
        use crate::flows::payment::PaymentError;
        match error {
            PaymentError::PayPal(paypal) => paypal.into(),
            PaymentError::Store(store) => store.into(),
        }
    }
}

impl From<crate::auth::PasswordError> for Problem {
    fn from(error: crate::auth::PasswordError) -> Self {
        use crate::auth::PasswordError;
        match error {
            PasswordError::TooCommon => Self::too_common("/password"),
            PasswordError::Hashing(_) | PasswordError::Interrupted(_) => Self::internal(error),
        }
    }
}

impl Problem {
    /// What is wrong with a password in the field `new_password`.
    #[must_use]
    pub fn new_password(error: crate::auth::PasswordError) -> Self {
        use crate::auth::PasswordError;
        match error {
            PasswordError::TooCommon => Self::too_common("/new_password"),
            PasswordError::Hashing(_) | PasswordError::Interrupted(_) => Self::internal(error),
        }
    }

    fn too_common(pointer: &str) -> Self {
        let must = "is too easy to guess: choose a longer or less common one";
        Self::field(Kind::PasswordTooCommon, pointer, must)
    }

    /// The password in the field `pointer` is not the account's.
    #[must_use]
    pub fn wrong_password(pointer: &str) -> Self {
        Self::field(Kind::WrongPassword, pointer, "is not the account's password")
    }

    fn wrong_code() -> Self {
        Self::field(Kind::WrongCode, "/code", "is wrong or no longer good")
    }
}

impl From<crate::store::StoreError> for Problem {
    fn from(error: crate::store::StoreError) -> Self {
        use crate::store::StoreError;
        match error {
            StoreError::Contended => Self::contended(),
            // A request that the database refuses is ours to mend, and then the caller's repeat goes through.
            StoreError::Unavailable(_) | StoreError::Rejected(_) => Self::unavailable(error),
            StoreError::Broken { .. } => Self::internal(error),
        }
    }
}

impl From<crate::store::limits::LimitError> for Problem {
    fn from(error: crate::store::limits::LimitError) -> Self {
        use crate::store::limits::LimitError;
        match error {
            LimitError::Exceeded(remaining) => Self::too_many_requests(remaining.into()),
            LimitError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::ordering::OrderError> for Problem {
    fn from(error: crate::flows::ordering::OrderError) -> Self {
        use crate::flows::ordering::OrderError;
        match error {
            OrderError::Insufficient { needed, available } => Self::insufficient_credits(needed, available),
            OrderError::KeyReused => Self::of(Kind::IdempotencyKeyReused),
            OrderError::Inactive => Self::inactive(),
            OrderError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::refreshing::RefreshError> for Problem {
    fn from(error: crate::flows::refreshing::RefreshError) -> Self {
        use crate::flows::refreshing::RefreshError;
        match error {
            RefreshError::Ended => Self::session_ended(),
            RefreshError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::sign_up::ProofError> for Problem {
    fn from(error: crate::flows::sign_up::ProofError) -> Self {
        use crate::flows::sign_up::ProofError;
        match error {
            ProofError::WrongCode => Self::wrong_code(),
            ProofError::CodeExpired => Self::field(Kind::CodeExpired, "/code", "has expired: ask for a new one"),
            ProofError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::leaving::LeaveError> for Problem {
    fn from(error: crate::flows::leaving::LeaveError) -> Self {
        use crate::flows::leaving::LeaveError;
        match error {
            LeaveError::Inactive => Self::inactive(),
            LeaveError::CreditsRemain(credits) => {
                let must = format!("must be true for {credits} credits to be lost that were paid for");
                Self::field(Kind::CreditsWouldBeLost, "/forfeit_credits", &must).with("credits", credits.0)
            }
            LeaveError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::privacy_requests::ConfirmError> for Problem {
    fn from(error: crate::flows::privacy_requests::ConfirmError) -> Self {
        use crate::flows::privacy_requests::ConfirmError;
        match error {
            ConfirmError::WrongCode => Self::wrong_code(),
            ConfirmError::Leave(leave) => leave.into(),
            ConfirmError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::leaving::ReturnError> for Problem {
    fn from(error: crate::flows::leaving::ReturnError) -> Self {
        use crate::flows::leaving::ReturnError;
        match error {
            ReturnError::NotWaiting => Self::new(
                Kind::Conflict,
                "The account is not waiting for its deletion: it is open, or its erasure has begun.",
            ),
            ReturnError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::email_change::EmailChangeError> for Problem {
    fn from(error: crate::flows::email_change::EmailChangeError) -> Self {
        use crate::flows::email_change::EmailChangeError;
        match error {
            EmailChangeError::WrongCode => Self::wrong_code(),
            EmailChangeError::Taken => Self::new(
                Kind::Conflict,
                "The address was right, but somebody has made an account with it meanwhile. Your account is unchanged.",
            ),
            EmailChangeError::Inactive => Self::inactive(),
            EmailChangeError::Limit(limit) => limit.into(),
        }
    }
}

impl From<crate::flows::passwords::ResetError> for Problem {
    fn from(error: crate::flows::passwords::ResetError) -> Self {
        use crate::flows::passwords::ResetError;
        match error {
            ResetError::WrongCode => Self::wrong_code(),
            ResetError::Password(password) => password.into(),
            ResetError::Store(store) => store.into(),
        }
    }
}

impl From<crate::flows::passwords::ChangeError> for Problem {
    fn from(error: crate::flows::passwords::ChangeError) -> Self {
        use crate::flows::passwords::ChangeError;
        match error {
            ChangeError::WrongPassword => Self::wrong_password("/current_password"),
            ChangeError::Inactive => Self::inactive(),
            ChangeError::Password(password) => Self::new_password(password),
            ChangeError::Store(store) => store.into(),
        }
    }
}

impl From<crate::objects::ObjectError> for Problem {
    fn from(error: crate::objects::ObjectError) -> Self {
        Self::unavailable(error)
    }
}
