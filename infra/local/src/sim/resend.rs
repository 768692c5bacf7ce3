//! Resend: accepts mails, each once for its idempotency key. The mails are read under `/mailbox`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{Path as Segment, Request, State as Shared};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::book::{Works, lock};
use super::call::{Call, without_nulls};
use super::events::Events;
use super::mail::{self, Mail, Problem};
use super::{Provider, World, resend_events};

/// What one accepted request did to the mails.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Posted {
    /// Mails were accepted: one, or those of a batch.
    Sent {
        /// When, by the Clock.
        at: Timestamp,
        /// The idempotency key, if there was one.
        key: Option<String>,
        /// What the key stands for: a digest of path and body.
        digest: String,
        /// The mails, in their order.
        mails: Vec<Mail>,
    },
    /// A scheduled mail was put off.
    Rescheduled {
        /// Its id.
        id: String,
        /// The new time.
        to: Timestamp,
    },
    /// A scheduled mail was cancelled.
    Canceled {
        /// Its id.
        id: String,
    },
}

const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// The documented limit, shown in the headers; it is enforced only when the simulators are told to.
const PER_SECOND: u32 = 5;

pub(super) struct State {
    pub(super) posts: Works<Posted>,
    pub(super) events: Events,
    /// Keys whose first request is still under way.
    busy: Mutex<HashSet<String>>,
    rate: Mutex<Rate>,
}

#[derive(Default)]
struct Rate {
    enforced: Option<u32>,
    second: i64,
    used: u32,
}

impl State {
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self {
            posts: Works::open(folder, Provider::Resend)?,
            events: Events::open(folder, Provider::Resend, resend_events::pause)?,
            busy: Mutex::default(),
            rate: Mutex::default(),
        })
    }

    pub(super) fn limit(&self, per_second: Option<u32>) {
        lock(&self.rate).enforced = per_second;
    }

    /// Counts a request; gives the limit, what is left of it, and whether this one is within.
    fn count(&self, now: Timestamp) -> (u32, u32, bool) {
        let mut rate = lock(&self.rate);
        if rate.second != now.as_second() {
            (rate.second, rate.used) = (now.as_second(), 0);
        }
        rate.used += 1;
        let limit = rate.enforced.unwrap_or(PER_SECOND);
        (
            limit,
            limit.saturating_sub(rate.used),
            rate.enforced.is_none() || rate.used <= limit,
        )
    }

    /// The mail of that id as it is now, and since when it waits if it is put off.
    pub(super) fn mail(&self, wanted: &str, now: Timestamp) -> Option<Mail> {
        let mut found = self.posts.find(|post| match post {
            Posted::Sent { mails, .. } => mails.iter().find(|mail| mail.id == wanted).cloned(),
            Posted::Rescheduled { .. } | Posted::Canceled { .. } => None,
        })?;
        let change = self.posts.find(|post| match post {
            Posted::Rescheduled { id, to } if id == wanted => Some(Some(*to)),
            Posted::Canceled { id } if id == wanted => Some(None),
            Posted::Sent { .. } | Posted::Rescheduled { .. } | Posted::Canceled { .. } => None,
        });
        match change {
            Some(Some(to)) => found.scheduled_at = Some(to),
            Some(None) => found.last_event = "canceled".to_owned(),
            None => {}
        }
        if found.last_event == "scheduled" && found.scheduled_at.is_none_or(|due| due <= now) {
            found.last_event = "delivered".to_owned();
        }
        Some(found)
    }
}

pub(super) fn routes() -> Router<Arc<World>> {
    let wrong_method = || async {
        refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method is not allowed for this endpoint.",
        )
    };
    Router::new()
        .route("/emails", post(send).fallback(wrong_method))
        .route("/emails/batch", post(send_batch).fallback(wrong_method))
        .route("/emails/{id}", get(retrieve).patch(reschedule).fallback(wrong_method))
        .route("/emails/{id}/cancel", post(cancel).fallback(wrong_method))
        .layer(middleware::from_fn(within_rate))
}

pub(super) fn refuse(status: StatusCode, name: &str, message: &str) -> Response {
    (
        status,
        Json(json!({"statusCode": status.as_u16(), "name": name, "message": message})),
    )
        .into_response()
}

