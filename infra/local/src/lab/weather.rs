//! What the wire does to calls: it takes its time, and it loses some. By order, or by chance that a seed repeats.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use shared::domain::Store;

/// Whom a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// DynamoDB.
    Database,
    /// The parameter store.
    Parameters,
    /// A store of pictures.
    Store(Store),
    /// A company that writes, paints or sends, or the place where it leaves its pictures.
    Provider,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Database => "database",
            Self::Parameters => "parameters",
            Self::Store(store) => store.as_str(),
            Self::Provider => "provider",
        })
    }
}

/// What becomes of a call that gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// No connection: the caller knows that nothing arrived.
    Refused,
    /// It never arrived, and the caller cannot know.
    Request,
    /// It was done, and the caller cannot know.
    Reply,
}

/// A loss and the calls that it befalls.
#[derive(Debug, Clone)]
pub struct Fault {
    party: Party,
    what: String,
    next: u32,
    loss: Loss,
}

impl Fault {
    /// The next `next` calls of `party` come to this.
    #[must_use]
    pub fn next(next: u32, party: Party, loss: Loss) -> Self {
        Self {
            party,
            what: String::new(),
            next,
            loss,
        }
    }

    /// Only those whose line in the journal says `what`: `TransactWriteItems`, `POST /api/v3/images/generations`.
    #[must_use]
    pub fn saying(self, what: &str) -> Self {
        Self {
            what: what.to_owned(),
            ..self
        }
    }
}

/// How many of ten thousand calls of a party are lost, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Odds {
    /// Refused connections.
    pub refused: u32,
    /// Requests that never arrive.
    pub request: u32,
    /// Answers that never arrive.
    pub reply: u32,
}

/// The weather on the wire.
#[derive(Debug)]
pub(super) struct Weather(Mutex<State>);

#[derive(Debug)]
struct State {
    chance: StdRng,
    longest: Duration,
    odds: BTreeMap<Party, Odds>,
    faults: VecDeque<Fault>,
}

impl Weather {
    pub(super) fn calm(seed: u64) -> Self {
        Self(Mutex::new(State {
            chance: StdRng::seed_from_u64(seed),
            longest: Duration::ZERO,
            odds: BTreeMap::new(),
            faults: VecDeque::new(),
        }))
    }

    pub(super) fn order(&self, fault: Fault) {
        if fault.next > 0 {
            self.lock().faults.push_back(fault);
        }
    }

    pub(super) fn odds(&self, party: Party, odds: Odds) {
        self.lock().odds.insert(party, odds);
    }

    pub(super) fn pauses(&self, longest: Duration) {
        self.lock().longest = longest;
    }

    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.odds.clear();
        state.longest = Duration::ZERO;
    }

    /// What becomes of this call, if it is not to be answered.
    pub(super) fn befalls(&self, party: Party, what: &str) -> Option<Loss> {
        let mut state = self.lock();
        let is_it = |fault: &Fault| fault.party == party && what.contains(&fault.what);
        if let Some(at) = state.faults.iter().position(is_it) {
            let loss = state.faults[at].loss;
            state.faults[at].next -= 1;
            state.faults.retain(|fault| fault.next > 0);
            return Some(loss);
        }
        let Odds {
            refused,
            request,
            reply,
        } = *state.odds.get(&party)?;
        let drawn = state.chance.random_range(0..10_000);
        if drawn < refused {
            Some(Loss::Refused)
        } else if drawn < refused + request {
            Some(Loss::Request)
        } else if drawn < refused + request + reply {
            Some(Loss::Reply)
        } else {
            None
        }
    }

    /// Suspends the caller once, and for as long as the wire takes.
    pub(super) async fn way(&self) {
        let pause = {
            let mut state = self.lock();
            let longest = u64::try_from(state.longest.as_millis()).unwrap_or(u64::MAX);
            match longest {
                0 => 0,
                longest => state.chance.random_range(0..=longest),
            }
        };
        match pause {
            0 => tokio::task::yield_now().await,
            pause => tokio::time::sleep(Duration::from_millis(pause)).await,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
