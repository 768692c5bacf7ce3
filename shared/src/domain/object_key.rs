//! The names of stored pictures.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Entropy;

/// The name of an object: `p/`, 32 hexadecimal digits made by chance, and the format. Nothing in it tells whose it is
/// (promise P13).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

/// Why a text is no [`ObjectKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an object key such as p/0123456789abcdef0123456789abcdef.jpg")]
pub struct InvalidObjectKey;

/// The formats that pictures come in, by their extension.
const EXTENSIONS: [&str; 2] = ["jpg", "png"];

impl ObjectKey {
    /// A new key for a picture of the format with this extension (`jpg` or `png`).
    #[must_use]
    pub fn new(entropy: &Entropy, extension: &str) -> Self {
        Self(format!("p/{}.{extension}", entropy.hex::<16>()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = InvalidObjectKey;

    fn from_str(text: &str) -> Result<Self, InvalidObjectKey> {
        let parts = text.strip_prefix("p/").and_then(|rest| rest.split_once('.'));
        let (name, extension) = parts.ok_or(InvalidObjectKey)?;
        let is_hex = name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex && EXTENSIONS.contains(&extension) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidObjectKey)
        }
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = InvalidObjectKey;

    fn try_from(text: String) -> Result<Self, InvalidObjectKey> {
        text.parse()
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}
