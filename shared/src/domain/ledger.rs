//! The ledger of an account's credits: double entry, chained by hash, each cause at most once.
//!
//! Two legs of every entry belong to the account (`available`, `held`), the rest to what stands across from it
//! (`bonus`, `granted`, `sold`, `spent`). Those are not kept as balances anywhere, so no item is written by all accounts at once.

mod audit;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::Credits;
use crate::domain::paypal::CaptureId;
use crate::ids::{self, Id};

pub use audit::{Broken, Flaw, audit, verify};

/// SHA-256 of an entry and, through the one before it, of all entries so far. 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainHash(String);

impl ChainHash {
    /// What stands before the first entry.
    #[must_use]
    pub fn origin() -> Self {
        Self("0".repeat(64))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ChainHash {
    fn from(digits: String) -> Self {
        Self(digits)
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..8).unwrap_or(&self.0))
    }
}

/// What an account has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// What can be spent.
    pub available: Credits,
    /// What is set aside for pictures being painted.
    pub held: Credits,
    /// The number of the last entry; 0 before the first.
    pub seq: u64,
    /// The hash of the last entry.
    pub head: ChainHash,
}

impl Default for Balance {
    fn default() -> Self {
        Self {
            available: Credits::ZERO,
            held: Credits::ZERO,
            seq: 0,
            head: ChainHash::origin(),
        }
    }
}

/// Something that moves credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posting {
    /// Given to a new account.
    Bonus {
        /// How many.
        credits: Credits,
    },
    /// One credit is set aside for a picture.
    Hold {
        /// The picture.
        image: Id<ids::Image>,
    },
    /// The picture is there: its credit is spent.
    Settle {
        /// The picture.
        image: Id<ids::Image>,
    },
    /// There is no picture: its credit is given back.
    Release {
        /// The picture.
        image: Id<ids::Image>,
    },
    /// Credits were paid for.
    Purchase {
        /// The order.
        order: Id<ids::Order>,
        /// The money that was taken; because of it, not of the order, the credits are given.
        capture: CaptureId,
        /// How many.
        credits: Credits,
    },
    /// Money went back, or is fought over: its credits are taken back, below zero if they are spent.
    Clawback {
        /// The order.
        order: Id<ids::Order>,
        /// Which change of the order's credits it is, after the purchase: 1, 2, 3, …
        nth: u32,
        /// How many.
        credits: Credits,
    },
    /// Money that was thought lost has stayed: its credits come back.
    Restore {
        /// The order.
        order: Id<ids::Order>,
        /// Which change of the order's credits it is, after the purchase.
        nth: u32,
        /// How many.
        credits: Credits,
    },
    /// An operator gives credits.
    Grant {
        /// The operator's act, as the audit knows it.
        act: Id<ids::Act>,
        /// How many.
        credits: Credits,
    },
}

impl Posting {
    /// What this happens because of. One cause acts at most once.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Bonus { .. } => "bonus".to_owned(),
            Self::Hold { image } => format!("hold:{image}"),
            // One name for both, so that a hold resolves exactly once and in one way.
            Self::Settle { image } | Self::Release { image } => format!("resolve:{image}"),
            Self::Purchase { capture, .. } => format!("capture:{capture}"),
            // Numbered together: whoever is the second to make the third change has not seen the first one's.
            Self::Clawback { order, nth, .. } | Self::Restore { order, nth, .. } => format!("change:{order}:{nth}"),
            Self::Grant { act, .. } => format!("grant:{act}"),
        }
    }

    /// The kind of entry, as people read it.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Bonus { .. } => EntryKind::Bonus,
            Self::Hold { .. } => EntryKind::Hold,
            Self::Settle { .. } => EntryKind::Settle,
            Self::Release { .. } => EntryKind::Release,
            Self::Purchase { .. } => EntryKind::Purchase,
            Self::Clawback { .. } => EntryKind::Clawback,
            Self::Restore { .. } => EntryKind::Restore,
            Self::Grant { .. } => EntryKind::Grant,
        }
    }

    /// The picture it is about, if any.
    #[must_use]
    pub fn image(&self) -> Option<Id<ids::Image>> {
        match self {
            Self::Hold { image } | Self::Settle { image } | Self::Release { image } => Some(*image),
            Self::Bonus { .. }
            | Self::Purchase { .. }
            | Self::Clawback { .. }
            | Self::Restore { .. }
            | Self::Grant { .. } => None,
        }
    }

    /// The order it is about, if any.
    #[must_use]
    pub fn order(&self) -> Option<Id<ids::Order>> {
        match self {
            Self::Purchase { order, .. } | Self::Clawback { order, .. } | Self::Restore { order, .. } => Some(*order),
            Self::Bonus { .. }
            | Self::Hold { .. }
            | Self::Settle { .. }
            | Self::Release { .. }
            | Self::Grant { .. } => None,
        }
    }

    /// What it does to open holds.
    #[must_use]
    pub fn hold(&self) -> HoldChange {
        match self {
            Self::Hold { image } => HoldChange::Opens(*image),
            Self::Settle { image } | Self::Release { image } => HoldChange::Closes(*image),
            Self::Bonus { .. }
            | Self::Purchase { .. }
            | Self::Clawback { .. }
            | Self::Restore { .. }
            | Self::Grant { .. } => HoldChange::None,
        }
    }

    fn legs(&self) -> Vec<Leg> {
        let one = Credits::PER_IMAGE;
        let between = |from, to, credits: Credits| vec![Leg::new(from, -credits), Leg::new(to, credits)];
        match self {
            Self::Bonus { credits } => vec![Leg::new(Side::Available, *credits), Leg::new(Side::Bonus, -*credits)],
            Self::Hold { .. } => between(Side::Available, Side::Held, one),
            Self::Settle { .. } => between(Side::Held, Side::Spent, one),
            Self::Release { .. } => between(Side::Held, Side::Available, one),
            Self::Purchase { credits, .. } | Self::Restore { credits, .. } => {
                between(Side::Sold, Side::Available, *credits)
            }
            Self::Clawback { credits, .. } => between(Side::Available, Side::Sold, *credits),
            Self::Grant { credits, .. } => between(Side::Granted, Side::Available, *credits),
        }
    }
}

