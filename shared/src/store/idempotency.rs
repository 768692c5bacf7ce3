//! The table `idempotency`: the answers to requests that may be sent twice, kept for 24 hours; and the names of events that
//! other companies told us and that have acted.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `acc_…` | `<route>#<hash of the key>` | fingerprint of the request and its answer |
//! | `webhook#<company>` | the event's id | an event that has acted |

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Db, Expression, Guard, Item, Refused, StoreError, Table, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::ids::{self, Id};

/// How long a key is remembered.
pub const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// How long an event is remembered: as long as companies go on telling one. Resend gives up after 28 hours, PayPal after three days.
pub const EVENT_MEMORY: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The table `idempotency`.
#[derive(Clone, Debug)]
pub struct Idempotency {
    table: Table,
}

/// A key as one caller used it on one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Who used it; keys of different accounts never meet.
    pub account: Id<ids::Account>,
    /// Where, such as `images-create`.
    pub route: &'static str,
    /// SHA-256 of the key, in hexadecimal; the key itself is the caller's words and not kept.
    pub key_hash: String,
    /// What was asked: a hash over method, path and body.
    pub fingerprint: String,
}

impl Use {
    /// `key` as `account` used it on `route` for the request with this fingerprint.
    #[must_use]
    pub fn new(account: Id<ids::Account>, route: &'static str, key: &str, fingerprint: String) -> Self {
        Self {
            account,
            route,
            key_hash: hex::encode(Sha256::digest(key)),
            fingerprint,
        }
    }
}

/// The first answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was asked when it was given.
    pub fingerprint: String,
    /// The body, as JSON text.
    pub body: String,
}

/// Where an answer is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Kept {
    pk: String,
    sk: String,
}

#[derive(Serialize, Deserialize)]
struct AnswerItem {
    pk: String,
    sk: String,
    fingerprint: String,
    body: String,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct EventItem {
    pk: String,
    sk: String,
    expires_at: i64,
}

impl Idempotency {
    /// The table named by `IDEMPOTENCY_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("IDEMPOTENCY_TABLE")?),
        })
    }

    /// The answer given before, if the key was used in the last 24 hours.
    ///
    /// # Errors
    /// When the store fails; the caller must then refuse, because it cannot know.
    pub async fn answer(&self, used: &Use, now: Timestamp) -> Result<Option<Answer>, StoreError> {
        let Some(item) = self
            .table
            .get(key(&[("pk", used.account.to_string()), ("sk", sk(used))]))
            .await?
        else {
            return Ok(None);
        };
        answer_from(item, used, now)
    }

    /// The answer that stood in the way of [`Idempotency::answer_write`], so that the loser of a race need not ask for it.
    ///
    /// # Errors
    /// When the item is not in our form.
    pub fn answer_in(&self, refused: &Refused, used: &Use, now: Timestamp) -> Result<Option<Answer>, StoreError> {
        refused
            .item
            .clone()
            .map_or(Ok(None), |item| answer_from(item, used, now))
    }

    /// Remembers the answer, as a piece of the very transaction that makes it true.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn answer_write(&self, used: &Use, body: String, now: Timestamp) -> Result<Write, StoreError> {
        let item = to_item(&AnswerItem {
            pk: used.account.to_string(),
            sk: sk(used),
            fingerprint: used.fingerprint.clone(),
            body,
            expires_at: (now + MEMORY).as_second(),
        })?;
        self.table
            .put_write(item, Expression::absent("pk", now), Guard::Idempotency)
    }

    /// Up to `limit` answers that are kept for an account.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_account(&self, account: Id<ids::Account>, limit: i32) -> Result<Vec<Kept>, StoreError> {
        let own = Expression::when("#pk = :pk").text(":pk", account.to_string());
        let items = self.table.query(own, false, limit).await?;
        let kept = |item| from_item(item, || format!("an answer to {account}"));
        items.into_iter().map(kept).collect()
    }

    /// Forgets an answer. Refused under [`Guard::Part`] when it is gone already.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn forget_write(&self, kept: &Kept) -> Result<Write, StoreError> {
        let there = Expression::when("attribute_exists(#pk)");
        let key = key(&[("pk", kept.pk.clone()), ("sk", kept.sk.clone())]);
        self.table.delete_write(key, there, Guard::Part)
    }

    /// Remembers that the event `id` of a company has acted, as a piece of the very transaction in which it does; refused
    /// when it has acted before.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn event_write(&self, company: &'static str, id: &str, now: Timestamp) -> Result<Write, StoreError> {
        let item = to_item(&EventItem {
            pk: format!("webhook#{company}"),
            sk: id.to_owned(),
            expires_at: (now + EVENT_MEMORY).as_second(),
        })?;
        self.table
            .put_write(item, Expression::absent("pk", now), Guard::Idempotency)
    }

    /// Whether the event `id` of a company has acted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_acted(&self, company: &'static str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (pk, sk) = (format!("webhook#{company}"), id.to_owned());
        let Some(item) = self.table.get(key(&[("pk", pk), ("sk", sk)])).await? else {
            return Ok(false);
        };
        let item: EventItem = from_item(item, || format!("an event of {company}"))?;
        Ok(item.expires_at > now.as_second())
    }
}

fn answer_from(item: Item, used: &Use, now: Timestamp) -> Result<Option<Answer>, StoreError> {
    let item: AnswerItem = from_item(item, || format!("{} {}", used.account, sk(used)))?;
    let fresh = item.expires_at > now.as_second();
    Ok(fresh.then_some(Answer {
        fingerprint: item.fingerprint,
        body: item.body,
    }))
}

fn sk(used: &Use) -> String {
    format!("{}#{}", used.route, used.key_hash)
}
