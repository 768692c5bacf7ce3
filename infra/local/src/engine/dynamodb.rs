//! The database: dynoxide, embedded, made from the template's tables.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use dynoxide::actions::TableDescription;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_table::UpdateTableRequest;
use dynoxide::actions::update_time_to_live::UpdateTimeToLiveRequest;
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use shared::Clock;

use super::spec::{ACCOUNT, IndexSpec, KeyKind, KeySpec, Projection, REGION, TableSpec};

/// The tables of the local stack, and a handle on them that no permission binds.
#[derive(Clone)]
pub struct Tables {
    database: Database,
    /// A connection of our own to the same file, for what the engine does not do.
    second: Option<Arc<Mutex<Connection>>>,
    specs: Arc<Vec<TableSpec>>,
}

impl Tables {
    /// Opens the database in `directory`, or in memory, and makes the tables that are not there yet.
    ///
    /// # Errors
    /// When the file cannot be opened or a table cannot be made.
    pub fn open(directory: Option<&Path>, clock: &Clock, specs: Vec<TableSpec>) -> Result<Self> {
        let file = directory.map(|directory| directory.join("dynamodb.sqlite"));
        let database = match &file {
            Some(path) => Database::new(path.to_str().context("the directory's name is not UTF-8")?),
            None => Database::memory_with_clock(Arc::new(OurTime(clock.clone()))),
        };
        let database = database.map_err(|error| anyhow!("could not open the database: {error}"))?;
        let second = file.as_deref().map(second_connection).transpose()?;
        let tables = Self {
            database,
            second: second.map(|connection| Arc::new(Mutex::new(connection))),
            specs: Arc::new(specs),
        };
        for spec in tables.specs.iter() {
            tables
                .create(spec)
                .with_context(|| format!("could not make table `{}`", spec.name))?;
        }
        tables.index_streams().context("could not index the stream records")?;
        Ok(tables)
    }

    /// The embedded database itself.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The tables as they were asked for.
    #[must_use]
    pub fn specs(&self) -> &[TableSpec] {
        &self.specs
    }

    /// The table of this full name, as it was asked for.
    ///
    /// # Errors
    /// When there is none.
    pub fn spec(&self, name: &str) -> Result<&TableSpec> {
        let found = self.specs.iter().find(|table| table.name == name);
        found.with_context(|| format!("there is no table `{name}`"))
    }

    /// How many items the table holds, expired ones included.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn count(&self, table: &str) -> Result<usize> {
        let request = serde_json::from_value(json!({"TableName": table, "Select": "COUNT"}))?;
        let answer = self.database.scan(request).map_err(|error| anyhow!("{error}"))?;
        Ok(serde_json::to_value(answer)?["Count"]
            .as_u64()
            .and_then(|count| count.try_into().ok())
            .unwrap_or(0))
    }

    /// The ARN of the table's stream, which ends in the moment when it began.
    ///
    /// # Errors
    /// When there is no such table, or it has no stream.
    pub fn stream_arn(&self, table: &str) -> Result<String> {
        let label = self.described(table)?.latest_stream_label;
        let label = label.with_context(|| format!("table `{table}` has no stream"))?;
        // The engine's labels are seconds and nanoseconds, AWS's a date without a zone.
        let (seconds, nanos) = label.split_once('.').context("the stream's label is no time")?;
        let began = Timestamp::new(seconds.parse()?, nanos.parse()?)?;
        let began = began.strftime("%Y-%m-%dT%H:%M:%S%.3f");
        Ok(format!(
            "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/{began}"
        ))
    }

    fn described(&self, table: &str) -> Result<TableDescription> {
        let mut request = DescribeTableRequest::default();
        table.clone_into(&mut request.table_name);
        let described = self.database.describe_table(request);
        described.map(|answer| answer.table).map_err(|error| anyhow!("{error}"))
    }

    fn create(&self, spec: &TableSpec) -> Result<()> {
        if let Ok(table) = self.described(&spec.name) {
            let there = table.global_secondary_indexes.unwrap_or_default();
            let mut missing = spec
                .indexes
                .iter()
                .filter(|index| there.iter().all(|known| known.index_name != index.name));
            return missing.try_for_each(|index| self.add_index(spec, index));
        }
        let request: CreateTableRequest = serde_json::from_value(creation(spec))?;
        self.database
            .create_table(request)
            .map_err(|error| anyhow!("{error}"))?;
        if let Some(attribute) = &spec.ttl_attribute {
            let request: UpdateTimeToLiveRequest = serde_json::from_value(json!({
                "TableName": spec.name,
                "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
            }))?;
            self.database
                .update_time_to_live(request)
                .map_err(|error| anyhow!("{error}"))?;
        }
        Ok(())
    }

    /// Gives a table of an older data folder an index that the template has meanwhile; what is in the table gets into it.
    fn add_index(&self, table: &TableSpec, new: &IndexSpec) -> Result<()> {
        let keys = [Some(&new.partition_key), new.sort_key.as_ref()].into_iter().flatten();
        let request: UpdateTableRequest = serde_json::from_value(json!({
            "TableName": table.name,
            "AttributeDefinitions": keys.map(definition).collect::<Vec<_>>(),
            "GlobalSecondaryIndexUpdates": [{"Create": index(new)}],
        }))?;
        self.database
            .update_table(request)
            .map(drop)
            .map_err(|error| anyhow!("{error}"))
    }

    // The engine looks for the last sequence number on every write and has no index for it. Its schema is private, which
    // is why the workspace pins its version exactly.
    fn index_streams(&self) -> Result<()> {
        let Some(connection) = &self.second else {
            return Ok(());
        };
        connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .execute_batch(
                "CREATE INDEX IF NOT EXISTS vitrine_stream_sequence
             ON _stream_records(table_name, CAST(sequence_number AS INTEGER));",
            )?;
        Ok(())
    }

    /// Forgets the stream records of `table` before `position`, the last one that every pipe has seen. That one stays:
    /// the engine counts on from the highest number it finds. In memory nothing is trimmed.
    ///
    /// # Errors
    /// When the database file cannot be written.
    pub fn trim_stream(&self, table: &str, position: i64) -> Result<usize> {
        let Some(connection) = &self.second else {
            return Ok(0);
        };
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner).execute(
            "DELETE FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) < ?2",
            rusqlite::params![table, position],
        )?)
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.specs.iter().map(|spec| &spec.name))
            .finish()
    }
}

