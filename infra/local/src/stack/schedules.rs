//! A desk to look at the schedules, and to run one at once.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::engine::one_offs::OneOffs;
use crate::engine::schedules::{Schedules, Seen};

/// What the desk looks at.
#[derive(Clone)]
struct Desk {
    schedules: Schedules,
    one_offs: OneOffs,
}

/// `GET /_sim/schedules` lists them, with those that functions ordered to happen once, and `POST /_sim/schedules/{name}/run` runs one, due or not, and answers when it has ended.
pub(super) fn desk(schedules: Schedules, one_offs: OneOffs) -> Router {
    Router::new()
        .route("/_sim/schedules", get(list))
        .route("/_sim/schedules/{name}/run", post(run))
        .with_state(Desk { schedules, one_offs })
}

async fn list(State(Desk { schedules, one_offs }): State<Desk>) -> Response {
    let all: Vec<Value> = schedules.list().iter().map(view).collect();
    Json(json!({ "schedules": all, "once": one_offs.due() })).into_response()
}

async fn run(State(Desk { schedules, .. }): State<Desk>, Path(name): Path<String>) -> Response {
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
