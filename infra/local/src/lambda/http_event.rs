//! A request as API Gateway's HTTP APIs tell it to a function: payload format 2.0.
//!
//! What is documented, what others have measured and what we merely believe is kept apart in `docs/local.md`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, TE, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::header::{HeaderMap, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::engine::spec::ACCOUNT;

const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// These speak of the connection between client and gateway, which ends there.
const OF_THE_CONNECTION: [HeaderName; 5] = [CONNECTION, KEEP_ALIVE, TE, TRANSFER_ENCODING, UPGRADE];

/// The API that took a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its id, ten letters and digits.
    pub id: String,
    /// The name that clients reach it by, such as `api.example.com`.
    pub domain_name: String,
}

/// A request and all that its event tells about it.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// The API that took it.
    pub api: &'a Api,
    /// Method, target, version and headers, as the client sent them.
    pub parts: &'a Parts,
    /// The whole body.
    pub body: &'a [u8],
    /// The route that was chosen, as `GET /v1/images/{id}` or `$default`.
    pub route_key: &'a str,
    /// The route's parameters, decoded.
    pub path_parameters: &'a BTreeMap<String, String>,
    /// Where it came from.
    pub source: IpAddr,
    /// When it came.
    pub at: Timestamp,
    /// The gateway's name for it; [`request_id`] makes one.
    pub request_id: &'a str,
    /// What its trace is known by; [`trace_id`] makes one.
    pub trace_id: &'a str,
}

/// The event for `request`. A field that has nothing to say is left out, as API Gateway does, and never `null`.
#[must_use]
pub fn http_event(request: &HttpRequest<'_>) -> Value {
    let HttpRequest { parts, route_key, .. } = request;
    let query = parts.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": raw_path(parts),
        "rawQueryString": query,
        "headers": headers(request),
        "requestContext": context(request),
        "isBase64Encoded": false,
    });
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = parameters.into();
    }
    if !request.path_parameters.is_empty() {
        event["pathParameters"] = json!(request.path_parameters);
    }
    if !request.body.is_empty() {
        let text = is_text(&parts.headers);
        event["isBase64Encoded"] = json!(!text);
        event["body"] = json!(match text {
            true => String::from_utf8_lossy(request.body),
            false => Cow::from(STANDARD.encode(request.body)),
        });
    }
    event
}

/// A name for a request, of the form that API Gateway's have.
#[must_use]
pub fn request_id(chance: [u8; 11]) -> String {
    URL_SAFE.encode(chance)
}

/// What a trace that began at `at` is known by, in the form of X-Ray.
#[must_use]
pub fn trace_id(at: Timestamp, chance: [u8; 12]) -> String {
    format!("Root=1-{:08x}-{}", at.as_second(), hex::encode(chance))
}

/// An HTTP API decodes the path in spite of the field's name.
fn raw_path(parts: &Parts) -> Cow<'_, str> {
    percent_decode_str(parts.uri.path()).decode_utf8_lossy()
}

/// Lower-case names, values of one name joined by commas, no cookies, and the gateway's own.
fn headers(request: &HttpRequest<'_>) -> Map<String, Value> {
    let theirs = &request.parts.headers;
    let mut headers: Map<String, Value> = theirs
        .keys()
        .filter(|name| **name != COOKIE && !OF_THE_CONNECTION.contains(name))
        .map(|name| (name.to_string(), joined(theirs, name, ",").into()))
        .collect();
    let forwarded_for = match theirs.contains_key(X_FORWARDED_FOR) {
        true => format!("{}, {}", joined(theirs, &X_FORWARDED_FOR, ", "), request.source),
        false => request.source.to_string(),
    };
    let ours = [
        (CONTENT_LENGTH, request.body.len().to_string()),
        (X_AMZN_TRACE_ID, request.trace_id.to_owned()),
        (X_FORWARDED_FOR, forwarded_for),
        // What every client of a real HTTP API does, who has no other way in.
        (X_FORWARDED_PORT, "443".to_owned()),
        (X_FORWARDED_PROTO, "https".to_owned()),
    ];
    headers.extend(ours.map(|(name, value)| (name.to_string(), value.into())));
    headers
}

fn context(request: &HttpRequest<'_>) -> Value {
    let HttpRequest { api, parts, .. } = request;
    let mut http = json!({
        "method": parts.method.as_str(),
        "path": raw_path(parts),
        "protocol": format!("{:?}", parts.version),
        "sourceIp": request.source,
    });
    if parts.headers.contains_key(USER_AGENT) {
        http["userAgent"] = joined(&parts.headers, &USER_AGENT, ",").into();
    }
    json!({
        "accountId": ACCOUNT,
        "apiId": api.id,
        "domainName": api.domain_name,
        "domainPrefix": api.domain_name.split('.').next(),
        "http": http,
        "requestId": request.request_id,
        "routeKey": request.route_key,
        "stage": "$default",
        "time": request.at.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
        "timeEpoch": request.at.as_millisecond(),
    })
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let given = headers
        .get_all(COOKIE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let single = given.flat_map(|value| {
        value
            .split(';')
            .map(|cookie| cookie.trim().to_owned())
            .collect::<Vec<_>>()
    });
    single.filter(|cookie| !cookie.is_empty()).collect()
}

/// Decoded, values of one name joined by commas.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        all.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    all.into_iter()
        .map(|(name, values)| (name, values.join(",").into()))
        .collect()
}

/// Whether the body travels as text. These few kinds do, and whatever is not said to be one of them does not: a form is
/// Base64, a problem is, and so is a body without a type.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let known = matches!(
        kind.as_str(),
        "application/json" | "application/javascript" | "application/xml"
    );
    let mut charsets =
        parts.filter_map(|parameter| Some(parameter.strip_prefix("charset=")?.trim_matches('"').to_owned()));
    (known || kind.starts_with("text/")) && charsets.all(|charset| charset == "utf-8")
}

fn joined(headers: &HeaderMap, name: &HeaderName, by: &str) -> String {
    let values = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(by)
}
