//! What Resend tells us about mails after it took them, signed as Svix signs.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;

use crate::config::{ConfigError, Vars};
use crate::domain::{EmailAddress, Undeliverable, Undelivered};
use crate::providers::sole_header;
use crate::secrets::{Key, Secrets};

/// How far the time of a signature may be from ours, either way.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// The longest name an event may have; Svix's have some thirty characters.
const LONGEST_ID: usize = 100;

/// How many addresses of an event are looked at; Resend sends a mail to fifty at most, and ours go to one.
const MOST_ADDRESSES: usize = 50;

const SECRET_PARAMETER: &str = "RESEND_WEBHOOK_SECRET_PARAMETER";

/// Tells what Resend says from what somebody else says.
#[derive(Clone)]
pub struct Webhooks(Key<Hmac<Sha256>>);

/// Why a request is not taken for Resend's. Which of these it is, is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A header is missing, given twice, or not in its form.
    #[error("the request is not signed")]
    Unsigned,
    /// It was signed too long ago, or in our future.
    #[error("the signature is not of this time")]
    Stale,
    /// No signature is right.
    #[error("no signature is right")]
    Forged,
}

/// What Resend said. Only [`Webhooks::verify`] makes one, so whoever holds it need not ask who said it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    id: String,
    news: Option<News>,
}

/// What an event says about addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct News {
    /// That they get no mail any more, why, and since when.
    pub mark: Undeliverable,
    /// The addresses, as we wrote them when we sent the mail.
    pub addresses: Vec<EmailAddress>,
}

/// A secret that is no secret of Svix's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and at least 16 bytes in base64")]
struct InvalidSecret;

impl Webhooks {
    /// With the secret of the parameter named by `RESEND_WEBHOOK_SECRET_PARAMETER`.
    ///
    /// # Errors
    /// When it is missing or not in its form.
    pub fn configured(vars: &Vars, secrets: &Secrets) -> Result<Self, ConfigError> {
        let read = |secret: &SecretString| seal(secret).map_err(|error| error.to_string());
        secrets.key_as(vars, SECRET_PARAMETER, read).map(Self)
    }

    /// The event, if Resend signed these very bytes within five minutes of `now`. Nothing of the body is looked at before. What is
    /// signed by another secret may be signed by the one after ours.
    ///
    /// # Errors
    /// See [`WebhookError`].
    pub async fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, WebhookError> {
        let secret = self.0.present();
        match verify(&secret, headers, body, now) {
            Err(WebhookError::Forged) => match self.0.renewed(&secret).await {
                Some(other) => verify(&other, headers, body, now),
                None => Err(WebhookError::Forged),
            },
            known => known,
        }
    }
}

/// What a secret signs with: it is `whsec_` and the key in base64.
fn seal(secret: &SecretString) -> Result<Hmac<Sha256>, InvalidSecret> {
    let text = secret.expose_secret().trim();
    let key = text
        .strip_prefix("whsec_")
        .and_then(|key| STANDARD.decode(key).ok())
        .filter(|key| key.len() >= 16)
        .ok_or(InvalidSecret)?;
    Hmac::new_from_slice(&key).map_err(|_| InvalidSecret)
}

fn verify(seal: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, WebhookError> {
    let id = sole_header(headers, "svix-id").filter(|id| is_id(id));
    let id = id.ok_or(WebhookError::Unsigned)?;
    let timestamp = sole_header(headers, "svix-timestamp").ok_or(WebhookError::Unsigned)?;
    let signatures = sole_header(headers, "svix-signature").ok_or(WebhookError::Unsigned)?;
    let signed_at = timestamp.parse().ok().and_then(|at| Timestamp::from_second(at).ok());
    let distance = now.duration_since(signed_at.ok_or(WebhookError::Unsigned)?).abs();
    if distance > TOLERANCE {
        return Err(WebhookError::Stale);
    }
    let mut mac = seal.clone();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    // Several signatures stand there while a secret is being exchanged; those of versions we do not know mean nothing.
    let is_right = |signature: &str| {
        let bytes = signature
            .strip_prefix("v1,")
            .and_then(|text| STANDARD.decode(text).ok());
        bytes.is_some_and(|bytes| mac.clone().verify_slice(&bytes).is_ok())
    };
    if !signatures.split(' ').any(is_right) {
        return Err(WebhookError::Forged);
    }
    Ok(Event {
        id: id.to_owned(),
        news: read(id, body),
    })
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhooks(…)")
    }
}

impl Event {
    /// Its name, the same however often it is sent: `msg_…`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it says about addresses, if it says anything that we act upon.
    #[must_use]
    pub fn news(&self) -> Option<&News> {
        self.news.as_ref()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = self.news.as_ref().map(|news| news.mark.why);
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("why", &why)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("mark", &self.mark).finish_non_exhaustive()
    }
}

/// Whether this may be an event's name: it becomes part of a key of ours and of log lines.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The body, as far as we act upon it. Fields, types and forms that we do not know are Resend's to add.
fn read(id: &str, body: &[u8]) -> Option<News> {
    // What serde could not read stays out of the line: it quotes the body.
    let Some(event) = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object) else {
        tracing::warn!(event.id = id, "An event of the mail provider cannot be read");
        return None;
    };
    let data = &event["data"];
    let why = match event["type"].as_str()? {
        "email.bounced" => match data["bounce"]["type"].as_str()? {
            "Permanent" => Undelivered::Bounced,
            _ => return None,
        },
        "email.complained" => Undelivered::Complained,
        "email.suppressed" => match data["suppressed"]["reason"].as_str()? {
            "previous_bounce" => Undelivered::Bounced,
            "previous_complaint" => Undelivered::Complained,
            _ => return None,
        },
        _ => return None,
    };
    let Some(since) = event["created_at"].as_str().and_then(|at| at.parse().ok()) else {
        tracing::warn!(
            event.id = id,
            "An event of the mail provider does not say when it happened"
        );
        return None;
    };
    let addresses = data["to"].as_array()?.iter().filter_map(|to| address(to.as_str()?));
    Some(News {
        mark: Undeliverable { why, since },
        addresses: addresses.take(MOST_ADDRESSES).collect(),
    })
}

