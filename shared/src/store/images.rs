//! The table `images`: pictures from their order to their erasure.
//!
//! | account_id | id | what |
//! |---|---|---|
//! | `acc_…` | `img_…` | one picture |
//!
//! Its stream starts the workers: a new item is painted, a removed one takes its objects with it.

mod sweep;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BoxError, Db, Expression, Guard, Item, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::image::{Failure, Refusal};
use crate::domain::{Fallback, Image, ObjectKey, PixelSize, Prompt, Ratio, State, Store};
use crate::ids::{self, Id};

pub use sweep::Walked;

/// The table `images`.
#[derive(Clone, Debug)]
pub struct Images {
    table: Table,
}

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

/// What a worker finds when it comes for a picture.
#[derive(Debug)]
pub enum Claim {
    /// It is the worker's now, to be painted.
    Paint(Image),
    /// It is the worker's now; it was painted before, so it only has to be fetched and stored.
    Fetch(Image),
    /// It is the worker's now; a worker died after asking the model, so the outcome is unknown.
    Unknown(Image),
    /// Another worker is at it.
    Busy,
    /// There is nothing left to do, or no such picture.
    Done,
}

/// How a picture ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is stored.
    Ready,
    /// Moderation refused it.
    Refused(Refusal),
    /// It came to nothing.
    Failed(Failure),
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
    #[serde(default)]
    delete_requested: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at: Option<i64>,
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
            result_url: None,
            object_key: None,
            stores: BTreeSet::new(),
            delete_requested: false,
            finished_at: None,
            expires_at: None,
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::Image)
    }

    /// Takes the picture for one worker until `lease` is over. A worker that died before it asked the model is simply
    /// followed by the next; one that died after leaves a picture whose outcome is unknown, or one to be fetched.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, image: ImageKey, lease: SignedDuration, now: Timestamp) -> Result<Claim, StoreError> {
        let free = "attribute_exists(#id) AND (#state = :queued OR (#state = :claimed AND #lease_until <= :now))";
        let take = Expression::update("SET #state = :claimed, #lease_until = :until ADD #attempt :one")
            .and_when(free)
            .text(":queued", "queued")
            .text(":claimed", "claimed")
            .number(":now", now.as_second())
            .number(":until", (now + lease).as_second())
            .number(":one", 1);
        let item = match self.table.update(image_key(image), take).await? {
            Updated::Done(item) => return image_from(item).map(Claim::Paint),
            Updated::Refused(None) => return Ok(Claim::Done),
            Updated::Refused(Some(item)) => image_from(item)?,
        };
        match item.state {
            State::Ready | State::Refused(_) | State::Failed(_) => Ok(Claim::Done),
            State::Queued | State::Claimed | State::Dispatched | State::Painted
                if item.lease_until.is_some_and(|until| until > now) =>
            {
                Ok(Claim::Busy)
            }
            State::Queued | State::Claimed => Ok(Claim::Busy),
            State::Dispatched => self.take_over(item, lease, now, Claim::Unknown).await,
            State::Painted => self.take_over(item, lease, now, Claim::Fetch).await,
        }
    }

    async fn take_over(
        &self,
        image: Image,
        lease: SignedDuration,
        now: Timestamp,
        claim: fn(Image) -> Claim,
    ) -> Result<Claim, StoreError> {
        let take = Expression::update("SET #lease_until = :until ADD #attempt :one")
            .and_when("#attempt = :attempt AND #lease_until <= :now")
            .number(":attempt", image.attempt)
            .number(":now", now.as_second())
            .number(":until", (now + lease).as_second())
            .number(":one", 1);
        match self.table.update(image_key((&image).into()), take).await? {
            Updated::Done(item) => image_from(item).map(claim),
            Updated::Refused(_) => Ok(Claim::Busy),
        }
    }

    /// Writes down, before the paid call, that the model is being asked. `false` when the picture is another worker's.
    ///
    /// # Errors
    /// When the store fails; then nobody has been asked.
    pub async fn dispatched(&self, image: &Image, requested: PixelSize) -> Result<bool, StoreError> {
        let expression = Expression::update("SET #state = :dispatched, #requested = :requested")
            .and_when("#attempt = :attempt AND #state = :claimed")
            .text(":dispatched", "dispatched")
            .text(":claimed", "claimed")
            .value(":requested", size_value(requested)?)
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    /// Writes down where the result is. `false` when the picture is another worker's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn painted(&self, image: &Image, model: &str, result_url: &str) -> Result<bool, StoreError> {
        let expression = Expression::update("SET #state = :painted, #model = :model, #result_url = :url")
            .and_when("#attempt = :attempt AND #state = :dispatched")
            .text(":painted", "painted")
            .text(":dispatched", "dispatched")
            .text(":model", model)
            .text(":url", result_url)
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    /// Writes down, before the PUT, under which key and in which store an object may be from now on. `false` when the
    /// picture is another worker's.
    ///
    /// # Errors
    /// When the store fails; then nothing has been stored.
    pub async fn storing(&self, image: &Image, object_key: &ObjectKey, store: Store) -> Result<bool, StoreError> {
        let names = aws_sdk_dynamodb::types::AttributeValue::Ss(vec![store.as_str().to_owned()]);
        let expression = Expression::update("SET #object_key = :key ADD #stores :store")
            .and_when("#attempt = :attempt AND #state = :painted AND (attribute_not_exists(#object_key) OR #object_key = :key)")
            .text(":key", object_key.as_str())
            .value(":store", names)
            .text(":painted", "painted")
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    async fn mine(&self, image: &Image, expression: Expression) -> Result<bool, StoreError> {
        Ok(matches!(
            self.table.update(image_key(image.into()), expression).await?,
            Updated::Done(_)
        ))
    }

    /// Ends the picture, as a piece of the transaction that resolves its hold. Refused under [`Guard::Image`] when it is
    /// another worker's, has ended, or is to be deleted.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn ending_write(
        &self,
        image: &Image,
        ending: Ending,
        delivered: Option<PixelSize>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let (state, reason) = match ending {
            Ending::Ready => ("ready", None),
            Ending::Refused(refusal) => ("refused", Some((":refusal", "refusal", name_of(&refusal)?))),
            Ending::Failed(failure) => ("failed", Some((":failure", "failure", name_of(&failure)?))),
        };
        let mut update = "SET #state = :state, #finished_at = :now, #expires_at = :ends".to_owned();
        if let Some((value, name, _)) = &reason {
            update.push_str(&format!(", #{name} = {value}"));
        }
        if delivered.is_some() {
            update.push_str(", #delivered = :delivered");
        }
        update.push_str(" REMOVE #lease_until, #result_url");
        let mut expression = Expression::update(&update)
            .and_when(&format!("{UNFINISHED_AND_MINE} AND #delete_requested = :no"))
            .text(":state", state)
            .text(":now", now.to_string())
            .number(":ends", image.expires_at().as_second())
            .value(":no", aws_sdk_dynamodb::types::AttributeValue::Bool(false));
        if let Some((value, _, text)) = reason {
            expression = expression.text(value, text);
        }
        if let Some(size) = delivered {
            expression = expression.value(":delivered", size_value(size)?);
        }
        self.table
            .update_write(image_key(image.into()), unfinished(expression, image), Guard::Image)
    }

    /// Removes an unfinished picture whose owner wants it gone, as a piece of the transaction that resolves its hold.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn farewell_write(&self, image: &Image) -> Result<Write, StoreError> {
        let expression = Expression::when(&format!("{UNFINISHED_AND_MINE} AND #delete_requested = :yes"))
            .value(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        self.table
            .delete_write(image_key(image.into()), unfinished(expression, image), Guard::Image)
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

const UNFINISHED_AND_MINE: &str = "#attempt = :attempt AND #state IN (:claimed, :dispatched, :painted)";

fn unfinished(expression: Expression, image: &Image) -> Expression {
    expression
        .number(":attempt", image.attempt)
        .text(":claimed", "claimed")
        .text(":dispatched", "dispatched")
        .text(":painted", "painted")
}

fn image_key(image: ImageKey) -> Item {
    key(&[
        ("account_id", image.account_id.to_string()),
        ("id", image.id.to_string()),
    ])
}

fn size_value(size: PixelSize) -> Result<aws_sdk_dynamodb::types::AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(size).map_err(|cause| StoreError::Broken {
        key: "a size".to_owned(),
        cause: cause.into(),
    })
}

fn name_of<T: Serialize>(value: &T) -> Result<String, StoreError> {
    let broken = |cause: BoxError| StoreError::Broken {
        key: "a reason".to_owned(),
        cause,
    };
    let name = serde_json::to_value(value).map_err(|error| broken(error.into()))?;
    name.as_str()
        .map(str::to_owned)
        .ok_or_else(|| broken("it is not a name".into()))
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
        result_url: item.result_url,
        object_key: item.object_key,
        stores: item.stores,
        delete_requested: item.delete_requested,
        finished_at: item.finished_at,
    })
}
