//! What counting a view costs, and whether many viewers get into each other's way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dynoxide::actions::scan::ScanRequest;
use futures::{StreamExt as _, stream};
use serde_json::Value;
use shared::store::analytics::SHARDS;
use shared::{Clock, Entropy};

use super::{decimal, median, quantile};
use crate::client;
use crate::say;
use crate::stack::{Options, Stack};

const VIEWS: usize = 5_000;
const AT_ONCE: usize = 16;

/// How far a shard may be from its share, in percent, before viewers are not spread any more.
const UNEVEN: u64 = 35;

/// Views of one page over HTTP, in turn with a route that does nothing, and then the shards.
///
/// # Errors
/// When a view is lost or doubled, or the shards are not used alike.
pub(super) async fn run() -> Result<()> {
    let stack = Stack::start(Options::in_memory(Clock::system(), Entropy::system())).await?;
    let http = client::http()?;
    let (api, view) = (stack.api_url(), r#"{"page":"/pricing"}"#);
    let timed = async |counting: bool| {
        let request = if counting {
            http.post(format!("{api}/v1/page-views")).body(view)
        } else {
            http.get(format!("{api}/v1/health"))
        };
        let began = Instant::now();
        let answer = request
            .header("user-agent", "Mozilla/5.0 (bench) Firefox/142.0")
            .send()
            .await;
        answer.map(|answer| (answer.status().is_success(), began.elapsed()))
    };
    // The functions start with their first request.
    timed(true).await?;
    timed(false).await?;
    let (mut counted, mut idle) = (Vec::new(), Vec::new());
    let began = Instant::now();
    let mut all = stream::iter(0..2 * VIEWS)
        .map(|n| {
            let timed = &timed;
            async move { (n % 2 == 0, timed(n % 2 == 0).await) }
        })
        .buffer_unordered(AT_ONCE);
    while let Some((is_view, took)) = all.next().await {
        let (is_good, took) = took?;
        if !is_good {
            bail!("a request was refused");
        }
        if is_view { &mut counted } else { &mut idle }.push(took);
    }
    drop(all);
    let whole = began.elapsed();
    let (middle, high, nothing) = (median(&mut counted), quantile(&mut counted, 99), median(&mut idle));
    say!(
        "{VIEWS} views of one page over HTTP, {AT_ONCE} requests at a time, in turn with GET /v1/health; {} s",
        decimal(whole.as_millis() / 10)
    );
    say!(
        "  a view     median {} ms, 99 of 100 within {} ms",
        millis(middle),
        millis(high)
    );
    say!(
        "  no work    median {} ms in the same run: counting adds {} ms",
        millis(nothing),
        millis(middle.saturating_sub(nothing))
    );
    say!(
        "  cost       one call of the function and one write request unit (an item of less than 1 KB); nothing is read"
    );
    let shards = shards(&stack)?;
    let (sum, least, most) = (
        shards.values().sum::<u64>(),
        shards.values().min(),
        shards.values().max(),
    );
    let share = sum / u64::from(SHARDS);
    say!(
        "  shards     {} of {SHARDS} used, {} to {} views each, {share} on average",
        shards.len(),
        least.unwrap_or(&0),
        most.unwrap_or(&0)
    );
    stack.close().await;
    if sum != VIEWS as u64 + 1 {
        bail!("{} views were sent and {sum} counted", VIEWS + 1);
    }
    let is_uneven = |count: &u64| count.abs_diff(share) * 100 > share * UNEVEN;
    if shards.len() < SHARDS as usize || shards.values().any(is_uneven) {
        bail!("the shards are not used alike: {shards:?}");
    }
    Ok(())
}

/// What each shard has counted.
fn shards(stack: &Stack) -> Result<BTreeMap<String, u64>> {
    let name = stack
        .template
        .table("analytics")
        .map(|table| table.name.clone())
        .unwrap_or_default();
    let request = ScanRequest {
        table_name: name,
        ..ScanRequest::default()
    };
    let found = stack.engines.tables.database().scan(request);
    let items = found
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .items
        .unwrap_or_default();
    let mut shards = BTreeMap::new();
    for item in items {
        let item = serde_json::to_value(item)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let uses: u64 = text(&item["uses"]["N"]).parse()?;
        *shards.entry(text(&item["pk"]["S"])).or_default() += uses;
    }
    Ok(shards)
}

fn millis(duration: Duration) -> String {
    decimal(duration.as_nanos() / 10_000)
}
