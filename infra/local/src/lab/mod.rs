//! The laboratory: all of Vitrine that paints, in one process, on one thread, without a socket and on a driven clock.
//!
//! The functions are the ones that ship. They speak over a wire that is handed in ([`shared::wire`]) to the engines and the
//! simulators that the local stack serves on ports, by the same permissions. Time stands still while anything can be done
//! and then jumps to the next timer, so a model that hangs for 150 seconds costs nothing; and every chance comes from one
//! seed, so what happened once happens again.

mod audit;
mod blueprint;
mod buyers;
mod exchange;
mod journal;
mod kill;
mod leavers;
mod life;
mod look;
mod readers;
mod sellers;
mod weather;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use shared::config::Vars;
use shared::domain::Store;
use shared::flows::painting::Painter;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::wire::Wire;
use shared::{Clock, Entropy, Ids, Platform};
use tempfile::TempDir;

use crate::engine::grants::OPERATOR;
use crate::engine::pipes::Pumped;
use crate::engine::queues::Message;
use crate::engine::ssm::Parameters;
use crate::engine::workers::{Worked, Workers};
use crate::engine::{Drained, Engines, Settings};
use crate::sim::{Book, Easel, SimulatorOptions, Simulators};
use crate::stack::host::{Host, Wires};
use crate::stack::hosting::Hosted;
use crate::stack::{RealKeys, secrets, wiring};
use crate::template::Template;

use blueprint::Blueprint;
use exchange::{Exchange, Handset};
use weather::Weather;

pub use audit::{Order, Violation};
pub use journal::{End, Entry, Journal};
pub use kill::{KillAt, Life, count, kill_at};
pub use look::Ledger;
pub use readers::{Astray, Gallery, Shown};
pub use sellers::Seller;
pub use weather::{Fault, Loss, Odds, Party};

/// When every laboratory begins.
pub const START: &str = "2026-11-22T09:00:00Z";

/// Where the simulators live on the wire.
const COMPANY: &str = "127.0.0.1:8001";

/// A world of its own. Dropping it frees everything.
pub struct Lab {
    /// Tables, queues, objects and workers, past every permission; the tables' troubles are ordered here.
    pub engines: Engines,
    /// The companies, their books and their faults.
    pub simulators: Simulators,
    /// The time everything goes by: that of the runtime's timers.
    pub clock: Clock,
    /// Every call that went over the wire.
    pub journal: Journal,
    exchange: Arc<Exchange>,
    host: Host,
    template: &'static Template,
    office: Office,
    /// Removed when all of the above has let go of it.
    _pictures: TempDir,
}

/// The laboratory's own hands: past permissions, weather and journal.
struct Office {
    platform: Platform,
    vars: Vars,
}

/// Runs `work` on this thread, in a runtime whose time stands still while anything can be done and then jumps to the next
/// timer. It has timers and nothing else: whoever opened a socket in there would fail.
///
/// # Errors
/// When the system refuses to make a runtime.
pub fn run<F: Future>(work: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    Ok(runtime.block_on(work))
}

