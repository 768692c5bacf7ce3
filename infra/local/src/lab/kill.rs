//! Death, at any point: a future that is polled like any other and dropped where it was told to stop living.
//!
//! Where a worker can die is not written down anywhere. It is found by counting: wherever it waits, it may never wake again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

/// A life: what came of it, and how often it waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life<T> {
    /// What it came to, if it was not killed.
    pub output: Option<T>,
    /// How often it was suspended, its last suspension included if it was killed there.
    pub suspensions: u64,
}

/// Runs a future and counts its suspensions; at the one it was told, it drops the future.
#[must_use = "nothing lives until it is polled"]
pub struct KillAt<F> {
    living: Option<Pin<Box<F>>>,
    death: Option<u64>,
    suspensions: u64,
    woken: Arc<Woken>,
}

/// Kills `work` at its `n`th suspension, counted from 1; less than that, and it lives to its end.
pub fn kill_at<F: Future>(n: u64, work: F) -> KillAt<F> {
    KillAt {
        death: Some(n),
        ..count(work)
    }
}

/// Lets `work` live, and counts how often it is suspended.
pub fn count<F: Future>(work: F) -> KillAt<F> {
    KillAt {
        living: Some(Box::pin(work)),
        death: None,
        suspensions: 0,
        woken: Arc::default(),
    }
}

impl<F: Future> Future for KillAt<F> {
    type Output = Life<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.woken.outside.register(context.waker());
        // Whoever polls us may have been woken for somebody else. That is no suspension of ours.
        if !this.woken.since.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let Some(living) = &mut this.living else {
            return Poll::Pending;
        };
        let waker = Waker::from(Arc::clone(&this.woken));
        match living.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => {
                this.living = None;
                Poll::Ready(Life {
                    output: Some(output),
                    suspensions: this.suspensions,
                })
            }
            Poll::Pending => {
                this.suspensions += 1;
                if this.death != Some(this.suspensions) {
                    return Poll::Pending;
                }
                this.living = None;
                Poll::Ready(Life {
                    output: None,
                    suspensions: this.suspensions,
                })
            }
        }
    }
}

impl<F> fmt::Debug for KillAt<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KillAt({:?} of {})", self.death, self.suspensions)
    }
}

/// Whether the inner future was woken since it was polled last.
struct Woken {
    since: AtomicBool,
    outside: AtomicWaker,
}

impl Default for Woken {
    fn default() -> Self {
        Self {
            since: AtomicBool::new(true),
            outside: AtomicWaker::new(),
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.since.store(true, Ordering::Release);
        self.outside.wake();
    }
}
