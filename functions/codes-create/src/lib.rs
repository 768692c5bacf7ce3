//! `POST /v1/codes`: mail a code again. The old one is void from then on.
//!
//! The answer is the same for a sign-up that waits and for one that does not exist.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::auth::HashKey;
use shared::config::{ConfigError, Vars};
use shared::domain::{EmailAddress, Language};
use shared::flows::sign_up::{CODES_AN_HOUR, SignUps};
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, Problem, Quota, TakenOn, openapi, with_manners};
use shared::ids;
use shared::store::{Accounts, Limits, Outbox};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Parameter("hash-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    limits: Limits,
    sign_ups: SignUps,
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
            limits: Limits::new(&db, vars)?,
            sign_ups: SignUps {
                accounts: Accounts::new(&db, vars)?,
                outbox: Outbox::new(&db, vars)?,
                entropy: platform.entropy.clone(),
                ids: platform.ids.clone(),
                hash_key: HashKey::configured(vars, &platform.secrets)?,
            },
        })
    }
}

/// Which code is wanted.
#[derive(Deserialize, ToSchema)]
#[schema(as = WantedCode)]
#[serde(deny_unknown_fields)]
struct Wanted {
    purpose: Purpose,
    email: EmailAddress,
    /// From the answer to the sign-up.
    signup_id: ids::SignUpId,
}

/// What a code is for.
#[derive(Deserialize, ToSchema)]
#[schema(as = CodePurpose)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// To prove the address of a sign-up.
    VerifyEmail,
}

/// A mail may be on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = SentCode)]
struct Sent {
    /// Whom to look for in the mailbox: the address that was given.
    email: EmailAddress,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/codes", post(create)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::TooManyRequests, Kind::Contended])
}

/// Mail a code again
///
/// Three codes an hour may be mailed to an address. The answer does not tell whether there was anything to mail.
#[utoipa::path(
    post, path = "/v1/codes", tag = "accounts", operation_id = "codes-create", request_body = Wanted,
    responses((status = 202, description = "A mail may be on its way", body = Sent))
)]
async fn create(
    State(Deps {
        clock,
        limits,
        sign_ups,
        ..
    }): State<Deps>,
    language: Language,
    Json(Wanted {
        purpose: Purpose::VerifyEmail,
        email,
        signup_id,
    }): Json<Wanted>,
) -> Result<(Quota, TakenOn<Sent>), Problem> {
    let now = clock.now();
    let left = limits.take(CODES_AN_HOUR, &sign_ups.subject(&email), now).await?;
    sign_ups.send_again(&email, signup_id, language, now).await?;
    Ok((left.into(), TakenOn(Sent { email })))
}
