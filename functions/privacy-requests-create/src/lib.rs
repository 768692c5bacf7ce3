//! `POST /v1/privacy-requests`: somebody asks about their own data, without signing in. The address is proved by a code.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, Vars};
use shared::domain::privacy_request::Wanted;
use shared::domain::{EmailAddress, Language, Message};
use shared::flows::privacy_requests::Asking;
use shared::flows::sign_up::{CODES_AN_HOUR, codes_subject};
use shared::flows::tries;
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, Problem, Quotas, TakenOn, Viewer, openapi, with_manners};
use shared::ids;
use shared::store::Limits;
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("privacy", &[Action::PutItem]),
    Grant::Parameter("hash-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    asking: Asking,
    clock: Clock,
    ids: Ids,
    limits: Limits,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            asking: Asking::configured(vars, platform)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            limits: Limits::new(&platform.db(), vars)?,
        })
    }
}

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPrivacyRequest)]
#[serde(deny_unknown_fields)]
struct New {
    /// The address of the account that it is about.
    email: EmailAddress,
    kind: Wanted,
    /// What has to be corrected, for instance.
    #[serde(default)]
    message: Option<Message>,
}

/// A code may be on its way.
#[derive(Serialize, ToSchema)]
struct AskedPrivacyRequest {
    /// Confirm it by the code, at `POST /v1/privacy-requests/{id}/confirm`.
    id: ids::PrivacyRequestId,
    /// Whom to look for in the mailbox: the address that was given.
    email: EmailAddress,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/privacy-requests", post(create));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::TooManyRequests])
}

/// Ask about your data
///
/// For whoever cannot or will not sign in: to see everything that is kept, to have something corrected, to have the account deleted.
/// A code proves the address. The answer does not tell whether it has an account.
#[utoipa::path(
    post, path = "/v1/privacy-requests", tag = "privacy", operation_id = "privacy-requests-create", request_body = New,
    responses((status = 202, description = "A code may be on its way", body = AskedPrivacyRequest))
)]
async fn create(
    State(Deps {
        asking, clock, limits, ..
    }): State<Deps>,
    viewer: Viewer,
    language: Language,
    Json(New { email, kind, message }): Json<New>,
) -> Result<(Quotas, TakenOn<AskedPrivacyRequest>), Problem> {
    let now = clock.now();
    let of_source = tries::code_wanted(&limits, &asking.hash_key, viewer.source_ip, now).await?;
    let left = limits
        .take(CODES_AN_HOUR, &codes_subject(&asking.hash_key, &email), now)
        .await?;
    let id = asking.ask(&email, kind, message, language, now).await?;
    Ok((
        Quotas::of([left, of_source]),
        TakenOn(AskedPrivacyRequest { id, email }),
    ))
}
