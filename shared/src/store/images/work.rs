//! What a worker writes about the picture it is at.
//!
//! A claim counts the picture's attempt up, and every later write is conditional on that attempt: a worker that was
//! overtaken changes nothing any more. Each write may reach the database twice, because a reply may be lost; the second
//! finds what the first wrote and writes it again.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    BoxError, Expression, Guard, ImageKey, Images, PATIENCE, StoreError, Updated, Write, image_from, image_key,
};
use crate::domain::image::{Failure, Refusal};
use crate::domain::{Image, ObjectKey, PixelSize, State, Store};

/// What a worker finds when it comes for a picture.
#[derive(Debug)]
pub enum Claim {
    /// It is the worker's now, to be painted.
    Paint(Image),
    /// It is the worker's now; a model has accepted it as a task, which has to be followed.
    Follow(Image),
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

impl Ending {
    /// The state that it is.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Ready => State::Ready,
            Self::Refused(refusal) => State::Refused(refusal),
            Self::Failed(failure) => State::Failed(failure),
        }
    }
}

const UNFINISHED_AND_MINE: &str = "#attempt = :attempt AND #state IN (:claimed, :dispatched, :painted)";

impl Images {
    /// Takes the picture for one worker until `lease` is over. A worker that died before it asked the model is simply
    /// followed by the next; one that died after leaves a picture whose outcome is unknown, or a task to be followed, or a
    /// result to be fetched.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, image: ImageKey, lease: SignedDuration, now: Timestamp) -> Result<Claim, StoreError> {
        let free = "attribute_exists(#id) AND (#state = :queued OR (#state = :claimed AND #lease_until <= :now))";
        let take = "SET #state = :claimed, #lease_until = :until, #due_at = :until ADD #attempt :one REMOVE #wake";
        let take = Expression::update(take)
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
            State::Dispatched if item.task.is_some() => self.take_over(item, lease, now, Claim::Follow).await,
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
        let take = Expression::update("SET #lease_until = :until, #due_at = :until ADD #attempt :one REMOVE #wake")
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

