//! The bad days: everything that is known to go wrong with an image API, a store, a queue and a database, one test each.
//!
//! Most are a day in the laboratory. Whatever else it says, in the evening the books must agree (`tests::day`).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so at once")]

mod backup;
mod database;
mod deleting;
mod deployment;
mod erasing;
mod keys;
mod operating;
mod payments;
mod primary;
mod queues;
mod results;
mod stores;

use vitrine::sim::Fault;

/// A status with the company's own words for it.
fn status(status: u16) -> Fault {
    Fault {
        status: Some(status),
        ..Fault::default()
    }
}

/// An error by its name in the company's contract.
fn named(error: &str) -> Fault {
    Fault {
        error: Some(error.to_owned()),
        ..Fault::default()
    }
}

/// The same after the work was done.
fn done(fault: Fault) -> Fault {
    Fault {
        after_work: true,
        ..fault
    }
}

/// The line is cut.
fn reset() -> Fault {
    Fault {
        reset: true,
        ..Fault::default()
    }
}
