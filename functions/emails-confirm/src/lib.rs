//! `POST /v1/account/email/confirm`: the code from the new address makes it the account's address.
//!
//! Profile, owner of the new address, owner of the old one, the change that waited and the notice to the old address are one
//! transaction.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::Deserialize;
use shared::auth::{Bearer, HashKey, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{Code, Language};
use shared::flows::email_change::EmailChanges;
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant};
use shared::http::{AccountView, Json, Kind, PolicyVersion, Problem, openapi, with_manners};
use shared::store::{Accounts, Limits, Outbox, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table(
        "accounts",
        &[Action::DeleteItem, Action::GetItem, Action::PutItem, Action::UpdateItem],
    ),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    changes: EmailChanges,
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
            clock: platform.clock.clone(),
            changes: EmailChanges {
                accounts: Accounts::new(&db, vars)?,
                tries: Tries {
                    limits: Limits::new(&db, vars)?,
                    hash_key: HashKey::configured(vars, &platform.secrets)?,
                },
                outbox: Outbox::new(&db, vars)?,
                entropy: platform.entropy.clone(),
                ids: platform.ids.clone(),
            },
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            policy: PolicyVersion::configured(vars)?,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// What proves the new address.
#[derive(Deserialize, ToSchema)]
#[schema(as = EmailProof)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// From the mail to the new address.
    code: Code,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new()
            .route("/v1/account/email/confirm", post(confirm))
            .with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(confirm))]
    struct Part;
    let own = [Kind::WrongCode, Kind::Conflict, Kind::TooManyRequests, Kind::Contended];
    openapi::with_problems(Part::openapi(), &own)
}

/// Prove the new address
///
/// From then on you sign in with the new address; the old one is free, and is told that it was replaced. Sessions go on. A
/// code is good for 15 minutes and five tries; ten wrong ones a day are the limit.
#[utoipa::path(
    post, path = "/v1/account/email/confirm", tag = "accounts", operation_id = "emails-confirm", request_body = Proof,
    responses((status = 200, description = "The account with its new address", body = AccountView)),
    security(("bearer" = []))
)]
async fn confirm(
    State(deps): State<Deps>,
    bearer: Bearer,
    language: Language,
    Json(Proof { code }): Json<Proof>,
) -> Result<Json<AccountView>, Problem> {
    let now = deps.clock.now();
    let profile = deps.changes.accounts.profile(bearer.account());
    let (_, profile) = bearer.beside(&deps.sessions, now, profile).await?;
    let profile = profile.ok_or_else(Problem::inactive)?;
    let profile = deps.changes.confirm(profile, &code, language, now).await?;
    // The address has just been proved, so nothing speaks against it.
    Ok(Json(AccountView::of(profile, None, &deps.policy)))
}
