//! What operators do for people: accounts, requests about data, deletions, reports.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use ops::Ops;
use ops::accounts::Gift;
use ops::privacy::Reply;
use ops::receipt::Receipt;
use ops::reports::Verdict;
use shared::domain::Credits;
use shared::ids::{AccountId, Act, Id, PrivacyRequestId, ReportId};
use vitrine::{say, serve};

use super::{At, readable};

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
pub(crate) enum LookAtReports {
    /// The reports that nobody has closed, the oldest first, with the pictures they mean
    List {
        #[command(flatten)]
        at: At,
    },
    /// Close a report: what was written in it is erased, and the act stays in the audit
    Close {
        /// The report
        id: ReportId,
        /// Remove the picture too, and mail its owner the reason
        #[arg(long)]
        remove: bool,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
}

pub(super) async fn for_accounts(what: DoForAccounts) -> Result<()> {
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

pub(super) async fn privacy(what: LookAtPrivacy) -> Result<()> {
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

pub(super) async fn reports(what: LookAtReports) -> Result<()> {
    let told = match what {
        LookAtReports::List { at } => Ops::at(at.place())?.open_reports().await?.to_string(),
        LookAtReports::Close { id, remove, reason, at } => {
            let verdict = if remove { Verdict::Removed } else { Verdict::Stays };
            Ops::at(at.place())?.close_report(id, verdict, &reason).await?
        }
    };
    say!("{}", told.trim_end());
    Ok(())
}

pub(super) async fn erasures(what: LookAtErasures) -> Result<()> {
    match what {
        LookAtErasures::List { at } => {
            say!("{}", Ops::at(at.place())?.erasures().await?.to_string().trim_end());
        }
        LookAtErasures::Replay { at } => {
            let begun = Ops::at(at.place())?.erase_again().await?;
            let begun = match begun {
                0 => "no account was erased that a backup could bring back".to_owned(),
                1 => "one erasure begins anew".to_owned(),
                many => format!("{many} erasures begin anew"),
            };
            say!("{begun}; accounts-erase carries out what is due, and `ops erasures list` says when it has");
        }
    }
    Ok(())
}

pub(super) fn receipt(what: LookAtReceipt) -> Result<()> {
    let LookAtReceipt::Verify { file, keys, data } = what;
    let keys = match keys {
        Some(keys) => serde_json::from_str(&readable(&keys)?)
            .with_context(|| format!("`{}` holds no public keys", keys.display()))?,
        None => vitrine::stack::erasure_keys(&data.map_or_else(serve::default_data, Ok)?)?,
    };
    say!("{}", Receipt::verify(&readable(&file)?, &keys)?.to_string().trim_end());
    Ok(())
}
