//! Signing in: an address and a password become a session.

use jiff::SignedDuration;

use crate::auth::HashKey;
use crate::domain::{EmailAddress, Profile, Session};
use crate::store::accounts::Owner;
use crate::store::limits::Policy;
use crate::store::{Accounts, Guard, Sessions, StoreError, Transaction};

/// How often the password of one address may be tried, wherever it is asked for.
pub const TRIES: Policy = Policy {
    name: "sign-in",
    quota: 10,
    window: SignedDuration::from_mins(15),
};

/// What stands for an address where tries are counted.
#[must_use]
pub fn subject(hash_key: &HashKey, email: &EmailAddress) -> String {
    hash_key.hash("sign-in", email.normalised().as_bytes()).to_hex()
}

/// The account of this address, if there is one, and what is known of the address.
///
/// # Errors
/// When the store fails.
pub async fn account_of(email: &EmailAddress, accounts: &Accounts) -> Result<Option<(Profile, Owner)>, StoreError> {
    let Some(owner) = accounts.owner(email).await? else {
        return Ok(None);
    };
    let profile = accounts.profile(owner.account).await?;
    Ok(profile.map(|profile| (profile, owner)))
}

/// Keeps a session of an account whose password was right. `false` when the account has another password by now, or is no
/// longer active: then no session has begun.
///
/// # Errors
/// When the store fails.
pub async fn begin_session(
    profile: &Profile,
    session: &Session,
    accounts: &Accounts,
    sessions: &Sessions,
) -> Result<bool, StoreError> {
    let transaction = Transaction::of([accounts.session_begun_write(profile)?, sessions.begin_write(session)?]);
    match transaction.commit(accounts.db()).await {
        Ok(()) => Ok(true),
        Err(error) if error.refused(Guard::Account).is_some() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
