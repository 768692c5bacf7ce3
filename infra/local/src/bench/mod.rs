//! `vitrine bench`: the numbers that `docs/bench.md` states, measured again on the machine one is at.

mod failover;
mod hashing;
mod lambda;
mod memory;
mod page_views;
mod sign_in;
mod tokens;
mod waits;
mod webhook;

use std::time::Duration;

use anyhow::Result;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// Password hashes a second, the check of an access token, and how often each route waits for the database
    SignIn,
    /// Sixteen faults of an image API against what ships, against no breaker and against retrying everything
    Failover,
    /// The first answer of every function, from the start of its process on
    Lambda,
    /// The most memory that each function has had, beside what it is given
    Memory,
    /// Counting a view of a page, and how views spread over the shards
    PageViews,
    /// Knowing PayPal by its signature, against asking PayPal each time
    Webhook,
}

/// Measures, and prints what came out.
///
/// # Errors
/// When a number is not what `docs/bench.md` demands, or nothing could be measured.
pub async fn run(bench: Bench) -> Result<()> {
    match bench {
        Bench::SignIn => sign_in::run().await,
        Bench::Lambda => lambda::run().await,
        Bench::Memory => memory::run().await,
        Bench::PageViews => page_views::run().await,
        Bench::Webhook => webhook::run().await,
        // Its days have runtimes of their own.
        Bench::Failover => tokio::task::spawn_blocking(failover::run).await?,
    }
}

/// The middle of what was measured; the upper one of two.
fn median<T: Ord + Copy + Default>(measured: &mut [T]) -> T {
    quantile(measured, 50)
}

/// The value that so many of a hundred do not exceed.
fn quantile<T: Ord + Copy + Default>(measured: &mut [T], percent: usize) -> T {
    measured.sort_unstable();
    let at = (measured.len() * percent / 100).min(measured.len().saturating_sub(1));
    measured.get(at).copied().unwrap_or_default()
}

/// How many a second, in hundredths.
fn per_second(count: usize, took: Duration) -> u128 {
    let count = u128::try_from(count).unwrap_or_default();
    count * 100 * 1_000_000_000 / took.as_nanos().max(1)
}

/// Hundredths, as a decimal number.
fn decimal(hundredths: u128) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
