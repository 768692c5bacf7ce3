//! Keys that make an address unguessable: whoever has the address may see what is there, and nobody else.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::Entropy;

/// The text is no key of the wanted kind, as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an address as it was given out")]
pub struct InvalidKey;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $pattern:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// 256 bits of chance. Nothing prints it, and only its hash is kept.
        #[derive(Clone, PartialEq, Eq, ToSchema)]
        #[schema(value_type = String, pattern = $pattern)]
        pub struct $name([u8; 32]);

        impl $name {
            /// A new one.
            #[must_use]
            pub fn new(entropy: &Entropy) -> Self {
                Self(entropy.bytes())
            }

            /// The text for the one who is to have it.
            #[must_use]
            pub fn to_text(&self) -> String {
                format!("{}{}", $prefix, URL_SAFE_NO_PAD.encode(self.0))
            }

            /// What is kept of it: its SHA-256, in hexadecimal.
            #[must_use]
            pub fn hash(&self) -> String {
                hex::encode(Sha256::digest(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidKey;

            fn from_str(text: &str) -> Result<Self, InvalidKey> {
                // No key is longer than 43 characters behind its prefix; what is, need not be decoded.
                let encoded = text.strip_prefix($prefix).filter(|encoded| encoded.len() <= 43);
                let bytes = encoded.and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok());
                bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidKey)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

keys! {
    /// What opens the receipt of a deletion.
    ReceiptKey = "vdr_", "^vdr_[A-Za-z0-9_-]{43}$";
    /// What opens, once, everything that is kept about somebody.
    ExportKey = "vex_", "^vex_[A-Za-z0-9_-]{43}$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_kept_only_as_its_hash() {
        let key = ReceiptKey::new(&Entropy::seeded(3));
        let text = key.to_text();
        assert_eq!(text.parse::<ReceiptKey>(), Ok(key.clone()));
        assert_eq!(
            text.parse::<ExportKey>(),
            Err(InvalidKey),
            "a key opens one kind of thing"
        );
        assert!(!text.contains(&key.hash()));
        assert_eq!(format!("{key:?}"), "ReceiptKey(…)");
    }

    #[test]
    fn what_is_no_key_is_refused_whatever_its_length() {
        for text in [
            "",
            "vdr_",
            "vdr_AAAA",
            "vrt_AAAA",
            &format!("vdr_{}", "A".repeat(10_000)),
            "vdr_*",
        ] {
            assert_eq!(text.parse::<ReceiptKey>(), Err(InvalidKey), "{text:.20}");
        }
    }
}
