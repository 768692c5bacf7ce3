//! The one source of chance: the system's generator in production, a seed in tests that must replay.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng, TryRngCore, rngs::OsRng};

/// Gives random bytes and digits for codes, tokens and object keys. Cheap to clone; clones share one stream.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A predictable stream for tests that must replay byte for byte. Never for production.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// Never in practice: the system's generator fails only before the machine has booted, and then nothing that needs a
    /// secret may go on.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => {
                #[expect(clippy::expect_used, reason = "a secret must not be made without chance")]
                OsRng
                    .try_fill_bytes(&mut bytes)
                    .expect("the system's generator gives bytes");
            }
            Source::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A number below `bound`, each equally likely.
    #[must_use]
    pub fn below(&self, bound: u32) -> u32 {
        // Rejection keeps the spread even: a plain remainder favours small numbers.
        let zone = u32::MAX - u32::MAX % bound;
        loop {
            let value = u32::from_le_bytes(self.bytes());
            if value < zone {
                return value % bound;
            }
        }
    }

    /// Lower-case hexadecimal text of `N` random bytes.
    #[must_use]
    pub fn hex<const N: usize>(&self) -> String {
        hex::encode(self.bytes::<N>())
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Entropy(system)",
            Source::Seeded(_) => "Entropy(seeded)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let (a, b) = (Entropy::seeded(7), Entropy::seeded(7));
        assert_eq!(a.bytes::<16>(), b.bytes::<16>());
        assert_ne!(a.bytes::<16>(), a.bytes::<16>());
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let entropy = Entropy::seeded(1);
        assert!((0..10_000).all(|_| entropy.below(1_000_000) < 1_000_000));
    }
}
