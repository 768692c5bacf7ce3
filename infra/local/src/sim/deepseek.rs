//! DeepSeek: writes image prompts. Follows its contract down to the misleading error codes.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, extract};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::book::{Works, lock, masked};
use super::call::Call;
use super::prompts::Wish;
use super::{Provider, World};

/// A chat that DeepSeek answered with prompts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// When, by the Clock.
    pub at: Timestamp,
    /// The model that was asked for.
    pub model: String,
    /// The description as DeepSeek understood it.
    pub description: String,
    /// The prompts it wrote.
    pub prompts: Vec<String>,
    /// The tokens it bills.
    pub total_tokens: u64,
}

pub(super) struct State {
    pub(super) answers: Works<Answered>,
    /// System prompts seen before, whose tokens come from the cache.
    prefixes: Mutex<HashSet<String>>,
}

impl State {
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self {
            answers: Works::open(folder, Provider::Deepseek)?,
            prefixes: Mutex::default(),
        })
    }
}

const SERVED: [&str; 3] = ["deepseek-flash", "deepseek-v4-pro", "deepseek-v4-flash"];
/// What thinking costs when it is not switched off, as it is by default.
const THINKING_TOKENS: u64 = 512;
const DEFAULT_MAX_TOKENS: u64 = 8_192;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/chat/completions", post(chat))
        .route("/v1/chat/completions", post(chat))
        .route("/models", get(models))
        .route("/v1/models", get(models))
        .route("/user/balance", get(balance))
}

async fn models(call: Call) -> Response {
    if let Err(refused) = authenticated(&call) {
        return refused.into_response();
    }
    let data: Vec<Value> = ["deepseek-flash", "deepseek-v4-pro"]
        .map(|id| json!({"id": id, "object": "model", "owned_by": "deepseek"}))
        .into();
    Json(json!({"object": "list", "data": data})).into_response()
}

async fn balance(call: Call) -> Response {
    if let Err(refused) = authenticated(&call) {
        return refused.into_response();
    }
    let sums = json!({"currency": "CNY", "total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"});
    Json(json!({"is_available": true, "balance_infos": [sums]})).into_response()
}

async fn chat(extract::State(world): extract::State<Arc<World>>, call: Call) -> Response {
    if let Err(refused) = authenticated(&call) {
        return refused.into_response();
    }
    let chat = match Chat::read(&call) {
        Ok(chat) => chat,
        Err(refused) => return refused,
    };
    call.work_time().await;
    chat.answer(&world, &call)
}

fn authenticated(call: &Call) -> Result<(), Refusal> {
    let refused = match call.bearer() {
        Some(key) if !key.contains("bad") => return Ok(()),
        Some(key) => format!("Authentication Fails, Your api key: {} is invalid", masked(key)),
        None => "Authentication Fails (auth header format should be Bearer sk-...)".to_owned(),
    };
    Err(Refusal {
        message: refused,
        ..listed(StatusCode::UNAUTHORIZED)
    })
}

/// An error as DeepSeek words it. The code says `invalid_request_error` whatever the matter is; only the status can be
/// trusted.
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, kind, message } = self;
        let error = json!({"message": message, "type": kind, "param": null, "code": "invalid_request_error"});
        (status, Json(json!({"error": error}))).into_response()
    }
}

fn bad(message: &str) -> Refusal {
    Refusal {
        message: message.to_owned(),
        ..listed(StatusCode::BAD_REQUEST)
    }
}

fn bad_value(message: &str) -> Refusal {
    Refusal {
        message: message.to_owned(),
        ..listed(StatusCode::UNPROCESSABLE_ENTITY)
    }
}

fn listed(status: StatusCode) -> Refusal {
    let (kind, message) = match status.as_u16() {
        400 | 422 => ("invalid_request_error", "Invalid request"),
        401 => ("authentication_error", "Authentication Fails (governor)"),
        402 => ("unknown_error", "Insufficient Balance"),
        429 => ("rate_limit_error", "Rate limit reached: too many concurrent requests"),
        503 => (
            "service_unavailable_error",
            "Service is too busy. Please try again later.",
        ),
        _ => ("internal_server_error", "Internal server error"),
    };
    Refusal {
        status,
        kind,
        message: message.to_owned(),
    }
}

pub(super) fn stock_error(status: Option<StatusCode>) -> Response {
    listed(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)).into_response()
}

