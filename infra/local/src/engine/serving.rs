//! Tasks behind the stack's ports: started here, and stopped when their holder lets go.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running task that ends when this is dropped.
#[derive(Debug)]
pub struct Serving {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Starts the task that `make` builds; it is handed the signal that tells it to end.
    pub fn start<F>(make: impl FnOnce(Stop) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, signal) = watch::channel(false);
        Self {
            stop,
            task: background(make(Stop(signal))),
        }
    }

    /// Asks the task to end and waits until it has.
    pub async fn close(self) {
        let Self { stop, task } = self;
        drop(stop);
        if let Err(error) = task.await {
            tracing::error!(%error, "A task of the local stack ended badly");
        }
    }
}

/// Tells a task when to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until the task should end; a holder that went away says so too.
    pub async fn wanted(mut self) {
        // Nobody ever sends: the one event is that the sender is gone.
        while self.0.changed().await.is_ok() {}
    }

    /// Whether the task should end now.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

/// Runs `future` beside its caller.
#[expect(
    clippy::disallowed_methods,
    reason = "this is a server on somebody's desk, not a sandbox that freezes"
)]
pub fn background(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::task::spawn(future)
}
