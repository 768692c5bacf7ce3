//! `vitrine prove paid-once`: random worlds in which workers die at any point, messages come twice, calls and answers get
//! lost, models and stores fail, and owners delete. In the end the books of the outside world are compared.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use futures::future::{BoxFuture, FutureExt as _, join_all};
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use shared::domain::{Fallback, Ratio, Store};
use tracing::subscriber::NoSubscriber;

use crate::engine::trouble::{Ordered, Trouble};
use crate::lab::{self, Lab, Odds, Order, Party, Violation, kill_at};
use crate::say;
use crate::sim::{Fault, Provider};

/// How often the progress is told.
const TELL_EVERY: u64 = 500;

/// For how long the weather is bad.
const STORM: SignedDuration = SignedDuration::from_mins(20);

/// What one world came to.
struct World {
    violations: Vec<Violation>,
    journal: String,
    tally: Tally,
}

/// What happened in the worlds, so that nobody takes a calm run for a proof.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    orders: u64,
    ready: u64,
    by_backup: u64,
    calls: u64,
    killed: u64,
    twice: u64,
    lost: u64,
}

/// Runs one world and prints everything that happens in it.
///
/// # Errors
/// When something does not hold in it.
pub(super) fn show(seed: u64) -> Result<()> {
    let world = world(seed)?;
    say!("{}", world.journal);
    verdict(seed, &world)?;
    say!("Seed {seed}: everything holds. {:?}", world.tally);
    Ok(())
}

/// Runs worlds on every processor.
///
/// # Errors
/// When something does not hold in one of them; says in which.
pub(super) fn run(from: u64, seeds: u64) -> Result<()> {
    let (next, done) = (AtomicU64::new(from), AtomicU64::new(0));
    let total = Mutex::new(Tally::default());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= from + seeds {
                return Ok(());
            }
            // Its troubles are in its journal; ten thousand logs are nobody's reading.
            let quietly = || tracing::subscriber::with_default(NoSubscriber::new(), || world(seed));
            let world = quietly().map_err(|error| error.context(format!("seed {seed}")))?;
            verdict(seed, &world)?;
            total.lock().unwrap_or_else(PoisonError::into_inner).add(&world.tally);
            let done = done.fetch_add(1, Ordering::SeqCst) + 1;
            if done.is_multiple_of(TELL_EVERY) {
                say!("{done} of {seeds} worlds");
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a world ended in a panic")))
        })
    })?;
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Tally {
        orders,
        ready,
        by_backup,
        calls,
        killed,
        twice,
        lost,
    } = total;
    say!("{seeds} worlds from seed {from}: everything holds.");
    say!("{orders} pictures ordered, {ready} ready, {by_backup} of them by the backup");
    say!("{calls} calls, {lost} of them lost; {killed} workers killed; {twice} messages delivered twice");
    Ok(())
}

fn verdict(seed: u64, world: &World) -> Result<()> {
    if world.violations.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = world.violations.iter().map(ToString::to_string).collect();
    bail!(
        "{}\n\nseed {seed} does not hold:\n{}\n\nsee it again: vitrine prove paid-once --seed {seed}",
        world.journal,
        lines.join("\n")
    )
}

fn world(seed: u64) -> Result<World> {
    lab::run(live(seed))?
}

async fn live(seed: u64) -> Result<World> {
    let lab = Lab::new(seed)?;
    let mut chance = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let mut orders = order(&lab, &mut chance).await?;
    storm(&lab, &mut chance);
    let end = lab.now() + STORM;
    while lab.now() < end {
        lab.pump()?;
        tally.twice += repeat(&lab, &mut chance)?;
        let workers = (0..chance.random_range(1..=3)).map(|_| worker(&lab, &mut chance));
        let workers: Vec<_> = workers.collect::<Result<_>>()?;
        tally.killed += join_all(workers).await.into_iter().sum::<u64>();
        delete(&lab, &mut orders, &mut chance).await?;
        lab.advance(SignedDuration::from_secs(chance.random_range(1..240)))
            .await;
        if chance.random_ratio(1, 3) {
            // Its own death is the kill matrix's; here it may fail, and comes again.
            let _failed = lab.run("settle-stale").await;
        }
    }
    lab.clear_up();
    lab.live_on().await?;
    lab.sweep_twice().await?;
    let violations = lab.audit(&orders).await?;
    for order in &orders {
        let image = lab.image(order.key).await?;
        let ready = image.filter(|image| image.state == shared::domain::State::Ready);
        tally.ready += u64::from(ready.is_some());
        tally.by_backup += u64::from(ready.is_some_and(|image| image.backup_because().is_some()));
    }
    let entries = lab.journal.entries();
    tally.orders = orders.len() as u64;
    tally.calls = entries.len() as u64;
    tally.lost = entries.iter().filter(|entry| entry.is_lost()).count() as u64;
    Ok(World {
        violations,
        journal: lab.journal.lines(),
        tally,
    })
}

async fn order(lab: &Lab, chance: &mut StdRng) -> Result<Vec<Order>> {
    let mut orders = Vec::new();
    for _ in 0..chance.random_range(1..=2) {
        let seller = lab.seller(10).await?;
        for _ in 0..chance.random_range(1..=3) {
            let prompt = match chance.random_ratio(1, 12) {
                true => format!("FORBIDDEN bowl {}", orders.len()),
                false => format!("bowl {}", orders.len()),
            };
            let fallback = if chance.random_ratio(1, 4) {
                Fallback::Never
            } else {
                Fallback::Auto
            };
            let key = lab.order(&seller, &prompt, Ratio::Square, fallback).await?;
            orders.push(Order {
                seller,
                key,
                prompt,
                deleted: false,
            });
        }
    }
    Ok(orders)
}

