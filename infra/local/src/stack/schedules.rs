//! A desk to look at the schedules, and to run one at once.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::engine::schedules::{Schedules, Seen};

/// `GET /_sim/schedules` lists them, and `POST /_sim/schedules/{name}/run` runs one, due or not, and answers when it has ended.
pub(super) fn desk(schedules: Schedules) -> Router {
    Router::new()
        .route("/_sim/schedules", get(list))
        .route("/_sim/schedules/{name}/run", post(run))
        .with_state(schedules)
}

async fn list(State(schedules): State<Schedules>) -> Response {
    let all: Vec<Value> = schedules.list().iter().map(view).collect();
    Json(json!({ "schedules": all })).into_response()
}

async fn run(State(schedules): State<Schedules>, Path(name): Path<String>) -> Response {
    if !schedules.list().iter().any(|seen| seen.spec.name == name) {
        let error = format!("there is no schedule `{name}`");
        return (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response();
    }
    match schedules.run(&name).await {
        Ok(()) => Json(json!({ "ran": name })).into_response(),
        Err(error) => {
            let error = json!({ "ran": name, "error": format!("{error:#}") });
            (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response()
        }
    }
}

fn view(seen: &Seen) -> Value {
    json!({
        "name": seen.spec.name,
        "function": seen.spec.function,
        "every": seen.spec.every.to_string(),
        "last_run": seen.last_run,
        "failed": seen.failed,
        "due": seen.due,
    })
}