pub(super) fn stock_error(status: Option<StatusCode>, name: Option<&str>) -> Response {
    let usual = match status.map_or(500, |status| status.as_u16()) {
        400 | 422 => "validation_error",
        401 => "missing_api_key",
        403 => "invalid_api_key",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "concurrent_idempotent_requests",
        429 => "rate_limit_exceeded",
        503 => "service_unavailable",
        _ => "application_error",
    };
    let name = name.unwrap_or(usual);
    let (listed, message) = match name {
        "invalid_idempotency_key" => (400, "The key must be between 1-256 chars."),
        "missing_api_key" => (401, "Missing API key in the authorization header."),
        "restricted_api_key" => (401, "This API key is restricted to only send emails."),
        "invalid_api_key" => (403, "API key is invalid."),
        "suspended_api_key" => (403, "This API key is suspended."),
        "invalid_permission" => (403, "The API key has no permission for this action."),
        "not_found" => (404, "The requested endpoint does not exist."),
        "method_not_allowed" => (405, "Method is not allowed for the requested path."),
        "concurrent_idempotent_requests" => (
            409,
            "Same idempotency key used while original request is still in progress.",
        ),
        "invalid_idempotent_request" => (409, "Same idempotency key used with a different request payload."),
        "resource_locked" => (409, "The resource is locked by another request."),
        "rate_limit_exceeded" => (429, "Too many requests. You can only make 5 requests per second."),
        "daily_quota_exceeded" => (429, "You have reached your daily email sending quota."),
        "monthly_quota_exceeded" => (429, "You have reached your monthly email sending quota."),
        "service_unavailable" => (503, "The service is unavailable, try again later."),
        "application_error" | "internal_server_error" => (500, "An unexpected error occurred."),
        _ => (422, "The request is not valid."),
    };
    let status = status
        .or(StatusCode::from_u16(listed).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refuse(status, name, message);
    if name == "rate_limit_exceeded" {
        response
            .headers_mut()
            .insert("retry-after", HeaderValue::from_static("1"));
    }
    response
}

/// Whether a request is within the rate.
#[derive(Clone, Copy)]
struct Within(bool);

/// Every reply of Resend says how much of the rate is left, also one that a fault has put in place of the usual one: so this is
/// laid over everything else.
pub(super) async fn with_rate(
    Shared(world): Shared<Arc<World>>,
    mut request: Request,
    next: middleware::Next,
) -> Response {
    let (limit, left, within) = world.resend.count(world.clock.now());
    request.extensions_mut().insert(Within(within));
    let mut response = next.run(request).await;
    for (name, value) in [
        ("ratelimit-limit", limit),
        ("ratelimit-remaining", left),
        ("ratelimit-reset", 1),
    ] {
        // A fault may have ordered others.
        response.headers_mut().entry(name).or_insert(HeaderValue::from(value));
    }
    response
}

async fn within_rate(request: Request, next: middleware::Next) -> Response {
    match request.extensions().get::<Within>() {
        Some(Within(false)) => stock_error(None, Some("rate_limit_exceeded")),
        Some(Within(true)) | None => next.run(request).await,
    }
}

/// What is checked before anything else: a user agent, a key, and whether the key may do more than send.
fn turned_away(call: &Call, sending: bool) -> Option<Response> {
    if call.header("user-agent").is_none_or(str::is_empty) {
        // The gate before Resend answers this one, and it speaks plain text.
        return Some((StatusCode::FORBIDDEN, "error code: 1010").into_response());
    }
    match call.bearer() {
        None => Some(stock_error(None, Some("missing_api_key"))),
        Some(key) if call.is_bad(key) => Some(refuse(
            StatusCode::UNAUTHORIZED,
            "validation_error",
            "API key is invalid",
        )),
        Some(key) if key.contains("suspended") => Some(stock_error(None, Some("suspended_api_key"))),
        Some(key) if key.contains("restricted") && !sending => Some(stock_error(None, Some("restricted_api_key"))),
        Some(_) => None,
    }
}

async fn send(Shared(world): Shared<Arc<World>>, call: Call) -> Response {
    accept(&world, &call, "/emails", |body| Ok(vec![body])).await
}

async fn send_batch(Shared(world): Shared<Arc<World>>, call: Call) -> Response {
    let list = |body: Value| {
        let list = body.as_array().filter(|list| (1..=100).contains(&list.len())).cloned();
        list.ok_or_else(|| Problem::invalid("An array of 1 to 100 emails is expected."))
    };
    accept(&world, &call, "/emails/batch", list).await
}

async fn accept(
    world: &World,
    call: &Call,
    path: &str,
    list: impl FnOnce(Value) -> Result<Vec<Value>, Problem>,
) -> Response {
    if let Some(refused) = turned_away(call, true) {
        return refused;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&call.body) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "The request body is not valid JSON.",
        );
    };
    let key = match call.headers.get("idempotency-key").map(HeaderValue::to_str) {
        None => None,
        Some(Ok(key)) if (1..=256).contains(&key.chars().count()) => Some(key.to_owned()),
        Some(_) => return stock_error(None, Some("invalid_idempotency_key")),
    };
    let digest = hex(&Sha256::digest(format!("{path}\n{body}")));
    let Some(_busy) = Busy::enter(world, key.as_deref()) else {
        return stock_error(None, Some("concurrent_idempotent_requests"));
    };
    let now = world.clock.now();
    let first = world.resend.posts.find(|post| match post {
        Posted::Sent {
            at,
            key: Some(known),
            digest,
            mails,
        } if Some(known) == key.as_ref() && now.duration_since(*at) < REMEMBERED => {
            Some((digest.clone(), mails.clone()))
        }
        Posted::Sent { .. } | Posted::Rescheduled { .. } | Posted::Canceled { .. } => None,
    });
    if let Some((known, mails)) = first {
        return if known == digest {
            accepted(path, &mails)
        } else {
            stock_error(None, Some("invalid_idempotent_request"))
        };
    }
    let mails = list(without_nulls(body)).and_then(|list| {
        list.into_iter()
            .map(|body| mail::read(body, world.uuid(), now))
            .collect::<Result<Vec<_>, _>>()
    });
    let mails = match mails {
        Ok(mails) => mails,
        Err(problem) => return problem.into_response(),
    };
    if mails.iter().any(|mail| mail.has("RATELIMIT")) {
        return stock_error(None, Some("rate_limit_exceeded"));
    }
    call.work_time().await;
    world.resend.posts.record(Posted::Sent {
        at: now,
        key,
        digest,
        mails: mails.clone(),
    });
    for mail in &mails {
        world.tell_about(mail);
    }
    accepted(path, &mails)
}

