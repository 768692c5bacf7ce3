//! Keys that sign, changed for new ones without anybody noticing.
//!
//! Functions read their keys when they start, and Lambda lets some of them run for hours. So a new key is published before anything
//! is signed with it, and an old one stays published for as long as something is around that it has signed. Each call takes the
//! next step; which one that is follows from what lies in the parameter store, so a step that was interrupted is taken again.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use shared::auth::token::ACCESS_TOKEN_LIFE;
use shared::auth::{JwkSet, SigningKey};
use shared::domain::deletion::RECEIPT_LIFE;
use shared::parameters::{Parameter, ParameterError};

use crate::{Ops, OpsError};

/// After so long no function runs any more that has read its parameters before: Lambda ends idle ones within the hour and busy ones
/// within some hours. Whoever has deployed since knows it earlier.
const ALL_STARTED_ANEW: SignedDuration = SignedDuration::from_hours(24);

/// Which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Those of access tokens.
    Tokens,
    /// Those of the receipts of deletions.
    Receipts,
}

/// What was done, and what comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// There were no keys; these are the first.
    Made(String),
    /// The next key is published; nothing is signed with it yet.
    Published(String),
    /// The next key signs from now on; the one before is still good.
    Switched(String),
    /// Keys that nothing was signed with for long enough are not published any more.
    Retired(usize),
}

impl Purpose {
    fn signing(self) -> &'static str {
        match self {
            Self::Tokens => "token-signing-key",
            Self::Receipts => "erasure-signing-key",
        }
    }

    fn published(self) -> &'static str {
        match self {
            Self::Tokens => "token-keys",
            Self::Receipts => "erasure-keys",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Receipts => "receipts",
        }
    }

    /// How long a key stays published after it has signed for the last time.
    fn is_needed_for(self) -> SignedDuration {
        match self {
            Self::Tokens => ALL_STARTED_ANEW,
            Self::Receipts => RECEIPT_LIFE + ALL_STARTED_ANEW,
        }
    }
}

/// What lies in the parameter store.
struct Stored {
    signing: Option<Parameter>,
    published: Option<Parameter>,
    next: Option<Parameter>,
}

impl Ops {
    /// Takes the next step of a change of keys. `started_anew` says that every function was started since the step before.
    ///
    /// # Errors
    /// When it is too early for the next step, what lies in the parameter store does not fit together, or it cannot be asked.
    pub async fn rotate_keys(&self, purpose: Purpose, started_anew: bool) -> Result<Rotated, OpsError> {
        let now = self.clock.now();
        let stored = self.stored(purpose).await?;
        let (Some(signing), Some(published)) = (&stored.signing, &stored.published) else {
            return self.make_first(purpose, stored, now).await;
        };
        let key: SigningKey = read(purpose.signing(), signing)?;
        let set: JwkSet = read(purpose.published(), published)?;
        let is_published = |kid: &str| set.keys.iter().any(|key| key.kid == kid);
        let kid = key.public().kid.clone();
        if !is_published(&kid) {
            return Err(OpsError::Unfit(format!(
                "`{}` signs as {kid}, which is not in `{}`",
                purpose.signing(),
                purpose.published()
            )));
        }
        let next = stored
            .next
            .as_ref()
            .map(|next| read::<SigningKey>("the next key", next));
        let next = next.transpose()?.filter(|next| next.public().kid != kid);
        match next {
            Some(next) if is_published(&next.public().kid) => {
                if !started_anew {
                    wait_until(published.since + ALL_STARTED_ANEW, now)?;
                }
                self.switch(purpose, &next, now).await
            }
            Some(next) => self.publish(purpose, set, &next, now).await,
            None if set.keys.len() > 1 && now >= signing.since + purpose.is_needed_for() => {
                self.retire(purpose, set, &kid, now).await
            }
            // Tokens that the key before has signed live for a quarter of an hour, when every function signs with the new one.
            None if set.keys.len() > 1 && purpose == Purpose::Tokens => {
                let over = if started_anew {
                    ACCESS_TOKEN_LIFE
                } else {
                    ALL_STARTED_ANEW
                };
                wait_until(signing.since + over, now)?;
                self.retire(purpose, set, &kid, now).await
            }
            None => {
                let next = self.new_key(now)?;
                self.put(&next_name(purpose), &next.to_secret()).await?;
                self.publish(purpose, set, &next, now).await
            }
        }
    }

    async fn stored(&self, purpose: Purpose) -> Result<Stored, OpsError> {
        let names = [
            purpose.signing().to_owned(),
            purpose.published().to_owned(),
            next_name(purpose),
        ]
        .map(|name| self.parameter(&name));
        let mut found = self.parameters.read(&names).await?;
        let [signing, published, next] = names.map(|name| found.remove(&name));
        Ok(Stored {
            signing,
            published,
            next,
        })
    }

