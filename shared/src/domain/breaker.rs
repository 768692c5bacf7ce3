//! When a model that fails is left alone, and who may try it again.
//!
//! Calls to a dead primary are paid for in latency, by everybody. So after a few failures in a row all workers leave it alone
//! and go to the backup. From time to time one of them probes it, for free; if it answers, that one worker's picture is the
//! trial, and only its success lets the others back.

use jiff::{SignedDuration, Timestamp};

/// So many failures in a row open the breaker.
pub const THRESHOLD: u32 = 5;

/// Failures further apart than this are not in a row.
pub const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// How long a model is left alone at first. A probe and a trial in each make four calls a minute at most.
pub const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// How long it is left alone after many failed trials. A trial may cost a picture, so they grow rarer.
pub const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(120);

/// How a model fares, as all workers see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    pub failures: u32,
    /// The time of the last of them.
    pub failed_at: Option<Timestamp>,
    /// While it is open.
    pub open: Option<Open>,
}

/// A breaker that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When the next worker may try.
    pub retry_at: Timestamp,
    /// How long the model is left alone between two tries.
    pub pause: SignedDuration,
}

/// What a worker may do with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Ask it.
    Pass,
    /// Leave it alone.
    Skip,
    /// Probe it, if nobody else does: whoever writes `next` over `open` first.
    Probe {
        /// The state it was found in.
        open: Open,
        /// The state in which it is being probed.
        next: Open,
    },
}

impl Breaker {
    /// What may be done at `now`.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> Admission {
        match self.open {
            None => Admission::Pass,
            Some(open) if now < open.retry_at => Admission::Skip,
            Some(open) => Admission::Probe {
                open,
                next: Open {
                    // Should the worker die over it, the next has its turn all the same.
                    retry_at: now + open.pause,
                    ..open
                },
            },
        }
    }
}

impl Open {
    /// Just opened.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            retry_at: now + PAUSE,
            pause: PAUSE,
        }
    }

    /// After a trial that failed.
    #[must_use]
    pub fn longer(self, now: Timestamp) -> Self {
        let pause = (self.pause * 2).min(LONGEST_PAUSE);
        Self {
            retry_at: now + pause,
            pause,
        }
    }
}
