//! Seedream on Ark: paints pictures, synchronously and for money.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, extract};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use pictures::{Format, Sketch};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;
use super::call::Call;
use super::links::Shelf;
use super::seedream_order::Order;
use super::sizes::MODELS;

/// A call for which Seedream billed pictures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Billed {
    /// When, by the Clock.
    pub at: Timestamp,
    /// The model that was asked for.
    pub model: String,
    /// The prompt it painted.
    pub prompt: String,
    /// The size it was asked for, in pixels.
    pub size: String,
    /// How many pictures it billed.
    pub images: u32,
    /// The tokens they count as.
    pub output_tokens: u64,
    /// Whether the visible mark was put on.
    pub watermark: bool,
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/api/v3/images/generations", post(generate))
        .route("/api/v3/models", get(models))
        .route("/api/plan/v3/images/generations", post(plan))
}

/// A refusal as Ark words it; the request id is added when it is sent.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) kind: &'static str,
    pub(super) param: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn missing(param: &str) -> Self {
        Self {
            param: param.to_owned(),
            message: format!("The request failed because it is missing `{param}` parameter."),
            ..Self::named("MissingParameter", None)
        }
    }

    pub(super) fn invalid(param: &str, why: &str) -> Self {
        Self {
            param: param.to_owned(),
            message: format!("The parameter `{param}` specified in the request is not valid: {why}."),
            ..Self::named("InvalidParameter", None)
        }
    }

    /// The refusal that the contract lists under a code.
    pub(super) fn named(code: &str, status: Option<StatusCode>) -> Self {
        let (listed, message) = match code {
            "AuthenticationError" => (401, "The API key or AK/SK in the request is missing or invalid."),
            "AccountOverdueError" | "OperationDenied.ServiceOverdue" => {
                (403, "The request failed because your account has an overdue balance.")
            }
            "AccessDenied" | "OperationDenied.ServiceNotOpen" => (
                403,
                "The request failed because you do not have access to the requested resource.",
            ),
            "ModelNotOpen" => (404, "Your account has not activated the model."),
            "InvalidEndpointOrModel.NotFound" | "UnsupportedModel" | "InvalidEndpointOrModel.ModelIDAccessDisabled" => {
                (
                    404,
                    "The model or endpoint does not exist or you do not have access to it.",
                )
            }
            "ServerOverloaded" => (
                429,
                "The service is currently unable to handle additional requests due to server overload.",
            ),
            "QuotaExceeded" => (429, "Your account has exhausted its quota for the model."),
            "SetLimitExceeded" => (
                429,
                "Your account has reached the set inference limit for the model; the safe experience mode paused it.",
            ),
            "InternalServiceError" => (500, "The service encountered an unexpected internal error."),
            limit
                if limit.contains("RateLimitExceeded")
                    || limit.contains("Exceeded")
                    || limit == "RequestBurstTooFast" =>
            {
                (
                    429,
                    "Requests are arriving faster than the limit of your account allows.",
                )
            }
            "ContentSecurityDetectionError" => (
                400,
                "The request failed because the content security check could not be carried out.",
            ),
            "InvalidEndpoint.ClosedEndpoint" => (
                400,
                "The request targeted an endpoint that is currently closed or temporarily unavailable.",
            ),
            text if text.starts_with("InputText") || text.starts_with("SensitiveContentDetected") => (
                400,
                "The request failed because the input text may contain sensitive information.",
            ),
            image if image.starts_with("InputImage") => (
                400,
                "The request failed because the input image may contain sensitive information.",
            ),
            image if image.starts_with("OutputImage") => (
                400,
                "The request failed because the output image may contain sensitive information.",
            ),
            _ => (400, "The request is not valid."),
        };
        let status = status
            .or(StatusCode::from_u16(listed).ok())
            .unwrap_or(StatusCode::BAD_REQUEST);
        let kind = match status.as_u16() {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            429 => "TooManyRequests",
            400..500 => "BadRequest",
            _ => "InternalServerError",
        };
        Self {
            status,
            code: code.to_owned(),
            kind,
            param: String::new(),
            message: message.to_owned(),
        }
    }

    fn body(&self, request_id: &str) -> Value {
        let message = format!("{} Request id: {request_id}", self.message);
        json!({"error": {"code": self.code, "message": message, "param": self.param, "type": self.kind}})
    }
}

pub(super) fn stock_error(world: &World, status: Option<StatusCode>, code: Option<&str>) -> Response {
    let usual = match status.map_or(500, |status| status.as_u16()) {
        401 => "AuthenticationError",
        403 => "AccountOverdueError",
        404 => "InvalidEndpointOrModel.NotFound",
        429 => "ServerOverloaded",
        400..500 => "InvalidParameter",
        _ => "InternalServiceError",
    };
    let request_id = request_id(world);
    let refusal = Refusal::named(code.unwrap_or(usual), status);
    signed(
        (refusal.status, Json(refusal.body(&request_id))).into_response(),
        &request_id,
    )
}

/// `021`, the time in milliseconds and some chance.
fn request_id(world: &World) -> String {
    format!(
        "021{:013}{}",
        world.clock.now().as_millisecond(),
        world.entropy.hex::<16>()
    )
}

