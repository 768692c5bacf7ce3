//! The one source of time. Nothing else in the workspace asks the system what time it is; clippy sees to that.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time to everything that needs it.
///
/// Cheap to clone; clones of one clock agree. In production it is the system's clock, in tests it stands still until it
/// is advanced, and in the local stack it is the system's clock plus an offset that `POST /_sim/clock` moves.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Offset(Arc<AtomicI64>),
    /// The offset is kept in a file, so that functions running as processes of their own follow the same clock.
    OffsetFile(Arc<PathBuf>),
    Manual(Arc<AtomicI64>),
    Timers(Arc<Timers>),
}

/// What a clock that goes with the runtime's timers knows.
#[derive(Debug)]
struct Timers {
    start: i64,
    began: Instant,
    /// How far it was moved beyond the timers.
    ahead: AtomicI64,
    /// What it told last, to the millisecond.
    told: AtomicI64,
}

impl Timers {
    fn millis(&self) -> i64 {
        // Outside of a runtime there are no timers to go by, and the clock stands where it was last read.
        if tokio::runtime::Handle::try_current().is_err() {
            return self.told.load(Ordering::SeqCst);
        }
        let gone = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = self.start + gone + self.ahead.load(Ordering::SeqCst);
        self.told.store(now, Ordering::SeqCst);
        now
    }
}

impl Clock {
    /// The system's clock, as it is.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The system's clock moved by `offset` milliseconds; whoever holds the other end of the `Arc` moves it.
    #[must_use]
    pub fn offset(offset: Arc<AtomicI64>) -> Self {
        Self(Source::Offset(offset))
    }

    /// The system's clock moved by the milliseconds written, in decimal, in the file at `path`. An absent or unreadable
    /// file counts as zero.
    #[must_use]
    pub fn offset_file(path: PathBuf) -> Self {
        Self(Source::OffsetFile(Arc::new(path)))
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.as_millisecond()))))
    }

    /// A clock that begins at `start` and goes with the timers of the runtime it is made in, so that sleeping and the time
    /// agree. Where those are paused and jump from one timer to the next, it jumps with them.
    #[must_use]
    pub fn with_timers(start: Timestamp) -> Self {
        let start = start.as_millisecond();
        Self(Source::Timers(Arc::new(Timers {
            start,
            began: Instant::now(),
            ahead: AtomicI64::new(0),
            told: AtomicI64::new(start),
        })))
    }

    /// The present moment, to the millisecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Source::System => system_millis(),
            Source::Offset(offset) => system_millis() + offset.load(Ordering::SeqCst),
            Source::OffsetFile(path) => system_millis() + read_offset(path),
            Source::Manual(now) => now.load(Ordering::SeqCst),
            Source::Timers(timers) => timers.millis(),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// Moves a manual or offset clock forward (or, with a negative duration, back), and one that goes with timers ahead of
    /// them. The system's clock and a clock file
    /// owned by another process do not move; the return value says whether this one did.
    pub fn advance(&self, by: SignedDuration) -> bool {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        match &self.0 {
            Source::System | Source::OffsetFile(_) => false,
            Source::Offset(cell) | Source::Manual(cell) => {
                cell.fetch_add(millis, Ordering::SeqCst);
                true
            }
            Source::Timers(timers) => {
                timers.ahead.fetch_add(millis, Ordering::SeqCst);
                true
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
fn system_millis() -> i64 {
    Timestamp::now().as_millisecond()
}

fn read_offset(path: &std::path::Path) -> i64 {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_advanced() {
        let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
        let clone = clock.clone();
        assert_eq!(clock.now(), clone.now());
        assert!(clone.advance(SignedDuration::from_hours(1)));
        assert_eq!(clock.now(), "2026-11-22T10:00:00Z".parse().unwrap());
    }

    #[test]
    fn the_system_clock_refuses_to_be_moved() {
        assert!(!Clock::system().advance(SignedDuration::from_hours(1)));
    }
}
