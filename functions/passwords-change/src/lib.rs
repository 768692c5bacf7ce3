//! `PUT /v1/account/password`: whoever is signed in and knows the password replaces it. Sessions elsewhere end, this one stays.

use axum::extract::{FromRef, State};
use axum::{Router, routing::put};
use serde::Deserialize;
use shared::auth::{Bearer, HashKey, Password, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{Language, Name};
use shared::flows::passwords::{ChangeError, Passwords};
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, NoContent, Problem, Quotas, Viewer, openapi, with_manners};
use shared::store::{Accounts, Limits, Outbox, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table(
        "sessions",
        &[Action::DeleteItem, Action::GetItem, Action::Query, Action::UpdateItem],
    ),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
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
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
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

/// The password and the one that takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedPassword {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    current_password: Password,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    new_password: Password,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new()
            .route("/v1/account/password", put(change))
            .with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(change))]
    struct Part;
    let own = [
        Kind::WrongPassword,
        Kind::PasswordTooCommon,
        Kind::TooManyRequests,
        Kind::Contended,
    ];
    openapi::with_problems(Part::openapi(), &own)
}

/// Change the password
///
/// Ends every other session and mails a notice. Wrong passwords are counted together with those of signing in.
#[utoipa::path(
    put, path = "/v1/account/password", tag = "accounts", operation_id = "passwords-change",
    request_body = ChangedPassword,
    responses((status = 204, description = "The password is changed and the other sessions have ended")),
    security(("bearer" = []))
)]
async fn change(
    State(deps): State<Deps>,
    bearer: Bearer,
    viewer: Viewer,
    language: Language,
    Json(ChangedPassword {
        current_password,
        new_password,
    }): Json<ChangedPassword>,
) -> Result<(Quotas, NoContent), Problem> {
    let Deps {
        clock,
        passwords,
        tries,
        ..
    } = deps;
    let now = clock.now();
    let read = passwords.accounts.profile(bearer.account());
    let (caller, profile) = bearer.beside(&passwords.sessions, now, read).await?;
    let profile = profile.ok_or(ChangeError::Inactive)?;
    let name = profile.name.as_ref().map_or("", Name::as_str);
    new_password
        .check(&[profile.email.as_str(), name])
        .map_err(ChangeError::from)?;
    let guess = tries.password(&profile.email, viewer.source_ip, now).await?;
    if !current_password.verify_or_burn(Some(&profile.password_hash)).await? {
        return Err(Problem::from(ChangeError::WrongPassword).limited(guess.left_if_wrong()));
    }
    tries.give_back(&guess).await;
    passwords
        .change(profile, new_password, caller.session(), language, now)
        .await?;
    Ok((Quotas::of(guess.left_if_right()), NoContent))
}
