//! What operators look at and do about money: ledgers, orders, PayPal's record.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;
use ops::Ops;
use ops::ledger::Books;
use ops::payments::Return;
use shared::ids::{AccountId, Act, Id, OrderId};
use vitrine::{doctor, say};

use super::{At, readable};

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

pub(super) async fn ledger(what: LookAtLedger) -> Result<()> {
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

pub(super) async fn payments(what: LookAtPayments) -> Result<()> {
    let LookAtPayments::Reconcile { days, mend, at } = what;
    let comparison = doctor::payments(&at.place()).await?.reconcile(days, mend).await?;
    say!("{comparison}");
    match comparison.differences() {
        0 => Ok(()),
        1 => bail!("one thing differs"),
        many => bail!("{many} things differ"),
    }
}

pub(super) async fn orders(what: DoForOrders) -> Result<()> {
    let DoForOrders::Refund {
        id,
        amount,
        reason,
        act,
        at,
    } = what;
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
