//! The `vitrine` command: serves everything on loopback, paints a first picture, shows thirty days pass, measures, and shows
//! operators what became of a picture.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use ops::accounts::Gift;
use ops::ledger::Books;
use ops::payments::Return;
use ops::receipt::Receipt;
use ops::{Ops, Place};
use shared::domain::Credits;
use shared::ids::{AccountId, Act, Id, ImageId, OrderId};
use vitrine::bench::{self, Bench};
use vitrine::prove::{self, Proof};
use vitrine::{doctor, first_image, say, serve, thirty_days};

/// Vitrine on your own machine: no account, no key, no container.
#[derive(Parser)]
#[command(name = "vitrine", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, the simulators, the object store and the database (the default)
    Serve(Serve),
    /// Go through the whole main job: sign up, describe, paint, download
    FirstImage {
        /// The product, in your own words and language
        description: String,
        /// Where to write the picture
        #[arg(long, default_value = "first-image.jpg")]
        out: PathBuf,
        /// Buy a pack of so many credits before, such as 20
        #[arg(long, value_name = "CREDITS")]
        buy: Option<u32>,
    },
    /// Paint a picture, turn the clock by thirty days, and show it gone
    ThirtyDays,
    /// Measure on this machine what docs/bench.md states; with `cargo run --release`
    Bench {
        /// What to measure
        what: Bench,
    },
    /// Prove what takes too long for a test, in worlds made from seeds; with `cargo run --release`
    Prove {
        #[command(subcommand)]
        what: Proof,
    },
    /// Look after a stack, as an operator: here, or in a deployed stage
    Ops {
        #[command(subcommand)]
        what: Look,
    },
}

#[derive(Subcommand)]
enum Look {
    /// Examine it: configuration, keys, reachability, clock, queues; says what to do
    Doctor {
        #[command(flatten)]
        at: At,
    },
    /// Pictures
    Images {
        #[command(subcommand)]
        what: LookAtImages,
    },
    /// Accounts
    Accounts {
        #[command(subcommand)]
        what: DoForAccounts,
    },
    /// Ledgers
    Ledger {
        #[command(subcommand)]
        what: LookAtLedger,
    },
    /// Money against PayPal's record
    Payments {
        #[command(subcommand)]
        what: LookAtPayments,
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
        what: LookAtErasures,
    },
    /// Receipts of deletions
    Receipt {
        #[command(subcommand)]
        what: LookAtReceipt,
    },
    /// Orders for credits
    Orders {
        #[command(subcommand)]
        what: DoForOrders,
    },
}

