//! A database with the tables of the template, and the store over it.

use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification,
};
use jiff::{SignedDuration, Timestamp};
use shared::config::{Vars, is_loopback};
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::store::{
    Accounts, Analytics, Codes, Db, Idempotency, Images, Ledgers, Limits, Orders, Outbox, Sessions, Sweeps,
};
use shared::{Clock, Entropy, Ids, Platform};
use url::Url;
use vitrine::engine::{Engines, Settings};
use vitrine::template::{Attribute, TableSpec, Template};

/// Where another database answers.
const VARIABLE: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// When every test begins. So far ahead that no database's own clock finds anything of ours expired: what is past its time is
/// so by our clock alone, and lies there as on the days before TTL comes by.
pub(crate) const START: &str = "2033-03-03T09:00:00Z";

/// How long the slowest answer on the busiest machine may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An item as DynamoDB has it.
pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| Template::local().unwrap());

/// Which database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The one of this house.
    Embedded,
    /// Amazon's, for one's own machine.
    DynamodbLocal,
}

/// The database, with tables of this test alone.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) url: Url,
    pub(crate) client: Client,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) entropy: Entropy,
    vars: Vars,
    _engines: Option<Engines>,
}

impl World {
    /// With these tables, each as the template defines it.
    pub(crate) async fn with(tables: &[&str]) -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        let (engine, url, engines) = match elsewhere() {
            Some(url) => (Engine::DynamodbLocal, url, None),
            None => {
                let engines = Engines::start(Settings::new(clock.clone())).await.unwrap();
                let url = engines.dynamodb_url().parse().unwrap();
                (Engine::Embedded, url, Some(engines))
            }
        };
        let entropy = Entropy::system();
        let ids = Ids::new(clock.clone(), entropy.clone());
        // The principal that may do everything; another database does not care.
        let runtime = Runtime::local("operator", Some(url.clone()));
        let platform = Platform::with_secrets(runtime, clock.clone(), ids.clone(), entropy.clone(), Secrets::default());
        let prefix = format!("test-{}", entropy.hex::<8>());
        let names = tables.iter().map(|table| {
            let variable = format!("{}_TABLE", table.to_uppercase());
            (variable, format!("{prefix}-{table}"))
        });
        let client = patient(&platform.dynamodb());
        let world = Self {
            engine,
            url,
            db: Db::new(client.clone(), entropy.clone()),
            client,
            clock,
            ids,
            entropy,
            vars: Vars::from_pairs(names),
            _engines: engines,
        };
        for table in tables {
            world.create(TEMPLATE.table(table).unwrap()).await;
        }
        world
    }

    /// The full name of a table.
    pub(crate) fn table(&self, short: &str) -> String {
        self.vars.text(&format!("{}_TABLE", short.to_uppercase())).unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        assert!(self.clock.advance(by));
    }

    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn orders(&self) -> Orders {
        Orders::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn codes(&self) -> Codes {
        Codes::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn idempotency(&self) -> Idempotency {
        Idempotency::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn images(&self) -> Images {
        Images::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn ledgers(&self) -> Ledgers {
        Ledgers::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn analytics(&self) -> Analytics {
        Analytics::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn sessions(&self) -> Sessions {
        Sessions::new(&self.db, &self.vars).unwrap()
    }

    pub(crate) fn sweeps(&self) -> Sweeps {
        Sweeps::new(&self.db, &self.vars).unwrap()
    }

    /// Every item of a table, as it lies there.
    pub(crate) async fn items(&self, table: &str) -> Vec<Item> {
        let scan = self.client.scan().table_name(self.table(table)).consistent_read(true);
        scan.send().await.unwrap().items.unwrap_or_default()
    }

    async fn create(&self, spec: &TableSpec) {
        let name = self.table(&spec.short);
        let keys = |partition: &Attribute, sort: Option<&Attribute>| {
            let mut keys = vec![key(partition, KeyType::Hash)];
            keys.extend(sort.map(|sort| key(sort, KeyType::Range)));
            keys
        };
        let mut create = self
            .client
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(keys(&spec.partition, spec.sort.as_ref())))
            .set_attribute_definitions(Some(definitions(spec)));
        for index in &spec.indexes {
            let projection = ProjectionType::from(index.projection.as_str());
            let index = GlobalSecondaryIndex::builder()
                .index_name(&index.name)
                .set_key_schema(Some(keys(&index.partition, index.sort.as_ref())))
                .projection(
                    Projection::builder()
                        .projection_type(projection)
                        .set_non_key_attributes(Some(index.included.clone()).filter(|included| !included.is_empty()))
                        .build(),
                );
            create = create.global_secondary_indexes(index.build().unwrap());
        }
        if let Some(view) = &spec.stream {
            let stream = StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::from(view.as_str()));
            create = create.stream_specification(stream.build().unwrap());
        }
        create.send().await.unwrap();
        self.wait_for(&name).await;
        if let Some(attribute) = &spec.ttl {
            let ttl = TimeToLiveSpecification::builder()
                .enabled(true)
                .attribute_name(attribute);
            let ttl = ttl.build().unwrap();
            let update = self.client.update_time_to_live().table_name(&name);
            update.time_to_live_specification(ttl).send().await.unwrap();
        }
    }

    /// A table is not there the moment it is asked for.
    async fn wait_for(&self, table: &str) {
        for _ in 0..1_000 {
            let described = self.client.describe_table().table_name(table).send().await.unwrap();
            let status = described.table.and_then(|table| table.table_status);
            if status == Some(TableStatus::Active) {
                return;
            }
        }
        panic!("the table {table} does not become active");
    }
}

/// The client that asks once and waits. On a busy machine an engine may take seconds, and a write that was sent again after its
/// time would find itself in its own way: what is counted here are writes, not tries.
fn patient(client: &Client) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(PATIENCE)
        .operation_timeout(PATIENCE);
    let config = client
        .config()
        .to_builder()
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// The other database, which has to be on this machine.
fn elsewhere() -> Option<Url> {
    let url: Url = std::env::var_os(VARIABLE)?.to_str()?.parse().unwrap();
    let host = url.host().unwrap();
    assert!(
        is_loopback(&host),
        "{VARIABLE}: these tests make tables, and only on this machine"
    );
    Some(url)
}

fn key(attribute: &Attribute, kind: KeyType) -> KeySchemaElement {
    let key = KeySchemaElement::builder()
        .attribute_name(&attribute.name)
        .key_type(kind);
    key.build().unwrap()
}

/// Every key attribute of the table and its indexes, once.
fn definitions(spec: &TableSpec) -> Vec<AttributeDefinition> {
    let indexed = spec
        .indexes
        .iter()
        .flat_map(|index| [Some(&index.partition), index.sort.as_ref()]);
    let all = [Some(&spec.partition), spec.sort.as_ref()].into_iter().chain(indexed);
    let mut known: Vec<&Attribute> = Vec::new();
    for attribute in all.flatten() {
        if !known.contains(&attribute) {
            known.push(attribute);
        }
    }
    known
        .iter()
        .map(|attribute| {
            let kind = ScalarAttributeType::from(attribute.kind.as_str());
            let definition = AttributeDefinition::builder().attribute_name(&attribute.name);
            definition.attribute_type(kind).build().unwrap()
        })
        .collect()
}
