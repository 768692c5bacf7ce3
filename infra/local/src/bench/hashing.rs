//! How many passwords a processor hashes in a second, beside the crate that does it.

use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use futures::future::{BoxFuture, FutureExt, join_all};
use shared::auth::Password;
use shared::domain::account::PasswordHash;
use tokio::task::spawn_blocking;

use super::{decimal, median, per_second};
use crate::say;

const ROUNDS: usize = 5;
/// Hashes of each kind, on each thread, in each round.
const EACH: usize = 2;
/// What the service promises, and the bare crate is given.
const COST: u32 = 12;
const PASSWORD: &str = "a kiln of quiet glazes";

#[derive(Clone, Copy)]
enum Kind {
    BareHash,
    OurHash,
    BareVerify,
    OurVerify,
    OurBurn,
}

const KINDS: [(Kind, &str, Option<Kind>); 5] = [
    (Kind::BareHash, "bcrypt::hash", None),
    (Kind::OurHash, "Password::hash", Some(Kind::BareHash)),
    (Kind::BareVerify, "bcrypt::verify", None),
    (Kind::OurVerify, "verify_or_burn, known address", Some(Kind::BareVerify)),
    (Kind::OurBurn, "verify_or_burn, unknown address", Some(Kind::BareVerify)),
];

/// Measures each kind in turn, round after round, so that a slow moment of the machine slows all of them.
pub(super) async fn run() -> Result<()> {
    let processors = available_parallelism().context("how many processors?")?.get();
    let password = Password::try_from(PASSWORD.to_owned())?;
    let hash = password.clone().hash().await?;
    say!("hashes a second and processor, bcrypt at cost {COST}, medians of {ROUNDS} interleaved rounds");
    for threads in [1, processors] {
        let mut measured: [Vec<u128>; KINDS.len()] = Default::default();
        for _ in 0..ROUNDS {
            for ((kind, ..), measured) in KINDS.iter().zip(&mut measured) {
                let began = Instant::now();
                let done = join_all((0..threads).map(|_| several(*kind, &password, &hash))).await;
                let took = began.elapsed();
                done.into_iter().collect::<Result<Vec<()>>>()?;
                measured.push(per_second(EACH, took));
            }
        }
        let medians = measured.map(|mut measured| median(&mut measured));
        say!("  {threads} at a time");
        for ((_, name, bare), rate) in KINDS.iter().zip(medians) {
            let of_bare = bare.and_then(|bare| medians.get(bare as usize));
            let ratio = of_bare.map(|bare| format!("{} of the bare crate's", decimal(rate * 100 / (*bare).max(1))));
            say!("    {name:<32} {:>6}   {}", decimal(rate), ratio.unwrap_or_default());
        }
        if processors == 1 {
            break;
        }
    }
    Ok(())
}

async fn several(kind: Kind, password: &Password, hash: &PasswordHash) -> Result<()> {
    for _ in 0..EACH {
        let right = once(kind, password.clone(), hash).await?;
        if right == matches!(kind, Kind::OurBurn) {
            return Err(anyhow!("a password was not judged as it should be"));
        }
    }
    Ok(())
}

/// Hashes or compares once, and says whether the password was right.
fn once(kind: Kind, password: Password, hash: &PasswordHash) -> BoxFuture<'_, Result<bool>> {
    match kind {
        Kind::BareHash => bare(|| bcrypt::hash(PASSWORD, COST).map(|_| true)),
        Kind::BareVerify => {
            let hash = hash.as_str().to_owned();
            bare(move || bcrypt::verify(PASSWORD, &hash))
        }
        Kind::OurHash => async move { Ok(password.hash().await.map(|_| true)?) }.boxed(),
        Kind::OurVerify => async move { Ok(password.verify_or_burn(Some(hash)).await?) }.boxed(),
        Kind::OurBurn => async move { Ok(password.verify_or_burn(None).await?) }.boxed(),
    }
}

/// The crate alone, on a thread that may take its time: more than that our own way cannot save.
fn bare(work: impl FnOnce() -> bcrypt::BcryptResult<bool> + Send + 'static) -> BoxFuture<'static, Result<bool>> {
    async move { Ok(spawn_blocking(work).await??) }.boxed()
}
