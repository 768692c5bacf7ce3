//! What it costs to know PayPal by its signature, and what it would cost to ask PayPal each time.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::executor::block_on;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::json;
use shared::config::Vars;
use shared::platform::Runtime;
use shared::providers::paypal::webhook::Webhooks;
use shared::secrets::Secrets;
use shared::{Clock, Entropy, Ids, Platform};
use tokio::net::TcpListener;

use super::{decimal, median, per_second, quantile};
use crate::engine::serving::background;
use crate::say;
use crate::sim::{SimulatorOptions, Simulators, paypal_root};

const ROUNDS: usize = 5;
/// Of each kind, in each round.
const OFFLINE: usize = 4_000;
const POSTBACKS: usize = 200;

/// What verifying may take, in the middle.
const BOUND: Duration = Duration::from_micros(200);

const WEBHOOK: &str = "WH-BENCH";
const CREDENTIALS: &str = "/vitrine/bench/paypal-credentials";

/// One delivery of PayPal's.
struct Delivery {
    headers: HeaderMap,
    body: Vec<u8>,
    now: Timestamp,
}

/// Measures both ways in turn, round after round, with the same delivery.
///
/// # Errors
/// When the median of verifying offline is above the bound.
pub(super) async fn run() -> Result<()> {
    let clock = Clock::system();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let simulators = Simulators::new(SimulatorOptions::in_memory(
        clock.clone(),
        Entropy::system(),
        origin.clone(),
    ))?;
    let served = background(simulators.clone().serve(listener));
    let delivery = Delivery::signed(&simulators, clock.now())?;
    let (offline, asking) = (webhooks(&origin, true, &clock)?, webhooks(&origin, false, &clock)?);
    // Fetches the certificate, and the access token.
    delivery.verify(&offline).await?;
    delivery.verify(&asking).await?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..OFFLINE {
            let began = Instant::now();
            delivery.verify(&offline).await?;
            ours.push(began.elapsed());
        }
        for _ in 0..POSTBACKS {
            let began = Instant::now();
            delivery.verify(&asking).await?;
            theirs.push(began.elapsed());
        }
    }
    let (middle, high) = (median(&mut ours), quantile(&mut ours, 99));
    let (asked, asked_high) = (median(&mut theirs), quantile(&mut theirs, 99));
    say!(
        "an event of {} bytes, RSA of 2048 bits, the certificate at hand; {ROUNDS} interleaved rounds",
        delivery.body.len()
    );
    say!(
        "  offline    median {} µs, 99 of 100 within {} µs",
        micros(middle),
        micros(high)
    );
    say!(
        "  postback   median {} µs, 99 of 100 within {} µs: one HTTP round trip to a peer on this machine",
        micros(asked),
        micros(asked_high)
    );
    say!("  the postback takes {} times as long", ratio(asked, middle));
    for threads in [1, available_parallelism().context("how many processors?")?.get()] {
        let rate = throughput(&delivery, &offline, threads)?;
        say!("  offline, {threads} at a time: {} a second and processor", rate / 100);
    }
    served.abort();
    if middle > BOUND {
        bail!(
            "verifying an event takes {} µs, more than {}",
            micros(middle),
            BOUND.as_micros()
        );
    }
    Ok(())
}

/// With the simulator's root trusted, or without: then nothing can be decided here, and each event is asked about.
fn webhooks(origin: &str, trusting: bool, clock: &Clock) -> Result<Webhooks> {
    let mut variables = vec![
        ("PAYPAL_URL", origin.to_owned()),
        ("PAYPAL_WEBHOOK_ID", WEBHOOK.to_owned()),
        ("PAYPAL_WEBHOOK_VERIFICATION", "offline-then-postback".to_owned()),
        ("PAYPAL_CREDENTIALS_PARAMETER", CREDENTIALS.to_owned()),
    ];
    if trusting {
        variables.push(("PAYPAL_EXTRA_ROOT", paypal_root()?));
    }
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
    let credentials = json!({ "client_id": "bench", "client_secret": "bench" }).to_string();
    let secrets = Secrets::new([(CREDENTIALS.to_owned(), credentials.into())]);
    let ids = Ids::new(clock.clone(), Entropy::system());
    let runtime = Runtime::local("bench", None);
    let platform = Platform::with_secrets(runtime, clock.clone(), ids, Entropy::system(), secrets);
    Ok(Webhooks::configured(&Vars::from_pairs(variables), &platform)?)
}

impl Delivery {
    fn signed(simulators: &Simulators, now: Timestamp) -> Result<Self> {
        let order = "ord_01kb0v1cqhe8svdnq7tqw8vz6n";
        let body = json!({
            "id": "WH-58D329510W468432D-8HN650336L201105X", "event_version": "1.0", "create_time": now,
            "resource_type": "capture", "resource_version": "2.0", "event_type": "PAYMENT.CAPTURE.COMPLETED",
            "summary": "Payment completed for $ 4.99 USD",
            "resource": {
                "id": "3C679366HH908993F", "status": "COMPLETED", "custom_id": order, "invoice_id": order,
                "amount": { "currency_code": "USD", "value": "4.99" }, "final_capture": true,
                "seller_protection": { "status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED"] },
                "seller_receivable_breakdown": {
                    "gross_amount": { "currency_code": "USD", "value": "4.99" },
                    "paypal_fee": { "currency_code": "USD", "value": "0.66" },
                    "net_amount": { "currency_code": "USD", "value": "4.33" },
                },
                "supplementary_data": { "related_ids": { "order_id": "5O190127TN364715T" } },
                "create_time": now, "update_time": now,
            },
        });
        let body = body.to_string().into_bytes();
        let mut headers = HeaderMap::new();
        for (name, value) in simulators.paypal().transmission(WEBHOOK, &body)?.headers() {
            headers.insert(HeaderName::from_static(name), value.parse()?);
        }
        Ok(Self { headers, body, now })
    }

    async fn verify(&self, webhooks: &Webhooks) -> Result<()> {
        let event = webhooks.verify(&self.headers, &self.body, self.now).await?;
        event.hint().map(drop).context("the event says nothing")
    }
}

/// How many a second one processor verifies while so many do, in hundredths.
fn throughput(delivery: &Delivery, webhooks: &Webhooks, threads: usize) -> Result<u128> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = || (0..OFFLINE).try_for_each(|_| block_on(delivery.verify(webhooks)));
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        working
            .into_iter()
            .try_for_each(|one| one.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    Ok(per_second(OFFLINE, began.elapsed()))
}

fn micros(duration: Duration) -> String {
    decimal(duration.as_nanos() / 10)
}

fn ratio(one: Duration, other: Duration) -> String {
    decimal(one.as_nanos() * 100 / other.as_nanos().max(1))
}
