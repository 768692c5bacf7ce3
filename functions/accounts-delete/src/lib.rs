//! `DELETE /v1/account`: whoever is signed in and knows the password leaves. The account is closed at once and erased later;
//! until then it can be restored.

use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::{Router, routing::delete};
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::auth::{Bearer, HashKey, Password, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::Language;
use shared::flows::leaving::{Asked, LeaveError, Leaving};
use shared::flows::passwords::ChangeError;
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant, ScheduleAction};
use shared::http::{Json, Kind, Problem, Quotas, Viewer, openapi, with_manners};
use shared::store::Limits;
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::UpdateItem]),
    Grant::Table("ledger", &[Action::ConditionCheckItem, Action::GetItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Index("orders", "account", &[Action::Query]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("privacy", &[Action::PutItem]),
    Grant::Table(
        "sessions",
        &[Action::DeleteItem, Action::GetItem, Action::Query, Action::UpdateItem],
    ),
    Grant::Schedules("erasures", &[ScheduleAction::CreateSchedule]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    leaving: Leaving,
    tries: Tries,
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
            leaving: Leaving::configured(vars, platform)?,
            tries: Tries {
                limits: Limits::new(&platform.db(), vars)?,
                hash_key: HashKey::configured(vars, &platform.secrets)?,
            },
        })
    }
}

/// Whoever leaves shows the password once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Farewell {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    password: Password,
    /// Needed where the account has credits that were paid for: they are lost.
    #[serde(default)]
    forfeit_credits: bool,
}

/// An account that is closed.
#[derive(Serialize, ToSchema)]
struct Closed {
    /// When it is erased. Until then it can be restored with address and password.
    #[schema(value_type = String, format = DateTime)]
    erases_at: Timestamp,
    /// Where the signed receipt will be. It is given here and in the mail, and kept nowhere.
    receipt_url: String,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/account", delete(leave)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(leave))]
    struct Part;
    let own = [
        Kind::WrongPassword,
        Kind::CreditsWouldBeLost,
        Kind::TooManyRequests,
        Kind::Contended,
    ];
    openapi::with_problems(Part::openapi(), &own)
}

/// Delete the account
///
/// Closes the account at once: every session ends, nothing can be bought or painted. At `erases_at` everything in it is erased;
/// until then `POST /v1/accounts/restore` brings it back as it was. `receipt_url` has the state of it, and afterwards a signed
/// receipt of what went and what stays.
#[utoipa::path(
    delete, path = "/v1/account", tag = "accounts", operation_id = "accounts-delete",
    request_body = Farewell,
    responses((
        status = 202, description = "The account is closed", body = Closed,
        headers(("Location" = String, description = "Where the receipt will be")),
    )),
    security(("bearer" = []))
)]
async fn leave(
    State(deps): State<Deps>,
    bearer: Bearer,
    viewer: Viewer,
    language: Language,
    Json(Farewell {
        password,
        forfeit_credits,
    }): Json<Farewell>,
) -> Result<impl IntoResponse, Problem> {
    let Deps {
        clock, leaving, tries, ..
    } = deps;
    let now = clock.now();
    let read = leaving.accounts.profile(bearer.account());
    let (_, profile) = bearer.beside(&leaving.sessions, now, read).await?;
    let profile = profile.ok_or(LeaveError::Inactive)?;
    let guess = tries.password(&profile.email, viewer.source_ip, now).await?;
    if !password
        .verify_or_burn(Some(&profile.password_hash))
        .await
        .map_err(ChangeError::from)?
    {
        return Err(Problem::wrong_password("/password").limited(guess.left_if_wrong()));
    }
    tries.give_back(&guess).await;
    let Asked { deletion, receipt_url } = leaving.leave(profile, forfeit_credits, language, now).await?;
    let closed = Closed {
        erases_at: deletion.due_at,
        receipt_url: receipt_url.clone(),
    };
    let answer = (StatusCode::ACCEPTED, [(LOCATION, receipt_url)], Json(closed));
    Ok((Quotas::of(guess.left_if_right()), answer))
}