    /// Makes the first key, or publishes the one whose making was interrupted.
    async fn make_first(&self, purpose: Purpose, stored: Stored, now: Timestamp) -> Result<Rotated, OpsError> {
        let key = match (stored.signing, stored.published) {
            (None, Some(_)) => {
                return Err(OpsError::Unfit(format!(
                    "there are public keys in `{}` and no `{}`: put back the key that signs",
                    purpose.published(),
                    purpose.signing()
                )));
            }
            (Some(signing), _) => read(purpose.signing(), &signing)?,
            (None, None) => {
                let key = self.new_key(now)?;
                self.put(purpose.signing(), &key.to_secret()).await?;
                key
            }
        };
        let kid = key.public().kid.clone();
        self.noted(purpose, &format!("made {kid}"), now).await?;
        self.put_set(
            purpose,
            JwkSet {
                keys: vec![key.public().clone()],
            },
        )
        .await?;
        Ok(Rotated::Made(kid))
    }

    async fn publish(
        &self,
        purpose: Purpose,
        set: JwkSet,
        next: &SigningKey,
        now: Timestamp,
    ) -> Result<Rotated, OpsError> {
        let kid = next.public().kid.clone();
        self.noted(purpose, &format!("published {kid}"), now).await?;
        let mut set = set;
        set.keys.push(next.public().clone());
        self.put_set(purpose, set).await?;
        Ok(Rotated::Published(kid))
    }

    async fn switch(&self, purpose: Purpose, next: &SigningKey, now: Timestamp) -> Result<Rotated, OpsError> {
        let kid = next.public().kid.clone();
        self.noted(purpose, &format!("switched to {kid}"), now).await?;
        self.put(purpose.signing(), &next.to_secret()).await?;
        Ok(Rotated::Switched(kid))
    }

    async fn retire(&self, purpose: Purpose, set: JwkSet, kid: &str, now: Timestamp) -> Result<Rotated, OpsError> {
        self.noted(purpose, &format!("retired all but {kid}"), now).await?;
        let before = set.keys.len();
        let keys: Vec<_> = set.keys.into_iter().filter(|key| key.kid == kid).collect();
        let retired = before - keys.len();
        self.put_set(purpose, JwkSet { keys }).await?;
        Ok(Rotated::Retired(retired))
    }

    fn new_key(&self, now: Timestamp) -> Result<SigningKey, OpsError> {
        let kid = format!("k{}-{}", now.strftime("%Y%m%d"), self.entropy.hex::<4>());
        SigningKey::generate(&kid, &self.entropy).map_err(|error| OpsError::Unfit(format!("a new key {error}")))
    }

    /// Writes a step down before it is taken: it is safe to take twice, and a step that nobody knows of is not.
    async fn noted(&self, purpose: Purpose, step: &str, now: Timestamp) -> Result<(), OpsError> {
        let what = format!("keys rotate {}", purpose.what());
        self.write_down(&what, step, now).await.map(drop)
    }

    async fn put_set(&self, purpose: Purpose, set: JwkSet) -> Result<(), OpsError> {
        let text = serde_json::to_string(&set).map_err(|error| OpsError::Unfit(error.to_string()))?;
        self.put(purpose.published(), &text.into()).await
    }

    async fn put(&self, name: &str, value: &SecretString) -> Result<(), OpsError> {
        Ok(self.parameters.put(&self.parameter(name), value).await?)
    }
}

fn next_name(purpose: Purpose) -> String {
    format!("{}-next", purpose.signing())
}

fn read<T: DeserializeOwned>(name: &str, parameter: &Parameter) -> Result<T, OpsError> {
    // The cause is dropped on purpose: serde quotes what it could not read, and this is a secret.
    serde_json::from_str(parameter.value.expose_secret())
        .map_err(|_| OpsError::Unfit(format!("{name} is not the JSON document it should be")))
}

fn wait_until(time: Timestamp, now: Timestamp) -> Result<(), OpsError> {
    if now >= time {
        return Ok(());
    }
    Err(OpsError::Unfit(format!(
        "the next step is safe from {time:.0} on, when no function runs any more that has not read the step before; or earlier with \
         --started-anew, if all were deployed since"
    )))
}

impl From<ParameterError> for OpsError {
    fn from(error: ParameterError) -> Self {
        Self::Parameters(error)
    }
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(kid) => write!(
                f,
                "{kid} is the first key; it is used by every function that starts from now on"
            ),
            Self::Published(kid) => write!(
                f,
                "{kid} is published, and signs nothing yet; call this again when every function has started anew, a day from now at \
                 the latest"
            ),
            Self::Switched(kid) => write!(
                f,
                "{kid} signs in every function that starts from now on; the key before stays published for what it has signed. Call \
                 this again when that is over"
            ),
            Self::Retired(1) => f.write_str("one key is not published any more; the change is done"),
            Self::Retired(keys) => write!(f, "{keys} keys are not published any more; the change is done"),
        }
    }
}
