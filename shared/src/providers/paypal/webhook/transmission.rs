//! The headers of a delivery, and what is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use super::WebhookError;
use crate::providers::sole_header;

/// How old a delivery may be. PayPal tries for three days, and whether each try has a time of its own is not documented.
pub const OLDEST: SignedDuration = SignedDuration::from_hours(4 * 24);

/// How far ahead of our clock PayPal's may be.
pub const AHEAD: SignedDuration = SignedDuration::from_secs(300);

/// The one way of signing that PayPal documents.
const ALGORITHM: &str = "SHA256withRSA";

/// The longest that a header may be. Signatures of the largest keys in use have 684 characters.
const LONGEST: usize = 1_500;

/// The longest name that a delivery may have; PayPal's have 36 characters.
const LONGEST_ID: usize = 100;

/// The headers of a delivery.
pub(super) struct Transmission<'a> {
    pub(super) id: &'a str,
    time: &'a str,
    signature_text: &'a str,
    pub(super) signature: Vec<u8>,
    pub(super) cert_url: &'a str,
}

/// What PayPal is asked, its own event spliced in unchanged.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    auth_algo: &'static str,
    cert_url: &'a str,
    transmission_id: &'a str,
    transmission_sig: &'a str,
    transmission_time: &'a str,
    webhook_id: &'a str,
    webhook_event: &'a RawValue,
}

impl<'a> Transmission<'a> {
    pub(super) fn read(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, WebhookError> {
        let header = |name| {
            let text = sole_header(headers, name).filter(|text| text.len() <= LONGEST);
            text.ok_or(WebhookError::Unsigned)
        };
        let (id, time) = (header("paypal-transmission-id")?, header("paypal-transmission-time")?);
        let is_id = id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|');
        if !is_id || header("paypal-auth-algo")? != ALGORITHM {
            return Err(WebhookError::Unsigned);
        }
        let signed_at: Timestamp = time.parse().map_err(|_| WebhookError::Unsigned)?;
        let age = now.duration_since(signed_at);
        if age > OLDEST || age < -AHEAD {
            return Err(WebhookError::Stale);
        }
        let signature_text = header("paypal-transmission-sig")?;
        Ok(Self {
            id,
            time,
            signature_text,
            signature: STANDARD.decode(signature_text).map_err(|_| WebhookError::Unsigned)?,
            cert_url: header("paypal-cert-url")?,
        })
    }

    /// What the signature is over: the checksum stands for the raw bytes of the body, in decimal digits.
    pub(super) fn signed(&self, webhook: &str, body: &[u8]) -> String {
        format!("{}|{}|{webhook}|{}", self.id, self.time, crc32fast::hash(body))
    }

    /// What PayPal is asked about a delivery; none if the body is no JSON, and so no event.
    pub(super) fn question(&self, webhook: &'a str, body: &'a [u8]) -> Option<Question<'a>> {
        Some(Question {
            auth_algo: ALGORITHM,
            cert_url: self.cert_url,
            transmission_id: self.id,
            transmission_sig: self.signature_text,
            transmission_time: self.time,
            webhook_id: webhook,
            webhook_event: serde_json::from_slice(body).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_raw_bytes_in_decimal_digits() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("paypal-transmission-id", "id"),
            ("paypal-transmission-time", "2026-11-22T09:00:00Z"),
            ("paypal-transmission-sig", "AAAA"),
            (
                "paypal-cert-url",
                "https://api.paypal.com/v1/notifications/certs/CERT-1",
            ),
            ("paypal-auth-algo", "SHA256withRSA"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let transmission = Transmission::read(&headers, "2026-11-22T09:00:00Z".parse().unwrap()).ok();
        let transmission = transmission.unwrap();
        for (body, crc) in [
            (
                r#"{"id":"WH-TEST-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}"#,
                2_077_941_293_u32,
            ),
            (r#"{"id":"WH-TEST-2","summary":"支付完成"}"#, 2_421_992_626),
        ] {
            let signed = transmission.signed("WH-1", body.as_bytes());
            assert_eq!(signed, format!("id|2026-11-22T09:00:00Z|WH-1|{crc}"));
        }
    }
}
