//! The table `ledger`: balances, entries, causes and open holds.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `led_…` | `BALANCE` | available, held, number and hash of the last entry |
//! | `led_…` | `ENTRY#000000000001` | a line, never changed |
//! | `led_…` | `CAUSE#<cause>` | this cause has acted |
//! | `led_…` | `HOLD#img_…` | a hold that is open |

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, Mark, StoreError, Table, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::Credits;
use crate::domain::ledger::{Balance, ChainHash, Entry, EntryKind, HoldChange, LedgerRefusal, Leg, Posting};
use crate::ids::{self, Id};

/// The table `ledger`.
#[derive(Clone, Debug)]
pub struct Ledgers {
    table: Table,
}

/// Why postings could not be turned into writes.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The ledger's own rules.
    #[error(transparent)]
    Refused(#[from] LedgerRefusal),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct BalanceItem {
    pk: String,
    sk: String,
    available: Credits,
    held: Credits,
    seq: u64,
    head: ChainHash,
}

#[derive(Serialize, Deserialize)]
struct EntryItem {
    pk: String,
    sk: String,
    seq: u64,
    at: Timestamp,
    kind: EntryKind,
    cause: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    image_id: Option<Id<ids::Image>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    order_id: Option<Id<ids::Order>>,
    legs: Vec<Leg>,
    previous: ChainHash,
    hash: ChainHash,
}

#[derive(Serialize, Deserialize)]
struct MarkItem {
    pk: String,
    sk: String,
    seq: u64,
}

const BALANCE: &str = "BALANCE";

/// How many holds are read at once.
const HOLDS_AT_ONCE: i32 = 500;

fn sk_of_entry(seq: u64) -> String {
    format!("ENTRY#{seq:012}")
}

