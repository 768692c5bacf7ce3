//! Signing in: an address and a password become a session.

use crate::domain::{EmailAddress, Profile, Session};
use crate::store::accounts::Owner;
use crate::store::{Accounts, Guard, Sessions, StoreError, Transaction};

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
