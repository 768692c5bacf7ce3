//! A picture, from its order to its erasure.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Trace;
use crate::domain::{Fen, ObjectKey, Prompt};
use crate::ids::{self, Id};

/// How long a picture lives, counted from its order (promise P2).
pub const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A picture as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id; the time in it is the time of the order.
    pub id: Id<ids::Image>,
    /// Whose it is.
    pub account: Id<ids::Account>,
    /// The exact words that are sent to the model.
    pub prompt: Prompt,
    /// The shape that was asked for.
    pub ratio: Ratio,
    /// Whether the backup may paint when the primary cannot.
    pub fallback: Fallback,
    /// How far it has come.
    pub state: State,
    /// Which attempt at painting this is; 0 until a worker has taken it.
    pub attempt: u32,
    /// Until when the worker that took it may be at work; another may take over later.
    pub lease_until: Option<Timestamp>,
    /// What the model was asked for, known once it was asked.
    pub requested: Option<PixelSize>,
    /// What the model gave.
    pub delivered: Option<PixelSize>,
    /// The model that drew it, by the provider's name for it.
    pub model: Option<String>,
    /// Every time a model was asked for it, oldest first.
    pub tries: Vec<Try>,
    /// The backup's name for the task it has accepted, until the picture has ended.
    pub task: Option<TaskId>,
    /// Where the provider holds the result until the link dies; never shown to anyone.
    pub result_url: Option<String>,
    /// The object's key in every store that has it.
    pub object_key: Option<ObjectKey>,
    /// The stores that have the object, or may have it because a reply was lost.
    pub stores: BTreeSet<Store>,
    /// The store that has said that it has it.
    pub stored_in: Option<Store>,
    /// Its owner wants it gone; it goes as soon as its outcome has settled the credit.
    pub delete_requested: bool,
    /// When it became ready, refused or failed.
    pub finished_at: Option<Timestamp>,
    /// The request that ordered it, once it is kept; for operators alone.
    pub trace: Option<Trace>,
}

impl Image {
    /// A new order, waiting to be painted.
    #[must_use]
    pub fn ordered(
        id: Id<ids::Image>,
        account: Id<ids::Account>,
        prompt: Prompt,
        ratio: Ratio,
        fallback: Fallback,
    ) -> Self {
        Self {
            id,
            account,
            prompt,
            ratio,
            fallback,
            state: State::Queued,
            attempt: 0,
            lease_until: None,
            requested: None,
            delivered: None,
            model: None,
            tries: Vec::new(),
            task: None,
            result_url: None,
            object_key: None,
            stores: BTreeSet::new(),
            stored_in: None,
            delete_requested: false,
            finished_at: None,
            trace: None,
        }
    }

    /// When it was ordered.
    #[must_use]
    pub fn ordered_at(&self) -> Timestamp {
        self.id.made_at()
    }

    /// When it ends: the item, the object in every store, and every link to it.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.ordered_at() + LIFE
    }

    /// The store to read it from. One that was stored before `stored_in` was written down lies in a single store.
    #[must_use]
    pub fn lies_in(&self) -> Option<Store> {
        self.stored_in.or_else(|| self.stores.first().copied())
    }

    /// Why the backup was asked, if it was.
    #[must_use]
    pub fn backup_because(&self) -> Option<BackupReason> {
        let asked = |provider| self.tries.iter().any(|tried| tried.provider == provider);
        match (asked(Provider::Dashscope), asked(Provider::Seedream)) {
            (false, _) => None,
            (true, true) => Some(BackupReason::PrimaryFailed),
            (true, false) => Some(BackupReason::PrimaryPaused),
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.id.is_past(LIFE, now)
    }
}

/// How far a picture has come, with why when it came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Ordered and paid for in advance; no worker has taken it.
    Queued,
    /// A worker has taken it and has not asked the model yet: dying here costs nothing.
    Claimed,
    /// The model is being asked, or was: without a result address the outcome is unknown, and nobody asks again.
    Dispatched,
    /// The model has painted; the result's address is known and the picture can be fetched and stored.
    Painted,
    /// The picture is stored and can be downloaded; the credit is spent.
    Ready,
    /// The model's moderation refused it; the credit was given back.
    Refused(Refusal),
    /// It came to nothing; the credit was given back.
    Failed(Failure),
}

impl State {
    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Claimed | Self::Dispatched | Self::Painted => false,
            Self::Ready | Self::Refused(_) | Self::Failed(_) => true,
        }
    }

    /// What became of the credit.
    #[must_use]
    pub fn credit(self) -> CreditFate {
        match self {
            Self::Queued | Self::Claimed | Self::Dispatched | Self::Painted => CreditFate::Held,
            Self::Ready => CreditFate::Spent,
            Self::Refused(_) | Self::Failed(_) => CreditFate::Released,
        }
    }
}

/// What moderation refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The words.
    Prompt,
    /// The picture that was drawn from them.
    Picture,
}