fn signed(mut response: Response, request_id: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn authenticated(call: &Call) -> Result<(), Refusal> {
    match call.bearer() {
        Some(key) if !call.is_bad(key) => Ok(()),
        _ => Err(Refusal::named("AuthenticationError", None)),
    }
}

async fn models(extract::State(world): extract::State<Arc<World>>, call: Call) -> Response {
    let id = request_id(&world);
    let reply = match authenticated(&call) {
        Ok(()) => {
            let list = MODELS
                .map(|(id, _)| json!({"id": id, "object": "model", "created": 1_769_558_400, "owned_by": "bytedance"}));
            Json(json!({"object": "list", "data": list})).into_response()
        }
        Err(refusal) => (refusal.status, Json(refusal.body(&id))).into_response(),
    };
    signed(reply, &id)
}

/// The subscription plan has keys of its own; the key of this account is none.
async fn plan(extract::State(world): extract::State<Arc<World>>) -> Response {
    stock_error(&world, Some(StatusCode::UNAUTHORIZED), Some("AuthenticationError"))
}

async fn generate(extract::State(world): extract::State<Arc<World>>, call: Call) -> Response {
    let id = request_id(&world);
    let ordered = authenticated(&call).and_then(|()| Order::read(&call));
    let reply = match ordered {
        Err(refusal) => (refusal.status, Json(refusal.body(&id))).into_response(),
        Ok(order) => {
            call.work_time().await;
            match paint(&world, &call, &order, &id).await {
                Ok(reply) => reply,
                Err(error) => {
                    tracing::error!(%error, "Could not draw a picture");
                    return stock_error(&world, None, None);
                }
            }
        }
    };
    signed(reply, &id)
}

async fn paint(world: &World, call: &Call, order: &Order, request_id: &str) -> anyhow::Result<Response> {
    let created = world.clock.now().as_second();
    if call.fault.error_in_ok {
        let code = call.fault.error.as_deref().unwrap_or("InternalServiceError");
        return Ok(Json(Refusal::named(code, None).body(request_id)).into_response());
    }
    if call.fault.no_image {
        let usage = json!({"generated_images": 0, "output_tokens": 0, "total_tokens": 0});
        return Ok(Json(json!({"model": order.model, "created": created, "data": [], "usage": usage})).into_response());
    }
    let size = format!("{}x{}", order.width, order.height);
    let mut data = Vec::new();
    for number in 0..order.count {
        let mut item = Map::from_iter([("size".to_owned(), json!(size))]);
        if order.base64 {
            let bytes = world.picture(sketch(call, order, number)).await?;
            item.insert("b64_json".to_owned(), json!(BASE64_STANDARD.encode(bytes)));
        } else {
            let link = world.file_result(
                Shelf::Tos,
                sketch(call, order, number),
                call.fault.link(),
                world.clock.now(),
            );
            item.insert("url".to_owned(), json!(link));
        }
        if order.family.is_pro() {
            item.insert("output_format".to_owned(), json!(order.format));
        }
        data.push(item);
    }
    let tokens = u64::from(order.count) * u64::from(order.width) * u64::from(order.height) / 256;
    world.seedream.record(Billed {
        at: world.clock.now(),
        model: order.model.clone(),
        prompt: order.prompt.clone(),
        size,
        images: order.count,
        output_tokens: tokens,
        watermark: order.watermark,
    });
    let mut usage = json!({"generated_images": order.count, "output_tokens": tokens, "total_tokens": tokens});
    if order.family.is_pro() {
        usage["input_images"] = json!(order.input_images);
    }
    let mut reply = json!({"model": order.model, "created": created, "data": data});
    if order.web_search {
        reply["tools"] = json!([{"type": "web_search"}]);
        usage["tool_usage"] = json!({"web_search": 0});
    }
    if order.stream {
        return Ok(streamed(&order.model, created, data, &usage));
    }
    reply["usage"] = usage;
    Ok(Json(reply).into_response())
}

/// The pictures of a group differ by their number.
fn sketch(call: &Call, order: &Order, number: u32) -> Sketch {
    let part = if call.fault.wrong_size { 2 } else { 1 };
    let prompt = if number == 0 {
        order.prompt.clone()
    } else {
        format!("{} ({})", order.prompt, number + 1)
    };
    Sketch {
        prompt,
        width: order.width / part,
        height: order.height / part,
        format: order.format,
        watermark: order.watermark,
    }
}

fn streamed(model: &str, created: i64, data: Vec<Map<String, Value>>, usage: &Value) -> Response {
    let event = |kind: &str, fields: Value| {
        let mut body = fields;
        body["type"] = json!(kind);
        body["model"] = json!(model);
        body["created"] = json!(created);
        format!("event: {kind}\ndata: {body}\n\n")
    };
    let mut text = String::new();
    for (index, mut item) in data.into_iter().enumerate() {
        item.insert("image_index".to_owned(), json!(index));
        text += &event("image_generation.partial_succeeded", Value::Object(item));
    }
    text += &event("image_generation.completed", json!({"usage": usage}));
    text += "data: [DONE]\n\n";
    ([("content-type", "text/event-stream; charset=utf-8")], text).into_response()
}

/// The format named in a request.
pub(super) fn format_named(name: &str) -> Option<Format> {
    match name {
        "jpeg" => Some(Format::Jpeg),
        "png" => Some(Format::Png),
        _ => None,
    }
}
