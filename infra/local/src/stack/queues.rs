//! A desk to look at the queues: what waits, what is hidden, and what lies in a dead-letter queue.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::engine::queues::{Message, Queues};

/// `GET /_sim/queues` lists them, `GET /_sim/queues/{queue}` shows the messages of one, and
/// `POST /_sim/queues/{queue}/redrive` sends the messages of a dead-letter queue back to where they came from.
pub(super) fn desk(queues: Queues) -> Router {
    Router::new()
        .route("/_sim/queues", get(list))
        .route("/_sim/queues/{queue}", get(show))
        .route("/_sim/queues/{queue}/redrive", post(redrive))
        .with_state(queues)
}

async fn list(State(queues): State<Queues>) -> Response {
    let depth = |name: &str| {
        let depth = queues.depth(name)?;
        Ok(json!({ "queue": name, "visible": depth.visible, "hidden": depth.hidden }))
    };
    let all: anyhow::Result<Vec<Value>> = queues.names().map(depth).collect();
    answer(all.map(|queues| json!({ "queues": queues })))
}

async fn show(State(queues): State<Queues>, Path(queue): Path<String>) -> Response {
    let messages = match queues.names().any(|known| known == queue) {
        true => queues.peek(&queue),
        false => Err(anyhow::anyhow!("there is no queue `{queue}`")),
    };
    answer(messages.map(|messages| json!({ "messages": messages.iter().map(view).collect::<Vec<_>>() })))
}

async fn redrive(State(queues): State<Queues>, Path(queue): Path<String>) -> Response {
    answer(queues.redrive(&queue).map(|moved| json!({ "moved": moved })))
}

fn view(message: &Message) -> Value {
    json!({
        "id": message.id,
        // Ours are JSON; whatever else somebody put there is shown as it is.
        "body": serde_json::from_str(&message.body).unwrap_or_else(|_| Value::String(message.body.clone())),
        "sent": message.sent.to_string(),
        "visible": message.visible.to_string(),
        "receives": message.receives,
    })
}

fn answer(result: anyhow::Result<Value>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}
