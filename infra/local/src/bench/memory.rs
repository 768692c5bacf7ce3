//! `vitrine bench memory`: the most memory that each function has had, once it has done its work, beside what the template gives it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use shared::{Clock, Entropy};

use crate::client::{self, Client};
use crate::lambda::workshop::Workshop;
use crate::stack::{Hosting, Options, Stack};
use crate::{building, say};

/// How much of its memory a function may have had, in hundredths. The rest is for pictures larger than the simulators' and for what a
/// year adds.
const BOUND: u64 = 50;

/// How many pictures are painted one after the other: what leaks grows.
const PICTURES: u32 = 20;

const EMAIL: &str = "seller@example.com";
const PASSWORD: &str = "a kiln of quiet glazes";

/// Has every function do something, and measures.
///
/// # Errors
/// When a function had more than half of its memory, or nothing could be measured.
pub(super) async fn run() -> Result<()> {
    let workshop = Arc::new(Workshop::open(building::show())?);
    let options = Options::in_memory(Clock::offset(Arc::default()), Entropy::system());
    let stack = Stack::start(Options {
        hosting: Hosting::Processes(Arc::clone(&workshop)),
        ..options
    })
    .await?;
    let functions: Vec<String> = stack
        .template
        .functions
        .iter()
        .map(|function| function.folder.clone())
        .collect();
    let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
    workshop.provide(&functions).await?;
    stack.run_in_background();
    let worked = work(&stack).await;
    let reported = worked.and_then(|()| report(&stack));
    stack.close().await;
    reported
}

/// A seller's day, and a request to every route, so that each function has started and answered.
async fn work(stack: &Stack) -> Result<()> {
    let mut seller = Client::new(stack.api_url(), stack.simulator_url())?;
    seller.sign_up(EMAIL, PASSWORD).await?;
    seller.prompts("A walnut desk lamp on a linen cloth").await?;
    let purchase = seller.buy(PICTURES).await?;
    seller.approve(&purchase).await?;
    seller.capture(&purchase.id).await?;
    let mut last = None;
    for number in 1..=PICTURES {
        let picture = seller.order(&format!("A walnut desk lamp, number {number}")).await?;
        stack.drain().await?;
        last = Some(seller.picture(&picture.id).await?);
    }
    let last = last.context("no picture was painted")?;
    seller.ask("DELETE", &format!("/v1/images/{}", last.id), None).await?;
    for schedule in &stack.template.schedules {
        stack.run_schedule(&schedule.name).await?;
    }
    let (http, token) = (client::http()?, seller.token().context("signing up gave no token")?);
    for route in stack.template.functions.iter().flat_map(|function| &function.routes) {
        let nowhere = route.path == "$default";
        let method = if nowhere { "GET" } else { route.method.as_str() };
        let path = if nowhere {
            "/nowhere".to_owned()
        } else {
            route.path.replace("{id}", &last.id)
        };
        let request = http.request(method.parse()?, format!("{}{path}", stack.api_url()));
        // Who would change something is refused: the seller is still needed.
        let request = if method == "GET" {
            request.bearer_auth(token)
        } else {
            request
        };
        request.send().await?.bytes().await?;
    }
    stack.drain().await?;
    Ok(())
}

fn report(stack: &Stack) -> Result<()> {
    say!("\nthe most memory that a function's process has had, after {PICTURES} pictures and a request to every route");
    say!(
        "  {:<26} {:>8} {:>10} {:>8}",
        "function",
        "peak MB",
        "given MB",
        "in 100"
    );
    let mut rows = Vec::new();
    for function in &stack.template.functions {
        let peaks = stack.processes(&function.folder).into_iter().map(peak);
        let peaks: Vec<u64> = peaks.collect::<Result<_>>()?;
        let peak = peaks.into_iter().max();
        let peak = peak.with_context(|| format!("`{}` has not run", function.folder))?;
        let given = u64::from(function.memory_mb);
        rows.push((peak, given, function.folder.as_str()));
    }
    rows.sort_unstable_by(|one, other| other.cmp(one));
    let mut large = Vec::new();
    for (peak, given, folder) in rows {
        let share = peak * 100 / (given * 1024);
        say!("  {folder:<26} {:>8} {given:>10} {share:>8}", peak.div_ceil(1024));
        if share > BOUND {
            large.push(folder);
        }
    }
    if !large.is_empty() {
        bail!("more than half of their memory: {}", large.join(", "));
    }
    Ok(())
}

/// The most that a process has had in memory, in KiB, as Linux counts it.
fn peak(process: u32) -> Result<u64> {
    let file = format!("/proc/{process}/status");
    let status =
        std::fs::read_to_string(&file).with_context(|| format!("`{file}` cannot be read; this needs Linux"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    size.with_context(|| format!("`{file}` tells no peak"))
}
