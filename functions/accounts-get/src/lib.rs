//! `GET /v1/account`: the caller's own account.

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use jiff::Timestamp;
use serde::Serialize;
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{EmailAddress, Name, Profile};
use shared::grants::{Action, Grant};
use shared::http::{EmailProblem, Json, Kind, Problem, openapi, with_manners};
use shared::ids;
use shared::store::accounts::Owner;
use shared::store::{Accounts, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

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
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// All that is kept about the person.
#[derive(Serialize, ToSchema)]
struct Account {
    id: ids::AccountId,
    email: EmailAddress,
    /// Why no mail is sent to the address; not there as long as mail is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_problem: Option<EmailProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The version of the privacy policy that was accepted, and when.
    policy_version: String,
    #[schema(value_type = String, format = DateTime)]
    policy_accepted_at: Timestamp,
}

impl Account {
    fn of(profile: Profile, owner: Option<Owner>) -> Self {
        let own = owner.filter(|owner| owner.account == profile.id);
        Self {
            id: profile.id,
            email: profile.email,
            email_problem: own.and_then(|owner| owner.undeliverable).map(EmailProblem::from),
            name: profile.name,
            created_at: profile.created_at,
            policy_version: profile.consent.policy_version,
            policy_accepted_at: profile.consent.accepted_at,
        }
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
    responses((status = 200, description = "The account", body = Account)),
    security(("bearer" = []))
)]
async fn read(
    State(Deps {
        accounts,
        clock,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
) -> Result<Json<Account>, Problem> {
    let profile = accounts.profile(bearer.account());
    let (_, profile) = bearer.beside(&sessions, clock.now(), profile).await?;
    let profile = profile.ok_or_else(Problem::not_found)?;
    // What is known of an address stands with the address, and the profile says which one that is.
    let owner = accounts.owner(&profile.email).await?;
    Ok(Json(Account::of(profile, owner)))
}
