//! One process of a function. As a sandbox does, it has one event at a time.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::failure::Failure;
use super::log;
use super::runtime_api::{Call, RuntimeApi, Start};
use crate::engine::serving::background;

/// How long a process may take until it asks for its first event, as in Lambda.
const START_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait for the last lines of a process that has ended; a pipe that somebody else holds open never ends.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// What a process is started from.
pub(super) struct Launch {
    /// The function's folder.
    pub(super) function: Arc<str>,
    /// What is run.
    pub(super) program: PathBuf,
    /// Everything its environment holds, apart from the address of its Runtime API.
    pub(super) environment: Vec<(String, String)>,
}

/// The system's numbers of the processes of one function that run.
#[derive(Clone, Default)]
pub(super) struct Register(Arc<Mutex<Vec<u32>>>);

impl Register {
    /// All of them, in the order in which they were started.
    pub(super) fn all(&self) -> Vec<u32> {
        self.lock().clone()
    }

    fn enter(&self, id: u32) -> Entry {
        self.lock().push(id);
        Entry {
            register: self.clone(),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line in the register, as long as the process is held.
struct Entry {
    register: Register,
    id: u32,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.register.lock().retain(|id| *id != self.id);
    }
}

/// A running process. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    api: RuntimeApi,
    entry: Entry,
}

impl Process {
    /// Starts one and waits until it asks for an event.
    pub(super) async fn start(launch: &Launch, register: &Register) -> Result<Self, Failure> {
        let api = RuntimeApi::listen().await.map_err(Failure::Run)?;
        let mut child = command(launch, &api).spawn().map_err(Failure::Run)?;
        let said = Said::listen(&mut child, &launch.function);
        let entry = register.enter(child.id().unwrap_or_default());
        let started = async {
            tokio::select! {
                start = api.started() => match start {
                    Start::Failed(why) => Err(Failure::Start(why)),
                    Start::UnderWay | Start::Done => Ok(()),
                },
                status = child.wait() => Err(Failure::Start(said.last(status).await)),
            }
        };
        timeout(START_WITHIN, started)
            .await
            .unwrap_or(Err(Failure::StartTooLong(START_WITHIN)))?;
        Ok(Self { child, api, entry })
    }

    /// Whether it runs still; one that waits for an event may have been ended by somebody else.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Has it work on one event. After a failure that does not leave it running it must be let go.
    pub(super) async fn call(&mut self, call: Call, within: Duration) -> Result<Bytes, Failure> {
        let answered = async {
            tokio::select! {
                // An answer that came before the end counts.
                biased;
                outcome = self.api.call(call) => outcome,
                status = self.child.wait() => Err(status.map_or_else(Failure::Run, Failure::Ended)),
            }
        };
        timeout(within, answered).await.unwrap_or(Err(Failure::TooLong(within)))
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn end(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(process = self.entry.id, %error, "A process could not be ended");
        }
    }
}

fn command(launch: &Launch, api: &RuntimeApi) -> Command {
    let mut command = Command::new(&launch.program);
    command
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C is for the stack, which lets running work finish.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(folder) = launch.program.parent() {
        command.current_dir(folder);
    }
    command
}

/// What a process says on standard error, and the end of it.
struct Said {
    lines: Arc<Mutex<Vec<String>>>,
    reading: JoinHandle<()>,
}

impl Said {
    /// Carries everything that `child` writes to our log, and keeps the last words.
    fn listen(child: &mut Child, function: &Arc<str>) -> Self {
        /// So many lines tell why a function did not start.
        const KEPT: usize = 4;
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            let function = Arc::clone(function);
            drop(background(each_line(stdout, move |line| log::told(&function, line))));
        }
        let (kept, function) = (Arc::clone(&lines), Arc::clone(function));
        let stderr = child.stderr.take();
        let reading = background(async move {
            let Some(stderr) = stderr else { return };
            let keep = |line: &str| {
                log::cried(&function, line);
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == KEPT {
                    kept.remove(0);
                }
                kept.push(line.to_owned());
            };
            each_line(stderr, keep).await;
        });
        Self { lines, reading }
    }

    /// The last words of a process that has ended; its status if it said nothing.
    async fn last(self, status: std::io::Result<ExitStatus>) -> String {
        let Self { lines, reading } = self;
        let _elapsed = timeout(LAST_WORDS_WITHIN, reading).await;
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).join(" / ");
        match (lines.is_empty(), status) {
            (false, _) => lines,
            (true, Ok(status)) => format!("it ended without a word ({status})"),
            (true, Err(error)) => error.to_string(),
        }
    }
}

async fn each_line(from: impl AsyncRead + Unpin, mut tell: impl FnMut(&str)) {
    let mut lines = BufReader::new(from).split(b'\n');
    // A line that is no text is told as well as it can be.
    while let Ok(Some(line)) = lines.next_segment().await {
        tell(&String::from_utf8_lossy(&line));
    }
}
