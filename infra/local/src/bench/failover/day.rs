//! One day: orders come in, Seedream fails for four minutes, and comes back.

use std::cell::Cell;

use anyhow::{Result, anyhow};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use shared::domain::image::{Provider, TryOutcome};
use shared::domain::{Fallback, Image, Ratio, State};
use shared::flows::painting::Painter;
use shared::store::images::ImageKey;
use tokio::sync::Semaphore;
use tracing::subscriber::NoSubscriber;

use super::faults::{Scenario, all_is_well};
use super::policies::Policy;
use crate::bench::quantile;
use crate::lab::{self, Lab, Seller};

/// How many workers there are.
const WORKERS: usize = 200;

/// How many orders come in one by one: for long enough after the fault that even the longest pause of a breaker is over and a
/// picture can show it.
const STREAM: u32 = 240;

/// How many seconds lie between two of them.
const APART_S: u32 = 2;

/// How many come in at once, in the very second in which the fault begins: every worker has one.
const BURST: u32 = 200;

/// When the fault begins and ends, counted from the first order.
const FAULT: [SignedDuration; 2] = [SignedDuration::from_secs(60), SignedDuration::from_secs(300)];

/// So many orders are of one seller.
const EACH: u32 = 4;

/// What a day came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) ordered: u64,
    pub(super) delivered: u64,
    pub(super) paid: u64,
    /// Pictures for which more than one call was paid.
    pub(super) twice: u64,
    /// Calls a minute to the primary from when it was left alone until the fault's end; nothing if it never was.
    pub(super) calls_once_open: Option<u64>,
    /// Calls to a dead primary in the last minute of the fault.
    pub(super) calls_in_last_minute: Option<u64>,
    /// Orders that the backup was given.
    pub(super) submitted: u64,
    /// Those of them that the primary had refused.
    pub(super) carried_over: Option<u64>,
    /// From order to end, of the pictures that were delivered.
    pub(super) p95_ms: u64,
    /// From the fault's end to the first picture that the primary began after it and that was delivered.
    pub(super) back_after_ms: Option<u64>,
}

/// Lives a day with the fault, or without one.
///
/// # Errors
/// When the laboratory fails.
pub(super) fn live(policy: Policy, scenario: Option<Scenario>) -> Result<Outcome> {
    // What goes wrong on that day is the day's business.
    tracing::subscriber::with_default(NoSubscriber::new(), || lab::run(run(policy, scenario)))?
}

