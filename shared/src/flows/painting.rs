//! One picture, from its order to its end: paid for at most once, and never a credit lost.
//!
//! Intent is written before every effect: `dispatched` before the paid call, the store's name before the PUT. What dies
//! in between is found by the next worker, which knows from the state what may have happened.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::ROUNDS;
use crate::domain::image::Failure;
use crate::domain::ledger::Posting;
use crate::domain::{Image, ObjectKey, PixelSize, State};
use crate::objects::{ObjectError, Stores};
use crate::pictures::Picture;
use crate::providers::{FetchError, ImageModel, PaintError, Painted};
use crate::store::images::{Claim, Ending, ImageKey};
use crate::store::ledger::PostError;
use crate::store::{Accounts, Guard, Images, Ledgers, StoreError, Transaction};
use crate::{Clock, Entropy};

/// How long a worker may be at one picture before another takes over. Longer than the worker's time-out in the template;
/// a house test compares the two.
pub const LEASE: SignedDuration = SignedDuration::from_secs(330);

/// How long a model that charged nothing is left alone before it is asked once more, if it does not say.
const SECOND_TRY_AFTER: Duration = Duration::from_millis(500);

/// The longest it is left alone; a model that wants more than this is not asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A refusal that took longer than this leaves no time for a second try within the worker's time-out.
const QUICK: SignedDuration = SignedDuration::from_secs(30);

/// What painting needs.
#[derive(Clone)]
pub struct Painter {
    /// Whose ledger a picture is on.
    pub accounts: Accounts,
    /// The pictures.
    pub images: Images,
    /// The credits.
    pub ledgers: Ledgers,
    /// Who paints.
    pub model: Arc<dyn ImageModel>,
    /// Where pictures are stored.
    pub stores: Stores,
    /// The time, asked anew after each long wait.
    pub clock: Clock,
    /// Makes object keys.
    pub entropy: Entropy,
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
    /// It could not be stored this time.
    #[error("the picture could not be stored")]
    Objects(#[from] ObjectError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a picture's end was ours to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// It was.
    Written,
    /// Somebody else ended it, or took it over.
    Lost,
}

impl Painter {
    /// Brings one picture as far as it can be brought now.
    ///
    /// # Errors
    /// When somebody has to come back for it; everything that happened is written down.
    pub async fn paint(&self, key: ImageKey) -> Result<(), PaintingError> {
        match self.images.claim(key, LEASE, self.clock.now()).await? {
            Claim::Done => Ok(()),
            Claim::Busy => Err(PaintingError::Busy),
            Claim::Unknown(image) => self.fail(image, Failure::OutcomeUnknown).await,
            Claim::Fetch(image) => self.fetch_and_store(image).await,
            Claim::Paint(image) if image.delete_requested => self.fail(image, Failure::ModelUnavailable).await,
            Claim::Paint(image) => self.ask(image).await,
        }
    }

    async fn ask(&self, mut image: Image) -> Result<(), PaintingError> {
        let requested = self.model.pixels(image.ratio);
        if !self.images.dispatched(&image, requested).await? {
            return Ok(());
        }
        image.state = State::Dispatched;
        let asked_at = self.clock.now();
        let mut outcome = self.model.paint(&image.prompt, image.ratio).await;
        if let Some(pause) = self.second_try(&outcome, asked_at) {
            // Surely nothing was paid, so it may be asked once more.
            tokio::time::sleep(pause).await;
            outcome = self.model.paint(&image.prompt, image.ratio).await;
        }
        match outcome {
            Ok(painted) => self.keep(image, painted).await,
            Err(PaintError::Refused { by }) => self.end(image, Ending::Refused(by), None).await.map(drop),
            Err(PaintError::NotCharged { alarm, reason, .. }) => {
                if alarm {
                    tracing::error!(image.id = %image.id, reason, "The image model has to be looked after");
                }
                self.fail(image, Failure::ModelUnavailable).await
            }
            Err(PaintError::Unknown { reason, .. }) => {
                tracing::error!(image.id = %image.id, reason, "It is not known whether the model painted; it may have been paid");
                self.fail(image, Failure::OutcomeUnknown).await
            }
        }
    }

    /// After which pause the model may be asked once more, if it may: nothing was charged, it does not want to be left alone
    /// for long, and there is time.
    fn second_try(&self, outcome: &Result<Painted, PaintError>, asked_at: Timestamp) -> Option<Duration> {
        let Err(PaintError::NotCharged { retry: true, after, .. }) = outcome else {
            return None;
        };
        let pause = after.unwrap_or(SECOND_TRY_AFTER);
        let quick = self.clock.now().duration_since(asked_at) <= QUICK;
        (quick && pause <= LONGEST_PAUSE).then_some(pause)
    }

