//! What API Gateway makes of a function's answer, payload format 2.0.

use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{TooLarge, fits};

/// Why a function's payload is no answer. Its client gets a 500 with `{"message":"Internal Server Error"}`; this is for the log.
#[derive(Debug, Error)]
pub enum NoAnswer {
    /// Lambda takes no such payload from a function.
    #[error("the answer is too large")]
    TooLarge(#[from] TooLarge),
    /// It is not JSON.
    #[error("the answer is no JSON")]
    NotJson(#[source] serde_json::Error),
    /// It names a status, and the rest is not of the form.
    #[error("the answer has not the form of payload format 2.0")]
    Malformed(#[source] serde_json::Error),
    /// Its status is none of HTTP's.
    #[error("{0} is no HTTP status")]
    Status(u16),
    /// A header's name or value cannot stand in an answer.
    #[error("the header `{0}` cannot be sent")]
    Header(String),
    /// It says that its body is Base64, and it is not.
    #[error("the body is no Base64")]
    Body(#[source] base64::DecodeError),
}

/// The members that the gateway reads. A function of `lambda_http` sends `multiValueHeaders` as well, always empty; this format
/// does not have it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    status_code: u16,
    headers: Option<Map<String, Value>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The HTTP answer that `payload` stands for.
///
/// An object with a `statusCode` is read member by member. Any other JSON is itself the body of a 200; a lone string without
/// its quotes.
///
/// # Errors
/// When API Gateway would not know what to do with it.
pub fn http_answer(payload: &[u8]) -> Result<Response<Bytes>, NoAnswer> {
    fits(payload)?;
    let value: Value = serde_json::from_slice(payload).map_err(NoAnswer::NotJson)?;
    if value.get("statusCode").is_some() {
        return written(serde_json::from_value(value).map_err(NoAnswer::Malformed)?);
    }
    let body = value.as_str().map_or(payload, str::as_bytes);
    Ok(inferred(Bytes::copy_from_slice(body)))
}

fn inferred(body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

fn written(written: Written) -> Result<Response<Bytes>, NoAnswer> {
    let status = written.status_code;
    let body = written.body.unwrap_or_default();
    let body = match written.is_base64_encoded {
        Some(true) => STANDARD.decode(body).map_err(NoAnswer::Body)?.into(),
        Some(false) | None => Bytes::from(body),
    };
    let empty = body.is_empty();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).map_err(|_| NoAnswer::Status(status))?;
    let headers = answer.headers_mut();
    for (name, value) in written.headers.unwrap_or_default() {
        put(headers, name, &value)?;
    }
    for cookie in written.cookies.unwrap_or_default() {
        let cookie = HeaderValue::from_str(&cookie).map_err(|_| NoAnswer::Header(SET_COOKIE.to_string()))?;
        headers.append(SET_COOKIE, cookie);
    }
    if !empty && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    Ok(answer)
}

fn put(headers: &mut HeaderMap, name: String, value: &Value) -> Result<(), NoAnswer> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null => return Ok(()),
        Value::Array(_) | Value::Object(_) => return Err(NoAnswer::Header(name)),
    };
    match (HeaderName::try_from(&name), HeaderValue::try_from(text)) {
        // The length and the connection are the gateway's business with its client.
        (Ok(CONTENT_LENGTH | CONNECTION | TRANSFER_ENCODING), _) => Ok(()),
        (Ok(known), Ok(value)) => {
            headers.insert(known, value);
            Ok(())
        }
        _ => Err(NoAnswer::Header(name)),
    }
}
