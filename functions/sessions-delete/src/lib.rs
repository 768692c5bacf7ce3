//! `DELETE /v1/sessions/{id}`: sign out of one session, the caller's own or another one.

use axum::extract::{FromRef, State};
use axum::{Router, routing::delete};
use shared::auth::{Caller, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{NoContent, Path, Problem, openapi, with_manners};
use shared::ids::{self, Id};
use shared::store::Sessions;
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("sessions", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
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
    with_manners(
        Router::new().route("/v1/sessions/{id}", delete(end)).with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(end))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Sign out
///
/// Ends one session. Its tokens, access tokens included, are worth nothing from then on.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions", operation_id = "sessions-delete",
    params(("id" = ids::SessionId, Path, description = "The session's id", example = "ses_01kb0v1cqhe8svdnq7tqw8vz6n")),
    responses((status = 204, description = "The session has ended")),
    security(("bearer" = []))
)]
async fn end(
    State(Deps { sessions, .. }): State<Deps>,
    caller: Caller,
    Path(id): Path<Id<ids::Session>>,
) -> Result<NoContent, Problem> {
    if sessions.end(caller.account(), id).await? {
        Ok(NoContent)
    } else {
        Err(Problem::not_found())
    }
}
