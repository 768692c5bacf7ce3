//! `POST /v1/accounts`: sign up. The account is made when the address is proved, by `accounts-verify`.
//!
//! A known address is answered exactly like a new one, after the same work, and gets another mail.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::auth::{HashKey, Password};
use shared::config::{ConfigError, Vars};
use shared::domain::account::SIGN_UP_LIFE;
use shared::domain::{EmailAddress, Language, Name};
use shared::flows::sign_up::{CODES_AN_HOUR, SignUp, SignUps};
use shared::flows::tries;
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, PolicyVersion, Problem, Quotas, TakenOn, Viewer, openapi, with_manners};
use shared::ids;
use shared::store::{Accounts, Limits, Outbox};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::PutItem]),
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
    policy_version: PolicyVersion,
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
            policy_version: PolicyVersion::configured(vars)?,
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

/// Who signs up.
#[derive(Deserialize, ToSchema)]
#[schema(as = SignUp)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    email: EmailAddress,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    password: Password,
    /// What you want to be called.
    #[serde(default)]
    name: Option<Name>,
    /// The version of the privacy policy that you have read and accept, with processing in China (the models) and storage
    /// in the United States.
    #[schema(example = "2026-11-01")]
    policy_version: String,
}

/// A sign-up that waits for the code that was mailed.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingSignUp)]
struct Waiting {
    /// Needed with the code.
    signup_id: ids::SignUpId,
    /// When the sign-up is forgotten.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/accounts", post(create)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::PasswordTooCommon, Kind::TooManyRequests])
}

/// Sign up
///
/// Mails a code of six digits that proves the address. The answer is the same whether or not the address has an account.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "accounts-create", request_body = NewAccount,
    responses((status = 202, description = "A mail is on its way", body = Waiting))
)]
async fn create(
    State(deps): State<Deps>,
    viewer: Viewer,
    language: Language,
    Json(new): Json<NewAccount>,
) -> Result<(Quotas, TakenOn<Waiting>), Problem> {
    let now = deps.clock.now();
    let consent = deps.policy_version.accepted(new.policy_version, now)?;
    new.password
        .check(&[new.email.as_str(), new.name.as_ref().map_or("", Name::as_str)])?;
    let of_source = tries::code_wanted(&deps.limits, &deps.sign_ups.hash_key, viewer.source_ip, now).await?;
    let subject = deps.sign_ups.subject(&new.email);
    let left = deps.limits.take(CODES_AN_HOUR, &subject, now).await?;
    let password_hash = new.password.hash().await?;
    let sign_up = SignUp {
        email: new.email,
        name: new.name,
        password_hash,
        consent,
        language,
    };
    let signup_id = deps.sign_ups.begin(sign_up, now).await?;
    Ok((
        Quotas::of([left, of_source]),
        TakenOn(Waiting {
            signup_id,
            expires_at: signup_id.made_at() + SIGN_UP_LIFE,
        }),
    ))
}
