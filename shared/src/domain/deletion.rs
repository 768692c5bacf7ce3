//! Deletions of accounts: asked for, undone or carried out, and the statement of what went.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ReceiptKey;
use crate::ids::{self, Id};

/// How long the statement of a deletion can be fetched once the account is erased (declared in PRIVACY.md).
pub const RECEIPT_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How long an erased account's number is remembered: as long as a database can be brought back from before its erasure
/// (DynamoDB keeps 35 days at most; declared in PRIVACY.md).
pub const ERASED_MEMORY: SignedDuration = SignedDuration::from_hours(35 * 24);

/// How long an erasure waits at most for money that is under way; what comes later is to be refunded.
pub const MONEY_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// What a deletion is kept under: the hash of its [`ReceiptKey`], in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeletionId(String);

impl ReceiptKey {
    /// What the deletion is kept under.
    #[must_use]
    pub fn id(&self) -> DeletionId {
        DeletionId(self.hash())
    }
}

impl DeletionId {
    /// The id whose text this is, if it is a SHA-256 in hexadecimal.
    #[must_use]
    pub fn from_hash(text: &str) -> Option<Self> {
        let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self(text.to_owned()))
    }

    /// The hash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeletionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A deletion that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// What it is kept under.
    pub id: DeletionId,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When the erasure begins; until then it can be undone.
    pub due_at: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// What is gone so far.
    pub gone: Gone,
    /// Counts the writes: whoever writes has read this very version.
    pub version: u64,
}

/// How far a deletion is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its due time.
    Waiting(Id<ids::Account>),
    /// The account is being erased.
    Erasing(Id<ids::Account>),
    /// Nothing of the account is left; this is the signed statement (a JWS in its compact form).
    Erased(String),
}

/// What an erasure removes or cuts loose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// The address, the password's hash, the name, the number of the account's ledger.
    Profile,
    /// Which versions of the policy were accepted, and when.
    Consents,
    /// Codes and changes of address that waited.
    Codes,
    /// Sign-ins.
    Sessions,
    /// Pictures with their prompts.
    Pictures,
    /// Files at Tencent Cloud.
    CosFiles,
    /// Files at Alibaba Cloud.
    OssFiles,
    /// Mails, sent or not, and what the log of mails knew of them.
    Mails,
    /// Requests about the person's data, and addresses at which it could be fetched.
    Requests,
    /// Answers kept so that a request can be repeated.
    Answers,
    /// Orders for credits for which no money has moved.
    UnpaidOrders,
    /// Orders for credits that tax law keeps; what said whose they were is gone.
    PaidOrders,
}

impl Thing {
    /// Every kind of thing, in the order in which a statement lists them.
    pub const ALL: [Self; 12] = [
        Self::Profile,
        Self::Consents,
        Self::Codes,
        Self::Sessions,
        Self::Pictures,
        Self::CosFiles,
        Self::OssFiles,
        Self::Mails,
        Self::Requests,
        Self::Answers,
        Self::UnpaidOrders,
        Self::PaidOrders,
    ];

    /// What it is, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Profile => "profile: address, password's hash, name",
            Self::Consents => "versions of the policy that were accepted",
            Self::Codes => "codes and changes of address that waited",
            Self::Sessions => "sign-ins",
            Self::Pictures => "pictures with their prompts",
            Self::CosFiles | Self::OssFiles => "files of pictures",
            Self::Mails => "mails, and what was known of them",
            Self::Requests => "requests about the data",
            Self::Answers => "answers kept for repeated requests",
            Self::UnpaidOrders => "orders for which no money has moved",
            Self::PaidOrders => "paid orders, cut loose from the account",
        }
    }

    /// Where it was.
    #[must_use]
    pub fn store(self) -> &'static str {
        match self {
            Self::Profile | Self::Consents | Self::Codes => "accounts",
            Self::Sessions => "sessions",
            Self::Pictures => "images",
            Self::CosFiles => "Tencent COS",
            Self::OssFiles => "Alibaba OSS",
            Self::Mails => "outbox",
            Self::Requests => "privacy",
            Self::Answers => "idempotency",
            Self::UnpaidOrders | Self::PaidOrders => "orders",
        }
    }
}

/// How much of each kind went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gone(BTreeMap<Thing, u64>);

