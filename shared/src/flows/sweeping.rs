//! Stores and items compared, both ways, so that nothing outlives its picture and nothing is lost in silence.
//!
//! A picture that is past its time goes from every store and then from the table, whatever TTL and streams did. An object that
//! no picture names goes too, but slowly: items may be missing because something broke, and then the objects are all there is.
//! It must be a day old and be missed by two passes, and when too many are missed the sweep deletes none of them and raises an
//! alarm. Each walk goes on where the last run stopped.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};

use crate::Clock;
use crate::domain::image::LIFE;
use crate::domain::{Image, ObjectKey, State, Store};
use crate::objects::{LARGEST_PAGE, ObjectError, Objects, Stored, Stores};
use crate::store::images::ImageKey;
use crate::store::sweeps::{Count, Progress, Sweeps};
use crate::store::{Images, StoreError};
use crate::telemetry::chain;

/// How old an object must be before it counts as missed: whoever stores one has written its key down before.
pub const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// How long a run begins new pages. What is under way then takes seconds, and the function may run for five minutes.
pub const BUDGET: SignedDuration = SignedDuration::from_mins(4);

/// Of a hundred objects so many may be orphans for the sweep to go on deleting them.
const MOST_ORPHANS_PERCENT: u64 = 1;

/// The walks, by the names under which their progress is kept: items past their time, each store's objects, pictures that can be
/// downloaded.
pub const WALKS: [&str; 4] = ["expired", "cos", "oss", "ready"];

/// How many items a page of a walk through the table passes.
const ITEMS_A_PAGE: i32 = 500;

/// How many objects are looked after at once.
const AT_ONCE: usize = 16;

/// How many pictures one run looks for in the stores.
const MOST_LOOKS: usize = 500;

/// Why a sweep did not do all it should; the next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bucket cannot be listed.
    #[error("a store's objects cannot be listed")]
    Objects(#[from] ObjectError),
    /// Something could not be removed; why stands in the log.
    #[error("{0} objects or items could not be removed")]
    Left(u64),
}

/// What the sweep needs.
#[derive(Clone, Debug)]
pub struct Sweeper {
    /// The time.
    pub clock: Clock,
    /// The pictures' items.
    pub images: Images,
    /// Their objects.
    pub stores: Stores,
    /// How far it has come.
    pub sweeps: Sweeps,
}

/// What became of an object that was looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// A picture names it, or it is too young to tell.
    Stays,
    /// No picture names it, since this pass.
    Orphan,
    /// No picture names it, and an earlier pass has seen that as well.
    Missed(ObjectKey),
    /// It was past its time and is gone.
    Gone,
    /// It should be gone, and is not.
    Left,
    /// Its key is none of ours.
    Foreign,
}

impl Sweeper {
    /// Goes on with every walk for its share of [`BUDGET`]. One that fails does not keep the others from going on.
    ///
    /// # Errors
    /// When something failed; the rest was done.
    pub async fn run(&self) -> Result<(), SweepError> {
        let quarter = BUDGET / 4;
        let start = self.clock.now();
        let mut outcome = self.end_what_is_past(start + quarter).await;
        let stores = i32::try_from(self.stores.each().count()).unwrap_or(1).max(1);
        for (number, store) in (1..).zip(self.stores.each()) {
            let swept = self.sweep(store, start + quarter + quarter * 2 * number / stores).await;
            outcome = outcome.and(swept);
        }
        outcome.and(self.look_for_the_lost(start + BUDGET).await)
    }

    /// Ends the pictures that are past their time and still in the table.
    async fn end_what_is_past(&self, until: Timestamp) -> Result<(), SweepError> {
        let walk = "expired";
        let mut progress = self.sweeps.progress(walk).await?;
        let mut left = 0;
        loop {
            let now = self.clock.now();
            let page = self.images.past_their_time(place(&progress), ITEMS_A_PAGE, now).await?;
            let ends = stream::iter(page.images).map(|image| self.end(image, now));
            let fates: Vec<Fate> = ends.buffer_unordered(AT_ONCE).try_collect().await?;
            left += count(&fates, &Fate::Left);
            progress.seen.objects += u64::try_from(fates.len()).unwrap_or(u64::MAX);
            progress.seen.removed += count(&fates, &Fate::Gone);
            if !self.go_on(walk, &mut progress, page.next, until).await? {
                return all_gone(left);
            }
        }
    }

