//! The end of many sessions as a part of the transaction that causes it.

use jiff::Timestamp;

use crate::ids::{self, Id};
use crate::store::{Sessions, StoreError, Write};

/// How many sessions end in the transaction itself. It holds a hundred writes at most; older ones end before it.
const ENDED_AT_ONCE: u8 = 80;

/// The writes that end every session of the account but `spared`. Whoever commits them has read the profile before, and makes sure
/// that no session has begun since ([`Profile::sessions_begun`](crate::domain::Profile::sessions_begun)).
///
/// # Errors
/// When the store fails; then some sessions may have ended.
pub(super) async fn ending_writes(
    sessions: &Sessions,
    account: Id<ids::Account>,
    spared: Option<Id<ids::Session>>,
) -> Result<Vec<Write>, StoreError> {
    let listed = sessions
        .list(account, None, ENDED_AT_ONCE.into(), Timestamp::MIN)
        .await?;
    if let Some(last) = listed.last().filter(|_| listed.len() >= usize::from(ENDED_AT_ONCE)) {
        sessions.end_before(account, Some(last.id), spared).await?;
    }
    let ends = listed.iter().filter(|session| Some(session.id) != spared);
    ends.map(|session| sessions.end_write(account, session.id)).collect()
}
