//! The table `outbox`: mails to be sent, and for 30 days a log of their kinds and times.
//!
//! | id | what |
//! |---|---|
//! | `mail_…` | a mail; what it says and where it goes is erased as soon as it is sent or given up |
//!
//! The sparse index `account` lists the mails that are about an account.
//!
//! Its stream starts `mail-send`, for a new mail and for one that gets the attribute `wake`. The sparse index `unfinished`
//! has every mail that is still to be sent under the time at which somebody has to look after it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::table::of_account;
use super::{Db, Expression, Guard, Item, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::EmailAddress;
use crate::domain::mail::{Letter, Mail, MailKind};
use crate::ids::{self, Id};
use crate::trace::Trace;

/// How long it is kept that a mail of this kind was sent.
pub const LOG_MEMORY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The table `outbox`.
#[derive(Clone, Debug)]
pub struct Outbox {
    table: Table,
}

/// How a mail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The provider took it.
    Sent,
    /// It was refused for good, or its time ran out.
    Undelivered,
    /// Its address gets no mail any more.
    Withheld,
}

#[derive(Serialize, Deserialize)]
struct MailItem {
    id: Id<ids::Mail>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account_id: Option<Id<ids::Account>>,
    state: String,
    kind: MailKind,
    created_at: Timestamp,
    not_after: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    to: Option<EmailAddress>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    html: Option<String>,
    expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due_at: Option<i64>,
    /// The request that caused it, until it has ended; one that an older function has written names none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    trace: Option<String>,
}

/// What the log of mails knows of one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Logged {
    /// The mail.
    pub id: Id<ids::Mail>,
    /// What it is about.
    pub kind: MailKind,
    /// `queued`, `sent`, `undelivered` or `withheld`.
    pub state: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was sent or given up.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

/// An entry of the index `unfinished`.
#[derive(Deserialize)]
struct Due {
    id: Id<ids::Mail>,
}

/// The partition of the index `unfinished`.
const PENDING: &str = "mail";

/// How long a mail may take to be sent before somebody looks after it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A mail that nothing ever ended leaves by itself this long after it became useless.
const BACKSTOP: SignedDuration = SignedDuration::from_hours(48);

/// The state that the pipe's filter waits for.
const QUEUED: &str = "queued";

/// The state of a mail that nobody is to get.
const UNADDRESSED: &str = "unaddressed";

impl Outbox {
    /// The table named by `OUTBOX_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("OUTBOX_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// Puts a mail in the outbox, as a piece of the transaction that causes it.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn mail_write(&self, mail: &Mail) -> Result<Write, StoreError> {
        let item = to_item(&MailItem {
            id: mail.id,
            account_id: mail.account,
            state: QUEUED.to_owned(),
            kind: mail.kind,
            created_at: mail.id.made_at(),
            not_after: mail.not_after,
            to: Some(mail.to.clone()),
            subject: Some(mail.letter.subject.clone()),
            text: Some(mail.letter.text.clone()),
            html: Some(mail.letter.html.clone()),
            expires_at: (mail.not_after + BACKSTOP).as_second(),
            pending: Some(PENDING.to_owned()),
            due_at: Some((mail.id.made_at() + PATIENCE).as_second()),
            trace: Some(Trace::current_or(mail.id).as_str().to_owned()),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// Puts a mail in the outbox that goes to nobody, as a piece of a transaction for an address that no account has: so
    /// that the work is the same as for one that has. No worker is woken by it, and it is gone at `not_after`.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn unaddressed_write(
        &self,
        id: Id<ids::Mail>,
        kind: MailKind,
        not_after: Timestamp,
    ) -> Result<Write, StoreError> {
        let item = to_item(&MailItem {
            id,
            account_id: None,
            state: UNADDRESSED.to_owned(),
            kind,
            created_at: id.made_at(),
            not_after,
            to: None,
            subject: None,
            text: None,
            html: None,
            expires_at: not_after.as_second(),
            pending: None,
            due_at: None,
            trace: Some(Trace::current_or(id).as_str().to_owned()),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// The mail, if it is there and still to be sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn to_send(&self, id: Id<ids::Mail>) -> Result<Option<Mail>, StoreError> {
        let Some(item) = self.table.get(key(&[("id", id.to_string())])).await? else {
            return Ok(None);
        };
        mail_from(id, item)
    }

    /// Up to `limit` mails that are still to be sent and that somebody has to look after at `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<Id<ids::Mail>>, StoreError> {
        let due: Vec<Due> = self.table.due(PENDING, now, limit).await?;
        Ok(due.into_iter().map(|due| due.id).collect())
    }

    /// When the oldest was written of the `among` mails that are longest due; mails that are not to be sent any more are not among them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn oldest_unsent(&self, among: i32) -> Result<Option<Timestamp>, StoreError> {
        let due: Vec<Due> = self.table.due(PENDING, Timestamp::MAX, among).await?;
        Ok(due.into_iter().map(|due| due.id.made_at()).min())
    }

    /// Up to `limit` mails about an account that the log has, newest first, those before `before` if given. One that was written a
    /// moment ago may still be missing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_account(
        &self,
        account: Id<ids::Account>,
        before: Option<Id<ids::Mail>>,
        limit: i32,
    ) -> Result<Vec<Logged>, StoreError> {
        let own = of_account(account, before);
        let page = self.table.newest_of_index("account", own, limit).await?;
        let logged = |item| from_item(item, || format!("a mail about {account}"));
        page.items.into_iter().map(logged).collect()
    }

