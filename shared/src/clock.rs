//! The one source of time. Nothing else in the workspace asks the system what time it is; clippy sees to that.

use std::path::{Path, PathBuf};
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
    /// What a file tells, so that functions running as processes of their own follow the clock of whoever started them.
    File(Arc<PathBuf>),
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

    /// The clock that somebody else writes to the file at `path` by [`Clock::write_to`]. The file is read each time it is
    /// asked. It holds either a number, in decimal: by how many milliseconds the system's clock is moved; or a moment in
    /// RFC 3339, such as `2026-11-22T09:00:00Z`: there the clock stands still. An absent or unreadable file is the system's
    /// clock as it is.
    #[must_use]
    pub fn from_file(path: PathBuf) -> Self {
        Self(Source::File(Arc::new(path)))
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
            Source::File(path) => Told::by(path).millis(),
            Source::Manual(now) => now.load(Ordering::SeqCst),
            Source::Timers(timers) => timers.millis(),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// Writes the file that a clock of [`Clock::from_file`] goes by: what this one tells, now and until it is moved. It is
    /// written aside and moved into place, so that nobody reads half of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_to(&self, path: &Path) -> std::io::Result<()> {
        let told = match &self.0 {
            Source::System => Told::Moved(0),
            Source::Offset(offset) => Told::Moved(offset.load(Ordering::SeqCst)),
            Source::File(path) => Told::by(path),
            // One that goes with timers cannot be followed from outside; where it is now is the best that can be told.
            Source::Manual(_) | Source::Timers(_) => Told::Stands(self.now()),
        };
        let aside = path.with_extension("new");
        std::fs::write(&aside, told.to_string())?;
        std::fs::rename(aside, path)
    }

    /// Moves a manual or offset clock forward (or, with a negative duration, back), and one that goes with timers ahead of
    /// them. The system's clock and one that follows a file do not move; the return value says whether this one did.
    pub fn advance(&self, by: SignedDuration) -> bool {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        match &self.0 {
            Source::System | Source::File(_) => false,
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

/// What the file of a clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// By how many milliseconds the system's clock is moved.
    Moved(i64),
    /// Where the clock stands still.
    Stands(Timestamp),
}

impl Told {
    fn by(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let text = text.trim();
        let moved = text.parse().ok().map(Self::Moved);
        let stands = || text.parse().ok().map(Self::Stands);
        moved.or_else(stands).unwrap_or(Self::Moved(0))
    }

    fn millis(self) -> i64 {
        match self {
            Self::Moved(offset) => system_millis() + offset,
            Self::Stands(at) => at.as_millisecond(),
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Moved(offset) => offset.fmt(f),
            Self::Stands(at) => at.fmt(f),
        }
    }
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

    #[test]
    fn a_clock_that_follows_a_file_tells_what_its_owner_wrote_there() {
        let path = std::env::temp_dir().join(format!("vitrine-clock-{}", std::process::id()));
        let follower = Clock::from_file(path.clone());
        let owner = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
        owner.write_to(&path).unwrap();
        assert_eq!(follower.now(), owner.now());
        owner.advance(SignedDuration::from_millis(1));
        assert!(follower.now() < owner.now(), "nothing was written yet");
        owner.write_to(&path).unwrap();
        assert_eq!(follower.now(), owner.now());

        let owner = Clock::offset(Arc::new(AtomicI64::new(-3_600_000)));
        owner.write_to(&path).unwrap();
        let apart = owner.now().duration_since(follower.now()).abs();
        assert!(apart < SignedDuration::from_secs(60), "{apart}");
        assert!(!follower.advance(SignedDuration::from_hours(1)));
        std::fs::remove_file(path).unwrap();
        let apart = Clock::system().now().duration_since(follower.now()).abs();
        assert!(apart < SignedDuration::from_secs(60), "{apart}");
    }
}
