//! PayPal's names for things, as far as we keep them: they go into addresses of its interface, so they have one form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name that PayPal gives; its orders and captures have seventeen characters, its disputes some twenty.
const LONGEST: usize = 64;

/// A text that is no name of PayPal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {LONGEST} letters, digits and hyphens")]
pub struct InvalidReference;

macro_rules! references {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidReference;

            fn from_str(text: &str) -> Result<Self, InvalidReference> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidReference;

            fn try_from(text: String) -> Result<Self, InvalidReference> {
                if is_reference(&text) { Ok(Self(text)) } else { Err(InvalidReference) }
            }
        }

        impl From<$name> for String {
            fn from(reference: $name) -> Self {
                reference.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

references! {
    /// Names an order at PayPal: the payer's way from checkout to payment.
    CheckoutId;
    /// Names a capture: money that was taken, or that was to be.
    CaptureId;
    /// Names money that went back to the payer.
    RefundId;
    /// Names a dispute over a capture.
    DisputeId;
}

fn is_reference(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_anywhere_else() {
        for good in ["5O190127TN364715T", "PP-D-4012", "a"] {
            assert_eq!(good.parse::<CaptureId>().unwrap().as_str(), good);
        }
        for bad in ["", "../v1", "a/b", "a?b", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(bad.parse::<CaptureId>(), Err(InvalidReference), "{bad}");
        }
    }
}
