//! Hashes that only we can make: for codes, and for finding an address again without keeping it.

use std::fmt;

use hmac::digest::Key;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The key of such hashes: at least 32 bytes. Nothing prints it.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must hold at least 32 bytes in hexadecimal")]
pub struct InvalidHashKey;

impl HashKey {
    /// The key whose bytes are given in hexadecimal.
    ///
    /// # Errors
    /// When it is not hexadecimal or too short.
    pub fn from_hex(secret: &SecretString) -> Result<Self, InvalidHashKey> {
        let bytes = hex::decode(secret.expose_secret().trim()).map_err(|_| InvalidHashKey)?;
        if bytes.len() < 32 {
            return Err(InvalidHashKey);
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| InvalidHashKey)
    }

    /// The hash of `data` for the use named by `label`: hashes of different uses never meet, whatever the data.
    #[must_use]
    pub fn hash(&self, label: &'static str, data: &[u8]) -> KeyedHash {
        let mut mac = self.0.clone();
        // The label's length goes first, so that no label and data together read as another pair.
        mac.update(&(label.len() as u64).to_be_bytes());
        mac.update(label.as_bytes());
        mac.update(data);
        KeyedHash(mac.finalize().into_bytes().into())
    }
}

impl HashKey {
    /// Another key, made from this one for the use named by `label` and for `data`: a day, for instance.
    #[must_use]
    pub fn derived(&self, label: &'static str, data: &[u8]) -> Self {
        // A key shorter than a block counts as if it ended in zeros; so this is the key of the hash's 32 bytes.
        let mut block = Key::<Hmac<Sha256>>::default();
        block[..32].copy_from_slice(self.hash(label, data).bytes());
        Self(Hmac::new(&block))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// A keyed hash. Comparing takes the same time wherever two differ.
#[derive(Clone, Copy)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its text, as it is stored.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Whether `stored` is the text of this hash.
    #[must_use]
    pub fn is_hex(&self, stored: &str) -> bool {
        constant_time_eq(self.to_hex().as_bytes(), stored.as_bytes())
    }
}

impl PartialEq for KeyedHash {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

impl Eq for KeyedHash {}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(…)")
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ. Their lengths are no secret.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