    /// Compares a store with the table.
    async fn sweep(&self, store: &Objects, until: Timestamp) -> Result<(), SweepError> {
        let walk = store.store().as_str();
        let mut progress = self.sweeps.progress(walk).await?;
        let mut left = 0;
        loop {
            let listing = match store.list(progress.cursor.as_deref(), LARGEST_PAGE).await {
                // It may no longer know the place where the last run stopped.
                Err(ObjectError::Denied { .. }) if progress.cursor.is_some() => {
                    progress.begin_again();
                    continue;
                }
                listing => listing?,
            };
            let now = self.clock.now();
            let pass = progress.pass;
            let looks = stream::iter(listing.objects).map(|object| self.look_after(store, object, pass, now));
            let fates: Vec<Fate> = looks.buffer_unordered(AT_ONCE).try_collect().await?;
            let missed: Vec<ObjectKey> = fates.iter().filter_map(Fate::missed).cloned().collect();
            progress.seen.objects += u64::try_from(fates.len()).unwrap_or(u64::MAX);
            progress.seen.orphans += count(&fates, &Fate::Orphan) + u64::try_from(missed.len()).unwrap_or(u64::MAX);
            left += count(&fates, &Fate::Left);
            progress.seen.removed += count(&fates, &Fate::Gone);
            if progress.may_delete() {
                let removals =
                    stream::iter(missed).map(|key| async move { remove(store, &key, "named by no picture").await });
                let fates: Vec<Fate> = removals.buffer_unordered(AT_ONCE).collect().await;
                left += count(&fates, &Fate::Left);
                progress.seen.removed += count(&fates, &Fate::Gone);
            }
            let foreign = count(&fates, &Fate::Foreign);
            if foreign > 0 {
                tracing::warn!(
                    store = walk,
                    foreign,
                    "Objects lie in the pictures' bucket that are none of ours"
                );
            }
            let (seen, is_last) = (progress.seen, listing.next.is_none());
            progress.cursor = listing.next;
            if is_last {
                progress.end_pass(now);
            }
            if !self.sweeps.save(walk, &mut progress).await? {
                return all_gone(left);
            }
            if is_last {
                report(walk, seen);
            }
            if is_last || self.clock.now() >= until {
                return all_gone(left);
            }
        }
    }

    async fn look_after(&self, store: &Objects, object: Stored, pass: u64, now: Timestamp) -> Result<Fate, StoreError> {
        let Ok(key) = object.key.parse::<ObjectKey>() else {
            return Ok(Fate::Foreign);
        };
        let age = now.duration_since(object.modified);
        match self.images.named_by(&key).await? {
            Some(image) if image.id.is_past(LIFE, now) => match self.images.as_it_stands(image).await? {
                Some(image) => self.end(image, now).await,
                // Somebody removed it since: its objects are being erased.
                None => Ok(Fate::Stays),
            },
            Some(_) => Ok(Fate::Stays),
            None if age >= LIFE => Ok(remove(store, &key, "past its time").await),
            None if age < YOUNG => Ok(Fate::Stays),
            None => {
                let first = self.sweeps.first_missed(store.store(), &key, pass, now).await?;
                Ok(if first < pass { Fate::Missed(key) } else { Fate::Orphan })
            }
        }
    }

    /// Removes the objects of a picture that is past its time, and then its item, if it has ended. One that has not is still
    /// to be settled: its item stays for that.
    async fn end(&self, image: Image, now: Timestamp) -> Result<Fate, StoreError> {
        if let Some(key) = &image.object_key {
            let mut left = false;
            // One store that is out keeps nothing in the other.
            for store in &image.stores {
                left |= self.remove_from(*store, key, &image).await == Fate::Left;
            }
            if left {
                return Ok(Fate::Left);
            }
        }
        if image.state.is_final() {
            self.images.remove_past_its_time((&image).into(), now).await?;
        }
        Ok(Fate::Gone)
    }

    async fn remove_from(&self, store: Store, key: &ObjectKey, image: &Image) -> Fate {
        let Some(objects) = self.stores.of(store) else {
            let store = store.as_str();
            tracing::warn!(image.id = %image.id, store, "A picture lies in a store that is not configured");
            return Fate::Left;
        };
        remove(objects, key, "past its time").await
    }

    /// Looks whether pictures that can be downloaded are where their items say. What is lost is told, and left as it is.
    async fn look_for_the_lost(&self, until: Timestamp) -> Result<(), SweepError> {
        let walk = "ready";
        let mut progress = self.sweeps.progress(walk).await?;
        let mut looks = 0;
        loop {
            let now = self.clock.now();
            let page = self
                .images
                .downloadable(place(&progress), ITEMS_A_PAGE / 5, now)
                .await?;
            looks += page.images.len();
            progress.seen.objects += u64::try_from(page.images.len()).unwrap_or(u64::MAX);
            let lost = stream::iter(page.images).map(|image| self.is_lost(image));
            let lost: Vec<Option<ImageKey>> = lost.buffer_unordered(AT_ONCE).try_collect().await?;
            for image in lost.into_iter().flatten() {
                progress.seen.orphans += 1;
                tracing::error!(image.id = %image.id, alarm = "lost_picture", "A picture that is ready lies in no store");
            }
            if !self.go_on(walk, &mut progress, page.next, until).await? || looks >= MOST_LOOKS {
                return Ok(());
            }
        }
    }

