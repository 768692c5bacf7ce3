//! One picture, from its order to its end: paid for at most once, and never a credit lost.
//!
//! Intent is written before every effect: `dispatched` before the paid call, the store's name before the PUT. What dies
//! in between is found by the next worker, which knows from the state what may have happened.

mod asking;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::ROUNDS;
use super::ending::{Ender, Finish};
use crate::domain::image::{Failure, Provider};
use crate::domain::spend::Ceiling;
use crate::domain::{Fen, Image, ObjectKey};
use crate::objects::{ObjectError, Stores};
use crate::pictures::Picture;
use crate::providers::{FetchError, ImageModel};
use crate::store::images::{Claim, Ending, ImageKey};
use crate::store::{Accounts, Guard, Images, Limits, StoreError, Transaction};
use crate::{Clock, Entropy};

/// How long a worker may be at one picture before another takes over. Longer than the worker's time-out in the template;
/// a house test compares the two.
pub const LEASE: SignedDuration = SignedDuration::from_secs(330);

/// What painting needs.
#[derive(Clone)]
pub struct Painter {
    /// Who ends a picture.
    pub ender: Ender,
    /// How the models fare, and what was spent on them today.
    pub limits: Limits,
    /// Who paints.
    pub primary: Priced,
    /// Who paints when the primary cannot.
    pub backup: Priced,
    /// The most that may be spent on both in a day.
    pub ceiling: Ceiling,
    /// Where pictures are stored.
    pub stores: Stores,
    /// The time, asked anew after each long wait.
    pub clock: Clock,
    /// Makes object keys.
    pub entropy: Entropy,
}

/// A model, and what it takes for a picture.
#[derive(Clone, Debug)]
pub struct Priced {
    /// The model.
    pub model: Arc<dyn ImageModel>,
    /// What one picture costs.
    pub price: Fen,
}

