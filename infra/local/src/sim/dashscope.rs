//! DashScope: paints pictures for money, on the spot or in tasks that can be followed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::World;
use super::call::Call;
use super::dashscope_order::{Order, Refusal};
use super::tasks::{Task, TaskStatus};

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/api/v1/services/aigc/text2image/image-synthesis", post(submit))
        .route("/api/v1/services/aigc/multimodal-generation/generation", post(generate))
        .route("/api/v1/tasks/{id}", get(look))
        .route("/api/v1/tasks/{id}/cancel", post(cancel))
}

pub(super) fn stock_error(world: &World, status: Option<StatusCode>, code: Option<&str>) -> Response {
    let usual = match status.map_or(500, |status| status.as_u16()) {
        401 => "InvalidApiKey",
        403 => "AccessDenied",
        404 => "ModelNotFound",
        408 => "RequestTimeOut",
        429 => "Throttling.RateQuota",
        503 => "ModelUnavailable",
        400..500 => "InvalidParameter",
        _ => "InternalError",
    };
    let refusal = Refusal::named(code.unwrap_or(usual), status);
    answered(world, Err(refusal))
}

/// Every answer has a request id, in the body and in a header.
fn answered(world: &World, outcome: Result<Value, Refusal>) -> Response {
    let id = world.uuid();
    let mut response = match outcome {
        Ok(mut body) => {
            body["request_id"] = json!(id);
            Json(body).into_response()
        }
        Err(Refusal { status, code, message }) => {
            let body = json!({"code": code, "message": message, "request_id": id});
            (status, Json(body)).into_response()
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn authenticated(call: &Call) -> Result<(), Refusal> {
    let why = match call.bearer() {
        Some(key) if !call.is_bad(key) => return Ok(()),
        Some(_) => "Invalid API-key provided.",
        None => "No API-key provided.",
    };
    Err(Refusal {
        message: why.to_owned(),
        ..Refusal::named("InvalidApiKey", None)
    })
}

/// Each address answers in one way only: in tasks, or on the spot.
fn is_in_tasks(call: &Call, wanted: bool) -> Result<(), Refusal> {
    let asked = call.header("x-dashscope-async") == Some("enable");
    if asked == wanted {
        return Ok(());
    }
    let kind = if asked { "asynchronous" } else { "synchronous" };
    Err(Refusal {
        message: format!("current user api does not support {kind} calls."),
        ..Refusal::named("AccessDenied", None)
    })
}

async fn submit(State(world): State<Arc<World>>, call: Call) -> Response {
    let order = authenticated(&call)
        .and_then(|()| is_in_tasks(&call, true))
        .and_then(|()| Order::of_task(&call));
    call.work_time().await;
    let accepted = order.map(|order| {
        let id = world.accept_task(&order, &call.fault);
        json!({"output": {"task_status": "PENDING", "task_id": id}})
    });
    answered(&world, accepted)
}

async fn generate(State(world): State<Arc<World>>, call: Call) -> Response {
    let order = authenticated(&call)
        .and_then(|()| is_in_tasks(&call, false))
        .and_then(|()| Order::of_conversation(&call));
    call.work_time().await;
    let painted = order.and_then(|order| {
        if order.is_forbidden() {
            return Err(Refusal::named("DataInspectionFailed", None));
        }
        let link = world.paint_now(&order, &call.fault);
        let message = json!({"role": "assistant", "content": [{"image": link}]});
        Ok(json!({
            "output": {
                "choices": [{"finish_reason": "stop", "message": message}],
                "task_metric": {"TOTAL": 1, "FAILED": 0, "SUCCEEDED": 1},
            },
            "usage": {"width": order.width, "height": order.height, "image_count": 1},
        }))
    });
    answered(&world, painted)
}

async fn look(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    call.work_time().await;
    let seen = authenticated(&call).and_then(|()| {
        if !world.dashscope.may_look(world.clock.now()) {
            return Err(Refusal::named("Throttling.RateQuota", None));
        }
        Ok(told(&id, world.task(&id).as_ref(), world.clock.now()))
    });
    answered(&world, seen)
}

async fn cancel(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    let cancelled = authenticated(&call).and_then(|()| {
        if world.cancel_task(&id) {
            return Ok(json!({}));
        }
        Err(Refusal {
            message: "Failed to cancel the task, please confirm if the task is in PENDING status.".to_owned(),
            ..Refusal::named("UnsupportedOperation", None)
        })
    });
    answered(&world, cancelled)
}

/// What is told about a task; of one that is not there, only that.
fn told(id: &str, task: Option<&Task>, now: Timestamp) -> Value {
    let status = task.map_or(TaskStatus::Unknown, |task| task.status(now));
    let mut output = json!({"task_id": id, "task_status": status.word()});
    let Some(task) = task.filter(|_| status != TaskStatus::Unknown) else {
        return json!({ "output": output });
    };
    output["submit_time"] = json!(local(task.submitted_at));
    if status != TaskStatus::Pending {
        output["scheduled_time"] = json!(local(task.starts_at));
    }
    if let TaskStatus::Succeeded | TaskStatus::Failed | TaskStatus::Canceled = status {
        output["end_time"] = json!(local(task.ended_at()));
    }
    match (status, &task.failure) {
        (TaskStatus::Failed, Some((code, message))) => {
            output["code"] = json!(code);
            output["message"] = json!(message);
            json!({ "output": output })
        }
        (TaskStatus::Succeeded, _) => {
            let mut results = Vec::new();
            if let Some(url) = &task.url {
                let mut result = json!({"orig_prompt": task.painting.prompt, "url": url});
                if let Some(actual) = &task.painting.actual_prompt {
                    result["actual_prompt"] = json!(actual);
                }
                results.push(result);
            }
            let count = results.len();
            output["results"] = json!(results);
            json!({"output": output, "usage": {"image_count": count}})
        }
        _ => json!({ "output": output }),
    }
}

/// A time as DashScope writes it, in China's and without saying so.
fn local(at: Timestamp) -> String {
    let there = at.to_zoned(TimeZone::fixed(Offset::constant(8)));
    there.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
}
