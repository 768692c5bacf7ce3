//! The table `sessions`: who is signed in where. Apart from `accounts`, so that a function that only has to know whether a
//! session has ended can read no address and no password's hash.
//!
//! | account_id | id | what |
//! |---|---|---|
//! | `acc_…` | `ses_…` | one sign-in |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::{DeviceName, Session};
use crate::ids::{self, Id};

/// The table `sessions`.
#[derive(Clone, Debug)]
pub struct Sessions {
    table: Table,
}

#[derive(Serialize, Deserialize)]
struct SessionItem {
    account_id: Id<ids::Account>,
    id: Id<ids::Session>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    device: Option<DeviceName>,
    generation: u32,
    refreshed_at: Timestamp,
    used: bool,
    last_used_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    policy: Option<String>,
    expires_at: i64,
}

/// How many sessions are ended at a time.
const BATCH: i32 = 50;

fn session_key(account: Id<ids::Account>, session: Id<ids::Session>) -> Item {
    key(&[("account_id", account.to_string()), ("id", session.to_string())])
}

impl Sessions {
    /// The table named by `SESSIONS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("SESSIONS_TABLE")?),
        })
    }

    /// The session, if it is there and has not ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(
        &self,
        account: Id<ids::Account>,
        session: Id<ids::Session>,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let item = self.table.get(session_key(account, session)).await?;
        let session = item.map(session_from).transpose()?;
        Ok(session.filter(|session| session.expires_at() > now))
    }

    /// The account's sessions that have not ended, newest first, from the one before `before` on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        account: Id<ids::Account>,
        before: Option<Id<ids::Session>>,
        limit: i32,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let items = self.table.newest(account, before, limit).await?;
        let sessions: Vec<Session> = items.into_iter().map(session_from).collect::<Result<_, _>>()?;
        Ok(sessions
            .into_iter()
            .filter(|session| session.expires_at() > now)
            .collect())
    }

    /// Keeps a new session, as a piece of the transaction that proves who it is.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn begin_write(&self, session: &Session) -> Result<Write, StoreError> {
        let item = to_item(&SessionItem {
            account_id: session.account,
            id: session.id,
            device: session.device.clone(),
            generation: session.generation,
            refreshed_at: session.refreshed_at,
            used: session.used,
            last_used_at: session.last_used_at,
            policy: session.policy.clone(),
            expires_at: session.expires_at().as_second(),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// Writes down what token was given out and when, if the session is still as it was read. `false` when somebody else was
    /// faster, or it has ended.
    ///
    /// # Errors
    /// When the store fails; then it may have been written, and showing the same token again is safe.
    pub async fn replace(&self, read: &Session, new: &Session) -> Result<bool, StoreError> {
        let expression =
            Expression::update("SET #generation = :new, #refreshed_at = :at, #used = :used, #last_used_at = :last")
                .and_when("#generation = :read AND #refreshed_at = :before AND #used = :was")
                .number(":new", new.generation)
                .text(":at", new.refreshed_at.to_string())
                .flag(":used", new.used)
                .text(":last", new.last_used_at.to_string())
                .number(":read", read.generation)
                .text(":before", read.refreshed_at.to_string())
                .flag(":was", read.used);
        match self.table.update(session_key(new.account, new.id), expression).await? {
            Updated::Done(_) => Ok(true),
            Updated::Refused(_) => Ok(false),
        }
    }

    /// Writes down that the newest generation is in use, unless there is a newer one by now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn mark_used(&self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        let expression = Expression::update("SET #used = :yes, #last_used_at = :now")
            .and_when("#generation = :generation")
            .number(":generation", session.generation)
            .flag(":yes", true)
            .text(":now", now.to_string());
        let key = session_key(session.account, session.id);
        self.table.update(key, expression).await.map(drop)
    }

    /// Writes down in every session of the account that a version of the privacy policy was accepted, so that none asks for it
    /// any more. Doing it twice is doing it once.
    ///
    /// # Errors
    /// When the store fails; then some may ask once more.
    pub async fn accepted(&self, account: Id<ids::Account>, version: &str) -> Result<(), StoreError> {
        let mut before = None;
        loop {
            let sessions = self.list(account, before, BATCH, Timestamp::MIN).await?;
            let accepts = sessions.iter().map(|session| {
                let expression = Expression::update("SET #policy = :version")
                    .and_when("attribute_exists(#id)")
                    .text(":version", version);
                self.table.update(session_key(account, session.id), expression)
            });
            futures::future::try_join_all(accepts).await?;
            match sessions.last() {
                Some(last) => before = Some(last.id),
                None => return Ok(()),
            }
        }
    }

    /// Ends a session. `false` when there was none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(&self, account: Id<ids::Account>, session: Id<ids::Session>) -> Result<bool, StoreError> {
        let expression = Expression::when("attribute_exists(#id)");
        self.table.delete(session_key(account, session), expression).await
    }

    /// Ends a session, as a piece of a transaction; one that has ended already is no obstacle.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn end_write(&self, account: Id<ids::Account>, session: Id<ids::Session>) -> Result<Write, StoreError> {
        self.table
            .delete_write(session_key(account, session), Expression::default(), Guard::New)
    }

    /// Ends a session of an account that is being erased. Refused under [`Guard::Part`] when it is gone already.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn erasure_write(&self, session: &Session) -> Result<Write, StoreError> {
        let there = Expression::when("attribute_exists(#id)");
        self.table
            .delete_write(session_key(session.account, session.id), there, Guard::Part)
    }

    /// Ends every session of the account, or every one but `spared`. Doing it twice is doing it once.
    ///
    /// # Errors
    /// When the store fails; then some may have ended.
    pub async fn end_all(&self, account: Id<ids::Account>, spared: Option<Id<ids::Session>>) -> Result<(), StoreError> {
        self.end_before(account, None, spared).await
    }

    /// Ends every session of the account that began before `before`, but not `spared`. Doing it twice is doing it once.
    ///
    /// # Errors
    /// When the store fails; then some may have ended.
    pub async fn end_before(
        &self,
        account: Id<ids::Account>,
        mut before: Option<Id<ids::Session>>,
        spared: Option<Id<ids::Session>>,
    ) -> Result<(), StoreError> {
        loop {
            let sessions = self.list(account, before, BATCH, Timestamp::MIN).await?;
            let ends = sessions
                .iter()
                .filter(|session| Some(session.id) != spared)
                .map(|session| self.end(account, session.id));
            futures::future::try_join_all(ends).await?;
            match sessions.last() {
                Some(last) => before = Some(last.id),
                None => return Ok(()),
            }
        }
    }
}

fn session_from(item: Item) -> Result<Session, StoreError> {
    let name = || {
        let id = item.get("id").and_then(|id| id.as_s().ok());
        id.cloned().unwrap_or_default()
    };
    let name = name();
    let item: SessionItem = from_item(item, || name)?;
    Ok(Session {
        id: item.id,
        account: item.account_id,
        device: item.device,
        generation: item.generation,
        refreshed_at: item.refreshed_at,
        used: item.used,
        last_used_at: item.last_used_at,
        policy: item.policy,
    })
}
