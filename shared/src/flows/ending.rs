//! How a picture ends: its last state and the fate of its credit are one transaction.

use crate::Clock;
use crate::domain::image::Failure;
use crate::domain::ledger::Posting;
use crate::domain::{Image, PixelSize};
use crate::store::images::Ending;
use crate::store::ledger::PostError;
use crate::store::{Accounts, Guard, Images, Ledgers, StoreError, Transaction};

use super::ROUNDS;
use super::counting::Counting;

/// Ends pictures.
#[derive(Clone, Debug)]
pub struct Ender {
    /// Whose ledger a picture is on.
    pub accounts: Accounts,
    /// The pictures.
    pub images: Images,
    /// The credits.
    pub ledgers: Ledgers,
    /// Where it is counted.
    pub counting: Counting,
    /// The time, asked anew after each long wait.
    pub clock: Clock,
}

/// Whether a picture's end was ours to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It was.
    Written,
    /// Somebody else ended it, or took it over.
    Lost,
}

impl Ender {
    /// Ends the picture without a picture.
    ///
    /// # Errors
    /// When the store fails, or others keep writing.
    pub async fn fail(&self, image: Image, failure: Failure) -> Result<Finish, StoreError> {
        self.end(image, Ending::Failed(failure), None).await
    }

    /// Ends the picture and resolves its hold in one transaction; one whose owner wants it gone goes at once, and so does
    /// one whose account is gone.
    ///
    /// # Errors
    /// When the store fails, or others keep writing.
    pub async fn end(
        &self,
        mut image: Image,
        ending: Ending,
        delivered: Option<PixelSize>,
    ) -> Result<Finish, StoreError> {
        let Some(profile) = self.accounts.profile(image.account).await? else {
            self.images.abandoned(&image).await?;
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
                .post(profile.ledger, &before, std::slice::from_ref(&posting), now)
                .map_err(contended)?;
            let end = if image.delete_requested {
                self.images.farewell_write(&image)?
            } else {
                self.images.ending_write(&image, ending, delivered, now)?
            };
            let error = match Transaction::of([end]).and_all(entries).commit(self.images.db()).await {
                Ok(()) => {
                    self.counting.ended(&image, ending.state()).await;
                    return Ok(Finish::Written);
                }
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
                return Err(error.into());
            }
        }
        Err(StoreError::Contended)
    }
}

fn contended(error: PostError) -> StoreError {
    match error {
        PostError::Store(store) => store,
        // Resolving a hold never overdraws; should the ledger say so, it was read in between.
        PostError::Refused(_) => StoreError::Contended,
    }
}
