//! `vitrine ops`: what operators look at and do.

mod money;
mod people;
mod tables;
mod things;
mod work;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use ops::{Ops, Place};
use vitrine::{doctor, say};

#[derive(Subcommand)]
pub(crate) enum Look {
    /// Examine it: configuration, keys, reachability, clock, queues; says what to do
    Doctor {
        #[command(flatten)]
        at: At,
    },
    /// Pictures
    Images {
        #[command(subcommand)]
        what: things::LookAtImages,
    },
    /// Accounts
    Accounts {
        #[command(subcommand)]
        what: people::DoForAccounts,
    },
    /// Stores of pictures
    Storage {
        #[command(subcommand)]
        what: things::DoForStorage,
    },
    /// What the thirty days are kept by
    Retention {
        #[command(subcommand)]
        what: things::LookAtRetention,
    },
    /// Ledgers
    Ledger {
        #[command(subcommand)]
        what: money::LookAtLedger,
    },
    /// Money against PayPal's record
    Payments {
        #[command(subcommand)]
        what: money::LookAtPayments,
    },
    /// How much the service is used, day by day
    Stats {
        /// How many days, today included
        #[arg(long, default_value_t = 30)]
        days: u16,
        /// Writes a chart to this file too
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        #[command(flatten)]
        at: At,
    },
    /// Deletions of accounts
    Erasures {
        #[command(subcommand)]
        what: people::LookAtErasures,
    },
    /// Requests about somebody's data
    Privacy {
        #[command(subcommand)]
        what: people::LookAtPrivacy,
    },
    /// Receipts of deletions
    Receipt {
        #[command(subcommand)]
        what: people::LookAtReceipt,
    },
    /// Reports of pictures
    Reports {
        #[command(subcommand)]
        what: people::LookAtReports,
    },
    /// Keys that sign
    Keys {
        #[command(subcommand)]
        what: things::DoForKeys,
    },
    /// Queues, and what was given up in them
    Queue {
        #[command(subcommand)]
        what: work::LookAtQueues,
    },
    /// Tables that lack something, and copies of them
    Tables {
        #[command(subcommand)]
        what: tables::DoForTables,
    },
    /// Orders for credits
    Orders {
        #[command(subcommand)]
        what: money::DoForOrders,
    },
}

#[derive(clap::Args)]
pub(crate) struct At {
    /// Where the API of the local stack listens
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// A deployed stage instead, such as `prod`, with the credentials in AWS_ACCESS_KEY_ID and so on
    #[arg(long, conflicts_with = "port")]
    stage: Option<String>,
}

impl At {
    fn place(self) -> Place {
        self.stage.map_or(Place::Local(self.port), Place::Stage)
    }
}

/// Looks, or does, and says what came of it.
pub(crate) async fn look(what: Look) -> Result<()> {
    match what {
        Look::Doctor { at } => {
            let report = doctor::examine(&at.place()).await?;
            say!("{report}");
            match report.bad() {
                0 => Ok(()),
                1 => bail!("one thing has to be done"),
                many => bail!("{many} things have to be done"),
            }
        }
        Look::Images { what } => things::images(what).await,
        Look::Storage { what } => things::storage(what).await,
        Look::Retention { what } => things::retention(what).await,
        Look::Keys { what } => things::keys(what).await,
        Look::Tables { what } => tables::tables(what).await,
        Look::Queue { what } => work::queues(what).await,
        Look::Ledger { what } => money::ledger(what).await,
        Look::Payments { what } => money::payments(what).await,
        Look::Orders { what } => money::orders(what).await,
        Look::Accounts { what } => people::for_accounts(what).await,
        Look::Privacy { what } => people::privacy(what).await,
        Look::Erasures { what } => people::erasures(what).await,
        Look::Receipt { what } => people::receipt(what),
        Look::Reports { what } => people::reports(what).await,
        Look::Stats { days, svg, at } => {
            let report = Ops::at(at.place())?.stats(days).await?;
            say!("{}", report.to_string().trim_end());
            if let Some(file) = svg {
                std::fs::write(&file, report.svg()?)
                    .with_context(|| format!("could not write `{}`", file.display()))?;
                say!("\nchart  {}", file.display());
            }
            Ok(())
        }
    }
}

fn readable(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}
