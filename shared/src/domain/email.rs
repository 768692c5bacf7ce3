//! E-mail addresses: what is written, and what counts as the same.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An e-mail address as its owner writes it, known to be well-formed.
///
/// Two addresses are the same account's when [`EmailAddress::normalised`] is the same. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = "email", max_length = 254, description = "An e-mail address.")]
pub struct EmailAddress(String);

/// Why a text is no address, as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as mei@example.com")]
pub struct InvalidEmail;

impl EmailAddress {
    /// As its owner writes it; mail goes there.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are the same address to a mail server as far as anybody can tell: in lower case, sub-address included.
    #[must_use]
    pub fn is_spelled_as(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }

    /// What makes two addresses one account: lower case, and without a sub-address (`mei+shop@…` is `mei@…`).
    #[must_use]
    pub fn normalised(&self) -> String {
        let lower = self.0.to_lowercase();
        match lower.rsplit_once('@') {
            Some((local, domain)) => {
                let bare = local.split('+').next().filter(|bare| !bare.is_empty()).unwrap_or(local);
                format!("{bare}@{domain}")
            }
            None => lower,
        }
    }
}

/// Why an account's address gets no mail any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Undelivered {
    /// Mail to it came back for good.
    Bounced,
    /// Whoever reads there called our mail unwanted.
    Complained,
}

impl Undelivered {
    /// The name used in items.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// The mark on an account's address that gets no mail any more, until it is proved once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undeliverable {
    /// Why.
    pub why: Undelivered,
    /// Since when, by the clock of the company that sends our mail.
    pub since: Timestamp,
}

impl Undeliverable {
    /// Whether this news replaces what is known. A complaint weighs more than a bounce; otherwise the first mark stays.
    #[must_use]
    pub fn replaces(self, known: Option<Self>) -> bool {
        match known.map(|known| known.why) {
            None => true,
            Some(Undelivered::Bounced) => self.why == Undelivered::Complained,
            Some(Undelivered::Complained) => false,
        }
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let options = email_address::Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = email_address::EmailAddress::parse_with_options(text, options).map_err(|_| InvalidEmail)?;
        // Quoted local parts and non-ASCII domains are legal and undeliverable in practice.
        let plain = !parsed.local_part().starts_with('"') && parsed.domain().is_ascii();
        if plain && text.len() <= 254 && !text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_sub_address_do_not_make_another_account() {
        let one: EmailAddress = "Mei+Shop@Example.COM".parse().unwrap();
        assert_eq!(one.as_str(), "Mei+Shop@Example.COM");
        assert_eq!(one.normalised(), "mei@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "mei",
            "mei@",
            "@example.com",
            "mei@example",
            "mei @example.com",
            "\"mei\"@example.com",
            "Mei <mei@example.com>",
            "mei@[127.0.0.1]",
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmail), "{text}");
        }
    }

    #[test]
    fn printing_an_address_does_not_print_it() {
        assert!(!format!("{:?}", "mei@example.com".parse::<EmailAddress>().unwrap()).contains("mei"));
    }
}
