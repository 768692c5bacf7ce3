//! `vitrine ops`: what operators look at and do.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use ops::accounts::Gift;
use ops::ledger::Books;
use ops::payments::Return;
use ops::privacy::Reply;
use ops::receipt::Receipt;
use ops::{Ops, Place};
use shared::domain::Credits;
use shared::ids::{AccountId, Act, Id, ImageId, OrderId, PrivacyRequestId};
use vitrine::{doctor, say, serve};

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
    /// Requests about somebody's data
    Privacy {
        #[command(subcommand)]
        what: LookAtPrivacy,
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
pub(crate) enum LookAtPayments {
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
pub(crate) enum LookAtErasures {
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
pub(crate) enum LookAtPrivacy {
    /// The requests that wait for a person, by the days that are left
    List {
        #[command(flatten)]
        at: At,
    },
    /// One request, with what the person wrote
    Show {
        /// The request
        id: PrivacyRequestId,
        #[command(flatten)]
        at: At,
    },
    /// Say that it was done: the text is mailed, and what the person wrote is erased
    Answer {
        /// The request
        id: PrivacyRequestId,
        /// What the person is told
        #[arg(long)]
        text: String,
        #[command(flatten)]
        at: At,
    },
    /// Say that it is not done, and why: the reason is mailed and kept
    Refuse {
        /// The request
        id: PrivacyRequestId,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
pub(crate) enum LookAtReceipt {
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
pub(crate) enum DoForOrders {
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
pub(crate) enum DoForAccounts {
    /// Whose account has this address
    Find {
        /// The address, in whatever spelling
        email: String,
        #[command(flatten)]
        at: At,
    },
    /// What an account is and has, without its pictures
    Show {
        /// The account
        id: AccountId,
        #[command(flatten)]
        at: At,
    },
    /// Let nobody use an account, and end its sessions, with an act in the audit
    Block {
        /// The account
        id: AccountId,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
    /// Let a blocked account be used again, with an act in the audit
    Unblock {
        /// The account
        id: AccountId,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
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
pub(crate) enum LookAtLedger {
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
pub(crate) enum LookAtImages {
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
        Look::Images {
            what: LookAtImages::Show { id, account, at },
        } => {
            say!("{}", Ops::at(at.place())?.image(id, account).await?.trim_end());
            Ok(())
        }
        Look::Ledger { what } => look_at_ledger(what).await,
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
        Look::Payments {
            what: LookAtPayments::Reconcile { days, mend, at },
        } => {
            let comparison = doctor::payments(&at.place()).await?.reconcile(days, mend).await?;
            say!("{comparison}");
            match comparison.differences() {
                0 => Ok(()),
                1 => bail!("one thing differs"),
                many => bail!("{many} things differ"),
            }
        }
        Look::Erasures {
            what: LookAtErasures::List { at },
        } => {
            say!("{}", Ops::at(at.place())?.erasures().await?.to_string().trim_end());
            Ok(())
        }
        Look::Erasures {
            what: LookAtErasures::Replay { at },
        } => {
            let begun = Ops::at(at.place())?.erase_again().await?;
            let begun = match begun {
                0 => "no account was erased that a backup could bring back".to_owned(),
                1 => "one erasure begins anew".to_owned(),
                many => format!("{many} erasures begin anew"),
            };
            say!("{begun}; accounts-erase carries out what is due, and `ops erasures list` says when it has");
            Ok(())
        }
        Look::Privacy { what } => look_at_privacy(what).await,
        Look::Receipt {
            what: LookAtReceipt::Verify { file, keys, data },
        } => {
            let keys = match keys {
                Some(keys) => serde_json::from_str(&readable(&keys)?)
                    .with_context(|| format!("`{}` holds no public keys", keys.display()))?,
                None => vitrine::stack::erasure_keys(&data.map_or_else(serve::default_data, Ok)?)?,
            };
            say!("{}", Receipt::verify(&readable(&file)?, &keys)?.to_string().trim_end());
            Ok(())
        }
        Look::Orders {
            what:
                DoForOrders::Refund {
                    id,
                    amount,
                    reason,
                    act,
                    at,
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
        Look::Accounts { what } => do_for_accounts(what).await,
    }
}

fn readable(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}

async fn do_for_accounts(what: DoForAccounts) -> Result<()> {
    let told = match what {
        DoForAccounts::Find { email, at } => Ops::at(at.place())?.account_of(&email).await?,
        DoForAccounts::Show { id, at } => Ops::at(at.place())?.account(id).await?,
        DoForAccounts::Block { id, reason, at } => Ops::at(at.place())?.block(id, true, &reason).await?,
        DoForAccounts::Unblock { id, reason, at } => Ops::at(at.place())?.block(id, false, &reason).await?,
        DoForAccounts::Credit {
            id,
            credits,
            reason,
            act,
            at,
        } => {
            let gift = Gift {
                account: id,
                credits: Credits(credits),
                reason,
                act,
            };
            Ops::at(at.place())?.credit(gift).await?
        }
    };
    say!("{}", told.trim_end());
    Ok(())
}

async fn look_at_privacy(what: LookAtPrivacy) -> Result<()> {
    let told = match what {
        LookAtPrivacy::List { at } => Ops::at(at.place())?.privacy_requests().await?.to_string(),
        LookAtPrivacy::Show { id, at } => Ops::at(at.place())?.privacy_request(id).await?,
        LookAtPrivacy::Answer { id, text, at } => {
            let ops = Ops::at(at.place())?;
            ops.answer_privacy_request(id, Reply::Done(text)).await?
        }
        LookAtPrivacy::Refuse { id, reason, at } => {
            let ops = Ops::at(at.place())?;
            ops.answer_privacy_request(id, Reply::Refused(reason)).await?
        }
    };
    say!("{}", told.trim_end());
    Ok(())
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