impl Lab {
    /// A new world, in which all chance comes from `seed`. To be made inside of [`run`], or of another runtime whose time is
    /// paused.
    ///
    /// # Errors
    /// When the template has a mistake or an engine cannot be made.
    pub fn new(seed: u64) -> Result<Self> {
        // The AWS client spreads its retries by chance of its own, one a thread.
        fastrand::seed(seed);
        let Blueprint { template, .. } = blueprint::get()?;
        let (clock, entropy) = (Clock::with_timers(START.parse()?), Entropy::seeded(seed));
        let ids = Ids::new(clock.clone(), entropy.clone());
        let pictures = folder_in_memory()?;
        let engines = engines(&clock, &entropy, &pictures)?;
        let simulators = Simulators::new(SimulatorOptions {
            easel: Easel::Here,
            ..SimulatorOptions::in_memory(clock.clone(), entropy.clone(), format!("http://{COMPANY}"))
        })?;
        let engine: url::Url = engines.dynamodb_url().parse()?;
        let exchange = Arc::new(Exchange {
            clock: clock.clone(),
            database: engines.door.clone(),
            stores: vec![(Store::Cos, engines.objects.clone()), (Store::Oss, engines.oss.clone())],
            simulators: simulators.router(),
            company: COMPANY.to_owned(),
            house: engine.authority().to_owned(),
            journal: Journal::default(),
            weather: Weather::calm(seed),
        });
        let host = Host {
            clock: clock.clone(),
            entropy,
            ids,
            engine: Some(engine),
            overrides: wiring::overrides(
                engines.store_url(),
                engines.oss_url(),
                &format!("http://{COMPANY}"),
                &RealKeys::default(),
            )?,
            wires: Some(wires(&exchange, None)),
        };
        let hosted = Hosted::InProcess(host.clone());
        wiring::attach_workers(template, &engines.workers, &hosted)?;
        wiring::attach_schedules(template, (&engines.schedules, &engines.one_offs), &hosted)?;
        Ok(Self {
            engines,
            simulators,
            clock,
            journal: exchange.journal.clone(),
            office: Office::new(&exchange, &host, template),
            exchange,
            host,
            template,
            _pictures: pictures,
        })
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass, which goes one way only. Whatever waits for a moment in between has its turn at that moment.
    pub async fn advance(&self, by: SignedDuration) {
        tokio::time::sleep(Duration::try_from(by).unwrap_or_default()).await;
    }

    /// Lets every call take up to `longest` each way, by chance of the seed. At first none takes any time.
    pub fn pauses(&self, longest: Duration) {
        self.exchange.weather.pauses(longest);
    }

    /// Loses calls of a party by chance of the seed, from now on.
    pub fn odds(&self, party: Party, odds: Odds) {
        self.exchange.weather.odds(party, odds);
    }

    /// Loses the next calls that fit; what was ordered first comes first.
    pub fn fault(&self, fault: Fault) {
        self.exchange.weather.order(fault);
    }

    /// No pauses, no losses, no troubles of the database and no faults of the companies any more.
    pub fn clear_up(&self) {
        self.exchange.weather.clear();
        self.engines.troubles.clear();
        self.simulators.clear_faults();
    }

    /// Moves all stream records through the pipes into the queues.
    ///
    /// # Errors
    /// When an engine fails.
    pub fn pump(&self) -> Result<Pumped> {
        self.engines.pump_streams()
    }

    /// Removes what is past its time and says how many items that were.
    ///
    /// # Errors
    /// When an engine fails.
    pub fn expire(&self) -> Result<usize> {
        self.engines.run_expiry()
    }

    /// What a queue holds, hidden or not; by the template's short name, `images-paint`.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn messages(&self, queue: &str) -> Result<Vec<Message>> {
        self.engines.queues.peek(&self.queue(queue)?)
    }

    /// One call of the queue's worker, with a batch of its messages if there are any. Dropping the future kills the worker:
    /// its messages come again after their visibility time-out, as from SQS.
    ///
    /// # Errors
    /// When the queue has no worker or an engine fails; not when the worker does.
    pub fn work(&self, queue: &str) -> BoxFuture<'static, Result<Worked>> {
        self.work_of(&self.engines.workers, queue)
    }

    /// Functions of their own that know nothing yet, as in sandboxes just started. One works off one batch at a time in
    /// Lambda; whoever lets several run at once makes several of these.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub fn sandbox(&self) -> Result<Sandbox<'_>> {
        let workers = Workers::new(self.engines.queues.clone());
        wiring::attach_workers(self.template, &workers, &Hosted::InProcess(self.host.clone()))?;
        Ok(Sandbox { lab: self, workers })
    }

    /// Pumps and works until nothing is visible any more.
    ///
    /// # Errors
    /// When an engine fails, or when the work makes new work without end.
    pub async fn drain(&self) -> Result<Drained> {
        self.engines.drain().await
    }

    /// The painter that ships, made as `images-paint` makes it, for whoever wants to change a part of it.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn painter(&self) -> Result<Painter> {
        let function = self.template.function("images-paint");
        let function = function.context("the template has no `images-paint`")?;
        let vars = self.host.vars(function);
        let platform = self.host.platform(function, &vars).await?;
        Ok(images_paint::painter(&vars, &platform)?)
    }

    /// Makes the function of a folder ready as Lambda would, with its secrets of now, and lets it go.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&self, function: &str) -> Result<()> {
        let spec = self.template.function(function);
        let spec = spec.with_context(|| format!("the template has no `{function}`"))?;
        let vars = self.host.vars(spec);
        let platform = self.host.platform(spec, &vars).await?;
        crate::functions::start(function, &vars, &platform).context("it is in no list of functions")??;
        Ok(())
    }

    /// The functions that read secrets, by their folders' names.
    #[must_use]
    pub fn secretive(&self) -> Vec<String> {
        let reads = |name: &String| name.ends_with("_PARAMETER");
        let functions = self.template.functions.iter();
        let secretive = functions.filter(|function| function.variables.keys().any(reads));
        secretive.map(|function| function.folder.clone()).collect()
    }

    /// One run of the function that a schedule wakes, by its folder's name. Dropping the future kills it.
    ///
    /// # Errors
    /// When no schedule wakes this function, or when it fails.
    pub fn run(&self, function: &str) -> BoxFuture<'static, Result<()>> {
        let name = self
            .engines
            .schedules
            .list()
            .into_iter()
            .find(|seen| seen.spec.function == function)
            .map(|seen| seen.spec.name)
            .with_context(|| format!("no schedule wakes `{function}`"));
        let schedules = self.engines.schedules.clone();
        async move { schedules.run(&name?).await }.boxed()
    }

    /// What the companies were asked and did.
    #[must_use]
    pub fn books(&self) -> Book {
        self.simulators.book()
    }

    fn work_of(&self, workers: &Workers, queue: &str) -> BoxFuture<'static, Result<Worked>> {
        let (workers, queue) = (workers.clone(), self.queue(queue));
        async move { workers.work_once(&queue?).await }.boxed()
    }

    fn queue(&self, short: &str) -> Result<String> {
        let queue = self.template.queue(short);
        queue
            .map(|queue| queue.name.clone())
            .with_context(|| format!("the template has no queue `{short}`"))
    }
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lab(at {})", self.now())
    }
}

