//! `POST /v1/account/consents`: accept the version of the privacy policy that is in force now.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::auth::{Caller, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{Created, Json, Kind, PolicyVersion, Problem, openapi, with_manners};
use shared::store::{Accounts, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::PutItem, Action::UpdateItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::Query, Action::UpdateItem]),
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

/// What is agreed to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConsent {
    /// The version of the privacy policy that you have read and accept; it must be the one in force.
    #[schema(example = "2026-11-01")]
    policy_version: String,
}

/// A version of the privacy policy that was accepted.
#[derive(Serialize, ToSchema)]
struct Consent {
    policy_version: String,
    /// When it was accepted first.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new()
            .route("/v1/account/consents", post(accept))
            .with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(accept))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::Contended])
}

/// Accept a new version of the privacy policy
///
/// Signing in and refreshing a session ask for it by `policy_to_accept`, until it is accepted. Accepting it again changes nothing and is answered
/// alike, with the time of the first acceptance.
#[utoipa::path(
    post, path = "/v1/account/consents", tag = "accounts", operation_id = "consents-create", request_body = NewConsent,
    responses((status = 201, description = "It is accepted", body = Consent)),
    security(("bearer" = []))
)]
async fn accept(
    State(Deps {
        accounts,
        clock,
        policy,
        sessions,
        ..
    }): State<Deps>,
    caller: Caller,
    Json(NewConsent { policy_version }): Json<NewConsent>,
) -> Result<Created<Consent>, Problem> {
    let consent = policy.accepted(policy_version, clock.now())?;
    let consent = accounts.accept(caller.account(), consent).await?;
    let consent = consent.ok_or_else(Problem::inactive)?;
    sessions.accepted(caller.account(), &consent.policy_version).await?;
    Ok(Created::at(
        "/v1/account",
        Consent {
            policy_version: consent.policy_version,
            accepted_at: consent.accepted_at,
        },
    ))
}
