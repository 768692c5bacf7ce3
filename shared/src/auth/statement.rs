//! Signed statements: what a deletion's receipt says, as a JWS (RFC 7515) in its compact form.
//!
//! The key is another one than that of access tokens, and the header says what is signed, so that neither can pass for the
//! other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};

use super::eddsa;
use super::keys::{JwkSet, SigningKey};
use super::token::TokenError;
use crate::config::{ConfigError, Vars};
use crate::domain::deletion::Statement;
use crate::secrets::Secrets;

/// The media type that tells a statement from any other JWS.
const TYPE: &str = "vitrine-erasure+jws";

/// No statement of ours is longer; what is, need not be read.
const LONGEST: usize = 64 * 1024;

/// Signs what deletions have to say.
#[derive(Debug, Clone)]
pub struct StatementSigner {
    kid: Arc<str>,
    key: EncodingKey,
}

impl StatementSigner {
    /// Signs with `key`.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        eddsa::install();
        Self {
            kid: key.public().kid.as_str().into(),
            key: EncodingKey::from_ed_der(&key.der()),
        }
    }

    /// The signer of the parameter named by `ERASURE_SIGNING_KEY_PARAMETER`.
    ///
    /// # Errors
    /// When it is missing or no key.
    pub fn configured(vars: &Vars, secrets: &Secrets) -> Result<Self, ConfigError> {
        let key: SigningKey = secrets.json(vars, "ERASURE_SIGNING_KEY_PARAMETER")?;
        Ok(Self::new(&key))
    }

    /// The statement with its signature.
    ///
    /// # Errors
    /// [`TokenError::Signing`] when the key does not sign, which a key that could be read does.
    pub fn sign(&self, statement: &Statement) -> Result<String, TokenError> {
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.kid.to_string()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, statement, &self.key).map_err(|_| TokenError::Signing)
    }
}

/// What a signed statement says, and the name of the key that signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// What is said.
    pub statement: Statement,
    /// Which of the keys signed it.
    pub kid: String,
}

/// What `text` says, if one of `keys` has signed exactly this.
///
/// # Errors
/// When it is no statement, names none of the keys, or its signature is not right.
pub fn attested(text: &str, keys: &JwkSet) -> Result<Attested, TokenError> {
    eddsa::install();
    if text.len() > LONGEST {
        return Err(TokenError::Malformed);
    }
    let header = jsonwebtoken::decode_header(text).map_err(|_| TokenError::Malformed)?;
    if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let kid = header.kid.ok_or(TokenError::UnknownKey)?;
    let key = keys.keys.iter().find(|key| key.kid == kid).and_then(|key| key.bytes());
    let key = DecodingKey::from_ed_der(&key.ok_or(TokenError::UnknownKey)?);
    let mut validation = Validation::new(Algorithm::EdDSA);
    // A statement is no token: it has no time at which it ends, and nobody it is for.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let signed = jsonwebtoken::decode::<Statement>(text, &key, &validation).map_err(|_| TokenError::Refused)?;
    Ok(Attested {
        statement: signed.claims,
        kid,
    })
}

/// What `text` says, whoever has signed it: for whoever keeps it and has signed it.
#[must_use]
pub fn said(text: &str) -> Option<Statement> {
    let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entropy;
    use crate::domain::ReceiptKey;
    use crate::domain::deletion::{Deletion, Thing};
    use crate::{Clock, Ids};

    fn signed() -> (String, JwkSet) {
        let (entropy, clock) = (
            Entropy::seeded(5),
            Clock::manual("2026-11-26T10:00:00Z".parse().unwrap()),
        );
        let ids = Ids::new(clock.clone(), entropy.clone());
        let key = SigningKey::generate("erasure-1", &entropy).unwrap();
        let id = ReceiptKey::new(&entropy).id();
        let mut deletion = Deletion::asked(id, ids.next(), clock.now(), jiff::SignedDuration::from_hours(72));
        deletion.gone = deletion.gone.and(Thing::Pictures, 3).and(Thing::CosFiles, 2);
        let statement = deletion.statement("https://vitrine.example.com", clock.now());
        let text = StatementSigner::new(&key).sign(&statement).unwrap();
        (
            text,
            JwkSet {
                keys: vec![key.public().clone()],
            },
        )
    }

    #[test]
    fn a_statement_says_what_was_signed_to_whoever_has_the_public_key() {
        let (text, keys) = signed();
        let Attested { statement, kid } = attested(&text, &keys).unwrap();
        let pictures = statement.gone.iter().find(|went| went.what == Thing::Pictures).unwrap();
        assert_eq!(
            (kid.as_str(), pictures.count, pictures.store.as_str()),
            ("erasure-1", 3, "images")
        );
        assert!(statement.stays.iter().all(|stays| !stays.why.is_empty()));
    }

    #[test]
    fn a_statement_with_any_byte_changed_is_refused() {
        let (text, keys) = signed();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                assert!(attested(&changed, &keys).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn an_access_tokens_key_signs_no_statement() {
        let (text, _) = signed();
        let other = SigningKey::generate("erasure-1", &Entropy::seeded(6)).unwrap();
        let keys = JwkSet {
            keys: vec![other.public().clone()],
        };
        assert_eq!(attested(&text, &keys), Err(TokenError::Refused));
        assert_eq!(attested(&text, &JwkSet::default()), Err(TokenError::UnknownKey));
    }
}
