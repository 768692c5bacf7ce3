//! Who is asking: access tokens, passwords, and keyed hashes of what must not be stored as it is.

pub mod bearer;
pub mod caller;
mod configured;
mod eddsa;
pub mod keyed_hash;
pub mod keys;
pub mod password;
pub mod refresh_token;
pub mod source;
pub mod statement;
pub mod token;

pub use bearer::Bearer;
pub use caller::Caller;
pub use keyed_hash::{HashKey, KeyedHash};
pub use keys::{Jwk, JwkSet, SigningKey};
pub use password::{Password, PasswordError};
pub use refresh_token::RefreshToken;
pub use statement::StatementSigner;
pub use token::{AccessToken, TokenError, TokenSigner, Verified, VerifyingKeys};

#[cfg(test)]
mod tests;