impl Ledgers {
    /// The table named by `LEDGER_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("LEDGER_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// What the account has; nothing if nothing was ever entered.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn balance(&self, ledger: Id<ids::Ledger>) -> Result<Balance, StoreError> {
        let Some(item) = self.table.get(balance_key(ledger)).await? else {
            return Ok(Balance::default());
        };
        let item: BalanceItem = from_item(item, || format!("{ledger} {BALANCE}"))?;
        Ok(Balance {
            available: item.available,
            held: item.held,
            seq: item.seq,
            head: item.head,
        })
    }

    /// Goes on only if the balance is as it was read.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn unchanged_check(&self, ledger: Id<ids::Ledger>, read: &Balance) -> Result<Write, StoreError> {
        self.table
            .check_write(balance_key(ledger), unchanged(read), Guard::Balance)
    }

    /// Whether the hold for a picture was resolved, so that it can never be open again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_resolved(&self, ledger: Id<ids::Ledger>, image: Id<ids::Image>) -> Result<bool, StoreError> {
        let cause = Posting::Release { image }.cause();
        let mark = key(&[("pk", ledger.to_string()), ("sk", format!("CAUSE#{cause}"))]);
        Ok(self.table.get(mark).await?.is_some())
    }

    /// Up to `limit` entries, newest first, those before number `before` if given.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn entries(
        &self,
        ledger: Id<ids::Ledger>,
        before: Option<u64>,
        limit: i32,
    ) -> Result<Vec<Entry>, StoreError> {
        let last = before.map_or(999_999_999_999, |seq| seq.saturating_sub(1));
        let expression = Expression::when("#pk = :pk AND #sk BETWEEN :first AND :last")
            .text(":pk", ledger.to_string())
            .text(":first", sk_of_entry(0))
            .text(":last", sk_of_entry(last));
        let items = self.table.query(expression, true, limit).await?;
        items.into_iter().map(|item| entry_from(ledger, item)).collect()
    }

    /// The pictures for which a credit is set aside.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn holds(&self, ledger: Id<ids::Ledger>) -> Result<BTreeSet<Id<ids::Image>>, StoreError> {
        let (mut holds, mut after) = (BTreeSet::new(), "HOLD#".to_owned());
        loop {
            // `HOLD$` is behind every `HOLD#…`.
            let expression = Expression::when("#pk = :pk AND #sk BETWEEN :first AND :last")
                .text(":pk", ledger.to_string())
                .text(":first", after.clone())
                .text(":last", "HOLD$");
            let items = self.table.query(expression, false, HOLDS_AT_ONCE).await?;
            for item in &items {
                let MarkItem { sk, .. } = from_item(item.clone(), || format!("{ledger} HOLD"))?;
                let id = sk.strip_prefix("HOLD#").and_then(|id| id.parse().ok());
                holds.extend::<Option<Id<ids::Image>>>(id);
                // The next possible key.
                after = format!("{sk}\u{0}");
            }
            if items.is_empty() {
                return Ok(holds);
            }
        }
    }

    /// The ledgers that have something among the next `limit` items of the table, from `from` on; and where the walk goes on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn walk(
        &self,
        from: Option<Mark>,
        limit: i32,
    ) -> Result<(BTreeSet<Id<ids::Ledger>>, Option<Mark>), StoreError> {
        let page = self
            .table
            .scan(Expression::default(), limit, from.map(|mark| mark.0))
            .await?;
        let ids = page
            .items
            .iter()
            .filter_map(|item| item.get("pk")?.as_s().ok()?.parse().ok());
        Ok((ids.collect(), page.next.map(Mark)))
    }

    /// The balance after `postings`, and the writes that enter them if the balance is still `before` when they are made.
    ///
    /// # Errors
    /// [`LedgerRefusal::Insufficient`] when they would overdraw, or when an item cannot be made.
    pub fn post(
        &self,
        ledger: Id<ids::Ledger>,
        before: &Balance,
        postings: &[Posting],
        now: Timestamp,
    ) -> Result<(Balance, Vec<Write>), PostError> {
        let (after, entries) = before.post_all(postings, now)?;
        let mut writes = vec![self.balance_write(ledger, before, &after)?];
        for (posting, entry) in postings.iter().zip(&entries) {
            writes.extend(self.entry_writes(ledger, posting, entry)?);
        }
        Ok((after, writes))
    }

    fn balance_write(&self, ledger: Id<ids::Ledger>, before: &Balance, after: &Balance) -> Result<Write, StoreError> {
        let item = BalanceItem {
            pk: ledger.to_string(),
            sk: BALANCE.to_owned(),
            available: after.available,
            held: after.held,
            seq: after.seq,
            head: after.head.clone(),
        };
        let key = balance_key(ledger);
        self.table.change_write(key, &item, unchanged(before), Guard::Balance)
    }

    fn entry_writes(
        &self,
        ledger: Id<ids::Ledger>,
        posting: &Posting,
        entry: &Entry,
    ) -> Result<Vec<Write>, StoreError> {
        let new = || Expression::when("attribute_not_exists(#pk)");
        let mark = |sk: String| {
            to_item(&MarkItem {
                pk: ledger.to_string(),
                sk,
                seq: entry.seq,
            })
        };
        let mut writes = vec![
            self.table
                .put_write(entry_item(ledger, entry)?, new(), Guard::Balance)?,
            self.table
                .put_write(mark(format!("CAUSE#{}", entry.cause))?, new(), Guard::Cause)?,
        ];
        match posting.hold() {
            HoldChange::None => {}
            HoldChange::Opens(image) => {
                writes.push(
                    self.table
                        .put_write(mark(format!("HOLD#{image}"))?, new(), Guard::Hold)?,
                );
            }
            HoldChange::Closes(image) => {
                let hold = key(&[("pk", ledger.to_string()), ("sk", format!("HOLD#{image}"))]);
                writes.push(
                    self.table
                        .delete_write(hold, Expression::when("attribute_exists(#pk)"), Guard::Hold)?,
                );
            }
        }
        Ok(writes)
    }
}

fn balance_key(ledger: Id<ids::Ledger>) -> Item {
    key(&[("pk", ledger.to_string()), ("sk", BALANCE.to_owned())])
}

fn unchanged(read: &Balance) -> Expression {
    if read.seq == 0 {
        Expression::when("attribute_not_exists(#pk)")
    } else {
        Expression::when("#seq = :seq AND #head = :head")
            .number(":seq", read.seq)
            .text(":head", read.head.as_str())
    }
}

fn entry_item(ledger: Id<ids::Ledger>, entry: &Entry) -> Result<Item, StoreError> {
    to_item(&EntryItem {
        pk: ledger.to_string(),
        sk: sk_of_entry(entry.seq),
        seq: entry.seq,
        at: entry.at,
        kind: entry.kind,
        cause: entry.cause.clone(),
        image_id: entry.image,
        order_id: entry.order,
        legs: entry.legs.clone(),
        previous: entry.previous.clone(),
        hash: entry.hash.clone(),
    })
}

fn entry_from(ledger: Id<ids::Ledger>, item: Item) -> Result<Entry, StoreError> {
    let item: EntryItem = from_item(item, || format!("{ledger} ENTRY"))?;
    Ok(Entry {
        seq: item.seq,
        at: item.at,
        kind: item.kind,
        cause: item.cause,
        image: item.image_id,
        order: item.order_id,
        legs: item.legs,
        previous: item.previous,
        hash: item.hash,
    })
}
