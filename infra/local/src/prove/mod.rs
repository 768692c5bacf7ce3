//! `vitrine prove`: what takes too long for a test. A world a seed, and whatever goes wrong in it can be seen again.

mod paid_once;

use anyhow::Result;

/// What can be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub enum Proof {
    /// No picture is paid for twice and no credit is lost, whatever dies, comes twice or gets lost on the way
    PaidOnce {
        /// How many worlds, one a seed
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Only this seed, with everything that happens in it
        #[arg(long, conflicts_with_all = ["seeds", "from"])]
        seed: Option<u64>,
    },
}

/// Proves it, and prints what came out.
///
/// # Errors
/// When it does not hold.
pub fn run(proof: Proof) -> Result<()> {
    match proof {
        Proof::PaidOnce { seed: Some(seed), .. } => paid_once::show(seed),
        Proof::PaidOnce {
            seeds,
            from,
            seed: None,
        } => paid_once::run(from, seeds),
    }
}