async fn run(policy: Policy, scenario: Option<Scenario>) -> Result<Outcome> {
    let lab = Lab::new(1)?;
    all_is_well(&lab).map_err(|error| anyhow!(error))?;
    let painter = policy.painter(&lab).await?;
    let sellers = sellers(&lab).await?;
    let (workers, opened) = (Semaphore::new(WORKERS), Cell::new(None));
    let began = lab.now();
    let mut orders: FuturesUnordered<_> = (0..STREAM + BURST)
        .map(|number| order(&lab, policy, &painter, &sellers, &workers, number))
        .collect();
    let (mut keys, over) = (Vec::new(), Cell::new(false));
    let painting = async {
        while let Some(key) = orders.next().await {
            keys.push(key?);
        }
        over.set(true);
        Ok::<_, anyhow::Error>(())
    };
    let weather = async {
        let Some(scenario) = scenario else { return Ok(()) };
        lab.advance(FAULT[0]).await;
        scenario.begin(&lab).map_err(|error| anyhow!(error))?;
        lab.advance(FAULT[1] - FAULT[0]).await;
        all_is_well(&lab).map_err(|error| anyhow!(error))
    };
    let watch = async {
        while opened.get().is_none() && !over.get() {
            if painter.limits.breaker(Provider::Seedream).await?.open.is_some() {
                opened.set(Some(lab.now()));
            }
            lab.advance(SignedDuration::from_millis(250)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    let (painted, weathered, watched) = tokio::join!(painting, weather, watch);
    painted?;
    weathered?;
    watched?;
    drop(orders);
    lab.live_on().await?;
    let opened = opened.get().filter(|_| policy == Policy::Ours);
    judge(&lab, &keys, began, opened, scenario).await
}

async fn sellers(lab: &Lab) -> Result<Vec<Seller>> {
    let mut sellers = Vec::new();
    for _ in 0..(STREAM + BURST).div_ceil(EACH) {
        sellers.push(lab.seller(EACH).await?);
    }
    Ok(sellers)
}

/// One order, at its time; its picture is painted as soon as a worker is free.
async fn order(
    lab: &Lab,
    policy: Policy,
    painter: &Painter,
    sellers: &[Seller],
    workers: &Semaphore,
    number: u32,
) -> Result<ImageKey> {
    let at = if number < STREAM {
        i64::from(number * APART_S)
    } else {
        FAULT[0].as_secs()
    };
    lab.advance(SignedDuration::from_secs(at)).await;
    let seller = usize::try_from(number / EACH)?;
    let seller = sellers.get(seller).ok_or_else(|| anyhow!("nobody orders"))?;
    let key = lab.order(seller, "bowl", Ratio::Square, Fallback::Auto).await?;
    let _worker = workers.acquire().await?;
    policy.paint(painter, key).await;
    Ok(key)
}

async fn judge(
    lab: &Lab,
    keys: &[ImageKey],
    began: Timestamp,
    opened: Option<Timestamp>,
    scenario: Option<Scenario>,
) -> Result<Outcome> {
    let mut images = Vec::new();
    for key in keys {
        images.extend(lab.image(*key).await?);
    }
    let ends = began + FAULT[1];
    let books = lab.books();
    let calls = |from: Timestamp, to: Timestamp| {
        let calls = books.seedream.requests.iter();
        calls.filter(|call| call.at > from && call.at <= to).count() as u64
    };
    let dead = scenario.is_some_and(Scenario::is_dead);
    let ready: Vec<&Image> = images.iter().filter(|image| image.state == State::Ready).collect();
    let mut took: Vec<u64> = ready.iter().filter_map(|image| took(image)).collect();
    let back = ready
        .iter()
        .filter_map(|image| {
            let tried = image.tries.last()?;
            let is_back = tried.provider == Provider::Seedream && tried.at >= ends;
            is_back.then_some(image.finished_at).flatten()
        })
        .min();
    let by_backup = |image: &Image| image.tries.iter().any(|tried| tried.provider == Provider::Dashscope);
    let submits = books
        .dashscope
        .requests
        .iter()
        .filter(|request| request.method == "POST");
    let submitted = submits.count() as u64;
    let paid_tries = |image: &Image| {
        let paid = |tried: &&shared::domain::image::Try| tried.outcome == Some(TryOutcome::Painted);
        image.tries.iter().filter(paid).count()
    };
    let one_minute = SignedDuration::from_mins(1);
    Ok(Outcome {
        ordered: keys.len() as u64,
        delivered: ready.len() as u64,
        paid: (books.seedream.work.len() + books.dashscope.work.len()) as u64,
        twice: images.iter().filter(|image| paid_tries(image) > 1).count() as u64,
        calls_once_open: opened.filter(|at| dead && *at < ends).map(|at| {
            let calls = calls(at, ends);
            let seconds = ends.duration_since(at).as_secs().unsigned_abs().max(1);
            // Of less than a minute no rate can be told; what there was is the rate.
            (calls * 60).div_ceil(seconds.max(60))
        }),
        calls_in_last_minute: dead.then(|| calls(ends - one_minute, ends)),
        submitted,
        carried_over: scenario
            .filter(|scenario| scenario.is_refusal())
            .map(|_| images.iter().filter(|image| by_backup(image)).count() as u64),
        p95_ms: quantile(&mut took, 95),
        back_after_ms: back
            .filter(|_| scenario.is_some())
            .map(|at| at.duration_since(ends).as_millis())
            .and_then(|ms| u64::try_from(ms).ok()),
    })
}

fn took(image: &Image) -> Option<u64> {
    let took = image.finished_at?.duration_since(image.ordered_at());
    u64::try_from(took.as_millis()).ok()
}
