//! `/_sim/clock`: what time it is, and a way to make it later.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::World;
use super::desk::wrong;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Move {
    Advance(String),
    Set(Timestamp),
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/_sim/clock", get(now).post(advance))
}

async fn now(State(world): State<Arc<World>>) -> Response {
    Json(json!({"now": world.clock.now()})).into_response()
}

async fn advance(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let moved = serde_json::from_slice(&body)
        .map_err(|error| error.to_string())
        .and_then(|order| match order {
            Move::Advance(span) => duration(&span),
            Move::Set(to) => Ok(to.duration_since(world.clock.now())),
        });
    match moved {
        Err(why) => wrong(StatusCode::BAD_REQUEST, &format!("{why}; try {{\"advance\":\"30d\"}}")),
        Ok(by) if by.is_negative() => wrong(StatusCode::UNPROCESSABLE_ENTITY, "time only goes forward"),
        Ok(by) if world.move_clock(by) => now(State(world)).await,
        Ok(_) => wrong(StatusCode::CONFLICT, "this clock cannot be moved"),
    }
}

/// A friendly or ISO span, in which a day has 24 hours.
fn duration(text: &str) -> Result<SignedDuration, String> {
    let span: Span = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|error| error.to_string())
}

impl World {
    /// Moves the clock and tells the owner of the offset; says whether it is later now.
    fn move_clock(&self, by: SignedDuration) -> bool {
        let before = self.clock.now();
        let moved = self.clock.advance(by);
        (self.on_clock_moved)(by);
        moved || self.clock.now().duration_since(before) >= by
    }
}