    /// Removes a mail about an account that is being erased, sent or not. Refused under [`Guard::Part`] when it is gone already.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn erasure_write(&self, id: Id<ids::Mail>) -> Result<Write, StoreError> {
        let there = Expression::when("attribute_exists(#id)");
        self.table
            .delete_write(key(&[("id", id.to_string())]), there, Guard::Part)
    }

    /// Has a worker come for the mail, if it is still to be sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wake(&self, id: Id<ids::Mail>, now: Timestamp) -> Result<(), StoreError> {
        let wake = Expression::update("SET #wake = :now, #due_at = :later")
            .and_when("#state = :queued")
            .text(":queued", QUEUED)
            .number(":now", now.as_second())
            .number(":later", (now + PATIENCE).as_second());
        self.table.update(key(&[("id", id.to_string())]), wake).await.map(drop)
    }

    /// Writes down how a mail ended and erases what it said and where it went. Doing it twice is doing it once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(&self, id: Id<ids::Mail>, fate: Fate, now: Timestamp) -> Result<(), StoreError> {
        let state = match fate {
            Fate::Sent => "sent",
            Fate::Undelivered => "undelivered",
            Fate::Withheld => "withheld",
        };
        let expression = Expression::update(
            "SET #state = :state, #ended_at = :now, #expires_at = :forget \
             REMOVE #to, #subject, #text, #html, #pending, #due_at, #wake, #trace",
        )
        .and_when("#state = :queued")
        .text(":state", state)
        .text(":queued", QUEUED)
        .text(":now", now.to_string())
        .number(":forget", (now + LOG_MEMORY).as_second());
        match self.table.update(key(&[("id", id.to_string())]), expression).await? {
            // Somebody ended it before us, or it was erased with its account.
            Updated::Done(_) | Updated::Refused(_) => Ok(()),
        }
    }
}

fn mail_from(id: Id<ids::Mail>, item: Item) -> Result<Option<Mail>, StoreError> {
    let item: MailItem = from_item(item, || id.to_string())?;
    let letter = item
        .subject
        .zip(item.text)
        .zip(item.html)
        .map(|((subject, text), html)| Letter { subject, text, html });
    Ok(item
        .to
        .zip(letter)
        .filter(|_| item.state == QUEUED)
        .map(|(to, letter)| Mail {
            id,
            account: item.account_id,
            kind: item.kind,
            to,
            letter,
            not_after: item.not_after,
        }))
}
