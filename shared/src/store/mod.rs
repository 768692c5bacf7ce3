//! What is kept, one module a table (`docs/tables.md`).
//!
//! Each module is the only place that knows its table's keys. Reads never trust TTL: what is past `expires_at` does not
//! exist. Writes that belong together are pieces of one [`Transaction`], each under a [`Guard`] that names what a failed
//! condition means.

pub mod accounts;
pub mod acts;
pub mod analytics;
pub mod codes;
pub mod idempotency;
pub mod images;
pub mod ledger;
pub mod limits;
pub mod orders;
pub mod outbox;
pub mod privacy;
pub mod recovery;
pub mod reports;
pub mod requests;
pub mod sessions;
pub mod sweeps;

mod change;
mod table;
mod transaction;

pub use accounts::Accounts;
pub use acts::Acts;
pub use analytics::Analytics;
pub use codes::Codes;
pub use idempotency::Idempotency;
pub use images::Images;
pub use ledger::Ledgers;
pub use limits::Limits;
pub use orders::Orders;
pub use outbox::Outbox;
pub use privacy::Privacy;
pub use recovery::Recovery;
pub use reports::Reports;
pub use requests::Requests;
pub use sessions::Sessions;
pub use sweeps::Sweeps;
pub use table::{Db, Mark};
pub use transaction::{Guard, Refused, Transaction, TransactionError, Write};

use table::{Expression, Item, Table, Updated, from_item, key, to_item};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Others kept writing the same items; a little later it will go through.
    #[error("others are writing the same items")]
    Contended,
    /// The database did not answer, or turned us away for its load.
    #[error("the database cannot be reached or is overloaded")]
    Unavailable(#[source] BoxError),
    /// The database refused a request that we should not have made, a missing permission for instance.
    #[error("the database refused the request")]
    Rejected(#[source] BoxError),
    /// An item is not in the form we write.
    #[error("the item `{key}` cannot be read")]
    Broken {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        cause: BoxError,
    },
}

/// Any error, as a cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
