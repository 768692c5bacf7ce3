//! `POST /v1/privacy-requests/{id}/confirm`: whoever has the code has the address. What the machine can do is done at once.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, Vars};
use shared::domain::code::Purpose;
use shared::domain::privacy_request::{Stand, Wanted};
use shared::domain::{Code, EmailAddress, Language, PrivacyRequest};
use shared::flows::privacy_requests::Confirming;
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant, ScheduleAction};
use shared::http::{Json, Kind, Path, Problem, Quotas, openapi, with_manners};
use shared::ids::{self, Id};
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
    Grant::Table("privacy", &[Action::PutItem, Action::UpdateItem]),
    Grant::Table("sessions", &[Action::DeleteItem, Action::Query]),
    Grant::Schedules("erasures", &[ScheduleAction::CreateSchedule]),
    Grant::Parameter("hash-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    confirming: Confirming,
    ids: Ids,
    tries: Tries,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let confirming = Confirming::configured(vars, platform)?;
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            tries: Tries {
                limits: Limits::new(&platform.db(), vars)?,
                hash_key: confirming.hash_key.clone(),
            },
            confirming,
        })
    }
}

/// The code, and whose it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PrivacyProof {
    /// The address that was given with the request.
    email: EmailAddress,
    /// From the mail.
    code: Code,
}

/// A request about somebody's own data.
#[derive(Serialize, ToSchema)]
#[schema(as = PrivacyRequest)]
struct Shown {
    /// Its number; name it when you ask about it.
    id: ids::PrivacyRequestId,
    kind: Wanted,
    /// `done` where the machine has done it: the mail says the rest. `confirmed` where a person has to answer.
    state: Stand,
    /// Until when it is answered.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
}

impl From<PrivacyRequest> for Shown {
    fn from(request: PrivacyRequest) -> Self {
        Self {
            id: request.id,
            kind: request.wanted,
            state: request.stand,
            due_at: request.due_at(),
        }
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/privacy-requests/{id}/confirm", post(confirm));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(confirm))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[Kind::WrongCode, Kind::TooManyRequests, Kind::Contended],
    )
}

/// Confirm a request about your data
///
/// A deletion closes the account at once, as `DELETE /v1/account` does, with paid credits or not. Access mails an address at which
/// everything can be fetched once, for seven days. A correction is answered by a person, within thirty days.
#[utoipa::path(
    post, path = "/v1/privacy-requests/{id}/confirm", tag = "privacy", operation_id = "privacy-requests-confirm",
    params(("id" = ids::PrivacyRequestId, Path, description = "The request's id", example = "prq_01kb0v1cqhe8svdnq7tqw8vz6n")),
    request_body = PrivacyProof,
    responses((status = 200, description = "The request", body = Shown))
)]
async fn confirm(
    State(Deps {
        clock,
        confirming,
        tries,
        ..
    }): State<Deps>,
    language: Language,
    Path(id): Path<Id<ids::PrivacyRequest>>,
    Json(PrivacyProof { email, code }): Json<PrivacyProof>,
) -> Result<(Quotas, Json<Shown>), Problem> {
    let now = clock.now();
    let guess = tries.code(Purpose::PrivacyRequest, &email, now).await?;
    let request = confirming
        .confirm(id, &code, language, now)
        .await
        .map_err(|error| Problem::from(error).limited(guess.left_if_wrong()))?;
    tries.give_back(&guess).await;
    Ok((Quotas::of(guess.left_if_right()), Json(request.into())))
}
