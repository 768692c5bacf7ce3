//! Who asked the database for what, kept for a while, so that a test can compare the work that two requests cost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

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
pub struct Calls(Arc<Mutex<VecDeque<Call>>>);

impl Calls {
    pub(super) fn note(&self, function: &str, operation: &str, needs: &[Need]) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.drain(..).collect()
    }
}
