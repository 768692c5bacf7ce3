//! Requests about somebody's own data, in the table `privacy`.
//!
//! | id | what |
//! |---|---|
//! | `prq_…` | a request; `account_id` says whose, and goes with the account |
//! | `export#<hash of the address's key>` | data that may be fetched, once |
//!
//! In the index `unfinished` stands every request that waits for a person, under the time at which it has to be answered. The sparse
//! index `account` lists an account's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::privacy_request::{EXPORT_LIFE, EXPORT_VISIT, MEMORY, Stand, Wanted};
use crate::domain::{Code, EmailAddress, ExportKey, Message, PrivacyRequest};
use crate::ids::{self, Id};

/// The requests in the table `privacy`.
#[derive(Clone, Debug)]
pub struct Requests {
    table: Table,
}

/// The partition of the index `unfinished` that has requests.
const PENDING: &str = "request";

#[derive(Serialize, Deserialize)]
struct RequestItem {
    id: Id<ids::PrivacyRequest>,
    wanted: Wanted,
    state: Stand,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account_id: Option<Id<ids::Account>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    email: Option<EmailAddress>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    message: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    confirmed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    answered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    code_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tries_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due_at: Option<i64>,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct ExportItem {
    id: String,
    account_id: Id<ids::Account>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    opened_at: Option<i64>,
    expires_at: i64,
}

/// Something about an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Kept {
    id: String,
}

/// An entry of an index.
#[derive(Deserialize)]
struct Entry {
    id: Id<ids::PrivacyRequest>,
}

