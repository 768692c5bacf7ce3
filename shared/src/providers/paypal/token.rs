//! PayPal's access tokens: good for about nine hours, asked for once and kept by the process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::{PayPalError, verdict};
use crate::config::{ConfigError, Vars};
use crate::outbound::{Outbound, below};
use crate::secrets::Key;
use crate::{Clock, Platform};

/// How long PayPal may take to give a token.
const ASKING: Duration = Duration::from_secs(10);

/// Of a token's life so many percent are used.
const USED_PERCENT: i64 = 90;

/// The longest life of a token that is believed, in seconds: a day.
const LONGEST_LIFE: i64 = 24 * 60 * 60;

/// Where access tokens come from.
#[derive(Clone)]
pub(super) struct Tokens {
    outbound: Outbound,
    endpoint: Url,
    credentials: Key<Credentials>,
    clock: Clock,
    kept: Arc<Mutex<Option<Token>>>,
}

/// What the parameter holds.
#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    #[serde(deserialize_with = "secret")]
    client_secret: SecretString,
}

#[derive(Clone)]
struct Token {
    text: SecretString,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Given {
    #[serde(deserialize_with = "secret")]
    access_token: SecretString,
    expires_in: i64,
}

fn secret<'de, D: Deserializer<'de>>(text: D) -> Result<SecretString, D::Error> {
    String::deserialize(text).map(SecretString::from)
}

impl Tokens {
    pub(super) fn new(vars: &Vars, platform: &Platform, outbound: &Outbound, base: &Url) -> Result<Self, ConfigError> {
        Ok(Self {
            outbound: outbound.clone(),
            endpoint: below(base, "/v1/oauth2/token"),
            credentials: platform.secrets.json_key(vars, "PAYPAL_CREDENTIALS_PARAMETER")?,
            clock: platform.clock.clone(),
            kept: Arc::default(),
        })
    }

    /// The token that is kept, or a new one once nine tenths of its life are over.
    pub(super) async fn current(&self) -> Result<SecretString, PayPalError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept.filter(|token| token.until > self.clock.now()) {
            Some(token) => Ok(token.text),
            None => self.fresh().await,
        }
    }

    /// A new token. Two who ask at once get one each, and either is good.
    pub(super) async fn fresh(&self) -> Result<SecretString, PayPalError> {
        let ask = |app: Arc<Credentials>| {
            let call = self
                .outbound
                .post(&self.endpoint)
                .basic(&app.client_id, &app.client_secret);
            call.form("grant_type=client_credentials").within(ASKING).send()
        };
        let answer = self.credentials.ask(ask).await.map_err(verdict::lost)?;
        if !answer.status.is_success() {
            return Err(verdict::no_token(&answer));
        }
        let given: Option<Given> = answer.json();
        let given = given.ok_or_else(|| verdict::unusable("the answer holds no token"))?;
        let life = given.expires_in.clamp(0, LONGEST_LIFE) * USED_PERCENT / 100;
        let token = Token {
            text: given.access_token,
            until: self.clock.now() + SignedDuration::from_secs(life),
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token.text)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}
