//! `GET /v1/health`: the service answers, for anyone who asks.
//!
//! It touches nothing behind it: a monitor that asks every minute must not cost a database read, and a store that is down is
//! told by the routes that need it.

use axum::extract::State;
use axum::{Router, routing::get};
use serde::Serialize;
use shared::config::{ConfigError, Vars};
use shared::grants::Grant;
use shared::http::{Json, openapi, with_manners};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch: nothing.
pub const GRANTS: &[Grant] = &[];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    /// Tells the time in the answer.
    pub clock: Clock,
    /// Names requests.
    pub ids: Ids,
}

impl Deps {
    /// Takes what is needed from the host.
    ///
    /// # Errors
    /// Never: nothing is configured.
    pub fn new(_: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
        })
    }
}

/// Serves the route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/health", get(health)).with_state(deps), ids)
}

/// The route in the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(health))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// That the service answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`: a service that is not does not answer.
    #[schema(example = "ok")]
    status: &'static str,
    /// The service's time, to compare clocks by.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:00:00Z")]
    time: String,
}

/// Ask whether the service answers
#[utoipa::path(get, path = "/v1/health", operation_id = "health-get", tag = "service",
    responses((status = 200, description = "It does", body = Health)))]
async fn health(State(Deps { clock, .. }): State<Deps>) -> Json<Health> {
    Json(Health {
        status: "ok",
        time: clock.now().to_string(),
    })
}
