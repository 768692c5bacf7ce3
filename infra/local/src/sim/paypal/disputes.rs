//! Disputes, to be read.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::World;
use super::super::call::Call;
use super::refusal::Refusal;
use super::{said, shown};

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v1/customer/disputes", get(list))
        .route("/v1/customer/disputes/{id}", get(look))
}

#[derive(Deserialize)]
struct Asked {
    disputed_transaction_id: String,
}

async fn list(State(world): State<Arc<World>>, Query(asked): Query<Asked>, call: Call) -> Response {
    call.work_time().await;
    let of_capture = world.paypal.find(|checkout| {
        let mut captures = checkout.captures.iter();
        let is_it = captures.any(|capture| capture.id == asked.disputed_transaction_id);
        is_it.then(|| checkout.clone())
    });
    let items: Vec<Value> = of_capture
        .iter()
        .flat_map(|checkout| checkout.disputes.iter().map(move |one| (checkout, one)))
        .map(|(checkout, dispute)| shown::dispute(&world.paypal_origin, checkout, dispute, false))
        .collect();
    Json(json!({ "items": items, "links": [] })).into_response()
}

async fn look(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    call.work_time().await;
    let found = world.paypal.find(|checkout| {
        let dispute = checkout.disputes.iter().find(|one| one.id == id)?;
        Some(Json(shown::dispute(&world.paypal_origin, checkout, dispute, true)).into_response())
    });
    said(&world, found.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID")))
}
