use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{Clock, Entropy, Ids};

/// The rules the store enforces with conditions, in memory: what histories are judged by.
#[derive(Default)]
struct Book {
    balance: Balance,
    entries: Vec<Entry>,
    causes: BTreeSet<String>,
    holds: BTreeSet<Id<ids::Image>>,
    /// Of each order, the pack, what of it is taken back, and how often that has changed: what the order's item holds.
    orders: BTreeMap<Id<ids::Order>, (Credits, Credits, u32)>,
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
        match posting {
            Posting::Purchase { order, credits, .. } => drop(self.orders.insert(*order, (*credits, Credits::ZERO, 0))),
            Posting::Clawback { order, credits, .. } => self.change(*order, *credits),
            Posting::Restore { order, credits, .. } => self.change(*order, -*credits),
            Posting::Bonus { .. }
            | Posting::Grant { .. }
            | Posting::Hold { .. }
            | Posting::Settle { .. }
            | Posting::Release { .. } => {}
        }
        self.causes.insert(posting.cause());
        self.balance = after;
        self.entries.push(entry);
        Ok(())
    }
}

impl Book {
    fn change(&mut self, order: Id<ids::Order>, taken: Credits) {
        if let Some((_, back, nth)) = self.orders.get_mut(&order) {
            *back = *back + taken;
            *nth += 1;
        }
    }

    /// The posting that brings what is taken back of an order to `target`, as converging makes it.
    fn towards(&self, order: Id<ids::Order>, target: Credits) -> Option<Posting> {
        let (bought, back, nth) = *self.orders.get(&order)?;
        let (target, nth) = (target.min(bought), nth + 1);
        match target.cmp(&back) {
            std::cmp::Ordering::Greater => Some(Posting::Clawback {
                order,
                nth,
                credits: target - back,
            }),
            std::cmp::Ordering::Less => Some(Posting::Restore {
                order,
                nth,
                credits: back - target,
            }),
            std::cmp::Ordering::Equal => None,
        }
    }
}

fn made<K: ids::Kind>(n: usize) -> Vec<Id<K>> {
    let ids = Ids::new(
        Clock::manual("2026-11-22T09:00:00Z".parse().unwrap()),
        Entropy::seeded(3),
    );
    (0..n).map(|_| ids.next()).collect()
}

fn images(n: usize) -> Vec<Id<ids::Image>> {
    made(n)
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Bonus(i64),
    Hold(usize),
    Settle(usize),
    Release(usize),
    Purchase(usize, i64),
    TakeBack(usize, i64),
    Grant(usize, i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        1 => (1_i64..6).prop_map(Act::Bonus),
        6 => (0_usize..12).prop_map(Act::Hold),
        4 => (0_usize..12).prop_map(Act::Settle),
        4 => (0_usize..12).prop_map(Act::Release),
        1 => (0_usize..3, 1_i64..9).prop_map(|(i, credits)| Act::Purchase(i, credits)),
        3 => (0_usize..3, 0_i64..12).prop_map(|(i, credits)| Act::TakeBack(i, credits)),
        1 => (0_usize..3, 1_i64..4).prop_map(|(i, credits)| Act::Grant(i, credits)),
    ];
    prop::collection::vec(act, 0..80)
}

/// Two thousand histories, or as many as `PROPTEST_CASES` says.
fn histories() -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default()
    } else {
        ProptestConfig::with_cases(2_000)
    }
}

proptest! {
    #![proptest_config(histories())]

    /// Random histories, repeats and nonsense included; proptest prints the seed that replays a failure.
    #[test]
    fn no_history_breaks_the_ledger(acts in acts()) {
        let (images, orders, acts_of) = (images(12), made::<ids::Order>(3), made::<ids::Act>(3));
        let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let mut book = Book::default();
        let mut resolved: BTreeMap<usize, u32> = BTreeMap::new();
        for act in acts {
            let before = book.balance.available;
            let posting = match act {
                Act::Bonus(credits) => Posting::Bonus { credits: Credits(credits) },
                Act::Hold(i) => Posting::Hold { image: images[i] },
                Act::Settle(i) => Posting::Settle { image: images[i] },
                Act::Release(i) => Posting::Release { image: images[i] },
                Act::Purchase(i, credits) => Posting::Purchase {
                    order: orders[i],
                    capture: format!("CAPTURE{i}").parse().unwrap(),
                    credits: Credits(credits),
                },
                Act::TakeBack(i, target) => match book.towards(orders[i], Credits(target)) {
                    Some(posting) => posting,
                    None => continue,
                },
                Act::Grant(i, credits) => Posting::Grant { act: acts_of[i], credits: Credits(credits) },
            };
            let taken = book.apply(&posting, at).is_ok();
            if let (Act::Settle(i) | Act::Release(i), true) = (act, taken) {
                *resolved.entry(i).or_default() += 1;
            }
            let may_overdraw = matches!(posting, Posting::Clawback { .. });
            let overdrawn = book.balance.available < Credits::ZERO && book.balance.available < before;
            prop_assert!(may_overdraw || !overdrawn, "nothing but a clawback overdraws");
            prop_assert_eq!(book.balance.held.0, i64::try_from(book.holds.len()).unwrap(), "held is what is open");
        }
        for entry in &book.entries {
            prop_assert_eq!(entry.legs.iter().map(|leg| leg.credits).sum::<Credits>(), Credits::ZERO);
        }
        let sold: Credits = book.entries.iter().map(|entry| entry.on(Side::Sold)).sum();
        let kept: Credits = book.orders.values().map(|(bought, back, _)| *bought - *back).sum();
        prop_assert_eq!(sold, -kept, "what was sold is what was bought and not taken back");
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
