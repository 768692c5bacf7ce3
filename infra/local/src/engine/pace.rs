//! How fast the database answers. Benches slow it down and count what it is asked; tests see which calls are under way at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

/// How long a call waits for another one to join it: shorter than a function waits for the database, so that nobody asks again.
const PATIENCE: Duration = Duration::from_millis(2500);

/// What happens to a function's call before the database sees it. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    delay: Duration,
    calls: BTreeMap<String, usize>,
    meeting: Option<Meeting>,
}

impl Pace {
    /// From now on every call waits so long, by the machine's own time, before the database sees it.
    pub fn delay(&self, by: Duration) {
        self.state().delay = by;
    }

    /// How many calls the function of this folder has made, of whatever kind.
    #[must_use]
    pub fn calls(&self, function: &str) -> usize {
        self.state().calls.get(function).copied().unwrap_or_default()
    }

    /// Holds the next call of the function of this folder until it makes another one meanwhile.
    #[must_use]
    pub fn meeting(&self, function: &str) -> Meeting {
        let meeting = Meeting {
            function: function.to_owned(),
            arrivals: Arc::new(watch::Sender::default()),
        };
        self.state().meeting = Some(meeting.clone());
        meeting
    }

    /// Lets a call through in its time.
    pub(super) async fn enter(&self, function: &str, call: Value) {
        let (delay, meeting) = {
            let mut state = self.state();
            *state.calls.entry(function.to_owned()).or_default() += 1;
            let meeting = state.meeting.clone().filter(|meeting| meeting.function == function);
            (state.delay, meeting)
        };
        if let Some(meeting) = meeting {
            meeting.attend(call).await;
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two calls of one function, if they were ever under way at once.
#[derive(Debug, Clone)]
pub struct Meeting {
    function: String,
    arrivals: Arc<watch::Sender<Arrivals>>,
}

#[derive(Debug, Default)]
enum Arrivals {
    #[default]
    Nobody,
    One(Value),
    Both([Value; 2]),
    /// The first went on alone.
    Missed,
}

impl Meeting {
    /// The bodies of the two calls, if the first was not left to go on alone.
    #[must_use]
    pub fn both(&self) -> Option<[Value; 2]> {
        match &*self.arrivals.borrow() {
            Arrivals::Both(calls) => Some(calls.clone()),
            Arrivals::Nobody | Arrivals::One(_) | Arrivals::Missed => None,
        }
    }

    async fn attend(&self, call: Value) {
        let mut first = false;
        self.arrivals.send_modify(|arrivals| match std::mem::take(arrivals) {
            Arrivals::Nobody => {
                first = true;
                *arrivals = Arrivals::One(call);
            }
            Arrivals::One(one) => *arrivals = Arrivals::Both([one, call]),
            over @ (Arrivals::Both(_) | Arrivals::Missed) => *arrivals = over,
        });
        if !first {
            return;
        }
        let mut arrivals = self.arrivals.subscribe();
        let joined = arrivals.wait_for(|arrivals| matches!(arrivals, Arrivals::Both(_)));
        if tokio::time::timeout(PATIENCE, joined).await.is_err() {
            self.arrivals.send_if_modified(|arrivals| {
                let alone = matches!(arrivals, Arrivals::One(_));
                if alone {
                    *arrivals = Arrivals::Missed;
                }
                alone
            });
        }
    }
}
