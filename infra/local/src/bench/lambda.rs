//! `vitrine bench lambda`: how long the first answer of a built function takes, from the start of its process on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::Method;
use shared::{Clock, Entropy};

use super::median;
use crate::client::{self, Client};
use crate::lambda::workshop::Workshop;
use crate::stack::{Hosting, Options, Stack};
use crate::{building, say};

/// What a function's first answer may take.
const BOUND: Duration = Duration::from_millis(100);

/// How often every function is started.
const ROUNDS: usize = 11;

const EMAIL: &str = "seller@example.com";
const PASSWORD: &str = "a kiln of quiet glazes";

/// A route, and what its answers took.
struct Route {
    function: String,
    method: Method,
    path: String,
    status: u16,
    first: Vec<Duration>,
    second: Vec<Duration>,
}

/// Measures every function that has a route.
///
/// # Errors
/// When a median is past the bound, or nothing could be measured.
pub(super) async fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        say!("This is a debug build; with `cargo run --release` the numbers are others.\n");
    }
    let workshop = Arc::new(Workshop::open(building::show())?);
    let options = Options::in_memory(Clock::offset(Arc::default()), Entropy::system());
    let stack = Stack::start(Options {
        hosting: Hosting::Processes(Arc::clone(&workshop)),
        ..options
    })
    .await?;
    let functions: Vec<&str> = stack
        .template
        .functions
        .iter()
        .map(|function| function.folder.as_str())
        .collect();
    workshop.provide(&functions).await?;
    stack.run_in_background();
    let measured = measure(&stack, &workshop, &functions).await;
    stack.close().await;
    report(measured?)
}

async fn measure(stack: &Stack, workshop: &Workshop, functions: &[&str]) -> Result<Vec<Route>> {
    let mut seller = Client::new(stack.api_url(), stack.simulator_url())?;
    seller.sign_up(EMAIL, PASSWORD).await?;
    let picture = seller.order("A walnut desk lamp on a linen cloth").await?.id;
    let token = seller.token().context("signing up gave no token")?;
    let mut routes = routes(stack, &picture)?;
    for _ in 0..ROUNDS {
        stack.replace_functions();
        workshop.provide(functions).await?;
        for route in &mut routes {
            // Connections are made anew for every function alike.
            let http = client::http()?;
            let url = format!("{}{}", stack.api_url(), route.path);
            for took in [&mut route.first, &mut route.second] {
                // Only reading is done in earnest; who would change something is refused, and has started all the same.
                let mut request = http.request(route.method.clone(), &url);
                if route.method == Method::GET {
                    request = request.bearer_auth(token);
                }
                let began = Instant::now();
                let answer = request.send().await?;
                route.status = answer.status().as_u16();
                answer.bytes().await?;
                took.push(began.elapsed());
            }
            if route.status >= 500 {
                bail!("`{}` was answered {}", route.function, route.status);
            }
        }
    }
    Ok(routes)
}

fn routes(stack: &Stack, picture: &str) -> Result<Vec<Route>> {
    let of = stack.template.functions.iter().filter_map(|function| {
        let route = function.routes.first()?;
        Some((function.folder.clone(), route))
    });
    of.map(|(function, route)| {
        let nowhere = route.path == "$default";
        Ok(Route {
            function,
            method: if nowhere { Method::GET } else { route.method.parse()? },
            path: if nowhere {
                "/nowhere".to_owned()
            } else {
                route.path.replace("{id}", picture)
            },
            status: 0,
            first: Vec::new(),
            second: Vec::new(),
        })
    })
    .collect()
}

fn report(mut routes: Vec<Route>) -> Result<()> {
    say!("\nfrom the start of a function's process to its first answer, through the gateway ({ROUNDS} rounds)");
    say!(
        "  {:<18} {:>6} {:>10} {:>10} {:>12}",
        "function",
        "status",
        "first ms",
        "worst ms",
        "second ms"
    );
    let mut late = Vec::new();
    for route in &mut routes {
        let (first, second) = (median(&mut route.first), median(&mut route.second));
        let worst = route.first.iter().max().copied().unwrap_or_default();
        say!(
            "  {:<18} {:>6} {:>10} {:>10} {:>12}",
            route.function,
            route.status,
            milliseconds(first),
            milliseconds(worst),
            milliseconds(second)
        );
        if first > BOUND {
            late.push(route.function.as_str());
        }
    }
    if !late.is_empty() {
        bail!("past the bound of {BOUND:?}: {}", late.join(", "));
    }
    Ok(())
}

/// With one decimal.
fn milliseconds(took: Duration) -> String {
    let tenths = (took.as_micros() + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
