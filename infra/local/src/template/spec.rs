//! What the template says, as types.

use std::collections::BTreeMap;

use super::Resource;

/// Everything the template makes that the rest of the program cares about, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The stage it was evaluated for, such as `local`.
    pub stage: String,
    /// How often the API's routes may be asked.
    pub throttling: Throttling,
    /// Whose pages' scripts may ask the API, if any may.
    pub cors: Option<CorsSpec>,
    /// All functions, of routes and of queues.
    pub functions: Vec<FunctionSpec>,
    /// All tables.
    pub tables: Vec<TableSpec>,
    /// All queues, dead-letter queues among them.
    pub queues: Vec<QueueSpec>,
    /// What carries changes of a table into a queue.
    pub pipes: Vec<PipeSpec>,
    /// What wakes a function by the clock.
    pub schedules: Vec<ScheduleSpec>,
    /// The groups of schedules, by their full names.
    pub schedule_groups: Vec<String>,
    /// What tells a person that something is to be done.
    pub alarms: Vec<AlarmSpec>,
    /// What is counted out of the logs.
    pub log_metrics: Vec<LogMetricSpec>,
}

/// An alarm on a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmSpec {
    /// Its name without product and stage, such as `api-errors`.
    pub short: String,
    /// A sentence, and the address of the page that says what to do.
    pub description: String,
    /// Whose number it is, such as `AWS/SQS`.
    pub namespace: String,
    /// The number's name.
    pub metric: String,
    /// Of what, by name and value.
    pub dimensions: BTreeMap<String, String>,
    /// The number that it may just reach.
    pub threshold: u32,
    /// Whether it is raised above that, and not below.
    pub above: bool,
    /// Whether somebody is told.
    pub tells: bool,
}

impl AlarmSpec {
    /// Whether this number raises it, and somebody hears of it.
    #[must_use]
    pub fn hears_of(&self, number: u32) -> bool {
        let raised = if self.above {
            number > self.threshold
        } else {
            number < self.threshold
        };
        raised && self.tells
    }
}

/// A number that is counted out of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMetricSpec {
    /// The log group's name, such as `/vitrine/local/workers`.
    pub group: String,
    /// Which lines are counted, as CloudWatch Logs writes it.
    pub pattern: String,
    /// Where the number is.
    pub namespace: String,
    /// Its name.
    pub metric: String,
}

impl Template {
    /// The function of that folder.
    #[must_use]
    pub fn function(&self, folder: &str) -> Option<&FunctionSpec> {
        self.functions.iter().find(|function| function.folder == folder)
    }

    /// The table of that short name.
    #[must_use]
    pub fn table(&self, short: &str) -> Option<&TableSpec> {
        self.tables.iter().find(|table| table.short == short)
    }

    /// The schedule that wakes the function of that folder.
    #[must_use]
    pub fn schedule_of(&self, folder: &str) -> Option<&ScheduleSpec> {
        self.schedules.iter().find(|schedule| schedule.function == folder)
    }

    /// The queue of that short name.
    #[must_use]
    pub fn queue(&self, short: &str) -> Option<&QueueSpec> {
        self.queues.iter().find(|queue| queue.short == short)
    }
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// Its id in the template.
    pub logical_id: String,
    /// `FunctionName`, such as `vitrine-local-images-get`.
    pub name: String,
    /// The last part of `CodeUri`, such as `images-get`.
    pub folder: String,
    /// The binary that is built for it.
    pub binary: String,
    /// What it answers; empty for a worker.
    pub routes: Vec<Route>,
    /// The variables it is given.
    pub variables: BTreeMap<String, String>,
    /// What it may do, in the template's order.
    pub statements: Vec<Statement>,
    /// Its memory, in megabytes.
    pub memory_mb: u32,
    /// How long it may run, in seconds.
    pub timeout_s: u32,
    /// The alias by which it is called, which a deployment leads from version to version.
    pub alias: String,
    /// The alarms, by their full names, that turn a deployment back.
    pub turned_back_by: Vec<String>,
    /// How many may run at once, if that is reserved for it.
    pub reserved_concurrency: Option<u32>,
    /// The queues it works on.
    pub queue_events: Vec<QueueEvent>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The method in capitals, or `ANY`.
    pub method: String,
    /// The path as the API writes it, such as `/v1/images/{id}`, or `$default` for whatever no other route takes.
    pub path: String,
}

