//! The events: made, signed, kept until they are taken, and verified for whoever asks.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::World;
use super::super::book::lock;
use super::super::call::Call;
use super::super::events::Event;
use super::checkout::{Checkout, Dispute};
use super::refusal::Refusal;
use super::{said, shown, signer};

/// How often an event is told, at most.
const TRIES: usize = 25;

/// The longest pause between two tries: so that all of them take not quite three days.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(4);

/// Where the certificate lies.
const CERTIFICATE: &str = "/v1/notifications/certs/CERT-SIMULATED-1";

/// How events are told. Each setting holds for what happens from now on; `hold` and `reorder`, for all that is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telling {
    /// Each is told so many times more, although it was taken.
    pub duplicate: u32,
    /// The latest is told first.
    pub reorder: bool,
    /// So many are never told.
    pub drop: u32,
    /// Each is told so many seconds later.
    pub delay_s: u32,
    /// None is told, until this is taken back.
    pub hold: bool,
}

/// The headers of one try to tell an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// The name of the try.
    pub id: String,
    /// When it was signed.
    pub time: String,
    /// The signature, in base64.
    pub signature: String,
    /// Where the certificate lies.
    pub cert_url: String,
}

impl Transmission {
    /// The headers, by their names.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, &str); 5] {
        [
            ("paypal-transmission-id", &self.id),
            ("paypal-transmission-time", &self.time),
            ("paypal-transmission-sig", &self.signature),
            ("paypal-cert-url", &self.cert_url),
            ("paypal-auth-algo", signer::ALGORITHM),
        ]
    }
}

/// The pause after the so-manieth try: a minute, and twice as long each time.
pub(super) fn pause(tries: usize) -> Option<SignedDuration> {
    let doubled = SignedDuration::from_mins(1 << tries.saturating_sub(1).min(10));
    (tries < TRIES).then(|| doubled.min(LONGEST_PAUSE))
}

impl World {
    /// Tells that something happened.
    pub(super) fn paypal_tell(&self, kind: &str, resource: &Value) {
        let now = self.clock.now();
        let (first, second) = (self.paypal_name(), self.paypal_name());
        let id = format!("WH-{first}-{second}");
        let event = shown::event(&self.paypal_origin, &id, now, kind, resource);
        let (next, copies) = {
            let mut telling = lock(&self.paypal.telling);
            let is_lost = telling.drop > 0;
            telling.drop = telling.drop.saturating_sub(1);
            let next = now + SignedDuration::from_secs(telling.delay_s.into());
            ((!is_lost).then_some(next), telling.duplicate)
        };
        self.paypal.events.happened(&Event {
            id,
            kind: kind.to_owned(),
            body: event.to_string(),
            tries: Vec::new(),
            next,
            copies,
        });
    }

    pub(super) fn paypal_tell_of_order(&self, kind: &str, checkout: &Checkout) {
        self.paypal_tell(kind, &shown::order(&self.paypal_origin, checkout, false));
    }

    pub(super) fn paypal_tell_of_dispute(&self, kind: &str, checkout: &Checkout, dispute: &Dispute) {
        self.paypal_tell(kind, &shown::dispute(&self.paypal_origin, checkout, dispute, true));
    }

    /// The events that are due to be told, in the order in which they are.
    pub(super) fn paypal_due_events(&self) -> Vec<Event> {
        let telling = lock(&self.paypal.telling).clone();
        if telling.hold {
            return Vec::new();
        }
        let mut due = self.paypal.events.due(self.clock.now());
        if telling.reorder {
            due.reverse();
        }
        due
    }

    /// Signs one try to tell something to the webhook of this name.
    pub(super) fn paypal_transmission(&self, webhook: &str, body: &[u8]) -> anyhow::Result<Transmission> {
        let (id, time) = (self.uuid(), second(self.clock.now()));
        Ok(Transmission {
            signature: signer::get()?.sign(&id, &time, webhook, body)?,
            cert_url: format!("{}{CERTIFICATE}", self.paypal_origin),
            id,
            time,
        })
    }
}

fn second(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v1/notifications/verify-webhook-signature", post(verify))
        .route("/v1/notifications/webhooks-events", get(list))
        .route("/v1/notifications/webhooks-events/{id}/resend", post(resend))
}

pub(super) fn open_routes() -> Router<Arc<World>> {
    Router::new().route(CERTIFICATE, get(certificate))
}

async fn certificate() -> Response {
    match signer::get() {
        Ok(signer) => ([(header::CONTENT_TYPE, "application/x-pem-file")], signer.chain.clone()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

#[derive(Deserialize)]
struct Question<'a> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    #[serde(borrow)]
    webhook_event: &'a RawValue,
}

async fn verify(State(world): State<Arc<World>>, call: Call) -> Response {
    call.work_time().await;
    let Ok(question) = serde_json::from_slice::<Question<'_>>(&call.body) else {
        return said(&world, Err(Refusal::of("MALFORMED_REQUEST_JSON")));
    };
    let is_ours = signer::get().is_ok_and(|signer| {
        question.auth_algo == signer::ALGORITHM
            && question.cert_url == format!("{}{CERTIFICATE}", world.paypal_origin)
            && signer.has_signed(
                &question.transmission_id,
                &question.transmission_time,
                &question.webhook_id,
                question.webhook_event.get().as_bytes(),
                &question.transmission_sig,
            )
    });
    let status = if is_ours { "SUCCESS" } else { "FAILURE" };
    Json(json!({ "verification_status": status })).into_response()
}

async fn list(State(world): State<Arc<World>>, call: Call) -> Response {
    call.work_time().await;
    let events = world.paypal.events.all();
    let shown: Vec<Value> = events
        .iter()
        .rev()
        .filter_map(|event| serde_json::from_str(&event.body).ok())
        .collect();
    Json(json!({ "events": shown, "count": events.len() })).into_response()
}

async fn resend(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    call.work_time().await;
    let is_known = world.paypal.events.tell_again(&id, world.clock.now());
    let answer = is_known.then(|| StatusCode::ACCEPTED.into_response());
    said(&world, answer.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID")))
}
