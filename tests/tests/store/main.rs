//! The store against a database: what `shared::store` promises, and what it takes for granted of the database.
//!
//! The database is the engine of this house, one for each test; or, with `AWS_ENDPOINT_URL_DYNAMODB`, whatever answers there on
//! this machine. `tests/dynamodb_local.md` says how to run it against Amazon's own DynamoDB Local. Every test has tables of its
//! own name, made as `infra/data.yaml` has them, so that all may run at once on one database.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so at once"
)]

mod accounts;
mod codes;
mod differences;
mod engine;
mod flows;
mod idempotency;
mod images;
mod index;
mod ledger;
mod limits;
mod mails;
mod orders;
mod passwords;
mod payments;
mod people;
mod races;
mod recovery;
mod sessions;
mod streams;
mod sweeps;
mod till;
mod work;
mod world;

use shared::store::{Guard, Refused, TransactionError, Write};
use world::World;

/// The guards that refused a transaction, in the order of its writes.
fn refused(outcome: Result<(), TransactionError>) -> Vec<Guard> {
    match outcome {
        Ok(()) => Vec::new(),
        Err(TransactionError::Refused(refusals)) => refusals.iter().map(|refused: &Refused| refused.guard).collect(),
        Err(TransactionError::Store(error)) => panic!("the store failed: {error:?}"),
    }
}

impl World {
    /// Commits these writes together, and gives the guards that refused them.
    async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Vec<Guard> {
        refused(self.try_commit(writes).await)
    }

    async fn try_commit(&self, writes: impl IntoIterator<Item = Write>) -> Result<(), TransactionError> {
        shared::store::Transaction::of(writes).commit(&self.db).await
    }
}