impl Gone {
    /// Counts `count` more of a kind.
    #[must_use]
    pub fn and(mut self, thing: Thing, count: usize) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let sum = self.0.entry(thing).or_default();
        *sum = sum.saturating_add(count);
        self
    }

    /// How much of this kind went.
    #[must_use]
    pub fn of(&self, thing: Thing) -> u64 {
        self.0.get(&thing).copied().unwrap_or_default()
    }
}

/// The name of a statement's form.
pub const SCHEMA: &str = "vitrine.erasure";

/// What went, what stays, why, and until when: what a deletion's receipt says, without a word that tells whose account it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// `vitrine.erasure`.
    pub schema: String,
    /// The version of that form.
    pub version: u32,
    /// The service's address.
    pub service: String,
    /// The SHA-256 of the receipt's address: whoever holds the address can show that this is the receipt of theirs.
    pub deletion: DeletionId,
    /// When the deletion was asked for.
    pub asked_at: Timestamp,
    /// When the last of it was gone.
    pub erased_at: Timestamp,
    /// What went, store by store.
    pub gone: Vec<Went>,
    /// What stays, why, and until when.
    pub stays: Vec<Stays>,
}

/// Something that went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Went {
    /// Where it was.
    pub store: String,
    /// What it was.
    pub what: Thing,
    /// How many.
    pub count: u64,
}

/// Something that outlives the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stays {
    /// What it is.
    pub what: String,
    /// Why it stays.
    pub why: String,
    /// Until when; for good, where nothing is said, and then nothing tells whose it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
}

/// What outlives an erasure by technique or by law, and for how long. PRIVACY.md declares each.
const LEFTOVERS: &[(&str, &str, Option<SignedDuration>)] = &[
    (
        "copies in the content delivery network",
        "they are purged by their age",
        Some(SignedDuration::from_mins(5)),
    ),
    (
        "change records of the database, and messages with ids in queues",
        "they start the workers; what failed lies aside for two weeks",
        Some(SignedDuration::from_hours(14 * 24)),
    ),
    (
        "pictures at the companies that painted them",
        "they keep a result for a day",
        Some(SignedDuration::from_hours(24)),
    ),
    (
        "counters of limits",
        "they keep the service from being abused",
        Some(SignedDuration::from_hours(2 * 24)),
    ),
    (
        "log lines with ids and times",
        "they say what went wrong, if something did",
        Some(SignedDuration::from_hours(30 * 24)),
    ),
    (
        "recovery of the database, and the account's number to erase it again if that is ever used",
        "a disaster must not end the service",
        Some(ERASED_MEMORY),
    ),
    (
        "a keyed hash of the address",
        "the bonus for signing up is given once",
        Some(super::account::BONUS_MEMORY),
    ),
    (
        "the ledger of credits under a random number",
        "it must add up for everybody; nothing says any more whose it was",
        None,
    ),
];

impl Deletion {
    /// One that is asked for now.
    #[must_use]
    pub fn asked(id: DeletionId, account: Id<ids::Account>, now: Timestamp, delay: SignedDuration) -> Self {
        Self {
            id,
            asked_at: now,
            due_at: now + delay,
            stage: Stage::Waiting(account),
            gone: Gone::default(),
            version: 0,
        }
    }

    /// The account, until nothing of it is left.
    #[must_use]
    pub fn account(&self) -> Option<Id<ids::Account>> {
        match self.stage {
            Stage::Waiting(account) | Stage::Erasing(account) => Some(account),
            Stage::Erased(_) => None,
        }
    }

    /// What can be said once the last of it is gone, at `now`.
    #[must_use]
    pub fn statement(&self, service: &str, now: Timestamp) -> Statement {
        let went = |thing: Thing| Went {
            store: thing.store().to_owned(),
            what: thing,
            count: self.gone.of(thing),
        };
        let leftover = |(what, why, life): &(&str, &str, Option<SignedDuration>)| Stays {
            what: (*what).to_owned(),
            why: (*why).to_owned(),
            until: life.map(|life| now + life),
        };
        let orders = (self.gone.of(Thing::PaidOrders) > 0).then(|| Stays {
            what: "paid orders: number, pack, price, dates, PayPal's names of the payment".to_owned(),
            why: "tax law wants them; nothing says any more whose they were".to_owned(),
            until: None,
        });
        Statement {
            schema: SCHEMA.to_owned(),
            version: 1,
            service: service.to_owned(),
            deletion: self.id.clone(),
            asked_at: self.asked_at,
            erased_at: now,
            gone: Thing::ALL.into_iter().map(went).collect(),
            stays: LEFTOVERS.iter().map(leftover).chain(orders).collect(),
        }
    }
}