    /// Writes down, before the paid call, that a model is being asked: the last of the picture's tries. `false` when the
    /// picture is another worker's.
    ///
    /// # Errors
    /// When the store fails; then nobody has been asked.
    pub async fn dispatched(&self, image: &Image) -> Result<bool, StoreError> {
        let requested = image.requested.map(|size| value_of(&size)).transpose()?;
        let expression = Expression::update("SET #state = :dispatched, #requested = :requested, #tries = :tries")
            .and_when("#attempt = :attempt AND #state IN (:claimed, :dispatched)")
            .text(":dispatched", "dispatched")
            .text(":claimed", "claimed")
            .value(":requested", requested.unwrap_or(AttributeValue::Null(true)))
            .value(":tries", value_of(&image.tries)?)
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    /// Writes down under which name a model has accepted the picture, so that whoever comes next can follow it. `false`
    /// when the picture is another worker's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accepted(&self, image: &Image) -> Result<bool, StoreError> {
        let task = image.task.clone().map(String::from).unwrap_or_default();
        let expression = Expression::update("SET #task = :task")
            .and_when("#attempt = :attempt AND #state = :dispatched")
            .text(":dispatched", "dispatched")
            .text(":task", task)
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    /// Writes down which model painted and where the result is. `false` when the picture is another worker's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn painted(&self, image: &Image) -> Result<bool, StoreError> {
        let update = "SET #state = :painted, #model = :model, #result_url = :url, #tries = :tries";
        let expression = Expression::update(update)
            .and_when("#attempt = :attempt AND #state IN (:dispatched, :painted)")
            .text(":painted", "painted")
            .text(":dispatched", "dispatched")
            .text(":model", image.model.clone().unwrap_or_default())
            .text(":url", image.result_url.clone().unwrap_or_default())
            .value(":tries", value_of(&image.tries)?)
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    /// Writes down, before the PUT, under which key and in which store an object may be from now on. `false` when the
    /// picture is another worker's.
    ///
    /// # Errors
    /// When the store fails; then nothing has been stored.
    pub async fn storing(&self, image: &Image, object_key: &ObjectKey, store: Store) -> Result<bool, StoreError> {
        let names = AttributeValue::Ss(vec![store.as_str().to_owned()]);
        let mine = "#attempt = :attempt AND #state = :painted";
        let same = "(attribute_not_exists(#object_key) OR #object_key = :key)";
        let expression = Expression::update("SET #object_key = :key ADD #stores :store")
            .and_when(&format!("{mine} AND {same}"))
            .text(":key", object_key.as_str())
            .value(":store", names)
            .text(":painted", "painted")
            .number(":attempt", image.attempt);
        self.mine(image, expression).await
    }

    /// Lets the picture go before its end, so that the next worker is woken for it at once.
    ///
    /// # Errors
    /// When the store fails; then the picture is looked after once its lease is over.
    pub async fn handed_on(&self, image: &Image, now: Timestamp) -> Result<(), StoreError> {
        let expression = Expression::update("SET #lease_until = :now, #wake = :now, #due_at = :later")
            .and_when(UNFINISHED_AND_MINE)
            .number(":now", now.as_second())
            .number(":later", (now + PATIENCE).as_second());
        self.mine(image, unfinished(expression, image)).await.map(drop)
    }

    async fn mine(&self, image: &Image, expression: Expression) -> Result<bool, StoreError> {
        let updated = self.table.update(image_key(image.into()), expression).await?;
        Ok(matches!(updated, Updated::Done(_)))
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
            Ending::Refused(refusal) => ("refused", Some((":refusal", "refusal", value_of(&refusal)?))),
            Ending::Failed(failure) => ("failed", Some((":failure", "failure", value_of(&failure)?))),
        };
        let mut update = "SET #state = :state, #finished_at = :now, #expires_at = :ends, #tries = :tries".to_owned();
        let mut values = vec![
            (":ends", AttributeValue::N(image.expires_at().as_second().to_string())),
            (":no", AttributeValue::Bool(false)),
            (":tries", value_of(&image.tries)?),
        ];
        if let Some((value, name, reason)) = reason {
            update.push_str(&format!(", #{name} = {value}"));
            values.push((value, reason));
        }
        if let Some(delivered) = delivered {
            update.push_str(", #delivered = :delivered");
            values.push((":delivered", value_of(&delivered)?));
        }
        if let Some(store) = image.stored_in {
            update.push_str(", #stored_in = :stored_in");
            values.push((":stored_in", value_of(&store)?));
        }
        update.push_str(" REMOVE #lease_until, #result_url, #task, #pending, #due_at, #wake");
        let expression = Expression::update(&update)
            .and_when(&format!("{UNFINISHED_AND_MINE} AND #delete_requested = :no"))
            .text(":state", state)
            .text(":now", now.to_string());
        let expression = values
            .into_iter()
            .fold(expression, |expression, (name, value)| expression.value(name, value));
        self.table
            .update_write(image_key(image.into()), unfinished(expression, image), Guard::Image)
    }

    /// Removes an unfinished picture whose owner wants it gone, as a piece of the transaction that resolves its hold.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn farewell_write(&self, image: &Image) -> Result<Write, StoreError> {
        let expression =
            Expression::when(&format!("{UNFINISHED_AND_MINE} AND #delete_requested = :yes")).flag(":yes", true);
        self.table
            .delete_write(image_key(image.into()), unfinished(expression, image), Guard::Image)
    }

    /// Removes an unfinished picture whose account is gone: there is no hold any more that it could resolve. `false` when
    /// the picture is another worker's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abandoned(&self, image: &Image) -> Result<bool, StoreError> {
        let expression = unfinished(Expression::when(UNFINISHED_AND_MINE), image);
        self.table.delete(image_key(image.into()), expression).await
    }
}

fn unfinished(expression: Expression, image: &Image) -> Expression {
    expression
        .number(":attempt", image.attempt)
        .text(":claimed", "claimed")
        .text(":dispatched", "dispatched")
        .text(":painted", "painted")
}

fn value_of<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|cause| StoreError::Broken {
        key: "a part of a picture".to_owned(),
        cause: BoxError::from(cause),
    })
}
