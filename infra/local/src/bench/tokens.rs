//! What the check of an access token costs, which every authenticated route does first.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
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
    let bare = Bare::over(&token)?;
    let (mut took, mut alone) = (Vec::with_capacity(CHECKS), Vec::with_capacity(CHECKS));
    for _ in 0..CHECKS {
        let began = Instant::now();
        let verified = keys.verify(&token, now);
        took.push(began.elapsed());
        verified?;
        let began = Instant::now();
        let verified = bare.verify();
        alone.push(began.elapsed());
        verified?;
    }
    let alone = median(&mut alone);
    let (middle, high) = (median(&mut took), quantile(&mut took, 99));
    say!("check of an access token (signature, issuer, audience, times), {CHECKS} checks");
    say!(
        "  median {} µs, 99 of 100 within {} µs; the median must be within {} µs",
        micros(middle),
        micros(high),
        BOUND.as_micros()
    );
    say!(
        "  the signature alone, by ring in the same run: median {} µs",
        micros(alone)
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

/// What the check comes down to: one Ed25519 signature over as many bytes.
struct Bare {
    message: Vec<u8>,
    signature: Vec<u8>,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl Bare {
    fn over(token: &str) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(|_| anyhow!("ring takes no seed"))?;
        let message = token.rsplit_once('.').map_or(token, |(message, _)| message);
        Ok(Self {
            message: message.as_bytes().to_vec(),
            signature: pair.sign(message.as_bytes()).as_ref().to_vec(),
            key: UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec()),
        })
    }

    fn verify(&self) -> Result<()> {
        let verified = self.key.verify(&self.message, &self.signature);
        verified.map_err(|_| anyhow!("ring refuses its own signature"))
    }
}

fn micros(duration: Duration) -> String {
    decimal(duration.as_nanos() / 10)
}