/// How often the routes of the HTTP API may be asked: each has a bucket of tokens of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Throttling {
    /// For each route that is not named; without it such a route may be asked without end.
    pub default: Option<Throttle>,
    /// For the routes that are named.
    pub routes: BTreeMap<Route, Throttle>,
}

impl Throttling {
    /// What holds for `route`.
    #[must_use]
    pub fn of(&self, route: &Route) -> Option<Throttle> {
        self.routes.get(route).copied().or(self.default)
    }
}

/// A bucket of tokens, of which each request takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// How many tokens it holds when it is full.
    pub burst: u32,
    /// How many come back in a second.
    pub rate: u32,
}

/// What the API lets the scripts of other origins' pages do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsSpec {
    /// The origins, such as `https://www.example.com`.
    pub origins: Vec<String>,
    /// The methods they may use.
    pub methods: Vec<String>,
    /// The headers they may send.
    pub headers: Vec<String>,
    /// The headers they may read.
    pub exposed: Vec<String>,
    /// For how long a browser need not ask again, in seconds.
    pub max_age_s: u32,
}

/// One allowance of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What may be done, such as `dynamodb:GetItem`, in the template's order.
    pub actions: Vec<String>,
    /// On what.
    pub resources: Vec<Resource>,
}

/// How a function takes messages from a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEvent {
    /// The queue's short name.
    pub queue: String,
    /// At most so many messages at once.
    pub batch_size: u32,
    /// At most so many batches at a time.
    pub maximum_concurrency: Option<u32>,
    /// Whether the function says which messages of a batch failed.
    pub reports_failures: bool,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Its id in the template.
    pub logical_id: String,
    /// `TableName`.
    pub name: String,
    /// The name without product and stage, such as `images`.
    pub short: String,
    /// The partition key.
    pub partition: Attribute,
    /// The sort key, if there is one.
    pub sort: Option<Attribute>,
    /// Its global secondary indexes.
    pub indexes: Vec<IndexSpec>,
    /// The attribute that tells when an item expires.
    pub ttl: Option<String>,
    /// What its stream shows of an item, such as `NEW_AND_OLD_IMAGES`.
    pub stream: Option<String>,
    /// The ARN of the customer key it is encrypted with.
    pub key: Option<String>,
    /// How many days back it can be recovered.
    pub recovery_days: Option<u32>,
    /// Whether it withstands being deleted, by call and with the stack.
    pub protected: bool,
}

/// A key attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// `S`, `N` or `B`.
    pub kind: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub partition: Attribute,
    /// Its sort key, if there is one.
    pub sort: Option<Attribute>,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// What `INCLUDE` copies beside the keys.
    pub included: Vec<String>,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its id in the template.
    pub logical_id: String,
    /// `QueueName`.
    pub name: String,
    /// The name without product and stage, such as `images-paint`.
    pub short: String,
    /// For how long a message that was taken is hidden, in seconds.
    pub visibility_s: u32,
    /// For how long a message is kept, in seconds.
    pub retention_s: u32,
    /// Where a message goes that was taken too often.
    pub dead_letters: Option<DeadLetters>,
}

/// Where a queue puts what it gives up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// The other queue's short name.
    pub queue: String,
    /// After being taken so often.
    pub after: u32,
}

/// A pipe from a table's stream into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeSpec {
    /// Its id in the template.
    pub logical_id: String,
    /// `Name`.
    pub name: String,
    /// The short name of the table whose stream it reads.
    pub table: String,
    /// The short name of the queue it writes to.
    pub queue: String,
    /// Event patterns; a record passes if it matches one of them.
    pub filters: Vec<serde_json::Value>,
    /// What a message is made of, with `<$.path>` where the record's values go. Without it the record is the message.
    pub input_template: Option<String>,
    /// At most so many records at once.
    pub batch_size: u32,
}

/// A schedule that wakes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// `Name` without product and stage, such as `settle-stale`.
    pub name: String,
    /// The function's folder.
    pub function: String,
    /// `rate(…)` or `cron(…)`.
    pub expression: String,
    /// The time zone the expression is read in.
    pub time_zone: String,
    /// What the function is handed, with `<aws.scheduler.…>` where the scheduler's values go.
    pub input: String,
}
