//! What went over the wire, one line a call, in the order in which it took effect.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use shared::Clock;

use super::weather::{Loss, Party};

/// How a call ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The answer arrived.
    Answered,
    /// The wire had trouble.
    Lost(Loss),
    /// The other side broke the connection off.
    BrokenOff,
    /// The caller went away.
    Dropped,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it took effect or, if it never did, when it ended.
    pub at: Timestamp,
    /// The function that called, by its folder's name.
    pub caller: Arc<str>,
    /// Who was called.
    pub party: Party,
    /// What was asked.
    pub what: String,
    /// Whether it arrived.
    pub arrived: bool,
    /// What was answered, heard or not.
    pub status: Option<u16>,
    /// How it ended for the caller; nothing while it is under way.
    pub end: Option<End>,
}

impl Entry {
    /// Whether its caller never got an answer, and was there to miss it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self.end, Some(End::Lost(_) | End::BrokenOff))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            caller,
            party,
            what,
            ..
        } = self;
        let at = at.strftime("%d %T%.3f");
        write!(f, "{at} {caller:<12} {party:<10} {what}: ")?;
        match (self.arrived, self.status) {
            (false, _) => {}
            (true, Some(status)) => write!(f, "{status}")?,
            (true, None) => f.write_str("arrived")?,
        }
        match (self.arrived, self.end) {
            (_, Some(End::Answered)) => Ok(()),
            (_, None) => f.write_str(", under way"),
            (false, Some(End::Lost(Loss::Refused))) => f.write_str("refused"),
            (false, Some(End::Lost(_) | End::BrokenOff)) => f.write_str("lost on the way"),
            (false, Some(End::Dropped)) => f.write_str("never left, its caller is dead"),
            (true, Some(End::Lost(_))) => f.write_str(", and the answer was lost"),
            (true, Some(End::BrokenOff)) => f.write_str(", broken off"),
            (true, Some(End::Dropped)) => f.write_str(", and its caller is dead"),
        }
    }
}

/// The calls of one laboratory. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// All calls.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// All calls as lines. Equal seeds give equal lines, byte for byte.
    #[must_use]
    pub fn lines(&self) -> String {
        self.lock().iter().map(|entry| format!("{entry}\n")).collect()
    }

    /// Forgets what was written so far.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// A call that begins. It is written down when it takes effect or ends.
    pub(super) fn begin(&self, clock: &Clock, caller: &Arc<str>, party: Party, what: String) -> Line {
        Line {
            journal: self.clone(),
            clock: clock.clone(),
            draft: Some((Arc::clone(caller), party, what)),
            place: None,
            ended: false,
        }
    }

    pub(super) fn answered(&self, place: usize, status: Option<u16>) {
        if let Some(entry) = self.lock().get_mut(place) {
            entry.status = status;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line of a call that is under way. Dropping it says that its caller went away.
pub(super) struct Line {
    journal: Journal,
    clock: Clock,
    draft: Option<(Arc<str>, Party, String)>,
    place: Option<usize>,
    ended: bool,
}

impl Line {
    /// The call takes effect now; this is its place in the journal.
    pub(super) fn arrives(&mut self) -> usize {
        self.write(true)
    }

    pub(super) fn ends(mut self, end: End) {
        self.close(end);
    }

    fn close(&mut self, end: End) {
        self.ended = true;
        let place = self.write(false);
        if let Some(entry) = self.journal.lock().get_mut(place) {
            entry.end = Some(end);
        }
    }

    fn write(&mut self, arrived: bool) -> usize {
        let at = self.clock.now();
        let mut entries = self.journal.lock();
        if let Some((caller, party, what)) = self.draft.take() {
            self.place = Some(entries.len());
            entries.push(Entry {
                at,
                caller,
                party,
                what,
                arrived,
                status: None,
                end: None,
            });
        }
        self.place.unwrap_or_default()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            self.close(End::Dropped);
        }
    }
}