/// Why a picture came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The model was asked and no answer came back; it is not asked twice, because it may have been paid.
    OutcomeUnknown,
    /// No model could be had within the time there is.
    ModelUnavailable,
    /// The day's budget for painting was used up.
    BudgetSpent,
    /// The model painted, but its picture could not be fetched before the link died, or was no picture.
    ResultLost,
    /// The picture could not be stored before the link to it died.
    NotStored,
}

impl Failure {
    /// The name used in items, answers and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutcomeUnknown => "outcome_unknown",
            Self::ModelUnavailable => "model_unavailable",
            Self::BudgetSpent => "budget_spent",
            Self::ResultLost => "result_lost",
            Self::NotStored => "not_stored",
        }
    }
}

/// What became of the credit a picture was ordered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreditFate {
    /// Set aside until the outcome is known.
    Held,
    /// Paid for the picture.
    Spent,
    /// Given back.
    Released,
}

/// Whether the backup model may paint when the primary cannot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// It may.
    #[default]
    Auto,
    /// It may not: rather no picture than another model's.
    Never,
}

/// Whose model paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Volcano Engine's Seedream, the primary.
    Seedream,
    /// Alibaba DashScope's qwen-image-plus, the backup.
    Dashscope,
}

impl Provider {
    /// The name used in items and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seedream => "seedream",
            Self::Dashscope => "dashscope",
        }
    }
}

/// A provider's name for a task it has accepted: 1 to 128 letters, digits, hyphens and underscores, so that it can stand
/// in a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(String);

impl TaskId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaskId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if fits && (1..=128).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err("must be 1 to 128 letters, digits, hyphens and underscores")
        }
    }
}

impl From<TaskId> for String {
    fn from(task: TaskId) -> Self {
        task.0
    }
}

/// One time that a model was asked to paint a picture. Written down before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When it was asked.
    pub at: Timestamp,
    /// Whose model was asked.
    pub provider: Provider,
    /// What the picture costs if it is billed.
    pub price: Fen,
    /// What came of it; nothing is known yet, or nothing ever will be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<TryOutcome>,
    /// The provider's word for what went wrong, never a sentence of its.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When that was known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
}

/// What came of asking a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TryOutcome {
    /// It painted, and is paid.
    Painted,
    /// Its moderation refused; nothing is paid.
    Refused,
    /// It surely did not paint, and nothing is paid.
    NotCharged,
    /// Its answer was lost, and it may have to be paid.
    Unknown,
}

/// What a try has cost the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Nothing.
    Nothing,
    /// So much.
    Paid(Fen),
    /// So much, or nothing: only the provider's bill tells.
    Perhaps(Fen),
}

impl Try {
    /// What it has cost. One without an outcome may have cost its price.
    #[must_use]
    pub fn cost(&self) -> Cost {
        match self.outcome {
            Some(TryOutcome::Painted) => Cost::Paid(self.price),
            Some(TryOutcome::Refused | TryOutcome::NotCharged) => Cost::Nothing,
            Some(TryOutcome::Unknown) | None => Cost::Perhaps(self.price),
        }
    }
}

/// Why the backup was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupReason {
    /// The primary was asked for this picture, and neither painted nor charged.
    PrimaryFailed,
    /// The primary is left alone for a while, because it failed others.
    PrimaryPaused,
}

/// A store of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// Tencent Cloud COS.
    Cos,
    /// Alibaba Cloud OSS.
    Oss,
}

impl Store {
    /// The name used in items and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cos => "cos",
            Self::Oss => "oss",
        }
    }
}

impl std::str::FromStr for Store {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cos" => Ok(Self::Cos),
            "oss" => Ok(Self::Oss),
            _ => Err("must be cos or oss"),
        }
    }
}

/// The shape of a picture, width to height; both models know these five.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Ratio {
    /// 1:1
    #[default]
    #[serde(rename = "1:1")]
    Square,
    /// 4:3
    #[serde(rename = "4:3")]
    Landscape,
    /// 3:4
    #[serde(rename = "3:4")]
    Portrait,
    /// 16:9
    #[serde(rename = "16:9")]
    Wide,
    /// 9:16
    #[serde(rename = "9:16")]
    Tall,
}

impl Ratio {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Square, Self::Landscape, Self::Portrait, Self::Wide, Self::Tall];

    /// As it is written in requests: `16:9`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Square => "1:1",
            Self::Landscape => "4:3",
            Self::Portrait => "3:4",
            Self::Wide => "16:9",
            Self::Tall => "9:16",
        }
    }
}

/// A picture's size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PixelSize {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl std::fmt::Display for PixelSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// How many pictures one order is for: 1 to 4, each with its own fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schema(value_type = u8, minimum = 1, maximum = 4, default = 1)]
pub struct ImageCount(u8);

impl ImageCount {
    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for ImageCount {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u8> for ImageCount {
    type Error = &'static str;

    fn try_from(count: u8) -> Result<Self, Self::Error> {
        if (1..=4).contains(&count) {
            Ok(Self(count))
        } else {
            Err("must be 1, 2, 3 or 4")
        }
    }
}

impl From<ImageCount> for u8 {
    fn from(count: ImageCount) -> Self {
        count.0
    }
}
