//! `POST /v1/passwords/reset`: a code from the mailbox takes the place of the forgotten password.
//!
//! Every session ends and one begins for whoever showed the code. It is answered with a ticket instead of an access token: the
//! key that signs those is in the three functions that cannot do without it.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::auth::{HashKey, Password};
use shared::config::{ConfigError, Vars};
use shared::domain::code::Purpose;
use shared::domain::{Code, DeviceName, EmailAddress, Language};
use shared::flows::passwords::{self, Passwords};
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant};
use shared::http::{Created, Json, Kind, Problem, Quotas, SessionTicket, openapi, with_manners};
use shared::store::{Accounts, Codes, Limits, Outbox, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::DeleteItem, Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("sessions", &[Action::DeleteItem, Action::PutItem, Action::Query]),
    Grant::Parameter("hash-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    codes: Codes,
    ids: Ids,
    passwords: Passwords,
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
            codes: Codes::new(&db, vars)?,
            ids: platform.ids.clone(),
            passwords: Passwords {
                accounts: Accounts::new(&db, vars)?,
                ids: platform.ids.clone(),
                outbox: Outbox::new(&db, vars)?,
                sessions: Sessions::new(&db, vars)?,
            },
            tries: Tries {
                limits: Limits::new(&db, vars)?,
                hash_key: HashKey::configured(vars, &platform.secrets)?,
            },
        })
    }
}

/// What replaces a forgotten password.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPassword)]
#[serde(deny_unknown_fields)]
struct Reset {
    email: EmailAddress,
    /// From the mail that `POST /v1/codes` sent for the purpose `reset_password`.
    code: Code,
    /// The new one.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    password: Password,
    /// What you call this device; shown in the list of your sessions.
    #[serde(default)]
    device: Option<DeviceName>,
}

/// The password is replaced.
#[derive(Serialize, ToSchema)]
#[schema(as = PasswordReset)]
struct Done {
    session: SessionTicket,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new().route("/v1/passwords/reset", post(reset)).with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(reset))]
    struct Part;
    let own = [
        Kind::WrongCode,
        Kind::PasswordTooCommon,
        Kind::TooManyRequests,
        Kind::Contended,
    ];
    openapi::with_problems(Part::openapi(), &own)
}

/// Replace a forgotten password
///
/// Ends every session, mails a notice and begins a session; show its refresh token at `POST /v1/sessions/refresh` to get an
/// access token. A code is good for 15 minutes, five tries and one use. Ten wrong codes a day are borne for an address.
#[utoipa::path(
    post, path = "/v1/passwords/reset", tag = "accounts", operation_id = "passwords-reset", request_body = Reset,
    responses((status = 201, description = "The password is replaced and a session has begun", body = Done))
)]
async fn reset(
    State(deps): State<Deps>,
    language: Language,
    Json(Reset {
        email,
        code,
        password,
        device,
    }): Json<Reset>,
) -> Result<(Quotas, Created<Done>), Problem> {
    let Deps {
        clock,
        codes,
        passwords,
        tries,
        ..
    } = deps;
    let now = clock.now();
    password.check(&[email.as_str()])?;
    let guess = tries.code(Purpose::ResetPassword, &email, now).await?;
    let shown = passwords::show_code(&email, &code, &passwords.accounts, &codes, &tries.hash_key, now)
        .await
        .map_err(|error| Problem::from(error).limited(guess.left_if_wrong()))?;
    tries.give_back(&guess).await;
    tries.forget_passwords(&email, now).await;
    let session = passwords.reset(&shown, password, device, &codes, language, now).await?;
    let done = Done {
        session: SessionTicket::of(&session, &tries.hash_key),
    };
    Ok((
        Quotas::of(guess.left_if_right()),
        Created::at(format!("/v1/sessions/{}", session.id), done),
    ))
}
