//! The table `images`: pictures from their order to their erasure.
//!
//! | account_id | id | what |
//! |---|---|---|
//! | `acc_…` | `img_…` | one picture |
//!
//! Its stream starts the workers: a new item is painted, one that gets the attribute `wake` is painted on, and a removed one
//! takes its objects with it. The sparse index `unfinished` has every picture that has not ended under the time at which
//! somebody has to look after it.

mod stale;
mod work;

mod sweep;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BoxError, Db, Expression, Guard, Item, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::image::{Failure, Refusal, TaskId, Try};
use crate::domain::{Fallback, Image, ObjectKey, PixelSize, Prompt, Ratio, State, Store};
use crate::ids::{self, Id};
use crate::trace::Trace;

pub use sweep::Walked;

/// The table `images`.
#[derive(Clone, Debug)]
pub struct Images {
    table: Table,
}

pub use work::{Claim, Ending};

/// The partition of the index `unfinished`.
const PENDING: &str = "image";

/// How long a message may take to reach a worker before somebody looks after the picture.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Which picture, and whose. Queue messages carry nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageKey {
    /// Whose it is.
    pub account_id: Id<ids::Account>,
    /// Which it is.
    pub id: Id<ids::Image>,
}

impl From<&Image> for ImageKey {
    fn from(image: &Image) -> Self {
        Self {
            account_id: image.account,
            id: image.id,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ImageItem {
    account_id: Id<ids::Account>,
    id: Id<ids::Image>,
    state: StateName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refusal: Option<Refusal>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failure: Option<Failure>,
    prompt: Prompt,
    ratio: Ratio,
    fallback: Fallback,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lease_until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    requested: Option<PixelSize>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    delivered: Option<PixelSize>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    model: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    tries: Vec<Try>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    task: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    result_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    object_key: Option<ObjectKey>,
    #[serde(
        skip_serializing_if = "BTreeSet::is_empty",
        default,
        serialize_with = "serde_dynamo::string_set::serialize"
    )]
    stores: BTreeSet<Store>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    stored_in: Option<Store>,
    #[serde(default)]
    delete_requested: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due_at: Option<i64>,
    /// The request that ordered it; one that an older function has written names none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    trace: Option<String>,
}

/// The state's name; the pipe's filter waits for `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Queued,
    Claimed,
    Dispatched,
    Painted,
    Ready,
    Refused,
    Failed,
}

impl Images {
    /// The table named by `IMAGES_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("IMAGES_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// The picture, if the account has one of this id and its thirty days are not over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, image: ImageKey, now: Timestamp) -> Result<Option<Image>, StoreError> {
        let item = self.table.get(image_key(image)).await?;
        let image = item.map(image_from).transpose()?;
        Ok(image.filter(|image| !image.is_expired(now)))
    }

    /// Up to `limit` pictures of the account, newest first, those before `before` if given.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        account: Id<ids::Account>,
        before: Option<Id<ids::Image>>,
        limit: i32,
        now: Timestamp,
    ) -> Result<Vec<Image>, StoreError> {
        let items = self.table.newest(account, before, limit).await?;
        let images: Vec<Image> = items.into_iter().map(image_from).collect::<Result<_, _>>()?;
        Ok(images.into_iter().filter(|image| !image.is_expired(now)).collect())
    }

    /// Keeps a new order.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn order_write(&self, image: &Image) -> Result<Write, StoreError> {
        let item = to_item(&ImageItem {
            account_id: image.account,
            id: image.id,
            state: StateName::Queued,
            refusal: None,
            failure: None,
            prompt: image.prompt.clone(),
            ratio: image.ratio,
            fallback: image.fallback,
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
            expires_at: None,
            pending: Some(PENDING.to_owned()),
            due_at: Some((image.ordered_at() + PATIENCE).as_second()),
            trace: Some(Trace::current_or(image.id).as_str().to_owned()),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::Image)
    }

    /// Removes a finished picture; its objects follow. Refused under [`Guard::Image`] when it is not finished.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn removal_write(&self, image: &Image) -> Result<Write, StoreError> {
        let finished = Expression::when("attribute_not_exists(#id) OR #state IN (:ready, :refused, :failed)")
            .text(":ready", "ready")
            .text(":refused", "refused")
            .text(":failed", "failed");
        self.table.delete_write(image_key(image.into()), finished, Guard::Image)
    }

    /// Removes a finished picture of an account that is being erased; its objects are gone already. Refused under
    /// [`Guard::Image`] when it is not finished, or gone as well.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn erasure_write(&self, image: &Image) -> Result<Write, StoreError> {
        let finished = Expression::when("#state IN (:ready, :refused, :failed)")
            .text(":ready", "ready")
            .text(":refused", "refused")
            .text(":failed", "failed");
        self.table.delete_write(image_key(image.into()), finished, Guard::Image)
    }

    /// Marks an unfinished picture, so that it goes as soon as its outcome is known. Refused under [`Guard::Image`] when it
    /// is gone or has finished meanwhile.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn deletion_mark_write(&self, image: &Image) -> Result<Write, StoreError> {
        let expression = Expression::update("SET #delete_requested = :yes")
            .and_when("attribute_exists(#id) AND NOT #state IN (:ready, :refused, :failed)")
            .value(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
            .text(":ready", "ready")
            .text(":refused", "refused")
            .text(":failed", "failed");
        self.table
            .update_write(image_key(image.into()), expression, Guard::Image)
    }
}

fn image_key(image: ImageKey) -> Item {
    key(&[
        ("account_id", image.account_id.to_string()),
        ("id", image.id.to_string()),
    ])
}

fn image_from(item: Item) -> Result<Image, StoreError> {
    let name = item
        .get("id")
        .and_then(|id| id.as_s().ok())
        .cloned()
        .unwrap_or_default();
    let item: ImageItem = from_item(item, || name.clone())?;
    let broken = || StoreError::Broken {
        key: name.clone(),
        cause: "it ended without a reason".into(),
    };
    let state = match item.state {
        StateName::Queued => State::Queued,
        StateName::Claimed => State::Claimed,
        StateName::Dispatched => State::Dispatched,
        StateName::Painted => State::Painted,
        StateName::Ready => State::Ready,
        StateName::Refused => State::Refused(item.refusal.ok_or_else(broken)?),
        StateName::Failed => State::Failed(item.failure.ok_or_else(broken)?),
    };
    Ok(Image {
        id: item.id,
        account: item.account_id,
        prompt: item.prompt,
        ratio: item.ratio,
        fallback: item.fallback,
        state,
        attempt: item.attempt,
        lease_until: item.lease_until.and_then(|until| Timestamp::from_second(until).ok()),
        requested: item.requested,
        delivered: item.delivered,
        model: item.model,
        tries: item.tries,
        task: item.task,
        result_url: item.result_url,
        object_key: item.object_key,
        stores: item.stores,
        stored_in: item.stored_in,
        delete_requested: item.delete_requested,
        finished_at: item.finished_at,
        trace: item.trace.as_deref().and_then(Trace::parse),
    })
}