/// A request that passed every check.
struct Chat {
    model: String,
    system: String,
    user: String,
    json: bool,
    thinking: bool,
    stream: bool,
    usage_in_stream: bool,
    max_tokens: u64,
}

impl Chat {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let Some(body) = call.object() else {
            return Err(bad("Failed to parse the request body as JSON"));
        };
        let model = body
            .get("model")
            .and_then(Value::as_str)
            .ok_or_else(|| bad("missing field `model`"))?;
        let (system, user) = messages(&body)?;
        check_values(&body)?;
        if !SERVED.contains(&model) {
            return Err(bad("Model Not Exist"));
        }
        let json = match body.get("response_format").map(|format| format["type"].as_str()) {
            None | Some(Some("text")) => false,
            Some(Some("json_object")) => true,
            Some(_) => return Err(bad("This response_format type is unavailable now")),
        };
        if json && !format!("{system}{user}").to_lowercase().contains("json") {
            return Err(bad(
                "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
            ));
        }
        for (word, status) in [
            ("NOBALANCE", StatusCode::PAYMENT_REQUIRED),
            ("RATELIMIT", StatusCode::TOO_MANY_REQUESTS),
        ] {
            if user.contains(word) {
                return Err(listed(status));
            }
        }
        if user.contains("FORBIDDEN") {
            return Err(bad("Content Exists Risk"));
        }
        Ok(Self {
            model: model.to_owned(),
            system,
            user,
            json,
            thinking: body
                .get("thinking")
                .is_none_or(|thinking| thinking["type"] != "disabled"),
            stream: body.get("stream") == Some(&Value::Bool(true)),
            usage_in_stream: body
                .get("stream_options")
                .is_some_and(|options| options["include_usage"] == true),
            max_tokens: body
                .get("max_tokens")
                .and_then(Value::as_u64)
                .unwrap_or(DEFAULT_MAX_TOKENS),
        })
    }

    fn answer(self, world: &World, call: &Call) -> Response {
        let wish = Wish::read(&self.system, &self.user);
        let prompts = wish.prompts();
        let whole = if self.json {
            json!({"prompts": prompts}).to_string()
        } else {
            prompts
                .iter()
                .enumerate()
                .map(|(n, prompt)| format!("{}. {prompt}\n", n + 1))
                .collect()
        };
        let reasoning = if self.thinking {
            THINKING_TOKENS.min(self.max_tokens)
        } else {
            0
        };
        let room = self.max_tokens - reasoning;
        let fault = &call.fault;
        let (content, finish) = if fault.blank_content {
            (" ".repeat(16), "stop")
        } else if fault.truncated || tokens(&whole) > room {
            let room = if fault.truncated {
                room.min(tokens(&whole) / 2)
            } else {
                room
            };
            let fits = |text: &str| tokens(text) <= room;
            let cut = whole
                .char_indices()
                .map(|(at, _)| at)
                .take_while(|at| fits(&whole[..*at]))
                .last()
                .unwrap_or(0);
            (whole[..cut].to_owned(), "length")
        } else {
            (whole, "stop")
        };
        let finish = fault.finish_reason.as_deref().unwrap_or(finish);

        let prompt_tokens = tokens(&self.system) + tokens(&self.user) + 8;
        let known = !remember(world, &self.system);
        let hit = if known { tokens(&self.system) / 64 * 64 } else { 0 };
        let completion = tokens(&content) + reasoning;
        let usage = json!({
            "prompt_tokens": prompt_tokens, "completion_tokens": completion, "total_tokens": prompt_tokens + completion,
            "prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": prompt_tokens - hit,
            "prompt_tokens_details": {"cached_tokens": hit}, "completion_tokens_details": {"reasoning_tokens": reasoning},
        });
        world.deepseek.answers.record(Answered {
            at: world.clock.now(),
            model: self.model.clone(),
            description: wish.description,
            prompts,
            total_tokens: prompt_tokens + completion,
        });
        // The retired name is served by its successor, which signs with its own.
        let model = if self.model == "deepseek-v4-flash" {
            "deepseek-flash"
        } else {
            &self.model
        };
        let frame = json!({"id": world.uuid(), "created": world.clock.now().as_second(), "model": model, "system_fingerprint": "fp_5f1c0e6b2a"});
        let mut message = json!({"role": "assistant", "content": content});
        if self.thinking {
            message["reasoning_content"] = json!("The product is clear; I vary light, surface and viewpoint.");
        }
        if self.stream {
            return streamed(&frame, &message, finish, self.usage_in_stream.then_some(usage));
        }
        let mut reply = frame;
        reply["object"] = json!("chat.completion");
        reply["choices"] = json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}]);
        reply["usage"] = usage;
        Json(reply).into_response()
    }
}

