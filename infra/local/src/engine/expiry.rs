//! DynamoDB's time to live, by our clock.
//!
//! The service deletes what is past its second and marks the stream's record as its own doing. The embedded database
//! knows no movable clock for a file, so the scan is ours; the mark waits beside the queues until the pipes read the record.

use std::collections::HashMap;

use anyhow::{Result, anyhow};
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::errors::DynoxideError;
use dynoxide::types::{AttributeValue, Item};
use shared::Clock;

use super::dynamodb::Tables;
use super::pipes::removal;
use super::queues::Queues;
use super::spec::TableSpec;

/// How many items are read at once.
const PAGE: usize = 100;

/// How many pages of a table one run reads at most.
const PAGES: usize = 1_000;

/// AWS leaves alone what expired longer ago than this: five years.
const TOO_OLD_SECONDS: i64 = 5 * 365 * 24 * 60 * 60;

/// The service that removes what is past its time.
#[derive(Clone, Debug)]
pub struct Expiry {
    tables: Tables,
    queues: Queues,
    clock: Clock,
}

impl Expiry {
    /// For all tables that have a TTL attribute.
    #[must_use]
    pub fn new(tables: Tables, queues: Queues, clock: Clock) -> Self {
        Self { tables, queues, clock }
    }

    /// Goes through all tables once and says how many items it removed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn run(&self) -> Result<usize> {
        let mut removed = 0;
        for table in self.tables.specs() {
            if let Some(attribute) = &table.ttl_attribute {
                removed += self.sweep(table, attribute)?;
            }
        }
        Ok(removed)
    }

    fn sweep(&self, table: &TableSpec, attribute: &str) -> Result<usize> {
        let now = self.clock.now().as_second();
        let (mut removed, mut from) = (0, None);
        for _ in 0..PAGES {
            let page = ScanRequest {
                table_name: table.name.clone(),
                filter_expression: Some("#t < :now AND #t > :old".to_owned()),
                expression_attribute_names: Some(HashMap::from([("#t".to_owned(), attribute.to_owned())])),
                expression_attribute_values: Some(HashMap::from([
                    (":now".to_owned(), AttributeValue::N(now.to_string())),
                    (
                        ":old".to_owned(),
                        AttributeValue::N(now.saturating_sub(TOO_OLD_SECONDS).to_string()),
                    ),
                ])),
                limit: Some(PAGE),
                exclusive_start_key: from,
                ..ScanRequest::default()
            };
            let found = self.tables.database().scan(page).map_err(|error| anyhow!("{error}"))?;
            for item in found.items.unwrap_or_default() {
                removed += usize::from(self.remove(table, attribute, &item)?);
            }
            from = found.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(removed)
    }

    fn remove(&self, table: &TableSpec, attribute: &str, item: &Item) -> Result<bool> {
        let keys = [Some(&table.partition_key), table.sort_key.as_ref()]
            .into_iter()
            .flatten();
        let key: Item = keys
            .filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone())))
            .collect();
        let name = removal(table, item)?;
        let marked = table.stream.is_some();
        // Marked first: should this process end in between, an item that is past its time anyway has a stale mark.
        if marked {
            self.queues.mark_expired(&table.name, &name)?;
        }
        let request = DeleteItemRequest {
            table_name: table.name.clone(),
            key,
            condition_expression: Some("#t = :seen".to_owned()),
            expression_attribute_names: Some(HashMap::from([("#t".to_owned(), attribute.to_owned())])),
            expression_attribute_values: item
                .get(attribute)
                .map(|seen| HashMap::from([(":seen".to_owned(), seen.clone())])),
            ..DeleteItemRequest::default()
        };
        match self.tables.database().delete_item(request) {
            Ok(_) => Ok(true),
            // Somebody gave it more time, or removed it, since it was read.
            Err(DynoxideError::ConditionalCheckFailedException(..)) => {
                if marked {
                    self.queues.unmark_expired(&table.name, &name)?;
                }
                Ok(false)
            }
            Err(error) => Err(anyhow!("{error}")),
        }
    }
}
