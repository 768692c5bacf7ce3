//! Ledgers, judged from their entries alone: in the table, or from a dump that anybody can check without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use shared::domain::ledger::{Balance, Entry, Flaw, audit};
use shared::ids::{AccountId, Id, ImageId, Ledger};
use shared::store::StoreError;

use crate::{Ops, OpsError};

/// How many items a step of the walk through the table passes.
const ITEMS_A_STEP: i32 = 1_000;

/// How many entries are read at once.
const ENTRIES: i32 = 500;

/// How many ledgers are read at once.
const AT_ONCE: usize = 8;

/// How often a ledger is read anew that changed while it was read.
const ROUNDS: usize = 10;

/// A whole ledger.
#[derive(Debug, Clone, Default)]
struct Book {
    balance: Balance,
    entries: Vec<Entry>,
    holds: BTreeSet<ImageId>,
}

/// Ledgers by their ids.
#[derive(Debug, Clone, Default)]
pub struct Books(BTreeMap<Id<Ledger>, Book>);

/// A line of a dump.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Balance { ledger: Id<Ledger>, balance: Balance },
    Entry { ledger: Id<Ledger>, entry: Entry },
    Hold { ledger: Id<Ledger>, hold: ImageId },
}

/// What came of judging ledgers.
#[derive(Debug, Clone)]
pub struct Verdict {
    ledgers: usize,
    entries: usize,
    wrong: Vec<(Id<Ledger>, Flaw)>,
}

/// A text that is no dump of ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is no line of a ledger's dump")]
pub struct InvalidDump(usize);

impl Verdict {
    /// How many ledgers are wrong.
    #[must_use]
    pub fn wrong(&self) -> usize {
        self.wrong.len()
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (ledger, flaw) in &self.wrong {
            writeln!(f, "{ledger}  {flaw}")?;
        }
        let (ledgers, entries) = (
            counted(self.ledgers, "ledger", "ledgers"),
            counted(self.entries, "entry", "entries"),
        );
        match self.wrong() {
            0 => write!(f, "{ledgers} with {entries}: everything holds"),
            wrong => write!(
                f,
                "{ledgers} with {entries}: {wrong} wrong, each told by the first thing that is"
            ),
        }
    }
}

pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Books {
    /// From a dump, line by line.
    ///
    /// # Errors
    /// When a line is none of a dump.
    pub fn read(dump: &str) -> Result<Self, InvalidDump> {
        let mut books = Self::default();
        for (number, line) in dump.lines().enumerate() {
            match serde_json::from_str(line).map_err(|_| InvalidDump(number + 1))? {
                Line::Balance { ledger, balance } => books.of(ledger).balance = balance,
                Line::Entry { ledger, entry } => books.of(ledger).entries.push(entry),
                Line::Hold { ledger, hold } => drop(books.of(ledger).holds.insert(hold)),
            }
        }
        // By number; two of one number stay beside one another, and the second is told.
        for book in books.0.values_mut() {
            book.entries.sort_by_key(|entry| entry.seq);
        }
        Ok(books)
    }

    fn of(&mut self, ledger: Id<Ledger>) -> &mut Book {
        self.0.entry(ledger).or_default()
    }

    /// As text, one JSON object a line. Nothing in it tells whose ledger is whose.
    #[must_use]
    pub fn dump(&self) -> String {
        let mut text = String::new();
        let mut write = |line: &Line| {
            // Plain data into memory: neither can fail.
            let _ = writeln!(text, "{}", serde_json::to_string(line).unwrap_or_default());
        };
        for (ledger, book) in &self.0 {
            let ledger = *ledger;
            write(&Line::Balance {
                ledger,
                balance: book.balance.clone(),
            });
            for entry in &book.entries {
                let entry = entry.clone();
                write(&Line::Entry { ledger, entry });
            }
            for hold in &book.holds {
                write(&Line::Hold { ledger, hold: *hold });
            }
        }
        text
    }

    /// Recomputes every ledger from its entries.
    #[must_use]
    pub fn verify(&self) -> Verdict {
        let wrong = self.0.iter().filter_map(|(ledger, book)| {
            let flaw = audit(&book.entries, &book.balance, &book.holds).err()?;
            Some((*ledger, flaw))
        });
        Verdict {
            ledgers: self.0.len(),
            entries: self.0.values().map(|book| book.entries.len()).sum(),
            wrong: wrong.collect(),
        }
    }
}

impl Ops {
    /// The ledger of an account, or all there are.
    ///
    /// # Errors
    /// When there is no such account, or a table cannot be asked.
    pub async fn books(&self, account: Option<AccountId>) -> Result<Books, OpsError> {
        let ids = match account {
            Some(account) => BTreeSet::from([self.ledger_of(account).await?]),
            None => self.ledger_ids().await.map_err(|error| self.explained(error))?,
        };
        let read = stream::iter(ids)
            .map(|ledger| async move { Ok::<_, StoreError>((ledger, self.book(ledger).await?)) })
            .buffer_unordered(AT_ONCE)
            .try_collect();
        Ok(Books(read.await.map_err(|error| self.explained(error))?))
    }

    pub(crate) async fn ledger_of(&self, account: AccountId) -> Result<Id<Ledger>, OpsError> {
        let profile = self
            .accounts
            .profile(account)
            .await
            .map_err(|error| self.explained(error))?;
        let profile = profile.ok_or_else(|| OpsError::Absent(format!("there is no account {account}")))?;
        Ok(profile.ledger)
    }

    async fn ledger_ids(&self) -> Result<BTreeSet<Id<Ledger>>, StoreError> {
        let (mut all, mut from) = (BTreeSet::new(), None);
        loop {
            let (some, next) = self.ledgers.walk(from, ITEMS_A_STEP).await?;
            all.extend(some);
            match next {
                Some(next) => from = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// The whole ledger as it was at one moment: read between two looks at a balance that did not change.
    async fn book(&self, ledger: Id<Ledger>) -> Result<Book, StoreError> {
        for _ in 0..ROUNDS {
            let balance = self.ledgers.balance(ledger).await?;
            let entries = self.entries(ledger).await?;
            let holds = self.ledgers.holds(ledger).await?;
            if self.ledgers.balance(ledger).await? == balance {
                return Ok(Book {
                    balance,
                    entries,
                    holds,
                });
            }
        }
        Err(StoreError::Contended)
    }

    async fn entries(&self, ledger: Id<Ledger>) -> Result<Vec<Entry>, StoreError> {
        let (mut entries, mut before) = (Vec::new(), None);
        loop {
            let page = self.ledgers.entries(ledger, before, ENTRIES).await?;
            match page.last() {
                Some(oldest) => before = Some(oldest.seq),
                None => break,
            }
            entries.extend(page);
        }
        entries.reverse();
        Ok(entries)
    }
}
