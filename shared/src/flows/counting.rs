//! Counting without watching: what happened is added to a number of the day, and the numbers become a sum.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::Clock;
use crate::domain::image::{Cost, Failure};
use crate::domain::usage::{Usage, day_of, generation, has_settled};
use crate::domain::{Fen, Image, State};
use crate::metrics::{self, Metric};
use crate::store::{Analytics, StoreError};

/// How many days back a sum is made that was missed. Counters live longer than that.
const LOOKS_BACK: i32 = 12;

/// Counts pictures that have ended.
#[derive(Clone, Debug)]
pub struct Counting {
    /// Where it is counted.
    pub analytics: Analytics,
    /// The time.
    pub clock: Clock,
}

impl Counting {
    /// Counts a picture whose end has just been written. A count that fails is a count that is missing: no picture waits for it.
    pub async fn ended(&self, image: &Image, ended: State) {
        tracing::info_span!("picture", image.id = %image.id).in_scope(|| measure(image, ended));
        let counted = self
            .analytics
            .generated(&generation(image, ended), self.clock.now())
            .await;
        if let Err(error) = counted {
            tracing::warn!(image.id = %image.id, %error, "A picture could not be counted");
        }
    }

    /// Makes the sums of all days that have settled and have none, and says for how many days. Twice is once: a sum is put if there is
    /// none, and what it is made of does not change any more.
    ///
    /// # Errors
    /// When the store fails; the days that are done stay done.
    pub async fn roll_up(&self) -> Result<u32, StoreError> {
        let now = self.clock.now();
        let today = day_of(now);
        let first = today.saturating_sub(LOOKS_BACK.days());
        let known = self.analytics.sums(first, today).await?;
        let mut made = 0;
        for day in days(first, today).filter(|day| has_settled(*day, now) && !known.contains_key(day)) {
            let usage = self.analytics.counted(day).await?;
            if usage != Usage::default() && self.analytics.keep_sum(day, usage).await? {
                made += 1;
            }
        }
        Ok(made)
    }
}

/// Measures an end for alarms and for the dashboard.
fn measure(image: &Image, ended: State) {
    let end = match ended {
        State::Ready => Some(Metric::PicturesReady),
        State::Refused(_) => Some(Metric::PicturesRefused),
        State::Failed(_) => Some(Metric::PicturesFailed),
        State::Queued | State::Claimed | State::Dispatched | State::Painted => None,
    };
    if let Some(end) = end {
        metrics::count(end, 1);
    }
    if image.backup_because().is_some() {
        metrics::count(Metric::PicturesByBackup, 1);
    }
    if ended == State::Failed(Failure::OutcomeUnknown) {
        metrics::count(Metric::OutcomesUnknown, 1);
        let lost = image.tries.iter().map(|tried| match tried.cost() {
            Cost::Perhaps(Fen(fen)) => u64::from(fen),
            Cost::Nothing | Cost::Paid(_) => 0,
        });
        metrics::count(Metric::PerhapsLostFen, lost.sum());
    }
}

/// The days from `first` to `last`.
pub fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(move |day| *day <= last)
}
