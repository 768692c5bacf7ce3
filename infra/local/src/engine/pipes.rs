//! From a table's stream to the queues, as EventBridge Pipes go: filter, template, message.
//!
//! Each stream is read once, by all of its pipes together, so that the checkpoint and every message of a batch are one
//! transaction. A pipe that is added later begins with what the stream still holds past that checkpoint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::{decode_shard_iterator, encode_shard_iterator};
use dynoxide::types::Item;
use serde_json::Value;

use super::dynamodb::Tables;
use super::input::InputTemplate;
use super::pattern::Pattern;
use super::queues::{Delivery, Queues};
use super::spec::{PipeSpec, StreamView, TableSpec};
use crate::lambda::events::stream::stream_event;

/// How many records are read at once.
const BATCH: usize = 100;

/// All pipes of the local stack.
#[derive(Clone, Debug)]
pub struct Pipes {
    tables: Tables,
    queues: Queues,
    by_table: Arc<BTreeMap<String, Vec<Pipe>>>,
    /// Held while pumping: two readers at once would deliver everything twice.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Pipe {
    queue: String,
    filters: Vec<Pattern>,
    input: Option<InputTemplate>,
}

/// What pumping moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pumped {
    /// Stream records that were read.
    pub records: usize,
    /// Messages they became.
    pub messages: usize,
}

impl Pipes {
    /// Makes the pipes; each is checked as AWS would check it when it is made.
    ///
    /// # Errors
    /// When a filter or template cannot be read, or its table has no stream, or its queue is not there.
    pub fn new(tables: Tables, queues: Queues, specs: Vec<PipeSpec>) -> Result<Self> {
        let mut by_table: BTreeMap<String, Vec<Pipe>> = BTreeMap::new();
        for spec in specs {
            let pipe = compile(&spec, &tables, &queues).with_context(|| format!("pipe `{}`", spec.name))?;
            by_table.entry(spec.table).or_default().push(pipe);
        }
        Ok(Self {
            tables,
            queues,
            by_table: Arc::new(by_table),
            turn: Arc::default(),
        })
    }

    /// Reads every stream to its present end.
    ///
    /// # Errors
    /// When the database or the queues fail.
    pub fn pump(&self) -> Result<Pumped> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pumped = Pumped::default();
        for (table, pipes) in self.by_table.iter() {
            loop {
                let batch = self
                    .pump_batch(table, pipes)
                    .with_context(|| format!("stream of `{table}`"))?;
                pumped.records += batch.records;
                pumped.messages += batch.messages;
                if batch.records < BATCH {
                    break;
                }
            }
        }
        Ok(pumped)
    }

    /// Loses every record that no pipe has read yet, as a stream does after a day, and says how many those were.
    ///
    /// # Errors
    /// When the database or the queues fail.
    pub fn lose(&self) -> Result<usize> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lost = 0;
        for table in self.by_table.keys() {
            loop {
                let (records, position) = self.read(table, BATCH)?;
                if records.is_empty() {
                    break;
                }
                lost += records.len();
                self.queues.deliver(&Delivery {
                    table: table.clone(),
                    position,
                    ..Delivery::default()
                })?;
            }
        }
        Ok(lost)
    }

    /// Every record that the streams still hold, read or not, as JSON.
    ///
    /// # Errors
    /// When the database fails.
    pub fn held(&self) -> Result<Vec<String>> {
        let mut held = Vec::new();
        for table in self.by_table.keys() {
            let request = GetRecordsRequest {
                shard_iterator: encode_shard_iterator(table, &dynoxide::streams::shard_id(table), 0),
                limit: Some(1_000),
            };
            let found = self.tables.database().get_records(request);
            for record in found.map_err(|error| anyhow!("{error}"))?.records {
                held.push(serde_json::to_string(&record)?);
            }
        }
        Ok(held)
    }

    /// How many records no pipe has read yet.
    ///
    /// # Errors
    /// When the database fails.
    pub fn pending(&self) -> Result<usize> {
        let tables = self.by_table.keys();
        tables.map(|table| Ok(self.read(table, 1000)?.0.len())).sum()
    }

    fn pump_batch(&self, table: &str, pipes: &[Pipe]) -> Result<Pumped> {
        let (records, position) = self.read(table, BATCH)?;
        if records.is_empty() {
            return Ok(Pumped::default());
        }
        let stream = self.tables.stream_arn(table)?;
        let mut delivery = Delivery {
            table: table.to_owned(),
            position,
            ..Delivery::default()
        };
        for record in &records {
            let item = record.dynamodb.old_image.as_ref().unwrap_or(&record.dynamodb.keys);
            let removal = removal(self.tables.spec(table)?, item)?;
            let expired = record.event_name == "REMOVE" && self.queues.is_expired(table, &removal)?;
            let event = stream_event(&stream, record, expired)?;
            let passing = pipes.iter().filter(|pipe| pipe.takes(&event));
            delivery
                .messages
                .extend(passing.map(|pipe| (pipe.queue.clone(), pipe.message(&event))));
            delivery.expired.extend(expired.then_some(removal));
        }
        self.queues.deliver(&delivery)?;
        // Only tidiness: what cannot be trimmed now will be trimmed next time.
        if let Err(error) = self.tables.trim_stream(table, position) {
            tracing::warn!(table, %error, "Old stream records stay for now");
        }
        Ok(Pumped {
            records: records.len(),
            messages: delivery.messages.len(),
        })
    }

    /// Up to `most` records past the checkpoint, and the position after them.
    fn read(&self, table: &str, most: usize) -> Result<(Vec<Record>, i64)> {
        let from = self.queues.checkpoint(table)?;
        let request = GetRecordsRequest {
            shard_iterator: encode_shard_iterator(table, &dynoxide::streams::shard_id(table), from),
            limit: Some(most),
        };
        let found = self
            .tables
            .database()
            .get_records(request)
            .map_err(|error| anyhow!("{error}"))?;
        let next = found.next_shard_iterator.as_deref().and_then(decode_shard_iterator);
        Ok((found.records, next.map_or(from, |(_, _, position)| position)))
    }
}

impl Pipe {
    fn takes(&self, event: &Value) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(event))
    }

    fn message(&self, event: &Value) -> String {
        self.input
            .as_ref()
            .map_or_else(|| event.to_string(), |input| input.render(event))
    }
}

fn compile(spec: &PipeSpec, tables: &Tables, queues: &Queues) -> Result<Pipe> {
    let streams = tables.spec(&spec.table)?.stream.is_some();
    anyhow::ensure!(streams, "table `{}` has no stream", spec.table);
    queues.spec(&spec.queue)?;
    Ok(Pipe {
        queue: spec.queue.clone(),
        filters: spec.filters.iter().map(Pattern::read).collect::<Result<_>>()?,
        input: spec.input.as_deref().map(InputTemplate::read).transpose()?,
    })
}

/// What the removal of `item` is known by: its keys and, where the stream shows it, the second it expired at. An item that
/// is made anew under the same keys is another one.
pub(crate) fn removal(table: &TableSpec, item: &Item) -> Result<String> {
    let shows_it = matches!(table.stream, Some(StreamView::OldImage | StreamView::NewAndOldImages));
    let keys = [Some(&table.partition_key), table.sort_key.as_ref()];
    let names = keys.into_iter().flatten().map(|key| &key.name);
    let names = names.chain(table.ttl_attribute.as_ref().filter(|_| shows_it));
    let known: BTreeMap<_, _> = names.filter_map(|name| Some((name, item.get(name)?))).collect();
    Ok(serde_json::to_string(&known)?)
}
