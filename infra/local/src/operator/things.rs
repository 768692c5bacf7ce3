//! What operators look at and do about pictures, the stores they lie in, and keys.

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use ops::Ops;
use ops::keys::Purpose;
use shared::ids::{AccountId, ImageId};
use vitrine::{doctor, say};

use super::At;

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

#[derive(Subcommand)]
pub(crate) enum DoForStorage {
    /// Show the rule by which each store itself removes pictures of more than thirty days; with --set, set it
    Lifecycle {
        /// Set the rule where it is not as it should be
        #[arg(long)]
        set: bool,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
pub(crate) enum LookAtRetention {
    /// The oldest picture of each store, and what the last passes of the sweep did; fails if anything is too old
    Report {
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand)]
pub(crate) enum DoForKeys {
    /// Take the next step of changing a key for a new one: publish it, sign with it, retire the one before
    Rotate {
        /// Which keys
        keys: KeysOf,
        /// Every function was started since the step before, by a deployment for instance
        #[arg(long)]
        started_anew: bool,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeysOf {
    /// Access tokens
    Tokens,
    /// Receipts of deletions
    Receipts,
}

pub(super) async fn images(what: LookAtImages) -> Result<()> {
    let LookAtImages::Show { id, account, at } = what;
    say!("{}", Ops::at(at.place())?.image(id, account).await?.trim_end());
    Ok(())
}

pub(super) async fn storage(what: DoForStorage) -> Result<()> {
    let DoForStorage::Lifecycle { set, at } = what;
    let rules = ops::storage::rules(&doctor::buckets(&at.place()).await?, set).await;
    say!("{}", rules.to_string().trim_end());
    match rules.missing() {
        0 => Ok(()),
        1 => bail!("one store has no rule as it should be"),
        many => bail!("{many} stores have no rule as it should be"),
    }
}

pub(super) async fn retention(what: LookAtRetention) -> Result<()> {
    let LookAtRetention::Report { at } = what;
    let place = at.place();
    let stores = doctor::buckets(&place).await?;
    let report = Ops::at(place)?.retention(&stores).await?;
    say!("{}", report.to_string().trim_end());
    match report.overdue() {
        0 => Ok(()),
        1 => bail!("one file is older than it may be, or a store does not tell"),
        many => bail!("{many} files are older than they may be, or stores do not tell"),
    }
}

pub(super) async fn keys(what: DoForKeys) -> Result<()> {
    let DoForKeys::Rotate { keys, started_anew, at } = what;
    let purpose = match keys {
        KeysOf::Tokens => Purpose::Tokens,
        KeysOf::Receipts => Purpose::Receipts,
    };
    say!("{}", Ops::at(at.place())?.rotate_keys(purpose, started_anew).await?);
    Ok(())
}
