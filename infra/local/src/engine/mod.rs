//! The engines that stand in for AWS and the object store: tables, parameters, objects, streams, queues and their workers.
//!
//! Tests drive them step by step ([`Engines::drain`], [`Engines::run_expiry`]); `vitrine serve` lets them run by
//! themselves ([`Engines::run_in_background`]).

mod access;
mod background;
pub mod calls;
pub mod dynamodb;
pub mod expiry;
pub mod front;
pub mod grants;
mod inline;
pub mod input;
pub mod objects;
pub mod one_offs;
pub mod pace;
pub mod pattern;
pub mod pipes;
pub mod queues;
pub mod schedules;
pub mod serving;
mod signature;
pub mod spec;
mod sqs;
pub mod ssm;
pub mod trouble;
pub mod workers;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use shared::domain::Store;
use shared::{Clock, Entropy};
use tokio::net::TcpListener;

use background::{close_all, keep_waking, keep_waking_once, poll, repeat};
use calls::Calls;
use dynamodb::Tables;
use expiry::Expiry;
use front::{Behind, Door};
use grants::Permissions;
use objects::{Objects, ObjectsSpec};
use one_offs::OneOffs;
use pace::Pace;
use pipes::{Pipes, Pumped};
use queues::Queues;
use schedules::Schedules;
use serving::Serving;
use spec::{PipeSpec, QueueSpec, TableSpec};
use sqs::Sqs;
use ssm::Parameters;
use trouble::Troubles;
use workers::{Worked, Workers};

/// How many rounds of pumping and working `drain` allows before it calls the stack restless.
const MOST_ROUNDS: usize = 1_000;

/// How often the background looks at streams and queues that did not call.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How many calls of one worker a desk machine runs at once, whatever the template allows.
const MOST_POLLERS: u32 = 8;

/// How often the background looks whether a schedule is due.
const LOOK_AT_CLOCK: Duration = Duration::from_millis(200);

/// How often the background looks for what has expired.
const EXPIRE_AGAIN: Duration = Duration::from_secs(1);

/// All that the engines are made from.
#[derive(Debug)]
pub struct Settings {
    /// The time they go by.
    pub clock: Clock,
    /// Where message ids and receipts come from.
    pub entropy: Entropy,
    /// Where they keep their files; without it all is in memory and gone afterwards.
    pub directory: Option<PathBuf>,
    /// Where objects are kept, if not with the rest.
    pub pictures: Option<PathBuf>,
    /// Where AWS's services listen; without it any free port.
    pub dynamodb: Option<TcpListener>,
    /// Where the object stores listen; without it any free port.
    pub store: Option<TcpListener>,
    /// The tables.
    pub tables: Vec<TableSpec>,
    /// The queues, dead-letter queues among them.
    pub queues: Vec<QueueSpec>,
    /// The pipes from the tables' streams to the queues.
    pub pipes: Vec<PipeSpec>,
    /// The first store, COS: its buckets, the key pairs to them and the delivery domain.
    pub objects: ObjectsSpec,
    /// The second store, OSS.
    pub oss: ObjectsSpec,
    /// The groups of one-off schedules, by their full names.
    pub schedule_groups: Vec<String>,
    /// Who may do what.
    pub permissions: Permissions,
}

impl Settings {
    /// Nothing but a clock: everything in memory, on free ports.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            entropy: Entropy::system(),
            directory: None,
            pictures: None,
            dynamodb: None,
            store: None,
            tables: Vec::new(),
            queues: Vec::new(),
            pipes: Vec::new(),
            objects: ObjectsSpec::default(),
            oss: ObjectsSpec::default(),
            schedule_groups: Vec::new(),
            permissions: Permissions::none(),
        }
    }
}

/// The running engines. Dropping them closes their ports.
#[derive(Debug)]
pub struct Engines {
    /// The tables, past every permission.
    pub tables: Tables,
    /// The parameter store, past every permission.
    pub parameters: Parameters,
    /// Who asked the tables for what.
    pub calls: Calls,
    /// The queues.
    pub queues: Queues,
    /// The first store, COS, its book and its faults.
    pub objects: Objects,
    /// The second store, OSS, its book and its faults.
    pub oss: Objects,
    /// The workers; attach functions here.
    pub workers: Workers,
    /// What the clock wakes; attach functions here.
    pub schedules: Schedules,
    /// What functions ordered to be woken for, once.
    pub one_offs: OneOffs,
    /// How fast the tables answer the functions.
    pub pace: Pace,
    /// What goes wrong with the tables.
    pub troubles: Troubles,
    pub(crate) door: Door,
    pipes: Pipes,
    expiry: Expiry,
    dynamodb: SocketAddr,
    store: SocketAddr,
    serving: Mutex<Vec<Serving>>,
    /// What runs by itself and asks what is served.
    running: Mutex<Vec<Serving>>,
}

