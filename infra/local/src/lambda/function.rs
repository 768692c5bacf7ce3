//! A function and its processes: as many as it has events at once, up to its limit. One that has answered waits for the next.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use shared::{Clock, Entropy};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::environment::Runtime;
use super::failure::Failure;
use super::process::{Launch, Process, Register};
use super::runtime_api::Call;
use super::workshop::Workshop;
use crate::engine::spec::{ACCOUNT, REGION};
use crate::template::FunctionSpec;

/// How many processes of a function run at once on a desk machine, if the template reserves no other number for it.
const MOST_PROCESSES: usize = 32;

/// What all functions of a stack have in common.
pub(super) struct Surroundings {
    pub(super) workshop: Arc<Workshop>,
    /// Where DynamoDB and the parameter store answer.
    pub(super) engine: String,
    /// The file that tells the functions the time.
    pub(super) clock_file: PathBuf,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    /// Invocations under way. They go on when whoever asked has gone away, as they do in Lambda.
    pub(super) under_way: Mutex<JoinSet<()>>,
}

/// A function that runs as processes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Function(Arc<Inner>);

struct Inner {
    spec: FunctionSpec,
    variables: Vec<(String, String)>,
    surroundings: Arc<Surroundings>,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Running>>,
    running: Register,
    /// Counts replacements: a process of an earlier one takes no further event.
    generation: AtomicU64,
}

struct Running {
    process: Process,
    generation: u64,
}

impl Function {
    pub(super) fn new(spec: FunctionSpec, variables: Vec<(String, String)>, surroundings: Arc<Surroundings>) -> Self {
        let reserved = spec.reserved_concurrency.and_then(|calls| calls.try_into().ok());
        Self(Arc::new(Inner {
            slots: Arc::new(Semaphore::new(reserved.unwrap_or(MOST_PROCESSES))),
            spec,
            variables,
            surroundings,
            idle: Mutex::default(),
            running: Register::default(),
            generation: AtomicU64::new(0),
        }))
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &str {
        &self.0.spec.folder
    }

    /// Makes sure that its program is built.
    pub(crate) async fn build(&self) -> Result<(), Failure> {
        self.0.program().await.map(drop)
    }

    /// Hands an event to one of its processes and gives its answer. The trace is the one that the event belongs to.
    pub(crate) async fn invoke(&self, event: Bytes, trace_id: String) -> Result<Bytes, Failure> {
        let slot = Arc::clone(&self.0.slots).try_acquire_owned();
        let slot = slot.map_err(|_| Failure::Busy)?;
        let (answer, answered) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        {
            let mut under_way = lock(&self.0.surroundings.under_way);
            while under_way.try_join_next().is_some() {}
            // Whoever asked may have gone away by the time there is an answer.
            under_way.spawn(async move { drop(answer.send(inner.work(event, trace_id, slot).await)) });
        }
        answered.await.map_err(|_| Failure::Closed)?
    }

    /// Lets the processes go, those at work when they have answered, so that the next event starts a new one.
    pub(crate) fn replace(&self) {
        self.0.generation.fetch_add(1, Ordering::SeqCst);
        lock(&self.0.idle).clear();
    }

    /// The system's numbers of its processes, those that wait for an event among them.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.0.running.all()
    }

    /// Ends the processes that wait, and waits until they are gone.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *lock(&self.0.idle));
        for running in idle {
            running.process.end().await;
        }
    }
}

impl Inner {
    async fn work(&self, event: Bytes, trace_id: String, _slot: OwnedSemaphorePermit) -> Result<Bytes, Failure> {
        let mut running = match self.idle() {
            Some(running) => running,
            None => self.start().await?,
        };
        let within = Duration::from_secs(self.spec.timeout_s.into());
        let call = self.call(event, trace_id, within);
        let outcome = running.process.call(call, within).await;
        let lives = outcome.as_ref().err().is_none_or(Failure::leaves_it_running);
        if lives && running.generation == self.generation.load(Ordering::SeqCst) {
            lock(&self.idle).push(running);
        } else {
            running.process.end().await;
        }
        outcome
    }

    /// The process that has waited for the shortest time, if one waits.
    fn idle(&self) -> Option<Running> {
        loop {
            let mut running = lock(&self.idle).pop()?;
            if running.process.is_alive() {
                return Some(running);
            }
            tracing::warn!(function = self.spec.folder, "A process ended while it waited for work");
        }
    }

    async fn start(&self) -> Result<Running, Failure> {
        let generation = self.generation.load(Ordering::SeqCst);
        let program = self.program().await?;
        let runtime = Runtime {
            engine: &self.surroundings.engine,
            clock: &self.surroundings.clock_file,
        };
        let folder = program.parent().unwrap_or(Path::new("/"));
        let launch = Launch {
            function: self.spec.folder.as_str().into(),
            environment: runtime.environment(&self.spec, self.variables.iter().cloned(), folder),
            program,
        };
        let process = Process::start(&launch, &self.running).await?;
        Ok(Running { process, generation })
    }

    async fn program(&self) -> Result<PathBuf, Failure> {
        let program = self.surroundings.workshop.program(&self.spec.folder).await;
        program.map_err(Failure::Build)
    }

    fn call(&self, event: Bytes, trace_id: String, within: Duration) -> Call {
        let now = self.surroundings.clock.now();
        let deadline = now.saturating_add(SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX));
        Call {
            request_id: uuid::Builder::from_random_bytes(self.surroundings.entropy.bytes())
                .into_uuid()
                .to_string(),
            deadline_ms: deadline.unwrap_or(now).as_millisecond(),
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.spec.name),
            trace_id,
            event,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
