//! `POST /v1/accounts/restore`: an account that waits for its deletion is opened again.
//!
//! An address without an account costs the same work and gets the same answer as a wrong password.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::Deserialize;
use shared::auth::{HashKey, Password};
use shared::config::{ConfigError, Vars};
use shared::domain::{EmailAddress, Language};
use shared::flows::leaving::Returning;
use shared::flows::sign_in;
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant, ScheduleAction};
use shared::http::{Json, Kind, NoContent, Problem, Quotas, Viewer, openapi, with_manners};
use shared::store::{Accounts, Limits, Outbox, Privacy};
use shared::wakings::Wakings;
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("privacy", &[Action::DeleteItem]),
    Grant::Schedules("erasures", &[ScheduleAction::DeleteSchedule]),
    Grant::Parameter("hash-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    returning: Returning,
    tries: Tries,
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
            ids: platform.ids.clone(),
            returning: Returning {
                accounts: Accounts::new(&db, vars)?,
                outbox: Outbox::new(&db, vars)?,
                privacy: Privacy::new(&db, vars)?,
                wakings: Wakings::configured(vars, platform)?,
                ids: platform.ids.clone(),
            },
            tries: Tries {
                limits: Limits::new(&db, vars)?,
                hash_key: HashKey::configured(vars, &platform.secrets)?,
            },
        })
    }
}

/// Who comes back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClosedAccount {
    email: EmailAddress,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    password: Password,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/accounts/restore", post(restore));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(restore))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[Kind::InvalidCredentials, Kind::Conflict, Kind::TooManyRequests],
    )
}

/// Restore a closed account
///
/// Until it is erased, an account that was closed can be opened again as it was. Sign in afterwards. Wrong passwords are counted
/// together with those of signing in.
#[utoipa::path(
    post, path = "/v1/accounts/restore", tag = "accounts", operation_id = "accounts-restore",
    request_body = ClosedAccount,
    responses((status = 204, description = "The account is open again")),
)]
async fn restore(
    State(deps): State<Deps>,
    viewer: Viewer,
    language: Language,
    Json(ClosedAccount { email, password }): Json<ClosedAccount>,
) -> Result<(Quotas, NoContent), Problem> {
    let now = deps.clock.now();
    let guess = deps.tries.password(&email, viewer.source_ip, now).await?;
    let known = sign_in::account_of(&email, &deps.returning.accounts, &deps.tries.hash_key).await?;
    let hash = known.as_ref().map(|(profile, _)| &profile.password_hash);
    let right = password.verify_or_burn(hash).await?;
    let Some((profile, _)) = known.filter(|_| right) else {
        return Err(Problem::of(Kind::InvalidCredentials).limited(guess.left_if_wrong()));
    };
    deps.tries.give_back(&guess).await;
    deps.returning.restore(&profile, language, now).await?;
    Ok((Quotas::of(guess.left_if_right()), NoContent))
}
