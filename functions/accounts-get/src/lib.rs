//! `GET /v1/account`: the caller's own account.

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{AccountView, Json, Kind, PolicyVersion, Problem, openapi, with_manners};
use shared::store::{Accounts, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    accounts: Accounts,
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    policy: PolicyVersion,
    sessions: Sessions,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            policy: PolicyVersion::configured(vars)?,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/account", get(read)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(read))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::NotFound])
}

/// Read the account
///
/// All that is kept about the caller as a person.
#[utoipa::path(
    get, path = "/v1/account", tag = "accounts", operation_id = "accounts-get",
    responses((status = 200, description = "The account", body = AccountView)),
    security(("bearer" = []))
)]
async fn read(
    State(Deps {
        accounts,
        clock,
        policy,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
) -> Result<Json<AccountView>, Problem> {
    let profile = accounts.profile(bearer.account());
    let (_, profile) = bearer.beside(&sessions, clock.now(), profile).await?;
    let profile = profile.ok_or_else(Problem::not_found)?;
    // What is known of an address stands with the address, and the profile says which one that is.
    let owner = accounts.owner(&profile.email).await?;
    Ok(Json(AccountView::of(profile, owner, &policy)))
}