/// What draining moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Stream records that were read.
    pub records: usize,
    /// Messages that the pipes made of them.
    pub messages: usize,
    /// Calls of workers.
    pub calls: usize,
    /// Messages that are done.
    pub done: usize,
    /// Times that a message was not done.
    pub failed: usize,
}

impl std::ops::AddAssign for Drained {
    fn add_assign(&mut self, more: Self) {
        self.records += more.records;
        self.messages += more.messages;
        self.calls += more.calls;
        self.done += more.done;
        self.failed += more.failed;
    }
}

impl Engines {
    /// Opens or makes everything and serves it.
    ///
    /// # Errors
    /// When a file, a port or a part of the model is not as it should be.
    pub async fn start(mut settings: Settings) -> Result<Self> {
        let (dynamodb, store) = (settings.dynamodb.take(), settings.store.take());
        let (dynamodb, store) = (listening(dynamodb).await?, listening(store).await?);
        let mut engines = Self::open(settings)?;
        engines.dynamodb = dynamodb.local_addr()?;
        engines.store = store.local_addr()?;
        let mut serving = front::serve(dynamodb, &engines.tables, engines.door.clone()).await?;
        serving.push(objects::serve(
            store,
            vec![engines.objects.clone(), engines.oss.clone()],
        ));
        engines.serving = Mutex::new(serving);
        Ok(engines)
    }

