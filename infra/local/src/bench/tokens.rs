//! What the check of an access token costs, which every authenticated route does first.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use shared::auth::{JwkSet, SigningKey, TokenSigner, VerifyingKeys};
use shared::domain::Session;
use shared::{Clock, Entropy, Ids};

use super::{decimal, median, quantile};
use crate::say;

const CHECKS: usize = 20_000;

/// What a check may take, in the middle.
const BOUND: Duration = Duration::from_micros(100);

/// Measures single checks, with two keys published as during a rotation.
///
/// # Errors
/// When the median is above the bound.
pub(super) fn run() -> Result<()> {
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let ids = Ids::new(clock.clone(), entropy.clone());
    let url = "https://api.example.com".parse()?;
    let (old, new) = (
        SigningKey::generate("old", &entropy)?,
        SigningKey::generate("new", &entropy)?,
    );
    let published = JwkSet {
        keys: vec![old.public().clone(), new.public().clone()],
    };
    let keys = VerifyingKeys::new(&published, &url)?;
    let now = clock.now();
    let token = TokenSigner::new(&new, &url)
        .issue(&Session::begun(ids.next(), ids.next(), None), now)?
        .into_string();
    let mut took = Vec::with_capacity(CHECKS);
    for _ in 0..CHECKS {
        let began = Instant::now();
        let verified = keys.verify(&token, now);
        took.push(began.elapsed());
        verified?;
    }
    let (middle, high) = (median(&mut took), quantile(&mut took, 99));
    say!("check of an access token (signature, issuer, audience, times), {CHECKS} checks");
    say!(
        "  median {} µs, 99 of 100 within {} µs; the median must be within {} µs",
        micros(middle),
        micros(high),
        BOUND.as_micros()
    );
    if middle > BOUND {
        bail!(
            "the check of a token takes {} µs, more than {}",
            micros(middle),
            BOUND.as_micros()
        );
    }
    Ok(())
}

fn micros(duration: Duration) -> String {
    decimal(duration.as_nanos() / 10)
}
