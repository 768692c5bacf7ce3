//! Refresh tokens: what keeps a person signed in for longer than an access token lasts.
//!
//! A token names its session and its generation under a keyed hash. Nothing of it is stored: the session's item knows which
//! generation is the newest, and the same generation always has the same token, so a lost reply can be given again.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::keyed_hash::{HashKey, KeyedHash, constant_time_eq};
use crate::domain::Session;
use crate::ids::{self, Id};

/// What every token begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "vrt_";

/// Account, session, generation.
const NAMED: usize = 16 + 16 + 4;

/// A refresh token as it came in, in the right form but not checked. Nothing prints it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct RefreshToken {
    named: Named,
    mac: [u8; 32],
}

/// What a token names. Only [`RefreshToken::check`] gives one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Whose session.
    pub account: Id<ids::Account>,
    /// The session.
    pub session: Id<ids::Session>,
    /// Which of its refresh tokens.
    pub generation: u32,
}

/// The text is no refresh token, as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the refresh token of a session, as it was given out")]
pub struct InvalidRefreshToken;

impl Named {
    fn bytes(self) -> [u8; NAMED] {
        let mut bytes = [0; NAMED];
        bytes[..16].copy_from_slice(&self.account.to_bytes());
        bytes[16..32].copy_from_slice(&self.session.to_bytes());
        bytes[32..].copy_from_slice(&self.generation.to_be_bytes());
        bytes
    }

    fn mac(self, key: &HashKey) -> KeyedHash {
        key.hash("refresh", &self.bytes())
    }
}

impl RefreshToken {
    /// The text of the session's newest token, for the answer to the one who is signed in.
    #[must_use]
    pub fn newest(session: &Session, key: &HashKey) -> String {
        let named = Named {
            account: session.account,
            session: session.id,
            generation: session.generation,
        };
        let bytes = [named.bytes().as_slice(), named.mac(key).bytes()].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What it names, if we made it.
    #[must_use]
    pub fn check(&self, key: &HashKey) -> Option<Named> {
        constant_time_eq(self.named.mac(key).bytes(), &self.mac).then_some(self.named)
    }
}

impl FromStr for RefreshToken {
    type Err = InvalidRefreshToken;

    fn from_str(text: &str) -> Result<Self, InvalidRefreshToken> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
            let (named, mac) = bytes.split_at_checked(NAMED)?;
            let (account, rest) = named.split_first_chunk()?;
            let (session, generation) = rest.split_first_chunk()?;
            let named = Named {
                account: Id::from_bytes(*account)?,
                session: Id::from_bytes(*session)?,
                generation: u32::from_be_bytes(generation.try_into().ok()?),
            };
            Some(Self {
                named,
                mac: mac.try_into().ok()?,
            })
        };
        // No token is longer than 92 characters; what is, need not be decoded.
        let read = if text.len() > 100 { None } else { read() };
        read.ok_or(InvalidRefreshToken)
    }
}

impl TryFrom<String> for RefreshToken {
    type Error = InvalidRefreshToken;

    fn try_from(text: String) -> Result<Self, InvalidRefreshToken> {
        text.parse()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Clock, Entropy, Ids};

    fn key(digit: &str) -> HashKey {
        HashKey::from_hex(&digit.repeat(64).into()).unwrap()
    }

    fn session(generation: u32) -> Session {
        let ids = Ids::new(
            Clock::manual("2026-11-22T09:00:00Z".parse().unwrap()),
            Entropy::seeded(7),
        );
        Session {
            generation,
            ..Session::begun(ids.next(), ids.next(), None)
        }
    }

    proptest! {
        #[test]
        fn a_token_names_its_session_and_generation_to_the_one_key_that_made_it(generation: u32) {
            let session = session(generation);
            let token: RefreshToken = RefreshToken::newest(&session, &key("a")).parse().unwrap();
            let named = token.check(&key("a")).unwrap();
            prop_assert_eq!((named.account, named.session, named.generation), (session.account, session.id, generation));
            prop_assert_eq!(token.check(&key("b")), None);
        }

        #[test]
        fn one_changed_letter_makes_a_token_worthless(at in 4_usize..95, letter in "[A-Za-z0-9_-]") {
            let mut text = RefreshToken::newest(&session(3), &key("a"));
            let at = at.min(text.len() - 1);
            prop_assume!(text[at..=at] != letter);
            text.replace_range(at..=at, &letter);
            prop_assert_eq!(text.parse::<RefreshToken>().ok().and_then(|token| token.check(&key("a"))), None);
        }

        #[test]
        fn no_text_makes_reading_a_token_panic(text in "(vrt_)?\\PC{0,120}") {
            let _ = text.parse::<RefreshToken>();
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let text = RefreshToken::newest(&session(0), &key("a"));
        assert_eq!(
            format!("{:?}", text.parse::<RefreshToken>().unwrap()),
            "RefreshToken(…)"
        );
    }
}
