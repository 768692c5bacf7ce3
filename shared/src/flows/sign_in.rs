//! Signing in: an address and a password become a session.

use crate::auth::HashKey;
use crate::domain::{EmailAddress, Profile, Session};
use crate::ids::{self, Id};
use crate::store::accounts::Owner;
use crate::store::{Accounts, Guard, Sessions, StoreError, Transaction};

/// The account of this address, if there is one, and what is known of the address. An address without an account is looked up
/// in as many steps.
///
/// # Errors
/// When the store fails.
pub async fn account_of(
    email: &EmailAddress,
    accounts: &Accounts,
    key: &HashKey,
) -> Result<Option<(Profile, Owner)>, StoreError> {
    let owner = accounts.owner(email).await?;
    let account = owner.as_ref().map_or_else(|| nobody(email, key), |owner| owner.account);
    Ok(accounts.profile(account).await?.zip(owner))
}

/// An account that does not exist, always the same for an address: what is done for an address that has an account is done
/// with this one for an address that has none, so that the work does not tell which it was. Nobody can be this account:
/// no profile is ever written under an id that was not new.
#[must_use]
pub fn nobody(email: &EmailAddress, key: &HashKey) -> Id<ids::Account> {
    let hash = key.hash("nobody", email.normalised().as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hash.bytes()[..16]);
    Id::from_random(half)
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
