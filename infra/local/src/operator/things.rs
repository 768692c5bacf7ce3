//! What operators look at and do about pictures and keys.

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use ops::Ops;
use ops::keys::Purpose;
use shared::ids::{AccountId, ImageId};
use vitrine::say;

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

pub(super) async fn keys(what: DoForKeys) -> Result<()> {
    let DoForKeys::Rotate { keys, started_anew, at } = what;
    let purpose = match keys {
        KeysOf::Tokens => Purpose::Tokens,
        KeysOf::Receipts => Purpose::Receipts,
    };
    say!("{}", Ops::at(at.place())?.rotate_keys(purpose, started_anew).await?);
    Ok(())
}
