//! Pictures that nobody seems to be at any more.

use jiff::Timestamp;

use super::{Expression, ImageKey, Images, PATIENCE, PENDING, StoreError, Updated, image_key};
use crate::domain::Image;

impl Images {
    /// Up to `limit` unfinished pictures that somebody has to look after at `now`, the longest due first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<ImageKey>, StoreError> {
        self.table.due(PENDING, now, limit).await
    }

    /// How many pictures have not ended, `most` at most.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unfinished(&self, most: i32) -> Result<u64, StoreError> {
        self.table.count_unfinished(PENDING, most).await
    }

    /// Has a worker come for the picture, if it is still as `image` was read. Its message may be one of several.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wake(&self, image: &Image, now: Timestamp) -> Result<bool, StoreError> {
        let expression = Expression::update("SET #wake = :now, #due_at = :later")
            .and_when("#attempt = :attempt AND NOT #state IN (:ready, :refused, :failed)")
            .number(":attempt", image.attempt)
            .number(":now", now.as_second())
            .number(":later", (now + PATIENCE).as_second())
            .text(":ready", "ready")
            .text(":refused", "refused")
            .text(":failed", "failed");
        let updated = self.table.update(image_key(image.into()), expression).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }
}