/// Orders the bad weather: on the wire, at the database, at the companies.
fn storm(lab: &Lab, chance: &mut StdRng) {
    lab.pauses(Duration::from_millis(chance.random_range(0..300)));
    for party in [
        Party::Database,
        Party::Store(Store::Cos),
        Party::Store(Store::Oss),
        Party::Provider,
    ] {
        let most = match party {
            Party::Database | Party::Parameters => 100,
            Party::Provider => 600,
            Party::Store(_) => 2_500,
        };
        let mut odds = || {
            if chance.random_bool(0.5) {
                chance.random_range(0..most)
            } else {
                0
            }
        };
        let (refused, request, reply) = (odds(), odds(), odds());
        lab.odds(
            party,
            Odds {
                refused,
                request,
                reply,
            },
        );
    }
    for _ in 0..chance.random_range(0..6) {
        let trouble = [
            Trouble::Throttled,
            Trouble::Conflict,
            Trouble::RequestLost,
            Trouble::ReplyLost,
        ];
        if let Some(trouble) = trouble.choose(chance) {
            let ordered = Ordered::next(chance.random_range(1..4), *trouble);
            lab.engines.troubles.order(match chance.random_bool(0.5) {
                true => ordered.of("TransactWriteItems"),
                false => ordered.of("UpdateItem"),
            });
        }
    }
    for _ in 0..chance.random_range(0..8) {
        let provider = if chance.random_bool(0.6) {
            Provider::Seedream
        } else {
            Provider::Dashscope
        };
        let fault = trouble(provider, chance);
        // One that this company does not have is no fault, and the world is a little calmer.
        let _unknown = lab.simulators.fault(provider, chance.random_range(1..4), fault);
    }
}

/// Something that goes wrong at a model.
fn trouble(provider: Provider, chance: &mut StdRng) -> Fault {
    let status = |status: u16| Fault {
        status: Some(status),
        ..Fault::default()
    };
    match chance.random_range(0..14) {
        0 => status(401),
        1 => status(429),
        2 => status(500),
        3 => status(503),
        // The work was done and the answer lost on the way: a gateway's word, or a broken line.
        4 => Fault {
            after_work: true,
            ..status(502)
        },
        5 => Fault {
            after_work: true,
            ..status(504)
        },
        6 => Fault {
            after_work: true,
            reset: true,
            ..Fault::default()
        },
        7 => Fault {
            reset: true,
            ..Fault::default()
        },
        8 => Fault {
            malformed: true,
            ..Fault::default()
        },
        9 => Fault {
            delay_ms: chance.random_range(1_000..200_000),
            ..Fault::default()
        },
        10 => Fault {
            delay_ms: chance.random_range(100_000..200_000),
            after_work: true,
            ..Fault::default()
        },
        11 => Fault {
            dead_link: true,
            ..Fault::default()
        },
        12 if provider == Provider::Seedream => Fault {
            error_in_ok: true,
            ..Fault::default()
        },
        _ if provider == Provider::Seedream => Fault {
            no_image: true,
            ..Fault::default()
        },
        _ => Fault {
            task_s: chance.random_range(1..600),
            ..Fault::default()
        },
    }
}

/// Delivers some messages once more: SQS promises no less than once.
fn repeat(lab: &Lab, chance: &mut StdRng) -> Result<u64> {
    let mut twice = 0;
    for queue in ["images-paint", "images-erase"] {
        for message in lab.messages(queue)? {
            if chance.random_ratio(1, 10) {
                lab.engines.queues.send(&message.queue, &message.body)?;
                twice += 1;
            }
        }
    }
    Ok(twice)
}

/// One call of a worker in a sandbox of its own, which may die on the way; says whether it did.
fn worker<'a>(lab: &'a Lab, chance: &mut StdRng) -> Result<BoxFuture<'a, u64>> {
    let queue = if chance.random_ratio(1, 6) {
        "images-erase"
    } else {
        "images-paint"
    };
    let death = if chance.random_ratio(1, 3) {
        chance.random_range(1..60)
    } else {
        u64::MAX
    };
    let late = Duration::from_millis(chance.random_range(0..2_000));
    let sandbox = lab.sandbox()?;
    Ok(async move {
        tokio::time::sleep(late).await;
        let life = kill_at(death, sandbox.work(queue)).await;
        u64::from(life.output.is_none())
    }
    .boxed())
}

async fn delete(lab: &Lab, orders: &mut [Order], chance: &mut StdRng) -> Result<()> {
    for order in orders.iter_mut().filter(|order| !order.deleted) {
        if chance.random_ratio(1, 40) && lab.image(order.key).await?.is_some() {
            lab.delete(order.key).await?;
            order.deleted = true;
        }
    }
    Ok(())
}

impl Tally {
    fn add(&mut self, more: &Self) {
        self.orders += more.orders;
        self.ready += more.ready;
        self.by_backup += more.by_backup;
        self.calls += more.calls;
        self.killed += more.killed;
        self.twice += more.twice;
        self.lost += more.lost;
    }
}