/// The system's words and everybody else's.
fn messages(body: &Map<String, Value>) -> Result<(String, String), Refusal> {
    let list = body
        .get("messages")
        .and_then(Value::as_array)
        .ok_or_else(|| bad("missing field `messages`"))?;
    let (mut system, mut user) = (String::new(), String::new());
    for (at, message) in list.iter().enumerate() {
        let text = match &message["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                return Err(bad(&format!(
                    "Failed to deserialize the JSON body into the target type: messages[{at}]: missing field `content`"
                )));
            }
        };
        match message["role"].as_str() {
            Some("system") => system += &text,
            Some("user" | "assistant" | "tool") => user += &text,
            _ => {
                return Err(bad(&format!(
                    "Failed to deserialize the JSON body into the target type: messages[{at}].role: unknown variant"
                )));
            }
        }
    }
    if list.is_empty() {
        Err(bad("Empty input messages"))
    } else {
        Ok((system, user))
    }
}

/// The limits of the parameters that have any; what DeepSeek does not know it ignores.
fn check_values(body: &Map<String, Value>) -> Result<(), Refusal> {
    let number = |name: &str| body.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    for (name, most) in [("temperature", 2.0), ("top_p", 1.0)] {
        if number(name).is_some_and(|value| !(0.0..=most).contains(&value)) {
            return Err(bad_value(&format!(
                "Invalid {name} value, the valid range of {name} is [0, {most}]"
            )));
        }
    }
    if body
        .get("max_tokens")
        .is_some_and(|value| !value.as_u64().is_some_and(|n| (1..=393_216).contains(&n)))
    {
        return Err(bad_value(
            "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]",
        ));
    }
    if body
        .get("stop")
        .and_then(Value::as_array)
        .is_some_and(|stops| stops.len() > 16)
    {
        return Err(bad_value("Invalid stop value, at most 16 sequences are allowed"));
    }
    if body
        .get("user_id")
        .is_some_and(|id| id.as_str().is_none_or(|id| id.len() > 512))
    {
        return Err(bad_value(
            "Invalid user_id value, a string of at most 512 bytes is expected",
        ));
    }
    if body
        .get("thinking")
        .is_some_and(|thinking| !matches!(thinking["type"].as_str(), Some("enabled" | "disabled")))
    {
        return Err(bad_value(
            "Invalid thinking.type value, expected `enabled` or `disabled`",
        ));
    }
    Ok(())
}

/// Whether this system prompt is new; at most a thousand are remembered.
fn remember(world: &World, system: &str) -> bool {
    let mut prefixes = lock(&world.deepseek.prefixes);
    if prefixes.len() >= 1_000 {
        prefixes.clear();
    }
    prefixes.insert(system.to_owned())
}

/// DeepSeek's own rule of thumb: 0.6 tokens a Chinese character, 0.3 any other.
fn tokens(text: &str) -> u64 {
    text.chars()
        .map(|c| if c.is_ascii() { 3 } else { 6 })
        .sum::<u64>()
        .div_ceil(10)
}

fn streamed(frame: &Value, message: &Value, finish: &str, usage: Option<Value>) -> Response {
    let chunk = |delta: Value, finish: Value| {
        let mut chunk = frame.clone();
        chunk["object"] = json!("chat.completion.chunk");
        chunk["choices"] = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        chunk
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    if let Some(thoughts) = message.get("reasoning_content") {
        events.push(chunk(json!({"reasoning_content": thoughts}), Value::Null));
    }
    let letters: Vec<char> = message["content"].as_str().unwrap_or_default().chars().collect();
    events.extend(
        letters
            .chunks(40)
            .map(|piece| chunk(json!({"content": piece.iter().collect::<String>()}), Value::Null)),
    );
    let mut last = chunk(json!({"content": ""}), json!(finish));
    last["usage"] = usage.unwrap_or_default();
    events.push(last);
    let mut text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    text.insert_str(0, ": keep-alive\n\n");
    text += "data: [DONE]\n\n";
    ([("content-type", "text/event-stream; charset=utf-8")], text).into_response()
}