/// Why a picture has to be come back for.
#[derive(Debug, thiserror::Error)]
pub enum PaintingError {
    /// Another worker is at it.
    #[error("another worker is painting it")]
    Busy,
    /// Its result could not be fetched this time.
    #[error("the result could not be fetched")]
    Fetch(#[source] FetchError),
    /// No store took it this time.
    #[error("the picture could not be stored")]
    Objects(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Painter {
    /// Brings one picture as far as it can be brought now.
    ///
    /// # Errors
    /// When somebody has to come back for it; everything that happened is written down.
    pub async fn paint(&self, key: ImageKey) -> Result<(), PaintingError> {
        match self.images().claim(key, LEASE, self.clock.now()).await? {
            Claim::Done => Ok(()),
            Claim::Busy => Err(PaintingError::Busy),
            Claim::Unknown(image) => self.unknown(image).await,
            Claim::Follow(image) => self.follow(image).await,
            Claim::Fetch(image) => self.fetch_and_store(image).await,
            Claim::Paint(image) if image.delete_requested => self.fail(image, Failure::ModelUnavailable).await,
            Claim::Paint(image) => self.ask(image).await,
        }
    }

    fn images(&self) -> &Images {
        &self.ender.images
    }

    fn by(&self, provider: Provider) -> &Priced {
        match provider {
            Provider::Seedream => &self.primary,
            Provider::Dashscope => &self.backup,
        }
    }

    async fn fetch_and_store(&self, mut image: Image) -> Result<(), PaintingError> {
        let url = image.result_url.as_deref().and_then(|url| url.parse().ok());
        let Some(url) = url else {
            return self.fail(image, Failure::ResultLost).await;
        };
        let picture = match self.fetched(&image, &url).await {
            Ok(picture) => picture,
            Err(later @ FetchError::Retryable { .. }) => return Err(PaintingError::Fetch(later)),
            Err(lost @ (FetchError::Gone { .. } | FetchError::Invalid { .. })) => {
                tracing::error!(image.id = %image.id, error = %lost, "A picture that was paid for could not be fetched");
                let tried_to_store = image.object_key.is_some();
                let failure = if tried_to_store {
                    Failure::NotStored
                } else {
                    Failure::ResultLost
                };
                return self.fail(image, failure).await;
            }
        };
        let key = image
            .object_key
            .clone()
            .unwrap_or_else(|| ObjectKey::new(&self.entropy, picture.format().extension()));
        if !self.store(&mut image, &key, &picture).await? {
            return Ok(());
        }
        let size = picture.size();
        match self.ender.end(image.clone(), Ending::Ready, Some(size)).await? {
            Finish::Written => Ok(()),
            Finish::Lost => self.take_back(&image, &key).await,
        }
    }

    /// The picture with the label that says a model drew it.
    async fn fetched(&self, image: &Image, url: &Url) -> Result<Picture, FetchError> {
        let drawn_by = image.tries.last().map_or(Provider::Seedream, |last| last.provider);
        Ok(self.by(drawn_by).model.fetch(url).await?.labelled()?)
    }

    /// Puts the picture into the first store that takes it. Each is written down before it is asked, because one whose
    /// answer is lost may have the object all the same. `false` when the picture is another worker's.
    async fn store(&self, image: &mut Image, key: &ObjectKey, picture: &Picture) -> Result<bool, PaintingError> {
        image.object_key = Some(key.clone());
        let mut failed = None;
        for objects in self.stores.each() {
            let store = objects.store();
            if !self.images().storing(image, key, store).await? {
                return Ok(false);
            }
            image.stores.insert(store);
            let (bytes, media_type) = (picture.bytes().clone(), picture.format().content_type());
            match objects.put(key, bytes, media_type).await {
                Ok(()) => {
                    image.stored_in = Some(store);
                    return Ok(true);
                }
                Err(error) => {
                    tracing::error!(image.id = %image.id, store = store.as_str(), %error, "A store did not take a picture");
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(false),
        }
    }

    /// Removes the objects of a picture that went another way while it was being stored.
    async fn take_back(&self, image: &Image, key: &ObjectKey) -> Result<(), PaintingError> {
        let now = self.images().find(image.into(), self.clock.now()).await?;
        let still_ours = now.is_some_and(|now| now.object_key.as_ref() == Some(key));
        if !still_ours {
            for objects in image.stores.iter().filter_map(|store| self.stores.of(*store)) {
                objects.delete(key).await?;
            }
        }
        Ok(())
    }

    /// Ends a picture of which nobody knows whether it was painted, and counts what it may have cost.
    async fn unknown(&self, image: Image) -> Result<(), PaintingError> {
        let lost = image.tries.last().map(|tried| (tried.price, tried.at));
        let id = image.id;
        if self.ender.fail(image, Failure::OutcomeUnknown).await? == Finish::Written
            && let Some((price, at)) = lost
        {
            tracing::error!(image.id = %id, fen = price.0, "It is not known whether a model painted; it may have to be paid");
            self.limits.perhaps_lost(price, at).await?;
        }
        Ok(())
    }

    async fn fail(&self, image: Image, failure: Failure) -> Result<(), PaintingError> {
        Ok(self.ender.fail(image, failure).await.map(drop)?)
    }
}

/// What became of a wish to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The picture is gone, and its objects follow.
    Gone,
    /// It is unfinished: it goes as soon as its outcome has settled the credit.
    Marked,
}

/// Deletes a picture for its owner.
///
/// # Errors
/// When the store fails, or the account is no longer active ([`Guard::Account`] refused).
pub async fn delete(
    image: Image,
    images: &Images,
    accounts: &Accounts,
    now: Timestamp,
) -> Result<Option<Deletion>, StoreError> {
    let key = ImageKey::from(&image);
    let mut current = Some(image);
    for _ in 0..ROUNDS {
        let Some(image) = current else { return Ok(None) };
        let (write, deletion) = if image.state.is_final() {
            (images.removal_write(&image)?, Deletion::Gone)
        } else {
            (images.deletion_mark_write(&image)?, Deletion::Marked)
        };
        match Transaction::of([write])
            .and(accounts.active_check(image.account)?)
            .commit(images.db())
            .await
        {
            Ok(()) => return Ok(Some(deletion)),
            Err(error) if error.refused(Guard::Image).is_some() => current = images.find(key, now).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Contended)
}

/// How long a download link made now may live: an hour at most, and never as long as the picture. Stores honour a link
/// through its last second, so it ends one second earlier; a picture in its last two seconds has no link any more.
#[must_use]
pub fn link_life(image: &Image, now: Timestamp) -> Option<SignedDuration> {
    let second = SignedDuration::from_secs(1);
    let life = image.expires_at().duration_since(now) - second;
    (life >= second).then(|| life.min(SignedDuration::from_hours(1)))
}
