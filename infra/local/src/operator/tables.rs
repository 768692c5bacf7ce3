//! What operators look at and do about tables that lack something.

use anyhow::Result;
use clap::Subcommand;
use ops::Ops;
use ops::recovery::Recoverable;
use vitrine::say;

use super::At;

#[derive(Subcommand)]
pub(crate) enum DoForTables {
    /// Count how a table differs from a copy of it; nothing is changed
    Compare {
        /// Which table: privacy, limits, accounts, ledger, orders, images, analytics or audit
        table: Recoverable,
        /// The full name of the table into which it was recovered
        #[arg(long, value_name = "TABLE")]
        with: String,
        #[command(flatten)]
        at: At,
    },
    /// Put back what a table lacks of a copy of it, with an act in the audit; what is there stays as it is
    Recover {
        /// Which table: privacy, limits, accounts, ledger, orders, images, analytics or audit
        table: Recoverable,
        /// The full name of the table into which it was recovered
        #[arg(long, value_name = "TABLE")]
        from: String,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
}

pub(super) async fn tables(what: DoForTables) -> Result<()> {
    let tell = |progress| say!("{progress}");
    let found = match what {
        DoForTables::Compare { table, with, at } => Ops::at(at.place())?.compare(table, &with, tell).await?,
        DoForTables::Recover {
            table,
            from,
            reason,
            at,
        } => Ops::at(at.place())?.recover(table, &from, &reason, tell).await?,
    };
    say!("{}", found.to_string().trim_end());
    Ok(())
}
