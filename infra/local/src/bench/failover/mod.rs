//! `vitrine bench failover`: sixteen ways in which an image API fails, against what ships and against two ways that others
//! go: one that never leaves a failing model alone, and one that asks again whatever went wrong.

mod day;
mod faults;
mod policies;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};

use crate::say;
use day::Outcome;
use faults::Scenario;
use policies::Policy;

/// The most calls a minute that a dead primary may get once it is left alone.
const MOST_CALLS_A_MINUTE: u64 = 5;

/// Runs all days on all processors and prints their tables.
///
/// # Errors
/// When what ships does not keep its bounds, or a day could not be run.
pub(super) fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        say!("This is a debug build and will take long; better: cargo run --release -- bench failover\n");
    }
    let days: Vec<(Policy, Option<Scenario>)> = Policy::ALL
        .into_iter()
        .flat_map(|policy| {
            let well = std::iter::once((policy, None));
            well.chain(Scenario::ALL.into_iter().map(move |scenario| (policy, Some(scenario))))
        })
        .collect();
    let outcomes = all(&days)?;
    let mut past_bounds = Vec::new();
    for policy in Policy::ALL {
        let of = |wanted: Option<Scenario>| {
            let at = days.iter().position(|day| *day == (policy, wanted));
            at.and_then(|at| outcomes.get(at))
                .ok_or_else(|| anyhow!("a day is missing"))
        };
        let well = of(None)?;
        say!("{}\n", policy.title());
        say!("{}", heading());
        say!("{}", row("all is well", well, well));
        for scenario in Scenario::ALL {
            let outcome = of(Some(scenario))?;
            say!("{}", row(scenario.title(), outcome, well));
            if policy == Policy::Ours {
                past_bounds.extend(bounds(scenario, outcome));
            }
        }
        say!();
    }
    if past_bounds.is_empty() {
        return Ok(());
    }
    bail!("what ships does not keep its bounds:\n{}", past_bounds.join("\n"))
}

fn all(days: &[(Policy, Option<Scenario>)]) -> Result<Vec<Outcome>> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![None; days.len()]);
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some((policy, scenario)) = days.get(at).copied() else {
                return Ok(());
            };
            let outcome = day::live(policy, scenario)?;
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = outcomes.get_mut(at) {
                *place = Some(outcome);
            }
            let lived = outcomes.iter().flatten().count();
            if lived.is_multiple_of(5) {
                say!("{lived} of {} days", days.len());
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a day ended in a panic"))))
    })?;
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes
        .into_iter()
        .map(|outcome| outcome.ok_or_else(|| anyhow!("a day was not lived")))
        .collect()
}

fn bounds(scenario: Scenario, outcome: &Outcome) -> Vec<String> {
    let mut past = Vec::new();
    if let Some(calls) = outcome.calls_once_open
        && calls > MOST_CALLS_A_MINUTE
    {
        past.push(format!(
            "{}: {calls} calls a minute to a dead primary",
            scenario.title()
        ));
    }
    if scenario.is_refusal() && outcome.submitted > 0 {
        past.push(format!(
            "{}: {} refusals carried over",
            scenario.title(),
            outcome.submitted
        ));
    }
    if outcome.twice > 0 {
        past.push(format!(
            "{}: {} pictures paid more than once",
            scenario.title(),
            outcome.twice
        ));
    }
    past
}

fn heading() -> String {
    let mut text = String::from(
        "| Fault of 240 s | Delivered | Paid calls | Paid for nothing | Calls a minute once left alone | in the last minute | Refusals carried over | p95 added | Back after |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|---|---|");
    text
}

fn row(title: &str, outcome: &Outcome, well: &Outcome) -> String {
    let Outcome {
        ordered,
        delivered,
        paid,
        ..
    } = outcome;
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let added = outcome.p95_ms.saturating_sub(well.p95_ms);
    let mut text = String::new();
    let _infallible = write!(
        text,
        "| {title} | {delivered} of {ordered} | {paid} | {} | {} | {} | {} | {} | {} |",
        paid.saturating_sub(*delivered),
        or_dash(outcome.calls_once_open.map(|calls| calls.to_string())),
        or_dash(outcome.calls_in_last_minute.map(|calls| calls.to_string())),
        or_dash(outcome.carried_over.map(|refusals| refusals.to_string())),
        seconds(added),
        or_dash(outcome.back_after_ms.map(seconds)),
    );
    text
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}
