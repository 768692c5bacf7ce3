//! What the sweep and operators ask of the pictures' table: which item names an object, what is past its time, where a
//! picture is of which nothing but its id is known.

use jiff::Timestamp;

use super::{Image, ImageKey, Images, image_from, image_key};
use crate::domain::ObjectKey;
use crate::domain::image::LIFE;
use crate::ids::{self, Id};
use crate::store::table::Page;
use crate::store::{Expression, StoreError, from_item};

/// A part of a walk through the whole table.
#[derive(Debug)]
pub struct Walked {
    /// What was looked for, among the items that were passed.
    pub images: Vec<Image>,
    /// Where the walk goes on; `None` at the end of the table.
    pub next: Option<ImageKey>,
}

impl Images {
    /// The picture whose item names this object. Found in an index, which lags a little behind the table.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn named_by(&self, object: &ObjectKey) -> Result<Option<ImageKey>, StoreError> {
        let expression = Expression::when("#object_key = :object").text(":object", object.as_str());
        let found = self.table.query_index("object", expression, 1, None).await?;
        let found = found.items.into_iter().next();
        found.map(|item| from_item(item, || object.to_string())).transpose()
    }

    /// The picture as its item stands, past its time or not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn as_it_stands(&self, image: ImageKey) -> Result<Option<Image>, StoreError> {
        self.table.get(image_key(image)).await?.map(image_from).transpose()
    }

    /// Those of the next `limit` pictures of the table, from `from` on, whose thirty days are over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn past_their_time(
        &self,
        from: Option<ImageKey>,
        limit: i32,
        now: Timestamp,
    ) -> Result<Walked, StoreError> {
        let old = Expression::when("#id < :youngest").text(":youngest", first_alive(now).to_string());
        walked(self.table.scan(old, limit, from.map(image_key)).await?)
    }

    /// Those of the next `limit` pictures of the table, from `from` on, that can be downloaded.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn downloadable(&self, from: Option<ImageKey>, limit: i32, now: Timestamp) -> Result<Walked, StoreError> {
        let ready = Expression::when("#state = :ready AND #id >= :youngest")
            .text(":ready", "ready")
            .text(":youngest", first_alive(now).to_string());
        walked(self.table.scan(ready, limit, from.map(image_key)).await?)
    }

    /// The picture of this id, if it is among the next `limit` of the table, from `from` on, whosever it is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn whose(&self, id: Id<ids::Image>, from: Option<ImageKey>, limit: i32) -> Result<Walked, StoreError> {
        let wanted = Expression::when("#id = :id").text(":id", id.to_string());
        walked(self.table.scan(wanted, limit, from.map(image_key)).await?)
    }

    /// Removes a picture that has ended and is past its time, if TTL has not done so meanwhile; `false` when it is not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_past_its_time(&self, image: ImageKey, now: Timestamp) -> Result<bool, StoreError> {
        let over = "attribute_not_exists(#id) OR (#state IN (:ready, :refused, :failed) AND #expires_at <= :now)";
        let over = Expression::when(over)
            .text(":ready", "ready")
            .text(":refused", "refused")
            .text(":failed", "failed")
            .number(":now", now.as_second());
        self.table.delete(image_key(image), over).await
    }
}

fn walked(page: Page) -> Result<Walked, StoreError> {
    Ok(Walked {
        images: page.items.into_iter().map(image_from).collect::<Result<_, _>>()?,
        next: page
            .next
            .map(|key| from_item(key, || "a place in the table".to_owned()))
            .transpose()?,
    })
}

/// The smallest id of a picture that is not past its time at `now`: ids are ordered by when they were made, as texts too.
fn first_alive(now: Timestamp) -> Id<ids::Image> {
    let ordered = (now - LIFE).as_millisecond().saturating_add(1).max(0);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&ordered.to_be_bytes()[2..]);
    // Version and variant of a UUIDv7; whatever is random in it is zero.
    (bytes[6], bytes[8]) = (0x70, 0x80);
    Id::from_bytes(bytes).unwrap_or_else(|| Id::from_random(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Entropy, Ids};

    #[test]
    fn the_border_between_past_and_alive_is_the_same_for_texts_and_for_times() {
        let start: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        for second in 0..40 {
            let made = start + jiff::SignedDuration::from_millis(second * 977);
            let id: Id<ids::Image> = Ids::new(Clock::manual(made), Entropy::seeded(second.unsigned_abs())).next();
            for now in [made + LIFE - jiff::SignedDuration::from_millis(1), made + LIFE] {
                let is_past = id.to_string() < first_alive(now).to_string();
                assert_eq!(is_past, id.is_past(LIFE, now), "{id} at {now}");
            }
        }
    }
}