/// What a posting does to the account's open holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldChange {
    /// Nothing.
    None,
    /// A hold begins.
    Opens(Id<ids::Image>),
    /// A hold ends; there must be one.
    Closes(Id<ids::Image>),
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Given to a new account.
    Bonus,
    /// Set aside for a picture.
    Hold,
    /// Spent on a picture.
    Settle,
    /// Given back.
    Release,
    /// Bought.
    Purchase,
    /// Taken back, because the money went back or is fought over.
    Clawback,
    /// Given once more, because the money has stayed after all.
    Restore,
    /// Given by an operator.
    Grant,
}

/// One side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The account's credits to spend.
    Available,
    /// The account's credits set aside.
    Held,
    /// Credits given away.
    Bonus,
    /// Credits turned into pictures.
    Spent,
    /// Credits sold.
    Sold,
    /// Credits given by operators.
    Granted,
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Bonus => "bonus",
            Self::Spent => "spent",
            Self::Sold => "sold",
            Self::Granted => "granted",
        }
    }
}

/// An amount on one side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Which side.
    pub side: Side,
    /// How many credits it gains.
    pub credits: Credits,
}

impl Leg {
    fn new(side: Side, credits: Credits) -> Self {
        Self { side, credits }
    }
}

/// A line of the ledger. Never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// 1, 2, 3, …
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What kind of thing happened.
    pub kind: EntryKind,
    /// What it happened because of.
    pub cause: String,
    /// The picture it is about, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<Id<ids::Image>>,
    /// The order it is about, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<Id<ids::Order>>,
    /// Its sides; they sum to zero.
    pub legs: Vec<Leg>,
    /// The hash of the entry before.
    pub previous: ChainHash,
    /// The hash of this one.
    pub hash: ChainHash,
}

impl Entry {
    /// What the entry adds to one side.
    #[must_use]
    pub fn on(&self, side: Side) -> Credits {
        self.legs
            .iter()
            .filter(|leg| leg.side == side)
            .map(|leg| leg.credits)
            .sum()
    }

    fn computed_hash(&self) -> ChainHash {
        let legs: Vec<String> = self
            .legs
            .iter()
            .map(|leg| format!("{}:{}", leg.side.as_str(), leg.credits))
            .collect();
        let text = format!(
            "1\n{}\n{}\n{}\n{}\n{}",
            self.seq,
            self.at,
            self.cause,
            legs.join(","),
            self.previous.as_str()
        );
        ChainHash(hex::encode(Sha256::digest(text)))
    }
}

/// Why a posting cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerRefusal {
    /// There are not enough credits to spend.
    #[error("{needed} credits are needed and {available} are available")]
    Insufficient {
        /// How many the whole request needs.
        needed: Credits,
        /// How many there are.
        available: Credits,
    },
    /// This cause has acted before.
    #[error("this has been entered before")]
    CausedBefore,
    /// There is no open hold to resolve.
    #[error("there is no open hold for this picture")]
    NotHeld,
}

impl Balance {
    /// The balance after `posting`, and the entry that takes it there.
    ///
    /// # Errors
    /// When a hold would take `available` below zero.
    pub fn post(&self, posting: &Posting, at: Timestamp) -> Result<(Self, Entry), LedgerRefusal> {
        let mut entry = Entry {
            seq: self.seq + 1,
            at,
            kind: posting.kind(),
            cause: posting.cause(),
            image: posting.image(),
            order: posting.order(),
            legs: posting.legs(),
            previous: self.head.clone(),
            hash: ChainHash::origin(),
        };
        entry.hash = entry.computed_hash();
        let after = self.after(&entry);
        if matches!(posting, Posting::Hold { .. }) && after.available < Credits::ZERO {
            return Err(LedgerRefusal::Insufficient {
                needed: Credits::PER_IMAGE,
                available: self.available,
            });
        }
        Ok((after, entry))
    }

    /// Several postings in a row, all or none; a shortage names what all of them need together.
    ///
    /// # Errors
    /// When they would take `available` below zero.
    pub fn post_all(&self, postings: &[Posting], at: Timestamp) -> Result<(Self, Vec<Entry>), LedgerRefusal> {
        let needed: Credits = postings
            .iter()
            .filter(|posting| matches!(posting, Posting::Hold { .. }))
            .map(|_| Credits::PER_IMAGE)
            .sum();
        let mut balance = self.clone();
        let mut entries = Vec::with_capacity(postings.len());
        for posting in postings {
            let (after, entry) = balance.post(posting, at).map_err(|_| LedgerRefusal::Insufficient {
                needed,
                available: self.available,
            })?;
            balance = after;
            entries.push(entry);
        }
        Ok((balance, entries))
    }

    fn after(&self, entry: &Entry) -> Self {
        Self {
            available: self.available + entry.on(Side::Available),
            held: self.held + entry.on(Side::Held),
            seq: entry.seq,
            head: entry.hash.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
