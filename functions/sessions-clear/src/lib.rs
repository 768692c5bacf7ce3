//! `DELETE /v1/sessions`: sign out everywhere, here included.

use axum::extract::{FromRef, State};
use axum::{Router, routing::delete};
use shared::auth::{Caller, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{NoContent, Problem, openapi, with_manners};
use shared::store::Sessions;
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table(
        "sessions",
        &[Action::DeleteItem, Action::GetItem, Action::Query, Action::UpdateItem],
    ),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    sessions: Sessions,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            sessions: Sessions::new(&platform.db(), vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/sessions", delete(clear)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(clear))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Sign out everywhere
///
/// Ends every session of the account, the one of this request included.
#[utoipa::path(
    delete, path = "/v1/sessions", tag = "sessions", operation_id = "sessions-clear",
    responses((status = 204, description = "Every session has ended")),
    security(("bearer" = []))
)]
async fn clear(State(Deps { sessions, .. }): State<Deps>, caller: Caller) -> Result<NoContent, Problem> {
    // The caller's own goes last: who repeats a request that was cut off is let in again.
    sessions.end_all(caller.account(), Some(caller.session())).await?;
    sessions.end(caller.account(), caller.session()).await?;
    Ok(NoContent)
}