    async fn keep(&self, mut image: Image, painted: Painted) -> Result<(), PaintingError> {
        if !self
            .images
            .painted(&image, &painted.model, painted.url.as_str())
            .await?
        {
            return Ok(());
        }
        image.state = State::Painted;
        image.result_url = Some(painted.url.into());
        self.fetch_and_store(image).await
    }

    async fn fetch_and_store(&self, mut image: Image) -> Result<(), PaintingError> {
        let url = image.result_url.as_deref().and_then(|url| url.parse().ok());
        let Some(url) = url else {
            return self.fail(image, Failure::ResultLost).await;
        };
        let picture = match self.fetched(&url).await {
            Ok(picture) => picture,
            Err(later @ FetchError::Retryable { .. }) => return Err(PaintingError::Fetch(later)),
            Err(lost @ (FetchError::Gone { .. } | FetchError::Invalid { .. })) => {
                tracing::error!(image.id = %image.id, error = %lost, "A picture that was paid for could not be fetched");
                return self.fail(image, Failure::ResultLost).await;
            }
        };
        let key = image
            .object_key
            .clone()
            .unwrap_or_else(|| ObjectKey::new(&self.entropy, picture.format().extension()));
        if !self.images.storing(&image, &key, self.stores.first().store()).await? {
            return Ok(());
        }
        image.object_key = Some(key.clone());
        self.stores
            .first()
            .put(&key, picture.bytes().clone(), picture.format().content_type())
            .await?;
        match self.end(image.clone(), Ending::Ready, Some(picture.size())).await? {
            Finish::Written => Ok(()),
            Finish::Lost => self.take_back(&image, &key).await,
        }
    }

    /// The picture with the label that says a model drew it.
    async fn fetched(&self, url: &Url) -> Result<Picture, FetchError> {
        Ok(self.model.fetch(url).await?.labelled()?)
    }

    /// Removes an object whose picture went another way while it was being stored.
    async fn take_back(&self, image: &Image, key: &ObjectKey) -> Result<(), PaintingError> {
        let now = self.images.find(image.into(), self.clock.now()).await?;
        let still_ours = now.is_some_and(|now| now.object_key.as_ref() == Some(key));
        if !still_ours {
            self.stores.first().delete(key).await?;
        }
        Ok(())
    }

    async fn fail(&self, image: Image, failure: Failure) -> Result<(), PaintingError> {
        self.end(image, Ending::Failed(failure), None).await.map(drop)
    }

    /// Ends the picture and resolves its hold in one transaction; one whose owner wants it gone goes at once.
    async fn end(
        &self,
        mut image: Image,
        ending: Ending,
        delivered: Option<PixelSize>,
    ) -> Result<Finish, PaintingError> {
        let Some(profile) = self.accounts.profile(image.account).await? else {
            return Ok(Finish::Lost);
        };
        let posting = match ending {
            Ending::Ready => Posting::Settle { image: image.id },
            Ending::Refused(_) | Ending::Failed(_) => Posting::Release { image: image.id },
        };
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let before = self.ledgers.balance(profile.ledger).await?;
            let (_, entries) = self
                .ledgers
                .post(profile.ledger, &before, &[posting], now)
                .map_err(contended)?;
            let end = if image.delete_requested {
                self.images.farewell_write(&image)?
            } else {
                self.images.ending_write(&image, ending, delivered, now)?
            };
            let error = match Transaction::of([end]).and_all(entries).commit(self.images.db()).await {
                Ok(()) => return Ok(Finish::Written),
                Err(error) => error,
            };
            if error.refused(Guard::Cause).is_some() || error.refused(Guard::Hold).is_some() {
                return Ok(Finish::Lost);
            }
            if error.refused(Guard::Image).is_some() {
                match self.images.find((&image).into(), now).await? {
                    Some(current) if current.attempt == image.attempt && !current.state.is_final() => {
                        image.delete_requested = current.delete_requested;
                    }
                    Some(_) | None => return Ok(Finish::Lost),
                }
            } else if error.refused(Guard::Balance).is_none() {
                return Err(StoreError::from(error).into());
            }
        }
        Err(StoreError::Contended.into())
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

fn contended(error: PostError) -> PaintingError {
    match error {
        PostError::Store(store) => store.into(),
        // Resolving a hold never overdraws; should the ledger say so, it was read in between.
        PostError::Refused(_) => StoreError::Contended.into(),
    }
}
