//! Access tokens: JWTs signed with Ed25519 that last fifteen minutes.
//!
//! Times are compared with our [`Clock`](crate::Clock), never by the library, which asks the system.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use url::Url;

use super::eddsa;
use super::keys::{InvalidKey, JwkSet, SigningKey};
use crate::domain::Session;
use crate::ids::{self, Id};

/// How long an access token lasts.
pub const ACCESS_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// How far the clocks of two functions may lie apart.
const SKEW_S: i64 = 60;

/// The media type that tells an access token from any other JWT (RFC 9068).
const TOKEN_TYPE: &str = "at+jwt";

/// No token of ours is longer; what is, need not be read.
const LONGEST: usize = 1024;

/// A signed access token. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// The token's text, for the answer to the one who signed in.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// Why a token is not accepted, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token at all, or not of the form we sign.
    #[error("the token is malformed")]
    Malformed,
    /// It names no key, or one that is not ours.
    #[error("the token names a key that is not ours")]
    UnknownKey,
    /// Its signature or its algorithm is not right.
    #[error("the token's signature is not right")]
    Refused,
    /// It is signed by us but made for another service, or of claims we do not make.
    #[error("the token is not for this service")]
    NotOurs,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It claims to have been made in the future.
    #[error("the token is from the future")]
    NotYet,
    /// The key at hand does not sign.
    #[error("the token could not be signed")]
    Signing,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Id<ids::Account>,
    sid: Id<ids::Session>,
    #[serde(rename = "gen")]
    generation: u32,
    iat: i64,
    exp: i64,
}

/// Makes access tokens for one service.
#[derive(Debug, Clone)]
pub struct TokenSigner {
    kid: Arc<str>,
    key: EncodingKey,
    origin: Arc<str>,
}

impl TokenSigner {
    /// Signs with `key`, for the service at `public_url`.
    #[must_use]
    pub fn new(key: &SigningKey, public_url: &Url) -> Self {
        eddsa::install();
        Self {
            kid: key.public().kid.as_str().into(),
            key: EncodingKey::from_ed_der(&key.der()),
            origin: origin(public_url),
        }
    }

    /// A token for `session` in its present generation, valid from `now` for [`ACCESS_TOKEN_LIFE`].
    ///
    /// # Errors
    /// When the key does not sign, which a key that could be read does.
    pub fn issue(&self, session: &Session, now: Timestamp) -> Result<AccessToken, TokenError> {
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(self.kid.to_string()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = Claims {
            iss: self.origin.to_string(),
            aud: self.origin.to_string(),
            sub: session.account,
            sid: session.id,
            generation: session.generation,
            iat: now.as_second(),
            exp: now.as_second() + ACCESS_TOKEN_LIFE.as_secs(),
        };
        match jsonwebtoken::encode(&header, &claims, &self.key) {
            Ok(token) => Ok(AccessToken(token)),
            Err(_) => Err(TokenError::Signing),
        }
    }
}

/// Whom a token names. Only [`VerifyingKeys::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    account: Id<ids::Account>,
    session: Id<ids::Session>,
    generation: u32,
}

impl Verified {
    /// The account.
    #[must_use]
    pub fn account(&self) -> Id<ids::Account> {
        self.account
    }

    /// The session; whether it has been ended since is for the store to say.
    #[must_use]
    pub fn session(&self) -> Id<ids::Session> {
        self.session
    }

    /// The generation of the refresh token that came with it.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

/// The public keys, of which a token must name one.
#[derive(Debug, Clone)]
pub struct VerifyingKeys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Vec<(String, DecodingKey)>,
    origin: Arc<str>,
    validation: Validation,
}

impl VerifyingKeys {
    /// Accepts tokens that one of `set` has signed for the service at `public_url`.
    ///
    /// # Errors
    /// When the set is empty or one of its keys is no Ed25519 key.
    pub fn new(set: &JwkSet, public_url: &Url) -> Result<Self, InvalidKey> {
        eddsa::install();
        let key = |jwk: &super::Jwk| Some((jwk.kid.clone(), DecodingKey::from_ed_der(&jwk.bytes()?)));
        let keys: Vec<_> = set
            .keys
            .iter()
            .map(|jwk| key(jwk).ok_or(InvalidKey))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(InvalidKey);
        }
        let origin = origin(public_url);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&origin]);
        validation.set_audience(&[&origin]);
        Ok(Self(Arc::new(Inner {
            keys,
            origin,
            validation,
        })))
    }

    /// Whom `token` names, if it is ours and its time is `now`.
    ///
    /// # Errors
    /// When it is not acceptable; see [`TokenError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let Inner {
            keys,
            origin,
            validation,
        } = &*self.0;
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        // An extension marked as critical must be understood (RFC 7515 §4.1.11), and we understand none.
        if header.typ.as_deref() != Some(TOKEN_TYPE) || header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let kid = header.kid.ok_or(TokenError::UnknownKey)?;
        let (_, key) = keys
            .iter()
            .find(|(known, _)| *known == kid)
            .ok_or(TokenError::UnknownKey)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, validation)
            .map_err(refusal)?
            .claims;
        if claims.iss != **origin
            || claims.aud != **origin
            || claims.exp.checked_sub(claims.iat) != Some(ACCESS_TOKEN_LIFE.as_secs())
        {
            return Err(TokenError::NotOurs);
        }
        let now = now.as_second();
        if now >= claims.exp {
            Err(TokenError::Expired)
        } else if claims.iat > now + SKEW_S {
            Err(TokenError::NotYet)
        } else {
            Ok(Verified {
                account: claims.sub,
                session: claims.sid,
                generation: claims.generation,
            })
        }
    }
}

/// Claims that are signed but not ours are told apart from a token that nobody of ours has signed; that is all a caller of
/// `verify` can use.
#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` asks for")]
fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    let is_claims = matches!(
        error.kind(),
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience | ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_)
    );
    if is_claims {
        TokenError::NotOurs
    } else {
        TokenError::Refused
    }
}

/// Issuer and audience: scheme, host and port of the service.
fn origin(public_url: &Url) -> Arc<str> {
    public_url.origin().ascii_serialization().into()
}
