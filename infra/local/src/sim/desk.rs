//! The experimenter's side: the index page, the books, the faults, the limits.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::faults::Ordered;
use super::mailbox::page;
use super::{Provider, World};

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(index))
        .route("/_sim/book", get(books))
        .route("/_sim/book/{provider}", get(book))
        .route("/_sim/faults", get(faults).post(order).delete(clear))
        .route("/_sim/limits", put(limit))
        .fallback(nothing_here)
}

pub(super) fn wrong(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

#[derive(Template)]
#[template(path = "simulators.html")]
struct Index {
    origin: String,
    now: String,
    mails: usize,
    faults: usize,
}

async fn index(State(world): State<Arc<World>>) -> Response {
    page(&Index {
        origin: world.origin.clone(),
        now: world.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        mails: super::mailbox::mails(&world, None).len(),
        faults: world.faults.list().len(),
    })
}

async fn nothing_here() -> Response {
    wrong(
        StatusCode::NOT_FOUND,
        "no simulated provider has this path; `/` names those that there are",
    )
}

async fn books(State(world): State<Arc<World>>) -> Response {
    Json(world.book()).into_response()
}

async fn book(State(world): State<Arc<World>>, Path(provider): Path<String>) -> Response {
    let books = world.book();
    match Provider::ALL.into_iter().find(|known| known.name() == provider) {
        Some(Provider::Deepseek) => Json(books.deepseek).into_response(),
        Some(Provider::Seedream) => Json(books.seedream).into_response(),
        Some(Provider::Dashscope) => Json(books.dashscope).into_response(),
        Some(Provider::Resend) => Json(books.resend).into_response(),
        Some(Provider::Paypal) => Json(books.paypal).into_response(),
        None => wrong(StatusCode::NOT_FOUND, "no such provider"),
    }
}

async fn faults(State(world): State<Arc<World>>) -> Response {
    Json(world.faults.list()).into_response()
}

async fn order(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let ordered = serde_json::from_slice::<Ordered>(&body).map_err(|error| error.to_string());
    match ordered.and_then(|ordered| world.faults.order(ordered)) {
        Ok(()) => (StatusCode::CREATED, faults(State(world)).await).into_response(),
        Err(why) => wrong(StatusCode::BAD_REQUEST, &why),
    }
}

async fn clear(State(world): State<Arc<World>>) -> Response {
    world.faults.clear();
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    resend_per_second: Option<u32>,
    dashscope_looks_per_second: Option<u32>,
}

async fn limit(State(world): State<Arc<World>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Limits>(&body) {
        Ok(limits) => {
            world.resend.limit(limits.resend_per_second);
            world.dashscope.limit(limits.dashscope_looks_per_second);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}
