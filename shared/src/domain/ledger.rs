//! The ledger of an account's credits: double entry, chained by hash, each cause at most once.
//!
//! Two legs of every entry belong to the account (`available`, `held`), the rest to what stands across from it
//! (`bonus`, `spent`). Those are not kept as balances anywhere, so no item is written by all accounts at once.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::Credits;
use crate::ids::{self, Id};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        }
    }

    /// The picture it is about, if any.
    #[must_use]
    pub fn image(&self) -> Option<Id<ids::Image>> {
        match self {
            Self::Bonus { .. } => None,
            Self::Hold { image } | Self::Settle { image } | Self::Release { image } => Some(*image),
        }
    }

    /// What it does to open holds.
    #[must_use]
    pub fn hold(&self) -> HoldChange {
        match self {
            Self::Bonus { .. } => HoldChange::None,
            Self::Hold { image } => HoldChange::Opens(*image),
            Self::Settle { image } | Self::Release { image } => HoldChange::Closes(*image),
        }
    }

    fn legs(&self) -> Vec<Leg> {
        let one = Credits::PER_IMAGE;
        match self {
            Self::Bonus { credits } => vec![Leg::new(Side::Available, *credits), Leg::new(Side::Bonus, -*credits)],
            Self::Hold { .. } => vec![Leg::new(Side::Available, -one), Leg::new(Side::Held, one)],
            Self::Settle { .. } => vec![Leg::new(Side::Held, -one), Leg::new(Side::Spent, one)],
            Self::Release { .. } => vec![Leg::new(Side::Held, -one), Leg::new(Side::Available, one)],
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
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Bonus => "bonus",
            Self::Spent => "spent",
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub image: Option<Id<ids::Image>>,
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

/// What is wrong with a ledger, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} {problem}")]
pub struct Broken {
    /// The number of the first entry that is wrong.
    pub seq: u64,
    /// What is wrong, as the end of a sentence.
    pub problem: &'static str,
}

/// Recomputes the balance and the open holds from entries alone.
///
/// # Errors
/// The first entry that is missing, altered, unbalanced, repeats a cause, or resolves what is not held.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Balance, Broken> {
    let mut balance = Balance::default();
    let mut causes = BTreeSet::new();
    let mut holds = BTreeSet::new();
    for entry in entries {
        let broken = |problem| Broken {
            seq: entry.seq,
            problem,
        };
        if entry.seq != balance.seq + 1 {
            return Err(broken("does not follow the one before it"));
        }
        if entry.previous != balance.head || entry.hash != entry.computed_hash() {
            return Err(broken("does not match its hash"));
        }
        if entry.legs.iter().map(|leg| leg.credits).sum::<Credits>() != Credits::ZERO {
            return Err(broken("does not sum to zero"));
        }
        if !causes.insert(&entry.cause) {
            return Err(broken("repeats a cause"));
        }
        match (entry.kind, entry.image) {
            (EntryKind::Hold, Some(image)) if !holds.insert(image) => {
                return Err(broken("holds twice for one picture"));
            }
            (EntryKind::Settle | EntryKind::Release, Some(image)) if !holds.remove(&image) => {
                return Err(broken("resolves what is not held"));
            }
            (EntryKind::Bonus | EntryKind::Hold | EntryKind::Settle | EntryKind::Release, _) => {}
        }
        balance = balance.after(entry);
        if balance.available < Credits::ZERO || balance.held < Credits::ZERO {
            return Err(broken("takes the balance below zero"));
        }
    }
    Ok(balance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Entropy, Ids};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The rules the store enforces with conditions, in memory: what histories are judged by.
    #[derive(Default)]
    struct Book {
        balance: Balance,
        entries: Vec<Entry>,
        causes: BTreeSet<String>,
        holds: BTreeSet<Id<ids::Image>>,
    }

    impl Book {
        fn apply(&mut self, posting: &Posting, at: Timestamp) -> Result<(), LedgerRefusal> {
            if self.causes.contains(&posting.cause()) {
                return Err(LedgerRefusal::CausedBefore);
            }
            if matches!(posting.hold(), HoldChange::Closes(image) if !self.holds.contains(&image)) {
                return Err(LedgerRefusal::NotHeld);
            }
            let (after, entry) = self.balance.post(posting, at)?;
            match posting.hold() {
                HoldChange::None => {}
                HoldChange::Opens(image) => drop(self.holds.insert(image)),
                HoldChange::Closes(image) => drop(self.holds.remove(&image)),
            }
            self.causes.insert(posting.cause());
            self.balance = after;
            self.entries.push(entry);
            Ok(())
        }
    }

    fn images(n: usize) -> Vec<Id<ids::Image>> {
        let ids = Ids::new(
            Clock::manual("2026-11-22T09:00:00Z".parse().unwrap()),
            Entropy::seeded(3),
        );
        (0..n).map(|_| ids.next()).collect()
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Bonus(i64),
        Hold(usize),
        Settle(usize),
        Release(usize),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            1 => (1_i64..6).prop_map(Act::Bonus),
            6 => (0_usize..12).prop_map(Act::Hold),
            4 => (0_usize..12).prop_map(Act::Settle),
            4 => (0_usize..12).prop_map(Act::Release),
        ];
        prop::collection::vec(act, 0..80)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Random histories, repeats and nonsense included; proptest prints the seed that replays a failure.
        #[test]
        fn no_history_breaks_the_ledger(acts in acts()) {
            let images = images(12);
            let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
            let mut book = Book::default();
            let mut resolved: BTreeMap<usize, u32> = BTreeMap::new();
            for act in acts {
                let posting = match act {
                    Act::Bonus(credits) => Posting::Bonus { credits: Credits(credits) },
                    Act::Hold(i) => Posting::Hold { image: images[i] },
                    Act::Settle(i) => Posting::Settle { image: images[i] },
                    Act::Release(i) => Posting::Release { image: images[i] },
                };
                let taken = book.apply(&posting, at).is_ok();
                if let (Act::Settle(i) | Act::Release(i), true) = (act, taken) {
                    *resolved.entry(i).or_default() += 1;
                }
                prop_assert!(book.balance.available >= Credits::ZERO, "no overdraft");
                prop_assert_eq!(book.balance.held.0, i64::try_from(book.holds.len()).unwrap(), "held is what is open");
            }
            for entry in &book.entries {
                prop_assert_eq!(entry.legs.iter().map(|leg| leg.credits).sum::<Credits>(), Credits::ZERO);
            }
            prop_assert!(resolved.values().all(|times| *times == 1), "a hold resolves exactly once");
            prop_assert_eq!(verify(&book.entries), Ok(book.balance), "the chain verifies");
        }

        #[test]
        fn any_altered_missing_or_repeated_entry_is_found(victim in 0_usize..9, how in 0_u8..4) {
            let images = images(4);
            let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
            let mut book = Book::default();
            book.apply(&Posting::Bonus { credits: Credits(4) }, at).unwrap();
            for image in &images {
                book.apply(&Posting::Hold { image: *image }, at).unwrap();
            }
            for image in &images {
                book.apply(&Posting::Settle { image: *image }, at).unwrap();
            }
            let mut entries = book.entries.clone();
            match how {
                0 => entries[victim].legs[0].credits = entries[victim].legs[0].credits + Credits(1),
                1 => entries[victim].cause.push('x'),
                2 if victim < 8 => drop(entries.remove(victim)),
                _ => entries.insert(victim, entries[victim].clone()),
            }
            prop_assert_ne!(verify(&entries), Ok(book.balance));
        }
    }

    #[test]
    fn a_shortage_tells_what_the_whole_order_needs() {
        let images = images(3);
        let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let (balance, _) = Balance::default()
            .post(&Posting::Bonus { credits: Credits(2) }, at)
            .unwrap();
        let holds: Vec<_> = images.iter().map(|image| Posting::Hold { image: *image }).collect();
        assert_eq!(
            balance.post_all(&holds, at).unwrap_err(),
            LedgerRefusal::Insufficient {
                needed: Credits(3),
                available: Credits(2)
            }
        );
    }
}
