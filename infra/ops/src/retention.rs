//! What the thirty days are kept by: the age of what lies in the stores, and what the sweep has done.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use shared::domain::ObjectKey;
use shared::domain::image::LIFE;
use shared::flows::sweeping::WALKS;
use shared::objects::{LARGEST_PAGE, ObjectError, Objects, Stored, Stores};
use shared::store::StoreError;
use shared::store::sweeps::Progress;
use shared::telemetry::chain;

use crate::{Ops, OpsError};

/// How much older than its picture a file may become, by a store's own rule.
const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// What lies in the stores and what the last passes did.
#[derive(Debug)]
pub struct Report {
    now: Timestamp,
    stores: Vec<(&'static str, Result<Contents, ObjectError>)>,
    walks: Vec<(&'static str, Progress)>,
}

/// What lies in a store.
#[derive(Debug, Default)]
struct Contents {
    pictures: u64,
    bytes: u64,
    foreign: u64,
    overdue: usize,
    oldest: Option<Stored>,
}

impl Ops {
    /// Looks at every object of every store, and at the sweep's own notes.
    ///
    /// # Errors
    /// When the table cannot be asked. A store that does not tell is told of.
    pub async fn retention(&self, stores: &Stores) -> Result<Report, OpsError> {
        let now = self.clock.now();
        let mut report = Report {
            now,
            stores: Vec::new(),
            walks: Vec::new(),
        };
        for store in stores.each() {
            report.stores.push((store.store().as_str(), contents(store, now).await));
        }
        for walk in WALKS {
            let progress: Result<Progress, StoreError> = self.sweeps.progress(walk).await;
            report
                .walks
                .push((walk, progress.map_err(|error| self.explained(error))?));
        }
        Ok(report)
    }
}

async fn contents(store: &Objects, now: Timestamp) -> Result<Contents, ObjectError> {
    let mut contents = Contents::default();
    let mut after = None;
    loop {
        let page = store.list(after.as_deref(), LARGEST_PAGE).await?;
        for object in page.objects {
            contents.add(object, now);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(contents),
        }
    }
}

impl Contents {
    fn add(&mut self, object: Stored, now: Timestamp) {
        if object.key.parse::<ObjectKey>().is_err() {
            self.foreign += 1;
            return;
        }
        self.pictures += 1;
        self.bytes += object.bytes;
        self.overdue += usize::from(now.duration_since(object.modified) > LIFE + GRACE);
        let is_older = |oldest: &Stored| object.modified < oldest.modified;
        if self.oldest.as_ref().is_none_or(is_older) {
            self.oldest = Some(object);
        }
    }
}

impl Report {
    /// How many files are older than they may be, and how many stores do not tell.
    #[must_use]
    pub fn overdue(&self) -> usize {
        let stores = self.stores.iter();
        stores
            .map(|(_, contents)| contents.as_ref().map_or(1, |contents| contents.overdue))
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "store   pictures          bytes  the oldest")?;
        for (store, contents) in &self.stores {
            let contents = match contents {
                Ok(contents) => contents,
                Err(error) => {
                    writeln!(f, "{store:<6}  does not tell: {}", chain(error))?;
                    continue;
                }
            };
            let oldest = contents.oldest.as_ref().map_or_else(
                || "nothing".to_owned(),
                |oldest| format!("{} of {}", age(oldest.modified, self.now), oldest.key),
            );
            writeln!(
                f,
                "{store:<6}  {:>8}  {:>13}  {oldest}",
                contents.pictures, contents.bytes
            )?;
            if contents.overdue > 0 {
                writeln!(f, "        {} of them are older than they may be", contents.overdue)?;
            }
            if contents.foreign > 0 {
                writeln!(
                    f,
                    "        and {} objects that are no pictures of ours",
                    contents.foreign
                )?;
            }
        }
        writeln!(f, "\nsweep    last whole pass       passes  looked at  missed  removed")?;
        for (walk, progress) in &self.walks {
            let ended = progress.ended_at.map_or("never".to_owned(), |at| format!("{at:.0}"));
            let before = progress.before;
            writeln!(
                f,
                "{walk:<7}  {ended:<20}  {:>6}  {:>9}  {:>6}  {:>7}",
                progress.pass, before.objects, before.orphans, before.removed
            )?;
        }
        Ok(())
    }
}

/// How old something is, in days and hours.
fn age(since: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(since).as_hours();
    format!("{} d {} h", hours / 24, hours % 24)
}
