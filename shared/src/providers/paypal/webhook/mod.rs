//! What PayPal tells us, known by its signature over the raw bytes.
//!
//! Verified here, without asking PayPal: the certificate that the request names is fetched once from a host of PayPal's, must chain
//! to a public root and bear PayPal's name, and its key must have signed these very bytes. Whether PayPal's present chain does all
//! that could not be checked, so PayPal may be asked to verify what cannot be decided here.

mod certificate;
mod event;
mod keyring;
mod transmission;

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use url::Url;

use super::{HOSTS, PayPal};
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::outbound::company_url;

pub use event::{Event, Hint};
pub use transmission::{AHEAD, OLDEST};

use keyring::{Had, Keyring};
pub(super) use transmission::Question;
use transmission::Transmission;

/// Tells what PayPal says from what somebody else says. Clones share the certificates that were fetched.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    /// The name under which our webhook is registered; part of what is signed, and not in the request.
    id: String,
    keyring: Keyring,
    /// Who is asked about what cannot be decided here.
    postback: Option<PayPal>,
}

/// Why a request is not taken for PayPal's. Which of these it is, is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A header is missing, given twice, or not in its form.
    #[error("the request is not signed")]
    Unsigned,
    /// It was signed too long ago, or in our future.
    #[error("the signature is not of this time")]
    Stale,
    /// The certificate is not PayPal's, or did not sign this.
    #[error("the signature is not right")]
    Forged,
    /// The certificate could not be had, and PayPal could not be asked either.
    #[error("the signature could not be verified")]
    Undecided,
}

impl Webhooks {
    /// Reads `PAYPAL_URL`, `PAYPAL_WEBHOOK_ID`, `PAYPAL_WEBHOOK_VERIFICATION` (`offline`, or `offline-then-postback`), for the
    /// latter `PAYPAL_CREDENTIALS_PARAMETER`, and `PAYPAL_EXTRA_ROOT`: a certificate in PEM that is trusted beside the public
    /// roots, where `PAYPAL_URL` is loopback; elsewhere it is not even read.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        const VERIFICATION: &str = "PAYPAL_WEBHOOK_VERIFICATION";
        let base = company_url(vars, "PAYPAL_URL", HOSTS)?;
        let postback = match vars.text(VERIFICATION)?.as_str() {
            "offline" => None,
            "offline-then-postback" => Some(PayPal::new(vars, platform)?),
            _ => {
                let must = "must be `offline` or `offline-then-postback`";
                return Err(ConfigError::invalid(VERIFICATION, must));
            }
        };
        Ok(Self(Arc::new(Inner {
            id: vars.text("PAYPAL_WEBHOOK_ID")?,
            keyring: Keyring::new(&base, vars, platform)?,
            postback,
        })))
    }

    /// The event, if PayPal signed these very bytes. Nothing of the body is looked at before.
    ///
    /// # Errors
    /// See [`WebhookError`].
    pub async fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, WebhookError> {
        let Inner { id, keyring, postback } = &*self.0;
        let transmission = Transmission::read(headers, now)?;
        let address = keyring.admit(transmission.cert_url).ok_or(WebhookError::Forged)?;
        match keyring.get(&address, now).await {
            Had::Certificate(certificate) => {
                let signed = transmission.signed(id, body);
                if !certificate.has_signed(signed.as_bytes(), &transmission.signature) {
                    return Err(WebhookError::Forged);
                }
            }
            Had::Nothing => {
                let Some(paypal) = postback else {
                    return Err(WebhookError::Undecided);
                };
                let question = transmission.question(id, body).ok_or(WebhookError::Forged)?;
                match paypal.verifies(question).await {
                    Ok(true) => {}
                    Ok(false) => return Err(WebhookError::Forged),
                    Err(error) => {
                        tracing::warn!(%error, "PayPal could not be asked whether an event is its own");
                        return Err(WebhookError::Undecided);
                    }
                }
            }
        }
        Ok(event::read(transmission.id, body))
    }

    /// How often certificates were fetched so far.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.0.keyring.fetches()
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhooks(…)")
    }
}

/// The address of a certificate that may be fetched. Only [`Keyring::admit`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CertUrl(Url);