fn accepted(path: &str, mails: &[Mail]) -> Response {
    let mut ids = mails.iter().map(|mail| json!({"id": mail.id}));
    let single = if path == "/emails" { ids.next() } else { None };
    Json(single.unwrap_or_else(|| json!({"data": ids.collect::<Vec<_>>()}))).into_response()
}

/// Holds an idempotency key while its request is under way.
struct Busy<'a>(&'a World, Option<String>);

impl<'a> Busy<'a> {
    fn enter(world: &'a World, key: Option<&str>) -> Option<Self> {
        let free = key.is_none_or(|key| lock(&world.resend.busy).insert(key.to_owned()));
        free.then(|| Self(world, key.map(str::to_owned)))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.1 {
            lock(&self.0.resend.busy).remove(key);
        }
    }
}

async fn retrieve(Shared(world): Shared<Arc<World>>, Segment(id): Segment<String>, call: Call) -> Response {
    // A body sent along with this GET, as one SDK does, means nothing.
    if let Some(refused) = turned_away(&call, false) {
        return refused;
    }
    match world.resend.mail(&id, world.clock.now()) {
        Some(mail) => Json(mail.shown()).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "not_found", "Email not found"),
    }
}

async fn reschedule(Shared(world): Shared<Arc<World>>, Segment(id): Segment<String>, call: Call) -> Response {
    let to = call
        .object()
        .and_then(|body| body.get("scheduled_at")?.as_str()?.parse().ok());
    let Some(to) = to else {
        return Problem::invalid("Invalid `scheduled_at`: an ISO 8601 time is expected.").into_response();
    };
    change(&world, &call, id, |id| Posted::Rescheduled { id, to })
}

async fn cancel(Shared(world): Shared<Arc<World>>, Segment(id): Segment<String>, call: Call) -> Response {
    change(&world, &call, id, |id| Posted::Canceled { id })
}

fn change(world: &World, call: &Call, id: String, work: impl FnOnce(String) -> Posted) -> Response {
    if let Some(refused) = turned_away(call, false) {
        return refused;
    }
    match world.resend.mail(&id, world.clock.now()) {
        None => refuse(StatusCode::NOT_FOUND, "not_found", "Email not found"),
        Some(mail) if mail.last_event != "scheduled" => Problem::invalid("The email is not scheduled.").into_response(),
        Some(_) => {
            world.resend.posts.record(work(id.clone()));
            Json(json!({"object": "email", "id": id})).into_response()
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