impl Requests {
    /// Those in the table named by `PRIVACY_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("PRIVACY_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// The request, if it is known.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(
        &self,
        id: Id<ids::PrivacyRequest>,
        now: Timestamp,
    ) -> Result<Option<PrivacyRequest>, StoreError> {
        let Some(item) = self.table.get(request_key(id)).await? else {
            return Ok(None);
        };
        let item: RequestItem = from_item(item, || id.to_string())?;
        Ok((item.expires_at > now.as_second()).then(|| request_from(item)))
    }

    /// Keeps a request until its code is shown.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn open_write(&self, request: &PrivacyRequest, code_hash: String) -> Result<Write, StoreError> {
        let item = to_item(&RequestItem {
            code_hash: Some(code_hash),
            tries_left: Some(Code::TRIES),
            expires_at: (request.made_at() + Code::LIFE).as_second(),
            ..item_of(request)
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// The request and the hash of its code, if that is still good. Every call costs the code one of its tries.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn try_code(
        &self,
        id: Id<ids::PrivacyRequest>,
        now: Timestamp,
    ) -> Result<Option<(PrivacyRequest, String)>, StoreError> {
        let expression = Expression::update("SET #tries_left = #tries_left - :one")
            .and_when("#state = :open AND #tries_left > :none AND #expires_at > :now")
            .text(":open", Stand::Open.as_str())
            .number(":one", 1)
            .number(":none", 0)
            .number(":now", now.as_second());
        match self.table.update(request_key(id), expression).await? {
            Updated::Done(item) => {
                let mut item: RequestItem = from_item(item, || id.to_string())?;
                let hash = item.code_hash.take().unwrap_or_default();
                Ok(Some((request_from(item), hash)))
            }
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Writes what has become of a request, if it still is as `read` was.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn moved_write(&self, read: &PrivacyRequest, after: &PrivacyRequest) -> Result<Write, StoreError> {
        let same = Expression::when("#state = :state").text(":state", read.stand.as_str());
        self.table
            .change_write(request_key(read.id), &item_of(after), same, Guard::Request)
    }

    /// The requests that wait for a person, those that have to be answered first at the head, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self, limit: i32) -> Result<Vec<PrivacyRequest>, StoreError> {
        let entries: Vec<Entry> = self.table.due(PENDING, Timestamp::MAX, limit).await?;
        let mut requests = Vec::new();
        for Entry { id } in entries {
            requests.extend(self.find(id, Timestamp::MIN).await?.filter(PrivacyRequest::waits));
        }
        Ok(requests)
    }

    /// Up to `limit` requests of an account, newest first, those before `before` if given.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_account(
        &self,
        account: Id<ids::Account>,
        before: Option<Id<ids::PrivacyRequest>>,
        limit: i32,
    ) -> Result<Vec<PrivacyRequest>, StoreError> {
        let own = Expression::when("#account_id = :account AND #id BETWEEN :first AND :last")
            .text(":account", account.to_string())
            .text(":first", "prq_")
            .text(":last", before.map_or("prq`".to_owned(), |before| format!("{before}!")));
        let page = self.table.newest_of_index("account", own, limit + 1).await?;
        let mut requests = Vec::new();
        for item in page.items {
            let Entry { id } = from_item(item, || format!("a request of {account}"))?;
            if Some(id) != before {
                requests.extend(self.find(id, Timestamp::MIN).await?);
            }
        }
        Ok(requests)
    }

    /// Up to `limit` things that are kept about an account here: its requests, and what it may fetch. Not its deletion.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn kept_about(&self, account: Id<ids::Account>, limit: i32) -> Result<Vec<Kept>, StoreError> {
        // `deletion#…` is before both.
        let own = Expression::when("#account_id = :account AND #id > :deletions")
            .text(":account", account.to_string())
            .text(":deletions", "e");
        let page = self.table.query_index("account", own, limit, None).await?;
        let kept = |item| from_item(item, || format!("something about {account}"));
        page.items.into_iter().map(kept).collect()
    }

    /// Forgets something about an account that is being erased. Refused under [`Guard::Part`] when it is gone already.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn forget_write(&self, kept: &Kept) -> Result<Write, StoreError> {
        let there = Expression::when("attribute_exists(#id)");
        self.table
            .delete_write(key(&[("id", kept.id.clone())]), there, Guard::Part)
    }

    /// Lets everything about an account be fetched, once, under the address of `key`.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn export_write(
        &self,
        key: &ExportKey,
        account: Id<ids::Account>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let item = to_item(&ExportItem {
            id: export_pk(key),
            account_id: account,
            opened_at: None,
            expires_at: (now + EXPORT_LIFE).as_second(),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// Whose data the key opens. The first part can be fetched once; whoever has done so may fetch the further ones for an hour.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export_of(
        &self,
        key: &ExportKey,
        is_first: bool,
        now: Timestamp,
    ) -> Result<Option<Id<ids::Account>>, StoreError> {
        let Some(item) = self.table.get(key_of(key)).await? else {
            return Ok(None);
        };
        let item: ExportItem = from_item(item, || export_pk(key))?;
        let opens = match item.opened_at {
            None => is_first && item.expires_at > now.as_second(),
            Some(opened) => !is_first && opened > (now - EXPORT_VISIT).as_second(),
        };
        Ok(opens.then_some(item.account_id))
    }

    /// Notes that a part has been gathered and is handed out; `false` when the key does not open it any more. The last thing that is
    /// done: what cannot be gathered now can be fetched later.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_export(&self, key: &ExportKey, is_first: bool, now: Timestamp) -> Result<bool, StoreError> {
        let expression = if is_first {
            Expression::update("SET #opened_at = :now")
                .and_when("attribute_not_exists(#opened_at) AND #expires_at > :now")
                .number(":now", now.as_second())
        } else {
            Expression::update("SET #seen_at = :now")
                .and_when("#opened_at > :visit")
                .number(":now", now.as_second())
                .number(":visit", (now - EXPORT_VISIT).as_second())
        };
        let opened = self.table.update(key_of(key), expression).await?;
        Ok(matches!(opened, Updated::Done(_)))
    }
}

/// A request as it is kept, once its address is proved.
fn item_of(request: &PrivacyRequest) -> RequestItem {
    RequestItem {
        id: request.id,
        wanted: request.wanted,
        state: request.stand,
        account_id: request.account,
        email: request.email.clone(),
        message: request.message.clone(),
        reason: request.reason.clone(),
        confirmed_at: request.confirmed_at,
        answered_at: request.answered_at,
        code_hash: None,
        tries_left: None,
        pending: request.waits().then(|| PENDING.to_owned()),
        due_at: request.waits().then(|| request.due_at().as_second()),
        expires_at: (request.made_at() + MEMORY).as_second(),
    }
}

fn request_from(item: RequestItem) -> PrivacyRequest {
    PrivacyRequest {
        id: item.id,
        wanted: item.wanted,
        stand: item.state,
        account: item.account_id,
        email: item.email,
        message: item.message,
        reason: item.reason,
        confirmed_at: item.confirmed_at,
        answered_at: item.answered_at,
    }
}

fn request_key(id: Id<ids::PrivacyRequest>) -> Item {
    key(&[("id", id.to_string())])
}

fn export_pk(key: &ExportKey) -> String {
    format!("export#{}", key.hash())
}

fn key_of(export: &ExportKey) -> Item {
    key(&[("id", export_pk(export))])
}
