//! EventBridge Scheduler, by our clock: what is due wakes its function.
//!
//! A schedule is due for the first time one interval after it was first seen, and again one interval after each run. Moving
//! the clock by many intervals makes it due once, not many times. When each was run is kept beside the queues.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{Clock, Entropy};

use super::spec::ScheduleSpec;

/// The file in the data folder that keeps when each schedule was run.
const FILE: &str = "schedules.json";

/// A function that a schedule wakes, given the schedule's input.
pub type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// All schedules of the local stack. Cheap to clone.
#[derive(Clone)]
pub struct Schedules {
    clock: Clock,
    entropy: Entropy,
    file: Option<PathBuf>,
    known: Arc<Mutex<BTreeMap<String, Known>>>,
    /// By name, also of those that this stack does not have (yet).
    runs: Arc<Mutex<BTreeMap<String, Times>>>,
}

#[derive(Clone)]
struct Known {
    spec: ScheduleSpec,
    handler: Handler,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Times {
    first_seen: Timestamp,
    last_run: Option<Timestamp>,
    failed: Option<String>,
}

/// A schedule as an onlooker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it is and how often it runs.
    pub spec: ScheduleSpec,
    /// When it began to run last.
    pub last_run: Option<Timestamp>,
    /// Why the last run failed, if it did.
    pub failed: Option<String>,
    /// When it will be due.
    pub due: Timestamp,
}

impl Schedules {
    /// Opens what is known of earlier runs in `directory`, or starts without.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(directory: Option<&Path>, clock: Clock, entropy: Entropy) -> Result<Self> {
        let file = directory.map(|directory| directory.join(FILE));
        let runs = match file.as_deref().map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).with_context(|| format!("`{FILE}` cannot be read"))?,
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Some(Err(_)) | None => BTreeMap::new(),
        };
        Ok(Self {
            clock,
            entropy,
            file,
            known: Arc::default(),
            runs: Arc::new(Mutex::new(runs)),
        })
    }

    /// Lets `handler` be woken as `spec` says, in place of whoever was before.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn attach(&self, spec: ScheduleSpec, handler: Handler) -> Result<()> {
        let mut runs = lock(&self.runs);
        runs.entry(spec.name.clone()).or_insert_with(|| Times {
            first_seen: self.clock.now(),
            last_run: None,
            failed: None,
        });
        self.keep(&runs)?;
        lock(&self.known).insert(spec.name.clone(), Known { spec, handler });
        Ok(())
    }

    /// All schedules, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Seen> {
        let (known, runs) = (lock(&self.known), lock(&self.runs));
        let seen = known.values().filter_map(|Known { spec, .. }| {
            let times = runs.get(&spec.name)?;
            Some(Seen {
                spec: spec.clone(),
                last_run: times.last_run,
                failed: times.failed.clone(),
                due: times.due(spec),
            })
        });
        seen.collect()
    }

    /// Runs the schedule now, due or not.
    ///
    /// # Errors
    /// When there is no such schedule, or when its function fails.
    pub async fn run(&self, name: &str) -> Result<()> {
        let known = self.known(name)?;
        let at = self.clock.now();
        self.begin(&known.spec, |_| true)?;
        self.wake(&known, at).await
    }

    /// Runs the schedule if it is due; says whether it was.
    ///
    /// # Errors
    /// When there is no such schedule, or when its function fails.
    pub async fn run_if_due(&self, name: &str) -> Result<bool> {
        let known = self.known(name)?;
        let now = self.clock.now();
        let due = self.begin(&known.spec, |times| times.due(&known.spec) <= now)?;
        if due {
            self.wake(&known, now).await?;
        }
        Ok(due)
    }

    /// Writes down that a run begins, if it `may`. So a schedule that is due is run by one of those who look, and by no other.
    fn begin(&self, spec: &ScheduleSpec, may: impl FnOnce(&Times) -> bool) -> Result<bool> {
        let mut runs = lock(&self.runs);
        let times = runs.get_mut(&spec.name).context("the schedule is not attached")?;
        if !may(times) {
            return Ok(false);
        }
        times.last_run = Some(self.clock.now());
        times.failed = None;
        self.keep(&runs)?;
        Ok(true)
    }

    async fn wake(&self, known: &Known, at: Timestamp) -> Result<()> {
        let result = self.call(known, at).await;
        if let Err(error) = &result {
            let mut runs = lock(&self.runs);
            if let Some(times) = runs.get_mut(&known.spec.name) {
                times.failed = Some(format!("{error:#}"));
            }
            self.keep(&runs)?;
        }
        result.with_context(|| format!("the schedule `{}` failed", known.spec.name))
    }

    async fn call(&self, known: &Known, at: Timestamp) -> Result<()> {
        let input = input(&known.spec.input, at, &self.entropy.hex::<8>())?;
        // A panic is a failed run, as the Lambda runtime makes of it.
        let call = AssertUnwindSafe((known.handler)(input)).catch_unwind();
        let within = known.spec.timeout.unwrap_or(Duration::MAX);
        match tokio::time::timeout(within, call).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(anyhow!("it panicked")),
            Err(_elapsed) => Err(anyhow!("it ran out of time")),
        }
    }

    fn known(&self, name: &str) -> Result<Known> {
        let known = lock(&self.known).get(name).cloned();
        known.with_context(|| format!("there is no schedule `{name}`"))
    }

    /// Written aside and moved into place, so that a killed process leaves a whole file.
    fn keep(&self, runs: &BTreeMap<String, Times>) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let aside = file.with_extension("new");
        std::fs::write(&aside, serde_json::to_vec_pretty(runs)?)?;
        Ok(std::fs::rename(aside, file)?)
    }
}

impl std::fmt::Debug for Schedules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(lock(&self.known).keys()).finish()
    }
}

impl Times {
    fn due(&self, spec: &ScheduleSpec) -> Timestamp {
        let last = self.last_run.unwrap_or(self.first_seen);
        last.saturating_add(spec.every).unwrap_or(Timestamp::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The input with the scheduler's own values in it.
pub(super) fn input(template: &str, at: Timestamp, execution: &str) -> Result<Value> {
    let second = Timestamp::from_second(at.as_second())?;
    let text = template
        .replace("<aws.scheduler.scheduled-time>", &second.to_string())
        .replace("<aws.scheduler.execution-id>", execution);
    anyhow::ensure!(
        !text.contains("<aws."),
        "the input `{text}` asks for a value that the local scheduler does not have"
    );
    serde_json::from_str(&text).with_context(|| format!("the input `{text}` is no JSON"))
}

/// The interval of `rate(5 minutes)`.
///
/// # Errors
/// When it is another kind of expression, or none that EventBridge takes.
pub fn interval(expression: &str) -> Result<SignedDuration> {
    let wrong =
        || anyhow!("`{expression}` is no rate such as `rate(5 minutes)`; the local scheduler knows nothing else");
    let rate = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let (count, unit) = rate.and_then(|rate| rate.split_once(' ')).ok_or_else(wrong)?;
    let count: i64 = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    // One minute, and two minutes: EventBridge is strict about it.
    let seconds = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 60 * 60,
        ("day", 1) | ("days", 2..) => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    count
        .checked_mul(seconds)
        .map(SignedDuration::from_secs)
        .ok_or_else(wrong)
}
