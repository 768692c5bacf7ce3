//! What the engines are asked to be: plain models that the template's reader fills and the engines obey.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use shared::grants::ObjectAction;

/// The region every local resource claims to be in.
pub const REGION: &str = "us-east-1";

/// The account every local resource claims to belong to.
pub const ACCOUNT: &str = "000000000000";

/// The type of a key attribute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// Text, `S`.
    #[default]
    Text,
    /// A number, `N`.
    Number,
    /// Bytes, `B`.
    Binary,
}

/// One key attribute of a table or index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// The attribute's name.
    pub name: String,
    /// The attribute's type.
    pub kind: KeyKind,
}

impl KeySpec {
    /// A key of text.
    pub fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: KeyKind::Text,
        }
    }
}

/// What an index copies from its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Projection {
    /// Every attribute.
    #[default]
    All,
    /// Only the keys of table and index.
    KeysOnly,
    /// The keys and these attributes.
    Include(Vec<String>),
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// The index's name.
    pub name: String,
    /// Its partition key.
    pub partition_key: KeySpec,
    /// Its sort key, if any.
    pub sort_key: Option<KeySpec>,
    /// What it copies.
    pub projection: Projection,
}

/// Which images a table's stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamView {
    /// Keys alone.
    KeysOnly,
    /// The item as it became.
    NewImage,
    /// The item as it was.
    OldImage,
    /// Both.
    NewAndOldImages,
}

impl StreamView {
    /// As DynamoDB and CloudFormation write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeysOnly => "KEYS_ONLY",
            Self::NewImage => "NEW_IMAGE",
            Self::OldImage => "OLD_IMAGE",
            Self::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The table's full name, such as `vitrine-local-images`.
    pub name: String,
    /// Its partition key.
    pub partition_key: KeySpec,
    /// Its sort key, if any.
    pub sort_key: Option<KeySpec>,
    /// Its global secondary indexes.
    pub indexes: Vec<IndexSpec>,
    /// The attribute with the second of expiry, if TTL is on.
    pub ttl_attribute: Option<String>,
    /// What its stream carries, if it has one.
    pub stream: Option<StreamView>,
}

/// Where a queue sends what fails too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterSpec {
    /// The dead-letter queue's full name.
    pub queue: String,
    /// How often a message is received before it goes there.
    pub max_receives: u32,
}

/// A standard SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// The queue's full name.
    pub name: String,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// How long a message is kept, counted from when it was sent.
    pub retention: Duration,
    /// Where messages go that fail too often.
    pub dead_letter: Option<DeadLetterSpec>,
}

/// An EventBridge Pipe from a table's stream to a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct PipeSpec {
    /// The pipe's name.
    pub name: String,
    /// The table whose stream it reads.
    pub table: String,
    /// The queue it fills.
    pub queue: String,
    /// Event patterns; a record passes when one of them matches, or when there is none.
    pub filters: Vec<Value>,
    /// The input template; without it the whole record is the message.
    pub input: Option<String>,
}

/// A function that works off a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSpec {
    /// The function's folder name.
    pub function: String,
    /// The queue it takes from.
    pub queue: String,
    /// How many messages one call gets at most.
    pub batch_size: u32,
    /// How many calls run at once at most.
    pub max_concurrency: u32,
    /// Whether the function names the messages that failed (`ReportBatchItemFailures`).
    pub reports_failures: bool,
    /// How long a call may take, by the machine's own time; without it whoever handles the call sees to that.
    pub timeout: Option<Duration>,
}

/// A schedule that wakes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// The schedule's short name, such as `settle-stale`.
    pub name: String,
    /// The function's folder name.
    pub function: String,
    /// How long from one run to the next.
    pub every: SignedDuration,
    /// What the function is handed: JSON with `<aws.scheduler.…>` where the scheduler's values go.
    pub input: String,
    /// How long a run may take, by the machine's own time; without it whoever handles the run sees to that.
    pub timeout: Option<Duration>,
}

/// A bucket of the object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSpec {
    /// The bucket's name, with its account's number at the end.
    pub name: String,
}

/// A key pair of the object store and what it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSpec {
    /// The role's name, for messages to people.
    pub name: String,
    /// The access key id.
    pub id: String,
    /// The secret key.
    pub secret: String,
    /// The bucket it opens.
    pub bucket: String,
    /// What it may do with the objects there.
    pub actions: BTreeSet<ObjectAction>,
    /// Whether it owns the bucket: everything above, and the lifecycle rules.
    pub owner: bool,
}

/// The delivery domain in front of a bucket, with signed links of type D.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdnSpec {
    /// The bucket behind it.
    pub bucket: String,
    /// The key that signs links.
    pub key: String,
    /// How long a link holds from its own time stamp on.
    pub valid: Duration,
}
