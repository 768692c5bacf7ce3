//! Resend's webhooks: what became of a mail.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::World;
use super::desk::wrong;
use super::events::Event;
use super::mail::Mail;

/// The types of events that our webhook is set up for; the others happen and are told to nobody.
const SUBSCRIBED: [&str; 3] = ["email.bounced", "email.complained", "email.suppressed"];

/// How long after a failed try comes the next one; after the eighth there is none.
const PAUSES: [SignedDuration; 7] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(10),
];

/// The pause after the so-manieth try.
pub(super) fn pause(tries: usize) -> Option<SignedDuration> {
    PAUSES.get(tries.checked_sub(1)?).copied()
}

/// The value of `svix-signature` for a body, under a secret in the form `whsec_…`; none if the secret has another form.
#[must_use]
pub fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

impl World {
    /// Tells what became of a mail that was accepted and not put off.
    pub(super) fn tell_about(&self, mail: &Mail) {
        let course: &[&str] = match mail.last_event.as_str() {
            "bounced" => &["sent", "bounced"],
            "complained" => &["sent", "delivered", "complained"],
            "delivered" => &["sent", "delivered"],
            _ => &[],
        };
        for step in course {
            let kind = format!("email.{step}");
            let next = SUBSCRIBED.contains(&kind.as_str()).then_some(mail.at);
            let data = json!({
                "email_id": mail.id, "from": mail.from, "to": mail.to, "subject": mail.subject, "tags": {},
            });
            self.tell(&kind, mail.at, data, &About::default(), next);
        }
    }

    fn tell(&self, kind: &str, at: Timestamp, mut data: Value, about: &About, next: Option<Timestamp>) -> Event {
        data["created_at"] = json!(at);
        if kind == "email.bounced" {
            data["bounce"] = json!({
                "type": about.bounce.as_deref().unwrap_or("Permanent"), "subType": "General",
                "message": "The recipient's mail server rejected the mail.", "diagnosticCode": ["smtp; 550 5.1.1 no such user"],
            });
        }
        if kind == "email.suppressed" {
            data["suppressed"] = json!({
                "type": "OnAccountSuppressionList", "reason": about.reason.as_deref().unwrap_or("previous_bounce"),
                "message": "The address is on the suppression list.",
            });
        }
        let event = Event {
            id: format!("msg_{}", self.entropy.hex::<14>()),
            kind: kind.to_owned(),
            body: json!({ "type": kind, "created_at": at, "data": data }).to_string(),
            tries: Vec::new(),
            next,
            copies: 0,
        };
        self.resend.events.happened(&event);
        event
    }
}

/// What an event may say beside its type.
#[derive(Default)]
struct About {
    bounce: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordered {
    #[serde(rename = "type")]
    kind: String,
    to: String,
    created_at: Option<Timestamp>,
    bounce: Option<String>,
    reason: Option<String>,
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/_sim/resend/events", get(list).post(make))
}

async fn list(State(world): State<Arc<World>>) -> Response {
    Json(world.resend.events.all()).into_response()
}

/// An event by hand. It is told whatever its type.
async fn make(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let ordered: Ordered = match serde_json::from_slice(&body) {
        Ok(ordered) => ordered,
        Err(error) => return wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let now = world.clock.now();
    let data = json!({
        "email_id": world.uuid(), "from": "Vitrine <hello@example.com>", "to": [ordered.to],
        "subject": "An event by hand", "tags": {},
    });
    let about = About {
        bounce: ordered.bounce,
        reason: ordered.reason,
    };
    let at = ordered.created_at.unwrap_or(now);
    let event = world.tell(&ordered.kind, at, data, &about, Some(now));
    (StatusCode::CREATED, Json(event)).into_response()
}
