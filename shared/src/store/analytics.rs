//! The table `analytics`: how much the service is used, in numbers.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `views#<day>#<shard>` | the page | how often it was viewed that day, as far as this shard counted |
//! | `generations#<day>#<shard>` | model and outcome | how many pictures came to it |
//! | `sum` | the day | all of it, once the day is a day past |
//!
//! A day's counters are spread over shards, each a partition of its own, so that no number of viewers meets in one place. Whoever
//! counts is counted in one of them by chance; nothing of the request is in it.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Db, Expression, StoreError, Table, Updated, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::usage::{Page, Usage, day_of};

/// Over how many partitions a day's counters are spread.
pub const SHARDS: u32 = 10;

/// How long after its day a counter leaves. Its sum is made after two days; this leaves time for one that was missed.
const COUNTER_LIFE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The partition of sums.
const SUM: &str = "sum";

/// The most counters that a shard can have: pages are known, and models and outcomes few.
const COUNTERS: i32 = 200;

/// The table `analytics`.
#[derive(Clone, Debug)]
pub struct Analytics {
    table: Table,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Views,
    Generations,
}

impl Kind {
    fn pk(self, day: Date, shard: u32) -> String {
        let name = match self {
            Self::Views => "views",
            Self::Generations => "generations",
        };
        format!("{name}#{day}#{shard:02}")
    }
}

#[derive(Deserialize)]
struct CounterItem {
    sk: String,
    uses: u64,
}

#[derive(Serialize, Deserialize)]
struct SumItem {
    pk: String,
    sk: Date,
    #[serde(flatten)]
    usage: Usage,
}

impl Analytics {
    /// The table named by `ANALYTICS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("ANALYTICS_TABLE")?),
        })
    }

    /// Counts a view.
    ///
    /// # Errors
    /// When the store fails; it may have been counted.
    pub async fn viewed(&self, page: &Page, now: Timestamp) -> Result<(), StoreError> {
        self.count(Kind::Views, page.as_str(), now).await
    }

    /// Counts a picture that has ended.
    ///
    /// # Errors
    /// When the store fails; it may have been counted.
    pub async fn generated(&self, what: &str, now: Timestamp) -> Result<(), StoreError> {
        self.count(Kind::Generations, what, now).await
    }

    async fn count(&self, kind: Kind, what: &str, now: Timestamp) -> Result<(), StoreError> {
        let (day, shard) = (day_of(now), self.table.db.entropy.below(SHARDS));
        let leaves = day.to_zoned(TimeZone::UTC).map_or(now, |day| day.timestamp()) + COUNTER_LIFE;
        let expression = Expression::update("SET #expires_at = :leaves ADD #uses :one")
            .number(":leaves", leaves.as_second())
            .number(":one", 1);
        let counter = key(&[("pk", kind.pk(day, shard)), ("sk", what.to_owned())]);
        self.table.update(counter, expression).await.map(drop)
    }

    /// What the shards of a day have counted so far.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counted(&self, day: Date) -> Result<Usage, StoreError> {
        Ok(Usage {
            views: self.gathered(Kind::Views, day).await?,
            generations: self.gathered(Kind::Generations, day).await?,
        })
    }

    async fn gathered(&self, kind: Kind, day: Date) -> Result<BTreeMap<String, u64>, StoreError> {
        let shards = (0..SHARDS).map(|shard| self.shard(kind.pk(day, shard)));
        let mut sums = BTreeMap::new();
        for CounterItem { sk, uses } in try_join_all(shards).await?.into_iter().flatten() {
            *sums.entry(sk).or_default() += uses;
        }
        Ok(sums)
    }

    async fn shard(&self, pk: String) -> Result<Vec<CounterItem>, StoreError> {
        let expression = Expression::when("#pk = :pk").text(":pk", &pk);
        let items = self.table.query(expression, false, COUNTERS).await?;
        items.into_iter().map(|item| from_item(item, || pk.clone())).collect()
    }

    /// The sums of the days from `first` to `last`, those that there are.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sums(&self, first: Date, last: Date) -> Result<BTreeMap<Date, Usage>, StoreError> {
        let expression = Expression::when("#pk = :sum AND #sk BETWEEN :first AND :last")
            .text(":sum", SUM)
            .text(":first", first.to_string())
            .text(":last", last.to_string());
        let days = (last - first).get_days().saturating_add(1);
        let items = self.table.query(expression, false, days.max(1)).await?;
        let sum = |item| from_item(item, || "a day's sum".to_owned()).map(|sum: SumItem| (sum.sk, sum.usage));
        items.into_iter().map(sum).collect()
    }

    /// Keeps a day's sum, unless there is one; whether there was none.
    ///
    /// # Errors
    /// When the store fails; it may have been kept.
    pub async fn keep_sum(&self, day: Date, usage: Usage) -> Result<bool, StoreError> {
        let item = to_item(&SumItem {
            pk: SUM.to_owned(),
            sk: day,
            usage,
        })?;
        let is_new = Expression::when("attribute_not_exists(#pk)");
        Ok(matches!(self.table.put(item, is_new).await?, Updated::Done(_)))
    }
}