    /// Whether none of the stores that a picture names has it. A store that does not answer may have it.
    async fn is_lost(&self, image: Image) -> Result<Option<ImageKey>, StoreError> {
        let Some(key) = &image.object_key else {
            return Ok(Some((&image).into()));
        };
        for store in &image.stores {
            let Some(store) = self.stores.of(*store) else { continue };
            if store.exists(key).await.unwrap_or(true) {
                return Ok(None);
            }
        }
        // Its owner may have deleted it meanwhile.
        let still = self.images.as_it_stands((&image).into()).await?;
        Ok(still
            .filter(|still| still.state == State::Ready)
            .map(|_| (&image).into()))
    }

    /// Keeps where a walk through the table goes on; whether it does so in this run.
    async fn go_on(
        &self,
        walk: &str,
        progress: &mut Progress,
        next: Option<ImageKey>,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_last = next.is_none();
        progress.cursor = next.and_then(|next| serde_json::to_string(&next).ok());
        if is_last {
            progress.end_pass(self.clock.now());
        }
        Ok(self.sweeps.save(walk, progress).await? && !is_last && self.clock.now() < until)
    }
}

/// Where a walk through the table goes on. What cannot be read any more begins anew.
fn place(progress: &Progress) -> Option<ImageKey> {
    serde_json::from_str(progress.cursor.as_deref()?).ok()
}

async fn remove(store: &Objects, key: &ObjectKey, why: &str) -> Fate {
    let (name, object) = (store.store().as_str(), key.as_str());
    match store.delete(key).await {
        Ok(()) => {
            tracing::info!(store = name, object, why, "An object was removed");
            Fate::Gone
        }
        Err(error) => {
            tracing::warn!(store = name, object, why, error = %chain(&error), "An object could not be removed");
            Fate::Left
        }
    }
}

/// Whether so few objects are orphans that they may be deleted. A single one always may, or a small store could never be
/// cleaned.
fn are_few(count: Count) -> bool {
    count.orphans <= 1 || count.orphans.saturating_mul(100) <= count.objects.saturating_mul(MOST_ORPHANS_PERCENT)
}

/// Tells what a whole pass has seen.
fn report(store: &str, seen: Count) {
    let Count {
        objects,
        orphans,
        removed,
    } = seen;
    if are_few(seen) {
        tracing::info!(store, objects, orphans, removed, "A store was swept");
    } else {
        tracing::error!(
            store,
            objects,
            orphans,
            alarm = "too_many_orphans",
            "Too many objects are named by no picture: the sweep deletes none of them until somebody has looked"
        );
    }
}

impl Fate {
    fn missed(&self) -> Option<&ObjectKey> {
        match self {
            Self::Missed(key) => Some(key),
            Self::Stays | Self::Orphan | Self::Gone | Self::Left | Self::Foreign => None,
        }
    }
}

impl Progress {
    /// Whether objects that two passes have missed may be deleted: the whole pass before has seen few orphans, and this one
    /// has not yet seen more than are few among as many objects as were there then.
    fn may_delete(&self) -> bool {
        let so_far = Count {
            objects: self.before.objects,
            ..self.seen
        };
        are_few(self.before) && are_few(so_far)
    }
}

fn count(fates: &[Fate], wanted: &Fate) -> u64 {
    u64::try_from(fates.iter().filter(|fate| *fate == wanted).count()).unwrap_or(u64::MAX)
}

fn all_gone(left: u64) -> Result<(), SweepError> {
    if left == 0 { Ok(()) } else { Err(SweepError::Left(left)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans_are_few_up_to_one_in_a_hundred_and_one_alone_always_is() {
        for (objects, orphans, few) in [
            (0, 0, true),
            (1, 1, true),
            (2, 2, false),
            (99, 1, true),
            (199, 2, false),
            (200, 2, true),
            (10_000, 100, true),
            (10_000, 101, false),
        ] {
            let seen = Count {
                objects,
                orphans,
                ..Count::default()
            };
            assert_eq!(are_few(seen), few, "{orphans} of {objects}");
        }
    }
}
