//! Passwords: taken in, judged, hashed with bcrypt at cost 12, compared.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::task::{JoinError, spawn_blocking};
use zxcvbn::{Score, zxcvbn};

use crate::domain::account::PasswordHash;

/// What PRIVACY.md promises.
const COST: u32 = 12;

/// The hash of a password that nobody knows, for [`verify_or_burn`].
const NOBODYS_HASH: &str = "$2b$12$lIcthXLaat2CN1cKNpInxOymoTT.a9iveXQlJeOhRmZMNV/ZF8i3C";

/// A password as a person typed it: 8 to 72 bytes, the most that bcrypt reads. Nothing prints it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Password(SecretString);

/// Why a text cannot be a password; ends a sentence that begins with the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Shorter than eight bytes.
    #[error("must have at least 8 bytes: 8 Latin letters, or 3 Chinese characters")]
    TooShort,
    /// Longer than bcrypt reads.
    #[error("must have at most 72 bytes: 72 Latin letters, or 24 Chinese characters")]
    TooLong,
    /// It holds the character that ends a text for bcrypt.
    #[error("must not contain the character NUL")]
    Nul,
}

/// What can be wrong with a well-formed password, or go wrong in working with it.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is one of the first that anyone would try.
    #[error("the password is too easy to guess")]
    TooCommon,
    /// bcrypt did not take it, which it does with every [`Password`].
    #[error("the password could not be hashed")]
    Hashing(#[source] bcrypt::BcryptError),
    /// The thread that hashed was stopped.
    #[error("hashing was interrupted")]
    Interrupted(#[source] JoinError),
}

impl TryFrom<String> for Password {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        let text = SecretString::from(text);
        let bytes = text.expose_secret().as_bytes();
        match bytes.len() {
            0..8 => Err(InvalidPassword::TooShort),
            8..=72 if bytes.contains(&0) => Err(InvalidPassword::Nul),
            8..=72 => Ok(Self(text)),
            _ => Err(InvalidPassword::TooLong),
        }
    }
}

impl Password {
    /// Refuses a password that would be guessed early: a common one, or one made of what is known of the person
    /// (`about`: address, name). The list of common ones is part of the program; nobody outside is asked.
    ///
    /// # Errors
    /// [`PasswordError::TooCommon`].
    pub fn check(&self, about: &[&str]) -> Result<(), PasswordError> {
        let words: Vec<&str> = about
            .iter()
            .flat_map(|text| std::iter::once(*text).chain(text.split(|letter: char| !letter.is_alphanumeric())))
            .filter(|word| word.chars().count() > 2)
            .collect();
        if zxcvbn(self.0.expose_secret(), &words).score() < Score::Two {
            return Err(PasswordError::TooCommon);
        }
        Ok(())
    }

    /// Hashes it, on a thread that may take its time.
    ///
    /// # Errors
    /// When hashing fails, which it does not for a [`Password`].
    pub async fn hash(self) -> Result<PasswordHash, PasswordError> {
        let hash = spawn_blocking(move || bcrypt::hash(self.0.expose_secret(), COST))
            .await
            .map_err(PasswordError::Interrupted)?;
        hash.map(PasswordHash::from_bcrypt).map_err(PasswordError::Hashing)
    }

    /// Whether it is the password of `hash`. Without a hash (nobody has this address) the answer is no, after the same work,
    /// so that time does not tell who has an account.
    ///
    /// # Errors
    /// When the stored hash is none.
    pub async fn verify_or_burn(self, hash: Option<&PasswordHash>) -> Result<bool, PasswordError> {
        let (known, hash) = match hash {
            Some(hash) => (true, hash.as_str().to_owned()),
            None => (false, NOBODYS_HASH.to_owned()),
        };
        // Not the `non_truncating` pair: it counts the NUL that bcrypt adds and refuses 72 bytes, which bcrypt reads in full.
        let same = spawn_blocking(move || bcrypt::verify(self.0.expose_secret(), &hash))
            .await
            .map_err(PasswordError::Interrupted)?
            .map_err(PasswordError::Hashing)?;
        Ok(known && same)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_password_has_eight_to_seventy_two_bytes() {
        let refusal = |text: &str| Password::try_from(text.to_owned()).err();
        assert_eq!(refusal("1234567"), Some(InvalidPassword::TooShort));
        assert_eq!(refusal("12345678"), None);
        assert_eq!(refusal(&"x".repeat(72)), None);
        assert_eq!(refusal(&"x".repeat(73)), Some(InvalidPassword::TooLong));
        assert_eq!(refusal(&"密".repeat(25)), Some(InvalidPassword::TooLong));
        assert_eq!(refusal("1234\u{0}5678"), Some(InvalidPassword::Nul));
    }

    #[test]
    fn common_passwords_and_those_made_of_the_address_or_the_name_are_refused() {
        for (text, about, fine) in [
            ("password", &[][..], false),
            ("12345678", &[], false),
            ("qwertyuiop", &[], false),
            ("wanglihua", &["wanglihua@example.com"], false),
            ("Lihua Wang", &["shop@example.com", "Lihua Wang"], false),
            ("correct horse battery staple", &["mei@example.com"], true),
            ("tV8#kq2!mZ", &[], true),
        ] {
            assert_eq!(password(text).check(about).is_ok(), fine, "{text}");
        }
    }

    #[tokio::test]
    async fn every_byte_of_a_password_counts_up_to_the_last() {
        let long = "x".repeat(71);
        let hash = password(&format!("{long}a")).hash().await.unwrap();
        assert!(hash.as_str().starts_with("$2b$12$"));
        assert!(password(&format!("{long}a")).verify_or_burn(Some(&hash)).await.unwrap());
        assert!(!password(&format!("{long}b")).verify_or_burn(Some(&hash)).await.unwrap());
        assert!(!password(&long).verify_or_burn(Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_signs_in_without_a_hash_not_even_with_the_words_behind_the_spare_one() {
        let known = password("nobody has this password, it is only worked on");
        assert!(bcrypt::verify(known.0.expose_secret(), NOBODYS_HASH).unwrap());
        assert!(!known.verify_or_burn(None).await.unwrap());
    }

    #[test]
    fn neither_a_password_nor_its_hash_is_printed() {
        let hash = PasswordHash::from_bcrypt("$2b$12$abc".to_owned());
        let printed = format!("{:?} {hash:?}", password("tV8#kq2!mZ"));
        assert!(!printed.contains("tV8") && !printed.contains("$2b"));
    }
}
