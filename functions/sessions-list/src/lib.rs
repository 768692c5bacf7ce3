//! `GET /v1/sessions`: where the caller is signed in, newest first.

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{ListedSession, Page, Paging, Problem, Query, openapi, with_manners};
use shared::store::Sessions;
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("sessions", &[Action::GetItem, Action::Query, Action::UpdateItem]),
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
    with_manners(Router::new().route("/v1/sessions", get(list)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(list))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// List sessions
///
/// Where you are signed in, newest first. End one with `DELETE /v1/sessions/{id}`, all of them with `DELETE /v1/sessions`.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", operation_id = "sessions-list", params(Paging),
    responses((status = 200, description = "A page of sessions", body = Page<ListedSession>)),
    security(("bearer" = []))
)]
async fn list(
    State(Deps { clock, sessions, .. }): State<Deps>,
    bearer: Bearer,
    Query(page): Query<Paging>,
) -> Result<Page<ListedSession>, Problem> {
    let now = clock.now();
    let read = sessions.list(bearer.account(), page.after()?, page.one_more(), now);
    let (caller, found) = bearer.beside(&sessions, now, read).await?;
    Ok(page
        .cut(found, |session| session.id)
        .map(|session| ListedSession::new(session, Some(caller.session()))))
}
