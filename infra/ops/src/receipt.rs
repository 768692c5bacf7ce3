//! The receipt of a deletion, checked without asking anybody.

use std::fmt;

use shared::auth::statement::{Attested, attested};
use shared::auth::{JwkSet, TokenError};

use crate::OpsError;
use crate::table::Table;

/// What a receipt says that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(Attested);

impl Receipt {
    /// Reads the file of a receipt, which must be exactly what was signed by one of `keys`; a line's end after it is no part of
    /// it.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn verify(text: &str, keys: &JwkSet) -> Result<Self, OpsError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let why = |error: TokenError| match error {
            TokenError::Malformed => "this is no receipt: save one with `Accept: application/jose`".to_owned(),
            TokenError::UnknownKey => {
                let known: Vec<&str> = keys.keys.iter().map(|key| key.kid.as_str()).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                format!("it is signed with a key that is not known here; known: {known}")
            }
            TokenError::Refused
            | TokenError::NotOurs
            | TokenError::Expired
            | TokenError::NotYet
            | TokenError::Signing => "the signature is not right: this is not what was signed".to_owned(),
        };
        attested(text, keys)
            .map(Self)
            .map_err(|error| OpsError::Unfit(why(error)))
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attested { statement, kid } = &self.0;
        let mut table = Table::default();
        table.heading("The signature holds");
        table.fact("service", &statement.service);
        table.fact("key", kid);
        table.fact("deletion", &statement.deletion);
        table.fact("asked for", statement.asked_at);
        table.fact("erased", statement.erased_at);
        f.write_str(&table.text())?;
        f.write_str("\nWhat went\n")?;
        for went in &statement.gone {
            writeln!(f, "  {:>6}  {} ({})", went.count, went.what.words(), went.store)?;
        }
        f.write_str("\nWhat stays\n")?;
        for stays in &statement.stays {
            let until = stays
                .until
                .map_or_else(|| "for good".to_owned(), |until| format!("until {until}"));
            writeln!(f, "  {until}: {}; {}", stays.what, stays.why)?;
        }
        Ok(())
    }
}
