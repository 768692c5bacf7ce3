//! A ledger judged from its entries alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Balance, Entry, EntryKind, Side};
use crate::domain::Credits;
use crate::ids::{self, Id};

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
/// The first entry that is missing, altered, unbalanced, repeats a cause, resolves what is not held, or takes back what was
/// not bought.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Balance, Broken> {
    let mut audit = Audit::default();
    for entry in entries {
        audit.pass(entry).map_err(|problem| Broken {
            seq: entry.seq,
            problem,
        })?;
    }
    Ok(audit.balance)
}

/// What is wrong with a ledger as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An entry is wrong.
    #[error(transparent)]
    Entry(#[from] Broken),
    /// The entries are right and add up to another balance: the last ones are missing, or the balance was changed.
    #[error(
        "the entries end at {} with {} available and {} held, and the balance says {} with {} and {}",
        entries.seq, entries.available, entries.held, balance.seq, balance.available, balance.held
    )]
    Balance {
        /// What the entries add up to.
        entries: Balance,
        /// What stands there.
        balance: Balance,
    },
    /// The credits set aside by entries are not those that are marked as set aside.
    #[error("{0} is set aside by the entries or by its mark, and not by both")]
    Hold(Id<ids::Image>),
}

/// Judges a whole ledger: its entries from the first to the last, the balance beside them, and the open holds.
///
/// # Errors
/// The first thing that is wrong.
pub fn audit(entries: &[Entry], balance: &Balance, holds: &BTreeSet<Id<ids::Image>>) -> Result<(), Flaw> {
    let mut found = Audit::default();
    for entry in entries {
        found.pass(entry).map_err(|problem| Broken {
            seq: entry.seq,
            problem,
        })?;
    }
    if let Some(image) = found.holds.symmetric_difference(holds).next() {
        return Err(Flaw::Hold(*image));
    }
    if found.balance != *balance {
        return Err(Flaw::Balance {
            entries: found.balance,
            balance: balance.clone(),
        });
    }
    Ok(())
}

/// What has to be remembered of the entries before, to judge the next.
#[derive(Default)]
struct Audit<'a> {
    balance: Balance,
    causes: BTreeSet<&'a str>,
    holds: BTreeSet<Id<ids::Image>>,
    /// Of each order, how many credits were bought and how many of them are taken back.
    orders: BTreeMap<Id<ids::Order>, (Credits, Credits)>,
}

impl<'a> Audit<'a> {
    fn pass(&mut self, entry: &'a Entry) -> Result<(), &'static str> {
        if entry.seq != self.balance.seq + 1 {
            return Err("does not follow the one before it");
        }
        if entry.previous != self.balance.head || entry.hash != entry.computed_hash() {
            return Err("does not match its hash");
        }
        if entry.legs.iter().map(|leg| leg.credits).sum::<Credits>() != Credits::ZERO {
            return Err("does not sum to zero");
        }
        if !entry.fits_its_cause() {
            return Err("is of another kind than its cause");
        }
        if !self.causes.insert(&entry.cause) {
            return Err("repeats a cause");
        }
        self.pass_kind(entry)?;
        self.balance = self.balance.after(entry);
        let is_overdrawn = self.balance.available < Credits::ZERO && entry.on(Side::Available) < Credits::ZERO;
        if (is_overdrawn && entry.kind != EntryKind::Clawback) || self.balance.held < Credits::ZERO {
            return Err("takes the balance below zero");
        }
        Ok(())
    }

    fn pass_kind(&mut self, entry: &Entry) -> Result<(), &'static str> {
        let available = entry.on(Side::Available);
        match (entry.kind, entry.image, entry.order) {
            (EntryKind::Hold, Some(image), None) => {
                let is_new = self.holds.insert(image);
                is_new.then_some(()).ok_or("holds twice for one picture")
            }
            (EntryKind::Settle | EntryKind::Release, Some(image), None) => {
                let was_held = self.holds.remove(&image);
                was_held.then_some(()).ok_or("resolves what is not held")
            }
            (EntryKind::Purchase, None, Some(order)) => {
                let is_new = self.orders.insert(order, (available, Credits::ZERO)).is_none();
                is_new.then_some(()).ok_or("is an order's second purchase")
            }
            (EntryKind::Clawback | EntryKind::Restore, None, Some(order)) => {
                let (bought, taken) = self.orders.get_mut(&order).ok_or("changes what was not bought")?;
                *taken = *taken - available;
                let holds = (Credits::ZERO..=*bought).contains(taken);
                holds.then_some(()).ok_or("takes back or gives more than was bought")
            }
            (EntryKind::Bonus | EntryKind::Grant, None, None) => Ok(()),
            (
                EntryKind::Bonus
                | EntryKind::Grant
                | EntryKind::Hold
                | EntryKind::Settle
                | EntryKind::Release
                | EntryKind::Purchase
                | EntryKind::Clawback
                | EntryKind::Restore,
                ..,
            ) => Err("is about something else than its kind"),
        }
    }
}

impl Entry {
    /// Whether the kind and what the entry is about, which the hash does not cover, are those that the cause, which it does
    /// cover, speaks of; and whether credits move the way they do for that kind.
    fn fits_its_cause(&self) -> bool {
        let (what, rest) = self.cause.split_once(':').unwrap_or((&self.cause, ""));
        let is_image = || self.image.is_some_and(|image| image.to_string() == rest);
        let is_order = || {
            self.order.is_some_and(|order| {
                rest.strip_prefix(&order.to_string())
                    .is_some_and(|nth| nth.starts_with(':'))
            })
        };
        let (available, held) = (self.on(Side::Available), self.on(Side::Held));
        let (gains, loses) = (available > Credits::ZERO, available < Credits::ZERO);
        match self.kind {
            EntryKind::Bonus => what == "bonus" && gains,
            EntryKind::Hold => what == "hold" && is_image() && loses,
            EntryKind::Settle => what == "resolve" && is_image() && available == Credits::ZERO && held < Credits::ZERO,
            EntryKind::Release => what == "resolve" && is_image() && gains,
            EntryKind::Purchase => what == "capture" && gains,
            EntryKind::Clawback => what == "change" && is_order() && loses,
            EntryKind::Restore => what == "change" && is_order() && gains,
            EntryKind::Grant => what == "grant" && gains,
        }
    }
}
