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
use serde_json::{Value, json};

use super::book::{Works, lock, masked};
use super::call::Call;
use super::deepseek_chat::{Chat, Refusal, listed};
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

/// What thinking costs when it is not switched off, as it is by default.
const THINKING_TOKENS: u64 = 512;

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
        Err(refused) => return refused.into_response(),
    };
    call.work_time().await;
    chat.answer(&world, &call)
}

fn authenticated(call: &Call) -> Result<(), Refusal> {
    let refused = match call.bearer() {
        Some(key) if !call.is_bad(key) => return Ok(()),
        Some(key) => format!("Authentication Fails, Your api key: {} is invalid", masked(key)),
        None => "Authentication Fails (auth header format should be Bearer sk-...)".to_owned(),
    };
    Err(Refusal {
        message: refused,
        ..listed(StatusCode::UNAUTHORIZED)
    })
}

pub(super) fn stock_error(status: Option<StatusCode>) -> Response {
    listed(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)).into_response()
}

impl Chat {
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