    /// Opens or makes everything, and listens nowhere: who wants something of it has to be in the house. Its addresses are
    /// those that `cargo run` would serve at.
    ///
    /// # Errors
    /// When a file or a part of the model is not as it should be.
    pub fn open(settings: Settings) -> Result<Self> {
        let directory = settings.directory.as_deref();
        if let Some(directory) = directory {
            std::fs::create_dir_all(directory).context("could not make the stack's directory")?;
        }
        let clock = settings.clock;
        let tables = Tables::open(directory, &clock, settings.tables)?;
        let parameters = Parameters::open(directory, clock.clone())?;
        let queues = Queues::open(directory, clock.clone(), settings.entropy.clone(), settings.queues)?;
        let pipes = Pipes::new(tables.clone(), queues.clone(), settings.pipes)?;
        let schedules = Schedules::open(directory, clock.clone(), settings.entropy.clone())?;
        let one_offs = OneOffs::open(
            directory,
            clock.clone(),
            settings.entropy.clone(),
            settings.schedule_groups,
        )?;
        let expiry = Expiry::new(tables.clone(), queues.clone(), clock.clone());
        let pictures = settings.pictures.as_deref().or(directory);
        let open = |store, spec| Objects::open(store, pictures, clock.clone(), settings.entropy.clone(), spec);
        let (objects, oss) = (open(Store::Cos, settings.objects)?, open(Store::Oss, settings.oss)?);
        let door = Door {
            calls: Calls::default(),
            parameters: parameters.clone(),
            sqs: Sqs::new(queues.clone(), clock.clone(), settings.entropy.clone()),
            permissions: Arc::new(settings.permissions),
            pace: Pace::default(),
            troubles: Troubles::default(),
            one_offs: one_offs.clone(),
            behind: Behind::Inline(tables.database().clone()),
        };
        Ok(Self {
            tables,
            parameters,
            calls: door.calls.clone(),
            objects,
            oss,
            workers: Workers::new(queues.clone()),
            queues,
            schedules,
            one_offs,
            pace: door.pace.clone(),
            troubles: door.troubles.clone(),
            pipes,
            expiry,
            door,
            dynamodb: (Ipv4Addr::LOCALHOST, 8003).into(),
            store: (Ipv4Addr::LOCALHOST, 8002).into(),
            serving: Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// Where AWS's services answer, for `AWS_ENDPOINT_URL_DYNAMODB`, `_SCHEDULER`, `_SQS` and `_SSM`.
    #[must_use]
    pub fn dynamodb_url(&self) -> String {
        format!("http://{}", self.dynamodb)
    }

    /// Where COS answers, for `COS_ENDPOINT`: the endpoint without a bucket.
    #[must_use]
    pub fn store_url(&self) -> String {
        self.endpoint(&self.objects)
    }

    /// Where OSS answers, for `OSS_ENDPOINT`: the endpoint without a bucket.
    #[must_use]
    pub fn oss_url(&self) -> String {
        self.endpoint(&self.oss)
    }

    fn endpoint(&self, objects: &Objects) -> String {
        format!("http://{}:{}", objects.domain(), self.store.port())
    }

    /// The port of AWS's services on loopback.
    #[must_use]
    pub fn dynamodb_address(&self) -> SocketAddr {
        self.dynamodb
    }

    /// The object stores' port on loopback.
    #[must_use]
    pub fn store_address(&self) -> SocketAddr {
        self.store
    }

    /// Moves all stream records through the pipes into the queues.
    ///
    /// # Errors
    /// When the database or the queues fail.
    pub fn pump_streams(&self) -> Result<Pumped> {
        self.pipes.pump()
    }

    /// Every stream record that is still held, read or not, as JSON.
    ///
    /// # Errors
    /// When the database fails.
    pub fn held_in_streams(&self) -> Result<Vec<String>> {
        self.pipes.held()
    }

    /// Loses all stream records that nobody has read, as a stream does with what is a day old, and says how many those were.
    ///
    /// # Errors
    /// When the database or the queues fail.
    pub fn lose_streams(&self) -> Result<usize> {
        self.pipes.lose()
    }

    /// Removes what is past its time and says how many items that were.
    ///
    /// # Errors
    /// When the database fails.
    pub fn run_expiry(&self) -> Result<usize> {
        self.expiry.run()
    }

    /// Lets each store carry out its buckets' own rules, and says how many objects that removed.
    ///
    /// # Errors
    /// When a store's folder cannot be read or written to.
    pub fn run_lifecycles(&self) -> Result<usize> {
        Ok(self.objects.run_lifecycle()? + self.oss.run_lifecycle()?)
    }

    /// Has one batch of `queue` worked off, if there is one.
    ///
    /// # Errors
    /// When the queue has no worker or the queues fail.
    pub async fn work_once(&self, queue: &str) -> Result<Worked> {
        self.workers.work_once(queue).await
    }

    /// How many stream records and visible messages wait for somebody who could take them.
    ///
    /// # Errors
    /// When the database or the queues fail.
    pub fn pending(&self) -> Result<usize> {
        let mut pending = self.pipes.pending()?;
        for worker in self.workers.specs() {
            pending += usize::try_from(self.queues.depth(&worker.queue)?.visible)?;
        }
        Ok(pending)
    }

    /// Pumps and works until nothing is visible any more. What failed stays hidden until the clock has moved on.
    ///
    /// # Errors
    /// When an engine fails, or when the work makes new work without end.
    pub async fn drain(&self) -> Result<Drained> {
        let mut drained = Drained::default();
        for _ in 0..MOST_ROUNDS {
            let pumped = self.pump_streams()?;
            drained.records += pumped.records;
            drained.messages += pumped.messages;
            let mut taken = 0;
            for worker in self.workers.specs() {
                let worked = self.work_once(&worker.queue).await?;
                taken += worked.taken;
                drained.calls += usize::from(worked.taken > 0);
                drained.done += worked.done;
                drained.failed += worked.failed;
            }
            if pumped.records == 0 && taken == 0 {
                return Ok(drained);
            }
        }
        bail!("the workers make more work than they do: not drained after {MOST_ROUNDS} rounds")
    }

    /// Runs every schedule that is due by the clock, periodic or ordered once, one after the other, and gives the names of those that were.
    ///
    /// # Errors
    /// When the function of one fails; the others have run all the same.
    pub async fn run_due_schedules(&self) -> Result<Vec<String>> {
        let (mut ran, mut failed) = (Vec::new(), Ok(()));
        for schedule in self.schedules.list() {
            match self.schedules.run_if_due(&schedule.spec.name).await {
                Ok(false) => {}
                Ok(true) => ran.push(schedule.spec.name),
                Err(error) => failed = Err(error),
            }
        }
        ran.extend(self.one_offs.run_due().await?);
        failed.map(|()| ran)
    }

    /// Lets streams, expiry, workers and schedules run by themselves until the engines are dropped or closed. Attach workers
    /// and schedules first.
    pub fn run_in_background(&self) {
        let (pipes, expiry) = (self.pipes.clone(), self.expiry.clone());
        let mut tasks = vec![
            repeat("Reading the streams", LOOK_AGAIN, move || {
                pipes.pump().map(|pumped| pumped.records > 0)
            }),
            repeat("Removing what expired", EXPIRE_AGAIN, move || {
                expiry.run().map(|_removed| false)
            }),
        ];
        for store in [self.objects.clone(), self.oss.clone()] {
            tasks.push(repeat("Carrying out a store's rules", EXPIRE_AGAIN, move || {
                store.run_lifecycle().map(|_removed| false)
            }));
        }
        for spec in self.workers.specs() {
            for _ in 0..spec.max_concurrency.clamp(1, MOST_POLLERS) {
                tasks.push(poll(self.workers.clone(), self.queues.clone(), spec.queue.clone()));
            }
        }
        for schedule in self.schedules.list() {
            tasks.push(keep_waking(self.schedules.clone(), schedule.spec.name));
        }
        tasks.push(keep_waking_once(self.one_offs.clone()));
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(tasks);
    }

    /// Lets what runs by itself finish, and begin nothing more. What it needs is still served.
    pub async fn rest(&self) {
        close_all(&self.running).await;
    }

    /// [Rests](Self::rest), then closes the ports and lets go of the files.
    pub async fn close(&self) {
        self.rest().await;
        close_all(&self.serving).await;
    }
}

async fn listening(listener: Option<TcpListener>) -> Result<TcpListener> {
    match listener {
        Some(listener) => Ok(listener),
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port to listen on"),
    }
}