/// Functions that were started for themselves.
pub struct Sandbox<'a> {
    lab: &'a Lab,
    workers: Workers,
}

impl Sandbox<'_> {
    /// One call of the queue's worker in here, as [`Lab::work`].
    ///
    /// # Errors
    /// When the queue has no worker or an engine fails; not when the worker does.
    pub fn work(&self, queue: &str) -> BoxFuture<'static, Result<Worked>> {
        self.lab.work_of(&self.workers, queue)
    }
}

impl std::fmt::Debug for Sandbox<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sandbox").field(&self.workers).finish()
    }
}

impl Office {
    fn new(exchange: &Arc<Exchange>, host: &Host, template: &Template) -> Self {
        let phone: Arc<dyn Wire> = Arc::new(Handset {
            exchange: Arc::clone(exchange),
            caller: OPERATOR.into(),
            quiet: true,
            astray: None,
        });
        let runtime = Runtime::local(OPERATOR, host.engine.clone()).over(phone);
        let (clock, ids, entropy) = (host.clock.clone(), host.ids.clone(), host.entropy.clone());
        let platform = Platform::with_secrets(runtime, clock, ids, entropy, Secrets::default());
        let variables = template
            .functions
            .iter()
            .flat_map(|function| function.variables.clone());
        Self {
            platform,
            vars: Vars::from_pairs(variables),
        }
    }
}

/// A folder that vanishes. Where the system has memory that looks like a disk it is there: making and removing one costs
/// nothing, and ten thousand of them are made.
fn folder_in_memory() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    folder.context("could not make a folder for objects")
}

/// The engines, in memory and behind no port.
fn engines(clock: &Clock, entropy: &Entropy, pictures: &TempDir) -> Result<Engines> {
    let blueprint = blueprint::get()?;
    let stored = Parameters::open(None, clock.clone())?;
    secrets::provide(&blueprint.template, &stored, entropy, &RealKeys::default())?;
    let engines = Engines::open(Settings {
        entropy: entropy.clone(),
        pictures: Some(pictures.path().to_path_buf()),
        tables: blueprint.tables.clone(),
        queues: blueprint.queues.clone(),
        pipes: blueprint.pipes.clone(),
        objects: wiring::objects(&blueprint.template, &stored, Store::Cos)?,
        oss: wiring::objects(&blueprint.template, &stored, Store::Oss)?,
        schedule_groups: blueprint.template.schedule_groups.clone(),
        permissions: blueprint.permissions.clone(),
        ..Settings::new(clock.clone())
    })?;
    for name in stored.names() {
        engines.parameters.put(&name, &stored.get(&name).unwrap_or_default())?;
    }
    Ok(engines)
}

fn wires(exchange: &Arc<Exchange>, astray: Option<SignedDuration>) -> Wires {
    let exchange = Arc::clone(exchange);
    Arc::new(move |function| {
        Arc::new(Handset {
            exchange: Arc::clone(&exchange),
            caller: function.into(),
            quiet: false,
            astray,
        })
    })
}
