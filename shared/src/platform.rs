//! What a host hands to every function: time, chance, ids and secrets.

use crate::config::{ConfigError, Vars};
use crate::secrets::Secrets;
use crate::{Clock, Entropy, Ids};

/// The host's gifts to a function: in Lambda the real ones, in the local stack and the tests theirs.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Tells the time.
    pub clock: Clock,
    /// Makes ids.
    pub ids: Ids,
    /// Gives random bytes.
    pub entropy: Entropy,
    /// The secrets the function may read.
    pub secrets: Secrets,
}

impl Platform {
    /// The platform of a function that runs in Lambda.
    ///
    /// # Errors
    /// When something it needs is not configured.
    #[expect(clippy::unused_async, reason = "reading the secrets asks the parameter store")]
    pub async fn lambda(_vars: &Vars) -> Result<Self, ConfigError> {
        let (clock, entropy) = (Clock::system(), Entropy::system());
        Ok(Self {
            ids: Ids::new(clock.clone(), entropy.clone()),
            clock,
            entropy,
            secrets: Secrets::default(),
        })
    }
}
