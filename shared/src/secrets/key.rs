//! A company's key, which may be exchanged for another one while functions run.
//!
//! A function reads its secrets when it starts, and may run for hours. So whoever is told that a key is wrong looks whether there is
//! another one by now, and asks once more with that
//! (`docs/decisions/0021-keys-changed-while-running.md`).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Source, trimmed};
use crate::outbound::{Answer, OutboundError};
use crate::telemetry::chain;

/// The parameter store is asked for a key once in so long, however often the key is refused.
const ONCE_IN: SignedDuration = SignedDuration::from_mins(1);

/// So old a key may get that nobody refuses: a link that was signed with a wrong one tells the person who follows it, and not us.
const OLD: SignedDuration = SignedDuration::from_mins(5);

/// The longest that somebody waits for whether there is another key when nothing says that this one is wrong.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the text of a parameter; what it says is wrong ends a sentence that begins with the parameter.
pub(super) type Read<T> = fn(&SecretString) -> Result<T, String>;

/// A company's key. Clones are one and the same: what one of them has read again, all use.
pub struct Key<T = SecretString>(Arc<Inner<T>>);

struct Inner<T> {
    parameter: String,
    read: Read<T>,
    kept: Mutex<Kept<T>>,
    source: Option<Source>,
}

struct Kept<T> {
    text: SecretString,
    value: Arc<T>,
    /// When the parameter store was last asked, after the start.
    asked_at: Option<Timestamp>,
    /// When the key was last known to be the one that the parameter store has.
    known_at: Timestamp,
}

/// Whether a company answers so to whoever comes with a key that it does not take.
pub(crate) fn is_wrong_key(status: u16) -> bool {
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]
        .iter()
        .any(|wrong| wrong.as_u16() == status)
}

impl<T> Key<T> {
    pub(super) fn new(
        parameter: String,
        text: SecretString,
        (value, read): (T, Read<T>),
        source: Option<Source>,
    ) -> Self {
        let known_at = source.as_ref().map_or(Timestamp::MIN, |source| source.clock().now());
        Self(Arc::new(Inner {
            parameter,
            read,
            kept: Mutex::new(Kept {
                text,
                value: Arc::new(value),
                asked_at: None,
                known_at,
            }),
            source,
        }))
    }

    /// The key as it is known now.
    #[must_use]
    pub fn present(&self) -> Arc<T> {
        Arc::clone(&self.lock().value)
    }

    /// Another key than the one that was `refused`, if there is one by now. The parameter store is asked at most once a minute.
    pub async fn renewed(&self, refused: &Arc<T>) -> Option<Arc<T>> {
        let source = self.0.source.as_ref()?;
        let now = source.clock().now();
        {
            let mut kept = self.lock();
            // Somebody beside us has read it again meanwhile.
            if !Arc::ptr_eq(&kept.value, refused) {
                return Some(Arc::clone(&kept.value));
            }
            if kept.asked_at.is_some_and(|asked| now.duration_since(asked) < ONCE_IN) {
                return None;
            }
            kept.asked_at = Some(now);
        }
        self.read_again(source).await
    }

    /// The key for something that nobody would answer if the key were wrong: read again if that was last done some minutes ago.
    pub async fn young(&self) -> Arc<T> {
        if let Some(source) = &self.0.source {
            let now = source.clock().now();
            let is_old = {
                let mut kept = self.lock();
                let last = kept.asked_at.map_or(kept.known_at, |asked| asked.max(kept.known_at));
                let is_old = now.duration_since(last) >= OLD;
                if is_old {
                    kept.asked_at = Some(now);
                }
                is_old
            };
            if is_old {
                drop(tokio::time::timeout(PATIENCE, self.read_again(source)).await);
            }
        }
        self.present()
    }

    /// Asks a company with the present key; and once more with another one where it does not take this one and there is one by now.
    /// Nothing that costs money is done for a wrong key.
    pub(crate) async fn ask<F>(&self, ask: impl Fn(Arc<T>) -> F) -> Result<Answer, OutboundError>
    where
        F: Future<Output = Result<Answer, OutboundError>>,
    {
        let key = self.present();
        let answer = ask(Arc::clone(&key)).await?;
        if !is_wrong_key(answer.status.as_u16()) {
            return Ok(answer);
        }
        match self.renewed(&key).await {
            Some(other) => ask(other).await,
            None => Ok(answer),
        }
    }

    /// What the parameter store has now, if that is another key than the present one.
    async fn read_again(&self, source: &Source) -> Option<Arc<T>> {
        let Inner { parameter, read, .. } = &*self.0;
        let text = match source.one(parameter).await {
            Ok(Some(text)) => trimmed(&text),
            Ok(None) => {
                tracing::warn!(parameter, "A key is not in the parameter store any more");
                return None;
            }
            Err(error) => {
                tracing::warn!(parameter, error = %chain(&error), "A key could not be read again");
                return None;
            }
        };
        let mut kept = self.lock();
        kept.known_at = source.clock().now();
        if kept.text.expose_secret() == text.expose_secret() {
            return None;
        }
        match read(&text) {
            Ok(value) => {
                tracing::info!(parameter, "A key was changed, and the new one is used from now on");
                kept.text = text;
                kept.value = Arc::new(value);
                Some(Arc::clone(&kept.value))
            }
            Err(problem) => {
                tracing::error!(parameter, problem, "A key was changed for something that is none");
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.0.parameter).finish()
    }
}
