//! Signing in: an address and a password become a session.

use crate::Ids;
use crate::domain::{EmailAddress, Profile, Session};
use crate::store::accounts::Owner;
use crate::store::{Accounts, StoreError};

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

/// Begins a session for an account whose password was right.
///
/// # Errors
/// When the store fails.
pub async fn begin_session(profile: &Profile, accounts: &Accounts, ids: &Ids) -> Result<Session, StoreError> {
    let session = Session::begun(ids.next(), profile.id);
    accounts.begin_session(&session).await?;
    Ok(session)
}
