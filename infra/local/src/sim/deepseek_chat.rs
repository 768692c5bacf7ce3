//! What DeepSeek is asked, and its reasons to refuse.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::call::Call;

const SERVED: [&str; 3] = ["deepseek-flash", "deepseek-v4-pro", "deepseek-v4-flash"];
const DEFAULT_MAX_TOKENS: u64 = 8_192;

/// An error as DeepSeek words it. The code says `invalid_request_error` whatever the matter is; only the status can be
/// trusted.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
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

pub(super) fn listed(status: StatusCode) -> Refusal {
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

/// A request that passed every check.
pub(super) struct Chat {
    pub(super) model: String,
    pub(super) system: String,
    pub(super) user: String,
    pub(super) json: bool,
    pub(super) thinking: bool,
    pub(super) stream: bool,
    pub(super) usage_in_stream: bool,
    pub(super) max_tokens: u64,
}

impl Chat {
    pub(super) fn read(call: &Call) -> Result<Self, Refusal> {
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
