//! What must hold in the end, judged by the books of the outside world: what the models billed, what lies in the stores,
//! and what the ledger's own lines say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Result;
use shared::domain::ledger::{EntryKind, verify};
use shared::domain::{Image, State, Store};
use shared::store::images::ImageKey;

use super::{Lab, Seller};

/// A picture that was ordered, to be judged in the end.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who ordered it.
    pub seller: Seller,
    /// Which it is.
    pub key: ImageKey,
    /// Its prompt, which no other order has: by it the models' books tell whose picture was billed.
    pub prompt: String,
    /// Whether its owner wanted it gone.
    pub deleted: bool,
}

/// What did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Of which picture, seller or object.
    pub of: String,
    /// What did not hold.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.of, self.what)
    }
}

/// What became of the credit of one picture, by the ledger's lines.
#[derive(Debug, Clone, Copy, Default)]
struct Credit {
    held: u32,
    settled: u32,
    released: u32,
}

impl Lab {
    /// Everything that does not hold, now that all is quiet: that every picture has ended and was billed at most once, that
    /// the charge and the picture go together, that no hold is open, and that objects and items name each other.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn audit(&self, orders: &[Order]) -> Result<Vec<Violation>> {
        let mut found = Violations::default();
        let mut credits = BTreeMap::new();
        let sellers: BTreeMap<String, Seller> = orders
            .iter()
            .map(|order| (order.seller.account.to_string(), order.seller))
            .collect();
        for (account, seller) in &sellers {
            self.audit_ledger(account, seller, &mut credits, &mut found).await?;
        }
        let mut named = BTreeSet::new();
        for order in orders {
            let image = self.image(order.key).await?;
            let credit = credits.get(&order.key.id.to_string()).copied().unwrap_or_default();
            self.audit_order(order, image.as_ref(), credit, &mut found)?;
            if let Some(image) = image
                && let Some(key) = &image.object_key
            {
                named.extend(image.stores.iter().map(|store| (*store, key.to_string())));
            }
        }
        self.audit_mails(&mut found)?;
        for store in [Store::Cos, Store::Oss] {
            for key in self.objects(store)? {
                if !named.contains(&(store, key.clone())) {
                    found.add(&format!("{} {key}", store.as_str()), "an object that no item names");
                }
            }
        }
        Ok(found.0)
    }

    async fn audit_ledger(
        &self,
        account: &str,
        seller: &Seller,
        credits: &mut BTreeMap<String, Credit>,
        found: &mut Violations,
    ) -> Result<()> {
        let ledger = self.ledger(seller).await?;
        match verify(&ledger.entries) {
            Ok(balance) if balance == ledger.balance => {}
            Ok(balance) => found.add(
                account,
                &format!("its lines sum to {balance:?} and its balance is {:?}", ledger.balance),
            ),
            Err(broken) => found.add(account, &broken.to_string()),
        }
        for hold in &ledger.holds {
            found.add(hold, "its credit is still set aside");
        }
        for entry in &ledger.entries {
            let Some(image) = entry.image else { continue };
            let credit = credits.entry(image.to_string()).or_default();
            match entry.kind {
                EntryKind::Hold => credit.held += 1,
                EntryKind::Settle => credit.settled += 1,
                EntryKind::Release => credit.released += 1,
                EntryKind::Bonus
                | EntryKind::Purchase
                | EntryKind::Clawback
                | EntryKind::Restore
                | EntryKind::Grant => {}
            }
        }
        Ok(())
    }

    fn audit_order(&self, order: &Order, image: Option<&Image>, credit: Credit, found: &mut Violations) -> Result<()> {
        let id = order.key.id.to_string();
        let billed = self.billed(&order.prompt);
        if billed > 1 {
            found.add(&id, &format!("was billed {billed} times"));
        }
        if (credit.held, credit.settled + credit.released) != (1, 1) {
            found.add(&id, &format!("its credit went other ways than in and out: {credit:?}"));
        }
        let Some(image) = image else {
            if !order.deleted {
                found.add(&id, "is gone, and nobody deleted it");
            }
            return Ok(());
        };
        if order.deleted {
            found.add(&id, "was deleted and is still there");
        }
        match image.state {
            State::Ready => {
                if credit.settled != 1 {
                    found.add(&id, "is ready, and its credit was not charged");
                }
                if billed != 1 {
                    found.add(&id, &format!("is ready, and was billed {billed} times"));
                }
                if !self.has_object(image)? {
                    found.add(&id, "is ready, and its object is not where it says");
                }
            }
            State::Refused(_) | State::Failed(_) if credit.settled > 0 => {
                found.add(&id, "came to nothing, and its credit was charged");
            }
            State::Refused(_) | State::Failed(_) => {}
            State::Queued | State::Claimed | State::Dispatched | State::Painted => {
                found.add(&id, &format!("has not ended: {:?}", image.state));
            }
        }
        Ok(())
    }

    /// Each mail that says it was sent is in the company's book once, and no other is.
    fn audit_mails(&self, found: &mut Violations) -> Result<()> {
        let (outbox, sent) = (self.items("outbox")?, self.books().resend.work.len());
        let told = outbox.iter().filter(|mail| mail["state"]["S"] == "sent").count();
        if told != sent {
            found.add("outbox", &format!("says that {told} mails were sent, and {sent} were"));
        }
        for mail in outbox.iter().filter(|mail| mail["state"]["S"] == "queued") {
            found.add(
                mail["id"]["S"].as_str().unwrap_or_default(),
                "a mail that is still to be sent",
            );
        }
        Ok(())
    }

    /// How many pictures the models have billed for this prompt.
    #[must_use]
    pub fn billed(&self, prompt: &str) -> usize {
        let books = self.books();
        let seedream = books.seedream.work.iter().filter(|billed| billed.prompt == prompt);
        let dashscope = books.dashscope.work.iter().filter(|billed| billed.prompt == prompt);
        seedream.count() + dashscope.count()
    }

    fn has_object(&self, image: &Image) -> Result<bool> {
        let Some((store, key)) = image.stored_in.zip(image.object_key.as_ref()) else {
            return Ok(false);
        };
        Ok(self.objects(store)?.iter().any(|found| found == key.as_str()))
    }
}

#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, of: &str, what: &str) {
        self.0.push(Violation {
            of: of.to_owned(),
            what: what.to_owned(),
        });
    }
}
