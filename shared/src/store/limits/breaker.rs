//! The breaker of a model, as all workers share it.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Limits, key};
use crate::domain::breaker::{Breaker, Open, THRESHOLD, WINDOW};
use crate::domain::image::Provider;
use crate::metrics::{self, Metric};
use crate::store::{Expression, Item, StoreError, Updated, from_item};

#[derive(Deserialize)]
struct BreakerItem {
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    failed_at: Option<i64>,
    #[serde(default)]
    retry_at: Option<i64>,
    #[serde(default)]
    pause_s: Option<i64>,
}

impl Limits {
    /// How the model fares.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn breaker(&self, provider: Provider) -> Result<Breaker, StoreError> {
        match self.table.get(breaker_key(provider)).await? {
            Some(item) => breaker_from(provider, item),
            None => Ok(Breaker::default()),
        }
    }

    /// Counts one more failure in a row; `weight` is how many it counts as. The one that reaches the threshold opens the
    /// breaker.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn breaker_failed(&self, provider: Provider, weight: u32, now: Timestamp) -> Result<(), StoreError> {
        let one_more = Expression::update("SET #failed_at = :now ADD #failures :weight")
            .and_when("#failed_at > :before")
            .number(":now", now.as_second())
            .number(":weight", weight)
            .number(":before", (now - WINDOW).as_second());
        let counted = match self.table.update(breaker_key(provider), one_more).await? {
            Updated::Done(item) => breaker_from(provider, item)?,
            Updated::Refused(_) => {
                let first = Expression::update("SET #failed_at = :now, #failures = :weight")
                    .number(":now", now.as_second())
                    .number(":weight", weight);
                match self.table.update(breaker_key(provider), first).await? {
                    Updated::Done(item) => breaker_from(provider, item)?,
                    Updated::Refused(_) => return Ok(()),
                }
            }
        };
        if counted.open.is_none() && counted.failures >= THRESHOLD {
            self.breaker_open(provider, None, Open::at(now)).await?;
        }
        Ok(())
    }

    /// Opens the breaker, or has it stay open in another way, if it is as it was `seen`; `false` when somebody was first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn breaker_open(&self, provider: Provider, seen: Option<Open>, next: Open) -> Result<bool, StoreError> {
        let open = Expression::update("SET #retry_at = :next, #pause_s = :pause")
            .number(":next", next.retry_at.as_second())
            .number(":pause", next.pause.as_secs());
        let open = match seen {
            None => open.and_when("attribute_not_exists(#retry_at)"),
            Some(seen) => open
                .and_when("#retry_at = :seen")
                .number(":seen", seen.retry_at.as_second()),
        };
        let updated = self.table.update(breaker_key(provider), open).await?;
        let done = matches!(updated, Updated::Done(_));
        if done && seen.is_none() {
            tracing::warn!(
                model = provider.as_str(),
                "A model fares badly and is not asked for a while"
            );
            metrics::count(Metric::BreakerOpened, 1);
        }
        Ok(done)
    }

    /// Closes the breaker, or forgets the failures of one that is closed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn breaker_close(&self, provider: Provider) -> Result<(), StoreError> {
        let close =
            Expression::update("SET #failures = :none REMOVE #retry_at, #pause_s, #failed_at").number(":none", 0);
        self.table.update(breaker_key(provider), close).await.map(drop)
    }

    /// Forgets the failures of a breaker that is closed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn breaker_forget(&self, provider: Provider) -> Result<(), StoreError> {
        let forget = Expression::update("SET #failures = :none")
            .and_when("attribute_not_exists(#retry_at)")
            .number(":none", 0);
        self.table.update(breaker_key(provider), forget).await.map(drop)
    }
}

fn breaker_key(provider: Provider) -> Item {
    key(&[("pk", format!("breaker#{}", provider.as_str()))])
}

fn breaker_from(provider: Provider, item: Item) -> Result<Breaker, StoreError> {
    let item: BreakerItem = from_item(item, || format!("breaker#{}", provider.as_str()))?;
    let time = |second: i64| Timestamp::from_second(second).ok();
    Ok(Breaker {
        failures: item.failures,
        failed_at: item.failed_at.and_then(time),
        open: item
            .retry_at
            .and_then(time)
            .zip(item.pause_s)
            .map(|(retry_at, pause)| Open {
                retry_at,
                pause: SignedDuration::from_secs(pause),
            }),
    })
}