/// The address in `Name <address>` or alone; none if it is not one that we could have sent a mail to.
fn address(text: &str) -> Option<EmailAddress> {
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().strip_suffix('>')?,
        None => text,
    };
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of Svix's own documentation.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sealing(secret: &str) -> Result<Hmac<Sha256>, InvalidSecret> {
        seal(&SecretString::from(secret))
    }

    fn verify(id: &str, at: &str, signature: &str, body: &[u8], now: i64) -> Result<Event, WebhookError> {
        let mut headers = HeaderMap::new();
        for (name, value) in [("svix-id", id), ("svix-timestamp", at), ("svix-signature", signature)] {
            headers.insert(name, value.parse().unwrap());
        }
        let now = Timestamp::from_second(now).unwrap();
        super::verify(&sealing(SECRET).unwrap(), &headers, body, now)
    }

    fn news(body: &str) -> Option<(Undelivered, Vec<String>)> {
        read("msg_1", body.as_bytes()).map(|news| {
            let addresses = news.addresses.iter().map(|address| address.as_str().to_owned());
            (news.mark.why, addresses.collect())
        })
    }

    #[test]
    fn the_documented_example_is_right_and_says_nothing_that_we_act_upon() {
        let event = verify(ID, &AT.to_string(), SIGNATURE, BODY, AT).unwrap();
        assert_eq!((event.id(), event.news()), (ID, None));
    }

    #[test]
    fn any_one_of_several_signatures_is_enough_and_unknown_versions_count_for_nothing() {
        let at = AT.to_string();
        let bare = SIGNATURE.strip_prefix("v1,").unwrap();
        let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for right in [format!("{wrong} {SIGNATURE}"), format!("v2,{bare} {SIGNATURE} {wrong}")] {
            assert!(verify(ID, &at, &right, BODY, AT).is_ok(), "{right}");
        }
        for none in [
            "",
            "v1,",
            bare,
            &format!("v2,{bare}"),
            &format!("v1a,{bare}"),
            wrong,
            "v1,AAAA",
        ] {
            assert_eq!(verify(ID, &at, none, BODY, AT), Err(WebhookError::Forged), "{none}");
        }
    }

    #[test]
    fn a_signature_is_of_this_time_for_three_hundred_seconds_either_way() {
        let at = AT.to_string();
        for now in [AT - 300, AT + 300] {
            assert!(verify(ID, &at, SIGNATURE, BODY, now).is_ok());
        }
        for now in [AT - 301, AT + 301, 0] {
            assert_eq!(verify(ID, &at, SIGNATURE, BODY, now), Err(WebhookError::Stale));
        }
        for at in ["", "soon", "1614265330.5", "99999999999999999999", "-99999999999999"] {
            let refused = verify(ID, at, SIGNATURE, BODY, AT).unwrap_err();
            assert_eq!(refused, WebhookError::Unsigned, "{at}");
        }
    }

    #[test]
    fn a_secret_of_another_form_is_no_secret() {
        for text in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_not base64 at all!",
        ] {
            assert_eq!(sealing(text).err(), Some(InvalidSecret), "{text}");
        }
    }

    #[test]
    fn only_what_ends_mail_to_an_address_is_news() {
        let event = |kind: &str, more: &str| {
            let data = format!(r#"{{"to":["Mei <mei@example.com>","jun@example.com","nobody"],"tags":{{}}{more}}}"#);
            format!(r#"{{"type":"{kind}","created_at":"2026-11-22T09:00:00.678Z","data":{data},"new":1}}"#)
        };
        let both = vec!["mei@example.com".to_owned(), "jun@example.com".to_owned()];
        for (kind, more, why) in [
            (
                "email.bounced",
                r#","bounce":{"type":"Permanent","subType":"General"}"#,
                Some(Undelivered::Bounced),
            ),
            ("email.bounced", r#","bounce":{"type":"Transient"}"#, None),
            ("email.bounced", r#","bounce":{"type":"Undetermined"}"#, None),
            ("email.bounced", r#","bounce":7"#, None),
            ("email.bounced", r#","bounce":["Permanent"]"#, None),
            ("email.bounced", "", None),
            ("email.complained", "", Some(Undelivered::Complained)),
            (
                "email.suppressed",
                r#","suppressed":{"reason":"previous_bounce"}"#,
                Some(Undelivered::Bounced),
            ),
            (
                "email.suppressed",
                r#","suppressed":{"reason":"previous_complaint"}"#,
                Some(Undelivered::Complained),
            ),
            ("email.suppressed", r#","suppressed":{"reason":"manual"}"#, None),
            ("email.delivered", "", None),
            ("contact.created", "", None),
        ] {
            let expected = why.map(|why| (why, both.clone()));
            assert_eq!(news(&event(kind, more)), expected, "{kind} {more}");
        }
        for unreadable in ["", "{", "[]", "7", r#"{"type":7}"#, r#"{"type":"email.complained"}"#] {
            assert_eq!(news(unreadable), None, "{unreadable}");
        }
    }
}
