//! The keys of access tokens: the private one that signs, and the document of public ones.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Entropy;

/// What stands before the 32 bytes of an Ed25519 key in its PKCS #8 form (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The key that signs access tokens. Nothing prints it; [`SigningKey::to_secret`] is the only way out.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Stored")]
pub struct SigningKey {
    public: Jwk,
    pkcs8: SecretString,
}

/// The form in which the key lies in the parameter store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    kid: String,
    pkcs8: String,
}

/// The document holds no Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must hold an Ed25519 key")]
pub struct InvalidKey;

impl SigningKey {
    /// A new key whose chance is `entropy`'s, named `kid`.
    ///
    /// # Errors
    /// Never for a name that is not empty.
    pub fn generate(kid: &str, entropy: &Entropy) -> Result<Self, InvalidKey> {
        let seed: [u8; 32] = entropy.bytes();
        let pkcs8 = STANDARD.encode([PKCS8_PREFIX.as_slice(), &seed].concat());
        Self::try_from(Stored {
            kid: kid.to_owned(),
            pkcs8,
        })
    }

    /// The document of the parameter store: `{"kid": …, "pkcs8": …}`.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        let document = serde_json::json!({ "kid": self.public.kid, "pkcs8": self.pkcs8.expose_secret() });
        document.to_string().into()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    pub(super) fn der(&self) -> Vec<u8> {
        STANDARD.decode(self.pkcs8.expose_secret()).unwrap_or_default()
    }
}

impl TryFrom<Stored> for SigningKey {
    type Error = InvalidKey;

    fn try_from(Stored { kid, pkcs8 }: Stored) -> Result<Self, InvalidKey> {
        let pkcs8 = SecretString::from(pkcs8);
        let der = STANDARD.decode(pkcs8.expose_secret()).map_err(|_| InvalidKey)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| InvalidKey)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let public = Jwk {
            kty: Kty::Okp,
            crv: Crv::Ed25519,
            kid,
            x,
            usage: Usage::Sig,
            alg: Alg::EdDsa,
        };
        public.bytes().ok_or(InvalidKey)?;
        Ok(Self { public, pkcs8 })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.public.kid)
            .finish_non_exhaustive()
    }
}

/// A public key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    kty: Kty,
    crv: Crv,
    /// The key's name, as in a token's header.
    pub kid: String,
    /// The key itself, in base64url.
    x: String,
    #[serde(rename = "use")]
    usage: Usage,
    alg: Alg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Kty {
    #[serde(rename = "OKP")]
    Okp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Crv {
    Ed25519,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Usage {
    #[serde(rename = "sig")]
    Sig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Alg {
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Jwk {
    /// The key's 32 bytes, if it has a name and is one.
    pub(super) fn bytes(&self) -> Option<[u8; 32]> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.x).ok()?;
        (!self.kid.is_empty()).then_some(bytes)?.try_into().ok()
    }
}

/// The document at `/.well-known/jwks.json`: the key in use and, while a change is under way, the one before or after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}
