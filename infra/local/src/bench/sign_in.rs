//! `vitrine bench sign-in`.

use anyhow::Result;

use super::{hashing, tokens, waits};
use crate::say;

/// Measures what signing in and being signed in cost.
///
/// # Errors
/// When the check of a token takes too long, or something could not be measured.
pub(super) async fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        say!("This is a debug build; with `cargo run --release` the numbers are others.\n");
    }
    hashing::run().await?;
    say!();
    let check = tokens::run();
    say!();
    waits::run().await?;
    check
}
