//! Access tokens, for a client and its secret.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::json;

use super::super::World;
use super::super::book::lock;
use super::super::call::Call;

/// How long a token is good: not quite nine hours.
const LIFE_S: i64 = 31_668;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/v1/oauth2/token", post(give))
}

async fn give(State(world): State<Arc<World>>, call: Call) -> Response {
    let refuse = |status, error: &str, description: &str| {
        (
            status,
            Json(json!({ "error": error, "error_description": description })),
        )
            .into_response()
    };
    if !is_known(&call) {
        let text = "Client Authentication failed";
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", text);
    }
    let is_form = call
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let mut fields = url::form_urlencoded::parse(&call.body);
    if !is_form || !fields.any(|(name, value)| name == "grant_type" && value == "client_credentials") {
        let text = "Grant Type is NULL";
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", text);
    }
    call.work_time().await;
    let token = format!("A21AA{}", world.entropy.hex::<32>());
    let now = world.clock.now();
    let mut tokens = lock(&world.paypal.tokens);
    tokens.retain(|_, until| *until > now);
    tokens.insert(token.clone(), now + SignedDuration::from_secs(LIFE_S));
    Json(json!({
        "scope": "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/disputes/read-seller",
        "access_token": token, "token_type": "Bearer", "app_id": "APP-80W284485P519543T", "expires_in": LIFE_S,
        "nonce": format!("{now}{}", world.entropy.hex::<8>()),
    }))
    .into_response()
}

fn is_known(call: &Call) -> bool {
    let basic = call
        .header("authorization")
        .and_then(|text| text.strip_prefix("Basic "));
    let pair = basic
        .and_then(|text| STANDARD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    pair.as_deref()
        .and_then(|pair| pair.split_once(':'))
        .is_some_and(|(id, secret)| !id.is_empty() && !secret.is_empty() && !call.is_bad(id))
}
