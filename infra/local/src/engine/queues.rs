//! Standard SQS queues over SQLite: visibility, receive counts, dead letters, and the streams' checkpoints beside them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use shared::{Clock, Entropy};
use tokio::sync::Notify;

use super::spec::{ACCOUNT, QueueSpec, REGION};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        queue TEXT NOT NULL,
        source TEXT,
        body TEXT NOT NULL,
        sent INTEGER NOT NULL,
        visible INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0,
        first_received INTEGER,
        receipt TEXT
    );
    CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages(queue, visible, seq);
    CREATE TABLE IF NOT EXISTS checkpoints (stream TEXT PRIMARY KEY, position INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS expired (stream TEXT, item TEXT, PRIMARY KEY (stream, item));
";

const COLUMNS: &str = "id, queue, source, body, sent, visible, receives, first_received, receipt";

/// All queues of the local stack.
#[derive(Clone)]
pub struct Queues {
    connection: Arc<Mutex<Connection>>,
    clock: Clock,
    entropy: Entropy,
    specs: Arc<BTreeMap<String, QueueSpec>>,
    arrival: Arc<Notify>,
}

/// A message, as its receiver or an onlooker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message's id, the same for its whole life.
    pub id: String,
    /// The queue it is in.
    pub queue: String,
    /// The queue that gave it up, if it lies among the dead letters of one.
    pub source: Option<String>,
    /// What it says.
    pub body: String,
    /// When it was sent: first of all, or back to its queue.
    pub sent: Timestamp,
    /// When it can be received next.
    pub visible: Timestamp,
    /// How often it was received, whatever queue it was in.
    pub receives: u32,
    /// When it was first received.
    pub first_received: Option<Timestamp>,
    /// What its last receiver deletes it by.
    pub receipt: Option<String>,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that can be received now.
    pub visible: u64,
    /// Those that were received and are hidden.
    pub hidden: u64,
}