fn second_connection(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// Gives a memory database our time, so that its stream records are dated by it.
struct OurTime(Clock);

impl dynoxide::storage_backend::Clock for OurTime {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now().as_second()).unwrap_or_default()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the interface asks for a float; milliseconds fit one exactly"
    )]
    #[expect(clippy::float_arithmetic, reason = "the interface asks for a float")]
    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now().as_millisecond() as f64 / 1000.0
    }
}

fn creation(spec: &TableSpec) -> Value {
    let mut attributes: Vec<&KeySpec> = Vec::new();
    let indexed = spec
        .indexes
        .iter()
        .flat_map(|index| [Some(&index.partition_key), index.sort_key.as_ref()]);
    for key in [Some(&spec.partition_key), spec.sort_key.as_ref()]
        .into_iter()
        .chain(indexed)
        .flatten()
    {
        if attributes.iter().all(|known| known.name != key.name) {
            attributes.push(key);
        }
    }
    let mut request = json!({
        "TableName": spec.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key_schema(&spec.partition_key, spec.sort_key.as_ref()),
        "AttributeDefinitions": attributes.iter().map(|key| definition(key)).collect::<Vec<_>>(),
    });
    if !spec.indexes.is_empty() {
        request["GlobalSecondaryIndexes"] = spec.indexes.iter().map(index).collect();
    }
    if let Some(view) = spec.stream {
        request["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view.name()});
    }
    request
}

fn definition(key: &KeySpec) -> Value {
    let kind = match key.kind {
        KeyKind::Text => "S",
        KeyKind::Number => "N",
        KeyKind::Binary => "B",
    };
    json!({"AttributeName": key.name, "AttributeType": kind})
}

fn key_schema(partition: &KeySpec, sort: Option<&KeySpec>) -> Value {
    let mut schema = vec![json!({"AttributeName": partition.name, "KeyType": "HASH"})];
    schema.extend(sort.map(|key| json!({"AttributeName": key.name, "KeyType": "RANGE"})));
    Value::Array(schema)
}

fn index(index: &IndexSpec) -> Value {
    let projection = match &index.projection {
        Projection::All => json!({"ProjectionType": "ALL"}),
        Projection::KeysOnly => json!({"ProjectionType": "KEYS_ONLY"}),
        Projection::Include(names) => json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names}),
    };
    json!({
        "IndexName": index.name,
        "KeySchema": key_schema(&index.partition_key, index.sort_key.as_ref()),
        "Projection": projection,
    })
}
