//! Everything that reaches outside, against servers written by hand that can do what real ones do on a bad day.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod as_the_sdk_asks;
mod authorities;
mod dashscope;
mod deepseek;
mod objects;
mod oss;
mod outbound;
mod paypal;
mod paypal_webhook;
mod platform;
mod refreshing;
mod resend;
mod seedream;
mod server;
mod wired;

use secrecy::SecretString;
use shared::config::Vars;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::{Clock, Entropy, Ids, Platform};

/// A platform whose every secret is known, and whose clock stands.
fn platform_with(secrets: &[(&str, &str)]) -> Platform {
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let entropy = Entropy::seeded(1);
    let ids = Ids::new(clock.clone(), entropy.clone());
    let secrets = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)));
    Platform::with_secrets(Runtime::local("test", None), clock, ids, entropy, Secrets::new(secrets))
}

/// `vars` with some of them replaced.
fn vars(base: &[(&str, &str)], changed: &[(&str, &str)]) -> Vars {
    Vars::from_pairs(base.iter().chain(changed).copied())
}
