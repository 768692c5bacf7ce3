//! Captures and refunds by their own names.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::super::World;
use super::super::call::Call;
use super::checkout::{Checkout, Refund};
use super::orders::{money, request_id};
use super::refusal::Refusal;
use super::{Moved, said, shown};

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v2/payments/captures/{id}", get(capture))
        .route("/v2/payments/captures/{id}/refund", post(refund))
        .route("/v2/payments/refunds/{id}", get(look))
}

async fn capture(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    call.work_time().await;
    let found = world.paypal.find(|checkout| {
        let capture = checkout.captures.iter().find(|one| one.id == id)?;
        Some(Json(shown::capture(&world.paypal_origin, checkout, capture)).into_response())
    });
    said(&world, found.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID")))
}

async fn look(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    call.work_time().await;
    let found = world.paypal.find(|checkout| {
        let refund = checkout.refunds.iter().find(|one| one.id == id)?;
        Some(Json(shown::refund(&world.paypal_origin, checkout, refund)).into_response())
    });
    said(&world, found.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID")))
}

async fn refund(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    let answer = send_back(&world, &id, &call).await;
    said(&world, answer)
}

async fn send_back(world: &World, id: &str, call: &Call) -> Result<Response, Refusal> {
    let named = request_id(call)?;
    let body = match call.body.is_empty() {
        true => None,
        false => Some(call.object().ok_or_else(|| Refusal::of("MALFORMED_REQUEST_JSON"))?),
    };
    let amount = body
        .as_ref()
        .and_then(|body| body.get("amount"))
        .map(money)
        .transpose()?;
    let note = body
        .as_ref()
        .and_then(|body| body.get("note_to_payer"))
        .and_then(Value::as_str);
    if note.is_some_and(|note| note.chars().count() > 255) {
        return Err(Refusal::of("INVALID_STRING_LENGTH").at("/note_to_payer"));
    }
    let Some(_busy) = world.paypal.enter(format!("refund {id}")) else {
        return Err(Refusal::of("PREVIOUS_REQUEST_IN_PROGRESS"));
    };
    call.work_time().await;
    let (name, now) = (world.paypal_name(), world.clock.now());
    let is_meant = |one: &Checkout| one.captures.iter().any(|capture| capture.id == id);
    let ((refund, was_done), checkout) = world
        .paypal
        .change(is_meant, |one| one.refund(named, amount, name, now))?;
    if !was_done {
        world.paypal_tell_of_refund("PAYMENT.CAPTURE.REFUNDED", &checkout, &refund);
    }
    let mut shown = shown::refund(&world.paypal_origin, &checkout, &refund);
    if call
        .header("prefer")
        .is_none_or(|prefer| prefer.contains("return=minimal"))
    {
        shown = serde_json::json!({ "id": shown["id"], "status": shown["status"], "links": shown["links"] });
    }
    let status = if was_done { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(shown)).into_response())
}

impl World {
    /// Writes the money down that went back, and tells of it.
    pub(super) fn paypal_tell_of_refund(&self, kind: &str, checkout: &Checkout, refund: &Refund) {
        self.paypal.moved.record(Moved::Refunded {
            at: self.clock.now(),
            custom_id: checkout.custom_id.clone(),
            refund: refund.id.clone(),
            amount: refund.amount,
        });
        self.paypal_tell(kind, &shown::refund(&self.paypal_origin, checkout, refund));
    }
}