impl Queues {
    /// Opens the queues in `directory`, or in memory.
    ///
    /// # Errors
    /// When the database cannot be opened, or a dead-letter queue is named that does not exist.
    pub fn open(directory: Option<&Path>, clock: Clock, entropy: Entropy, specs: Vec<QueueSpec>) -> Result<Self> {
        let connection = match directory {
            Some(directory) => Connection::open(directory.join("queues.sqlite"))?,
            None => Connection::open_in_memory()?,
        };
        // WAL survives a killed process; NORMAL may lose the last moment of a machine without power, never the order.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        connection
            .execute_batch(SCHEMA)
            .context("could not make the queues' tables")?;
        let specs: BTreeMap<_, _> = specs.into_iter().map(|spec| (spec.name.clone(), spec)).collect();
        for spec in specs.values() {
            if let Some(dead) = &spec.dead_letter {
                anyhow::ensure!(
                    specs.contains_key(&dead.queue),
                    "queue `{}` has no queue `{}`",
                    spec.name,
                    dead.queue
                );
            }
        }
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self {
            connection,
            clock,
            entropy,
            specs: Arc::new(specs),
            arrival: Arc::default(),
        })
    }

    /// The queues' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.specs.keys().map(String::as_str)
    }

    /// Sends one message and returns its id.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn send(&self, queue: &str, body: &str) -> Result<String> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let id = self.insert(&transaction, queue, body)?;
        transaction.commit()?;
        self.arrival.notify_waiters();
        Ok(id)
    }

    /// Receives up to `most` messages and hides them for the queue's visibility time-out. Those that were received too
    /// often go to the dead-letter queue instead, those older than the retention time vanish.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn receive(&self, queue: &str, most: u32) -> Result<Vec<Message>> {
        self.receive_for(queue, most, self.spec(queue)?.visibility)
    }

    /// Receives likewise, and hides for a time of the receiver's choice.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn receive_for(&self, queue: &str, most: u32, hidden: Duration) -> Result<Vec<Message>> {
        let spec = self.spec(queue)?;
        let now = self.clock.now().as_millisecond();
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let oldest = now.saturating_sub(millis(spec.retention));
        transaction.execute(
            "DELETE FROM messages WHERE queue = ?1 AND sent < ?2",
            params![queue, oldest],
        )?;
        if let Some(dead) = &spec.dead_letter {
            transaction.execute(
                "UPDATE messages SET queue = ?1, source = ?2, first_received = NULL, receipt = NULL
                 WHERE queue = ?2 AND visible <= ?3 AND receives >= ?4",
                params![dead.queue, queue, now, dead.max_receives],
            )?;
        }
        let found = select(
            &transaction,
            "WHERE queue = ?1 AND visible <= ?2 ORDER BY visible, seq LIMIT ?3",
            params![queue, now, most],
        )?;
        let mut received = Vec::with_capacity(found.len());
        for message in found {
            let receipt = self.entropy.hex::<24>();
            transaction.execute(
                "UPDATE messages SET visible = ?2, receives = receives + 1, receipt = ?3,
                 first_received = COALESCE(first_received, ?4) WHERE id = ?1",
                params![message.id, now.saturating_add(millis(hidden)), receipt, now],
            )?;
            received.extend(select(&transaction, "WHERE id = ?1", params![message.id])?);
        }
        transaction.commit()?;
        Ok(received)
    }

    /// Deletes the message with this receipt; says whether it was still the last one given out.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete(&self, queue: &str, receipt: &str) -> Result<bool> {
        let sql = "DELETE FROM messages WHERE queue = ?1 AND receipt = ?2";
        Ok(self.lock().execute(sql, params![queue, receipt])? > 0)
    }

    /// Hides the message with this receipt for so long from now on; for no time at all, it is visible again at once.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn hide(&self, queue: &str, receipt: &str, hidden: Duration) -> Result<bool> {
        let until = self.clock.now().as_millisecond().saturating_add(millis(hidden));
        let sql = "UPDATE messages SET visible = ?3 WHERE queue = ?1 AND receipt = ?2";
        Ok(self.lock().execute(sql, params![queue, receipt, until])? > 0)
    }

    /// Everything in the queue, hidden or not, oldest first; nothing is received by looking.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn peek(&self, queue: &str) -> Result<Vec<Message>> {
        select(&self.lock(), "WHERE queue = ?1 ORDER BY seq", params![queue])
    }

    /// How many messages the queue holds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn depth(&self, queue: &str) -> Result<Depth> {
        let now = self.clock.now().as_millisecond();
        let sql = "SELECT COUNT(*) FILTER (WHERE visible <= ?2), COUNT(*) FILTER (WHERE visible > ?2)
                   FROM messages WHERE queue = ?1";
        let read = |row: &Row<'_>| {
            Ok(Depth {
                visible: row.get(0)?,
                hidden: row.get(1)?,
            })
        };
        Ok(self.lock().query_row(sql, params![queue, now], read)?)
    }

    /// The queues whose dead letters go to this one.
    pub fn sources(&self, dead: &str) -> impl Iterator<Item = &str> {
        let is_source = move |spec: &&QueueSpec| spec.dead_letter.as_ref().is_some_and(|letter| letter.queue == dead);
        self.specs.values().filter(is_source).map(|spec| spec.name.as_str())
    }

    /// Sends what is visible in a dead-letter queue back to where it came from, and says how much that was. Each message is a new one
    /// there, sent now; what did not come from a queue stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn redrive(&self, dead: &str) -> Result<usize> {
        let now = self.clock.now().as_millisecond();
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let chosen = "WHERE queue = ?1 AND visible <= ?2 AND source IS NOT NULL ORDER BY seq";
        let dead_letters = select(&transaction, chosen, params![dead, now])?;
        for letter in &dead_letters {
            let source = letter.source.as_deref().unwrap_or_default();
            self.insert(&transaction, source, &letter.body)?;
            transaction.execute("DELETE FROM messages WHERE id = ?1", params![letter.id])?;
        }
        transaction.commit()?;
        self.arrival.notify_waiters();
        Ok(dead_letters.len())
    }

    /// Deletes everything in the queue.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn purge(&self, queue: &str) -> Result<usize> {
        Ok(self
            .lock()
            .execute("DELETE FROM messages WHERE queue = ?1", params![queue])?)
    }

    /// Waits until a message arrives somewhere.
    pub(crate) async fn arrival(&self) {
        self.arrival.notified().await;
    }

    /// How far the stream of `table` has been read.
    pub(crate) fn checkpoint(&self, table: &str) -> Result<i64> {
        let sql = "SELECT position FROM checkpoints WHERE stream = ?1";
        Ok(self
            .lock()
            .query_row(sql, params![table], |row| row.get(0))
            .optional()?
            .unwrap_or_default())
    }

    /// Enqueues what a batch of stream records came to and moves the checkpoint past them, both or neither.
    pub(crate) fn deliver(&self, delivery: &Delivery) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        for (queue, body) in &delivery.messages {
            self.insert(&transaction, queue, body)?;
        }
        for item in &delivery.expired {
            transaction.execute(
                "DELETE FROM expired WHERE stream = ?1 AND item = ?2",
                params![delivery.table, item],
            )?;
        }
        transaction.execute(
            "INSERT INTO checkpoints VALUES (?1, ?2) ON CONFLICT (stream) DO UPDATE SET position = excluded.position",
            params![delivery.table, delivery.position],
        )?;
        transaction.commit()?;
        self.arrival.notify_waiters();
        Ok(())
    }

    /// Notes that the TTL service is about to remove `item`.
    pub(crate) fn mark_expired(&self, table: &str, item: &str) -> Result<()> {
        self.lock()
            .execute("INSERT OR IGNORE INTO expired VALUES (?1, ?2)", params![table, item])?;
        Ok(())
    }

    /// Takes such a note back: the item was not removed after all.
    pub(crate) fn unmark_expired(&self, table: &str, item: &str) -> Result<()> {
        self.lock().execute(
            "DELETE FROM expired WHERE stream = ?1 AND item = ?2",
            params![table, item],
        )?;
        Ok(())
    }

    /// Whether it was the TTL service that removed `item`.
    pub(crate) fn is_expired(&self, table: &str, item: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM expired WHERE stream = ?1 AND item = ?2";
        Ok(self
            .lock()
            .query_row(sql, params![table, item], |_| Ok(()))
            .optional()?
            .is_some())
    }

    fn insert(&self, transaction: &Transaction<'_>, queue: &str, body: &str) -> Result<String> {
        self.spec(queue)?;
        let id = uuid::Builder::from_random_bytes(self.entropy.bytes())
            .into_uuid()
            .to_string();
        let now = self.clock.now().as_millisecond();
        transaction.execute(
            "INSERT INTO messages (id, queue, body, sent, visible) VALUES (?1, ?2, ?3, ?4, ?4)",
            params![id, queue, body, now],
        )?;
        Ok(id)
    }

    pub(crate) fn spec(&self, queue: &str) -> Result<&QueueSpec> {
        self.specs
            .get(queue)
            .with_context(|| format!("there is no queue `{queue}`"))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.specs.keys()).finish()
    }
}

/// What a batch of stream records comes to.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) table: String,
    pub(crate) position: i64,
    /// Queue and body of each message.
    pub(crate) messages: Vec<(String, String)>,
    /// The items whose removal by the TTL service is told by this batch.
    pub(crate) expired: Vec<String>,
}

/// A queue's ARN.
#[must_use]
pub fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn select(connection: &Connection, rest: &str, params: impl rusqlite::Params) -> Result<Vec<Message>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM messages {rest}"))?;
    let rows = statement.query_map(params, message)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let time = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    Ok(Message {
        id: row.get(0)?,
        queue: row.get(1)?,
        source: row.get(2)?,
        body: row.get(3)?,
        sent: time(row.get(4)?),
        visible: time(row.get(5)?),
        receives: row.get(6)?,
        first_received: row.get::<_, Option<i64>>(7)?.map(time),
        receipt: row.get(8)?,
    })
}