#[derive(Subcommand)]
enum LookAtPayments {
    /// Compare orders with PayPal's record and with the ledger; fails if anything differs
    Reconcile {
        /// Only orders that were placed in the last so many days
        #[arg(long, default_value_t = 30)]
        days: u16,
        /// Let each order that differs follow PayPal's record, then compare again
        #[arg(long)]
        mend: bool,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
enum LookAtErasures {
    /// The deletions that are not carried out
    List {
        #[command(flatten)]
        at: At,
    },
    /// Begin anew what a backup has undone: after tables were recovered, and before they serve
    Replay {
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
enum LookAtReceipt {
    /// Check a receipt and print what it says, without asking anybody; fails if a byte of it was changed
    Verify {
        /// The receipt, as it was fetched with `Accept: application/jose`
        file: PathBuf,
        /// The service's public keys, as saved from /.well-known/jwks.json; those of the local stack, if you do not say
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
        /// Where the local stack keeps everything (.vitrine in the folder you are in, if you do not say)
        #[arg(long, conflicts_with = "keys")]
        data: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum DoForOrders {
    /// Send money back through PayPal, and take back the credits that stand for it
    Refund {
        /// Of which order
        id: OrderId,
        /// How much, such as 1.00; all that is left, if you do not say
        #[arg(long)]
        amount: Option<String>,
        /// Why; it is kept, and is to name nobody
        #[arg(long, default_value = "refunded by hand")]
        reason: String,
        /// The name of an act of which it is not known whether it was done
        #[arg(long)]
        act: Option<Id<Act>>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
enum DoForAccounts {
    /// Give credits: an entry of the ledger like any other, with an act in the audit
    Credit {
        /// To whom
        id: AccountId,
        /// How many credits
        credits: i64,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        /// The name of an act of which it is not known whether it was done
        #[arg(long)]
        act: Option<Id<Act>>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
enum LookAtLedger {
    /// Recompute balances and chains from entries alone; fails with the first entry of each ledger that is wrong
    Verify {
        /// Whose ledger; without it all of them
        #[arg(long, conflicts_with = "dump")]
        account: Option<AccountId>,
        /// A dump instead of the table; nothing else is asked then
        #[arg(long, value_name = "FILE")]
        dump: Option<PathBuf>,
        #[command(flatten)]
        at: At,
    },
    /// Print ledgers, one JSON object a line; nothing in them tells whose they are
    Dump {
        /// Whose ledger; without it all of them
        #[arg(long)]
        account: Option<AccountId>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
enum LookAtImages {
    /// A picture's whole story: who tried, what became of its credit, where it lies
    Show {
        /// The picture
        id: ImageId,
        /// Whose it is; without it the whole table is searched
        #[arg(long)]
        account: Option<AccountId>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(clap::Args)]
struct At {
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

#[derive(clap::Args)]
struct Serve {
    /// Where the API listens; the simulators, the objects and the database take the next three ports
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Where everything is kept (.vitrine in the folder you are in, if you do not say)
    #[arg(long)]
    data: Option<PathBuf>,
    /// Run every function as a process of its own, as Lambda does; each is built at its first request
    #[arg(long)]
    lambda: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    vitrine::log_to_stderr();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let keys = serve::real_keys()?;
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(Serve { port, data, lambda }) => {
            serve::run(port, data.map_or_else(serve::default_data, Ok)?, keys, lambda).await
        }
        Command::FirstImage { description, out, buy } => first_image::run(&description, &out, buy, keys).await,
        Command::ThirtyDays => thirty_days::run().await,
        Command::Bench { what } => bench::run(what).await,
        // Its worlds have runtimes of their own.
        Command::Prove { what } => tokio::task::spawn_blocking(move || prove::run(what)).await?,
        Command::Ops {
            what: Look::Doctor { at },
        } => {
            let report = doctor::examine(&at.place()).await?;
            say!("{report}");
            match report.bad() {
                0 => Ok(()),
                1 => bail!("one thing has to be done"),
                many => bail!("{many} things have to be done"),
            }
        }
        Command::Ops {
            what: Look::Images {
                what: LookAtImages::Show { id, account, at },
            },
        } => {
            say!("{}", Ops::at(at.place())?.image(id, account).await?.trim_end());
            Ok(())
        }
        Command::Ops {
            what: Look::Ledger { what },
        } => look_at_ledger(what).await,
        Command::Ops {
            what: Look::Stats { days, svg, at },
        } => {
            let report = Ops::at(at.place())?.stats(days).await?;
            say!("{}", report.to_string().trim_end());
            if let Some(file) = svg {
                std::fs::write(&file, report.svg()?)
                    .with_context(|| format!("could not write `{}`", file.display()))?;
                say!("\nchart  {}", file.display());
            }
            Ok(())
        }
        Command::Ops {
            what: Look::Payments {
                what: LookAtPayments::Reconcile { days, mend, at },
            },
        } => {
            let comparison = doctor::payments(&at.place()).await?.reconcile(days, mend).await?;
            say!("{comparison}");
            match comparison.differences() {
                0 => Ok(()),
                1 => bail!("one thing differs"),
                many => bail!("{many} things differ"),
            }
        }
        Command::Ops {
            what: Look::Erasures {
                what: LookAtErasures::List { at },
            },
        } => {
            say!("{}", Ops::at(at.place())?.erasures().await?.to_string().trim_end());
            Ok(())
        }
        Command::Ops {
            what: Look::Erasures {
                what: LookAtErasures::Replay { at },
            },
        } => {
            let begun = Ops::at(at.place())?.erase_again().await?;
            say!(
                "{begun} erasures begin anew; accounts-erase carries them out, and `ops erasures list` says when it has"
            );
            Ok(())
        }
        Command::Ops {
            what: Look::Receipt {
                what: LookAtReceipt::Verify { file, keys, data },
            },
        } => {
            let keys = match keys {
                Some(keys) => serde_json::from_str(&readable(&keys)?)
                    .with_context(|| format!("`{}` holds no public keys", keys.display()))?,
                None => vitrine::stack::erasure_keys(&data.map_or_else(serve::default_data, Ok)?)?,
            };
            say!("{}", Receipt::verify(&readable(&file)?, &keys)?.to_string().trim_end());
            Ok(())
        }
        Command::Ops {
            what:
                Look::Orders {
                    what:
                        DoForOrders::Refund {
                            id,
                            amount,
                            reason,
                            act,
                            at,
                        },
                },
        } => {
            let wanted = Return {
                order: id,
                amount,
                reason,
                act,
            };
            let told = doctor::payments(&at.place()).await?.refund(wanted).await?;
            say!("{}", told.trim_end());
            Ok(())
        }
        Command::Ops {
            what:
                Look::Accounts {
                    what:
                        DoForAccounts::Credit {
                            id,
                            credits,
                            reason,
                            act,
                            at,
                        },
                },
        } => {
            let gift = Gift {
                account: id,
                credits: Credits(credits),
                reason,
                act,
            };
            say!("{}", Ops::at(at.place())?.credit(gift).await?.trim_end());
            Ok(())
        }
    }
}

fn readable(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}

async fn look_at_ledger(what: LookAtLedger) -> Result<()> {
    match what {
        LookAtLedger::Dump { account, at } => {
            say!("{}", Ops::at(at.place())?.books(account).await?.dump().trim_end());
            Ok(())
        }
        LookAtLedger::Verify { account, dump, at } => {
            let books = match dump {
                Some(file) => Books::read(&readable(&file)?)?,
                None => Ops::at(at.place())?.books(account).await?,
            };
            let verdict = books.verify();
            say!("{verdict}");
            match verdict.wrong() {
                0 => Ok(()),
                1 => bail!("one ledger is wrong"),
                many => bail!("{many} ledgers are wrong"),
            }
        }
    }
}
