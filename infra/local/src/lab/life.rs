//! How life goes on after whatever happened: workers, streams, TTL and schedules, until nothing is left to do.

use anyhow::{Result, bail};
use jiff::SignedDuration;
use serde_json::Value;

use super::Lab;

/// How often `settle-stale` runs.
const STEP: SignedDuration = SignedDuration::from_mins(5);

/// After this much of it something is stuck for good: twice the life of a provider's result.
const LONGEST: u32 = 2 * 24 * 12;

/// So long after one run of `objects-sweep` comes another one that counts as a second look at the same object.
const BETWEEN_SWEEPS: SignedDuration = SignedDuration::from_hours(25);

impl Lab {
    /// Lets everything go its way until every picture and every mail has ended and every queue is empty, apart from those for dead letters.
    ///
    /// # Errors
    /// When that does not come about, or an engine fails.
    pub async fn live_on(&self) -> Result<()> {
        for _ in 0..LONGEST {
            self.expire()?;
            self.drain().await?;
            if self.is_quiet()? {
                return Ok(());
            }
            self.advance(STEP).await;
            // A run that fails is followed by the next one.
            if let Err(error) = self.run("settle-stale").await {
                tracing::debug!(error = format!("{error:#}"), "A run that settles failed");
            }
        }
        bail!(
            "after two days something is still to be done:\n{}",
            self.journal.lines()
        )
    }

    /// Lets `objects-sweep` see everything twice, more than a day apart.
    ///
    /// # Errors
    /// When a run fails.
    pub async fn sweep_twice(&self) -> Result<()> {
        for _ in 0..2 {
            self.advance(BETWEEN_SWEEPS).await;
            self.run("objects-sweep").await?;
        }
        self.live_on().await
    }

    fn is_quiet(&self) -> Result<bool> {
        let ended = |item: &Value| item["pending"].is_null();
        let waiting = ["images-paint", "images-erase", "mail-send"]
            .iter()
            .map(|queue| Ok(self.messages(queue)?.len()))
            .sum::<Result<usize>>()?;
        let all_ended = |table| Ok::<_, anyhow::Error>(self.items(table)?.iter().all(ended));
        Ok(waiting == 0 && all_ended("images")? && all_ended("outbox")?)
    }
}
