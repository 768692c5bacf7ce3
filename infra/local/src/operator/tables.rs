//! What operators look at and do about tables that were recovered to an earlier time.

use anyhow::Result;
use clap::Subcommand;
use ops::Ops;
use ops::recovery::{Extent, Recoverable};
use vitrine::say;

use super::At;

#[derive(Subcommand)]
pub(crate) enum DoForTables {
    /// Count how a table differs from a copy of it; nothing is changed
    Compare {
        /// Which table: accounts, analytics, audit, images, ledger, orders or privacy
        table: Recoverable,
        /// The full name of the table into which it was recovered
        #[arg(long, value_name = "TABLE")]
        with: String,
        #[command(flatten)]
        at: At,
    },
    /// Make a table what a copy of it is, with an act in the audit. Only while the service stands still
    Recover {
        /// Which table: accounts, analytics, audit, images, ledger, orders or privacy
        table: Recoverable,
        /// The full name of the table into which it was recovered
        #[arg(long, value_name = "TABLE")]
        from: String,
        /// Put back what was removed since, and leave everything else as it is
        #[arg(long)]
        missing: bool,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
}

pub(super) async fn tables(what: DoForTables) -> Result<()> {
    let tell = |progress| say!("{progress}");
    let told = match what {
        DoForTables::Compare { table, with, at } => Ops::at(at.place())?.compare(table, &with, tell).await?.to_string(),
        DoForTables::Recover {
            table,
            from,
            missing,
            reason,
            at,
        } => {
            let extent = if missing { Extent::Missing } else { Extent::All };
            let ops = Ops::at(at.place())?;
            let found = ops.recover(table, &from, extent, &reason, tell).await?;
            format!("{found}{}", done(extent))
        }
    };
    say!("{}", told.trim_end());
    Ok(())
}

fn done(extent: Extent) -> &'static str {
    match extent {
        Extent::Missing => "what was removed since is back; now `ops erasures replay`",
        Extent::All => "the table is as it was; now `ops erasures replay`",
    }
}
