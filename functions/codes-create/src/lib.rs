//! `POST /v1/codes`: mail a code, for a sign-up or for a new password. The one before is void from then on.
//!
//! The answer is the same, after the same work, for a sign-up or an account that is there and for one that is not.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::auth::HashKey;
use shared::config::{ConfigError, Vars};
use shared::domain::{EmailAddress, Language};
use shared::flows::passwords::ResetCodes;
use shared::flows::sign_up::{CODES_AN_HOUR, SignUps};
use shared::flows::tries;
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, Problem, Quotas, TakenOn, Viewer, openapi, with_manners};
use shared::ids;
use shared::store::{Accounts, Codes, Limits, Outbox};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
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
    reset_codes: ResetCodes,
    sign_ups: SignUps,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let (accounts, outbox) = (Accounts::new(&db, vars)?, Outbox::new(&db, vars)?);
        let hash_key = HashKey::configured(vars, &platform.secrets)?;
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            limits: Limits::new(&db, vars)?,
            reset_codes: ResetCodes {
                accounts: accounts.clone(),
                codes: Codes::new(&db, vars)?,
                entropy: platform.entropy.clone(),
                hash_key: hash_key.clone(),
                ids: platform.ids.clone(),
                outbox: outbox.clone(),
            },
            sign_ups: SignUps {
                accounts,
                outbox,
                entropy: platform.entropy.clone(),
                ids: platform.ids.clone(),
                hash_key,
            },
        })
    }
}

/// Which code is wanted.
#[derive(Deserialize, ToSchema)]
#[schema(as = WantedCode)]
#[serde(tag = "purpose", rename_all = "snake_case", try_from = "Fields")]
enum Wanted {
    /// One that proves the address of a sign-up.
    VerifyEmail {
        email: EmailAddress,
        /// From the answer to the sign-up.
        signup_id: ids::SignUpId,
    },
    /// One that lets a forgotten password be replaced.
    ResetPassword { email: EmailAddress },
}

/// The fields of every purpose. They are read as they are, because a field inside a tagged value loses its name in errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    purpose: Purpose,
    email: EmailAddress,
    #[serde(default)]
    signup_id: Option<ids::SignUpId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    VerifyEmail,
    ResetPassword,
}

impl TryFrom<Fields> for Wanted {
    type Error = &'static str;

    /// The errors are `serde`'s own words, which are explained to the caller like those of any other field.
    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        let Fields {
            purpose,
            email,
            signup_id,
        } = fields;
        match (purpose, signup_id) {
            (Purpose::VerifyEmail, Some(signup_id)) => Ok(Self::VerifyEmail { email, signup_id }),
            (Purpose::VerifyEmail, None) => Err("missing field `signup_id`"),
            (Purpose::ResetPassword, None) => Ok(Self::ResetPassword { email }),
            (Purpose::ResetPassword, Some(_)) => Err("unknown field `signup_id`, expected `purpose` or `email`"),
        }
    }
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

/// Mail a code
///
/// A code for a sign-up takes the place of the one before, and so does a code for a new password. Three codes an hour may be
/// mailed to an address. The answer does not tell whether there was anything to mail.
#[utoipa::path(
    post, path = "/v1/codes", tag = "accounts", operation_id = "codes-create", request_body = Wanted,
    responses((status = 202, description = "A mail may be on its way", body = Sent))
)]
async fn create(
    State(Deps {
        clock,
        limits,
        reset_codes,
        sign_ups,
        ..
    }): State<Deps>,
    viewer: Viewer,
    language: Language,
    Json(wanted): Json<Wanted>,
) -> Result<(Quotas, TakenOn<Sent>), Problem> {
    let now = clock.now();
    let (Wanted::VerifyEmail { email, .. } | Wanted::ResetPassword { email }) = &wanted;
    let of_source = tries::code_wanted(&limits, &sign_ups.hash_key, viewer.source_ip, now).await?;
    let left = limits.take(CODES_AN_HOUR, &sign_ups.subject(email), now).await?;
    match &wanted {
        Wanted::VerifyEmail { email, signup_id } => sign_ups.send_again(email, *signup_id, language, now).await?,
        Wanted::ResetPassword { email } => reset_codes.send(email, language, now).await?,
    }
    let sent = Sent { email: email.clone() };
    Ok((Quotas::of([left, of_source]), TakenOn(sent)))
}
