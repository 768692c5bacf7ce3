//! What API Gateway does for the pages of another origin: it answers their browsers' preliminary questions itself, asks no function, and
//! says in every answer whether scripts may read it.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::template::CorsSpec;

/// The answer to a preliminary question, if the request is one.
pub(super) fn preflight(spec: &CorsSpec, request: &Request) -> Option<Response> {
    let asks = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(origin) = allowed(spec, request.headers()) {
        let age = spec.max_age_s.to_string();
        let (methods, headers) = (spec.methods.join(","), spec.headers.join(","));
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_str()),
            (ACCESS_CONTROL_ALLOW_METHODS, methods.as_str()),
            (ACCESS_CONTROL_ALLOW_HEADERS, headers.as_str()),
            (ACCESS_CONTROL_MAX_AGE, age.as_str()),
        ] {
            set(response.headers_mut(), name, value);
        }
    }
    Some(response)
}

/// The origin that the request names, if its scripts may ask.
pub(super) fn allowed(spec: &CorsSpec, headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(ORIGIN)?.to_str().ok()?;
    spec.origins
        .iter()
        .any(|known| known == origin)
        .then(|| origin.to_owned())
}

/// Lets the scripts of `origin` read the answer.
pub(super) fn open(spec: &CorsSpec, origin: &str, response: &mut Response) {
    set(response.headers_mut(), ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    set(
        response.headers_mut(),
        ACCESS_CONTROL_EXPOSE_HEADERS,
        &spec.exposed.join(","),
    );
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
