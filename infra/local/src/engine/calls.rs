//! Who asked the database for what, kept for a while, so that a test can compare the work that two requests cost;
//! and a call can be held back, so that a test can do something else in the very moment before it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::access::Need;

/// How many calls are remembered; older ones are forgotten.
const MEMORY: usize = 10_000;

/// One call of the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The function that made it, by its folder's name.
    pub function: String,
    /// The operation, such as `TransactWriteItems`.
    pub operation: String,
    /// What it consists of, an action and the ARN of what it is done to.
    pub parts: Vec<String>,
}

/// The calls of the database, oldest first. Clones share one log.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    log: Arc<Mutex<VecDeque<Call>>>,
    holds: Arc<Mutex<Vec<Hold>>>,
}

#[derive(Debug)]
struct Hold {
    function: String,
    operation: String,
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// A call that is held back once it is made. Dropping this lets it go on.
#[derive(Debug)]
pub struct Held {
    reached: oneshot::Receiver<()>,
    _release: oneshot::Sender<()>,
}

impl Held {
    /// Waits until the call is made.
    pub async fn reached(&mut self) {
        let _made = (&mut self.reached).await;
    }
}

impl Calls {
    pub(super) fn note(&self, function: &str, operation: &str, needs: &[Need]) {
        let mut calls = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == MEMORY {
            calls.pop_front();
        }
        calls.push_back(Call {
            function: function.to_owned(),
            operation: operation.to_owned(),
            parts: needs.iter().map(ToString::to_string).collect(),
        });
    }

    /// The calls since this was asked last; they are forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Call> {
        let mut calls = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        calls.drain(..).collect()
    }

    /// Holds the next `operation` of `function` back, before it reaches the database.
    #[must_use]
    pub fn hold(&self, function: &str, operation: &str) -> Held {
        let ((made, reached), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).push(Hold {
            function: function.to_owned(),
            operation: operation.to_owned(),
            reached: made,
            released,
        });
        Held {
            reached,
            _release: release,
        }
    }

    /// Waits if somebody holds this call back.
    pub(super) async fn wait(&self, function: &str, operation: &str) {
        let hold = {
            let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
            let is_it = |hold: &Hold| hold.function == function && hold.operation == operation;
            holds.iter().position(is_it).map(|at| holds.swap_remove(at))
        };
        if let Some(hold) = hold {
            let _told = hold.reached.send(());
            let _let_go = hold.released.await;
        }
    }
}
