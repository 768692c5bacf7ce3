//! `POST /v1/sessions`: sign in.
//!
//! An address without an account costs the same work and gets the same answer as a wrong password.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::auth::{HashKey, Password, TokenSigner};
use shared::config::{ConfigError, Vars};
use shared::domain::account::Status;
use shared::domain::{DeviceName, EmailAddress, Session};
use shared::flows::sign_in;
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant};
use shared::http::{
    Created, Json, Kind, Notice, PolicyVersion, Problem, Quotas, SessionTokens, SessionView, Viewer, openapi,
    with_manners,
};
use shared::store::{Accounts, Limits, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("sessions", &[Action::PutItem]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-signing-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    accounts: Accounts,
    clock: Clock,
    ids: Ids,
    sessions: Sessions,
    tokens: SessionTokens,
    tries: Tries,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let hash_key = HashKey::configured(vars, &platform.secrets)?;
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            sessions: Sessions::new(&db, vars)?,
            tokens: SessionTokens {
                signer: TokenSigner::configured(vars, &platform.secrets)?,
                hash_key: hash_key.clone(),
                policy: PolicyVersion::configured(vars)?,
            },
            tries: Tries {
                limits: Limits::new(&db, vars)?,
                hash_key,
            },
        })
    }
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: EmailAddress,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 72)]
    password: Password,
    /// What you call this device; shown in the list of your sessions.
    #[serde(default)]
    device: Option<DeviceName>,
}

/// What signing in is answered with.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    #[serde(flatten)]
    session: SessionView,
    /// What the person should be told now, such as that mail to the account's address comes back.
    notices: Vec<Notice>,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/sessions", post(create)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    let own = [
        Kind::InvalidCredentials,
        Kind::AccountClosed,
        Kind::AccountBlocked,
        Kind::TooManyRequests,
    ];
    openapi::with_problems(Part::openapi(), &own)
}

/// Sign in
///
/// Begins a session. Its access token is good for 15 minutes; its refresh token gets the next one, for 90 days. Wrong
/// passwords are counted, right ones are not.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", operation_id = "sessions-create", request_body = Credentials,
    responses((status = 201, description = "The session has begun", body = SignedIn))
)]
async fn create(
    State(deps): State<Deps>,
    viewer: Viewer,
    Json(Credentials {
        email,
        password,
        device,
    }): Json<Credentials>,
) -> Result<(Quotas, Created<SignedIn>), Problem> {
    let now = deps.clock.now();
    let guess = deps.tries.password(&email, viewer.source_ip, now).await?;
    let wrong = || Problem::of(Kind::InvalidCredentials).limited(guess.left_if_wrong());
    let known = sign_in::account_of(&email, &deps.accounts, &deps.tries.hash_key).await?;
    let hash = known.as_ref().map(|(profile, _)| &profile.password_hash);
    let right = password.verify_or_burn(hash).await?;
    let (profile, owner) = known.filter(|_| right).ok_or_else(wrong)?;
    deps.tries.give_back(&guess).await;
    // Told only to whoever knows the password.
    let closed = match profile.status {
        Status::Active => None,
        Status::Blocked => Some(Kind::AccountBlocked),
        Status::Deleting | Status::Erasing => Some(Kind::AccountClosed),
    };
    if let Some(kind) = closed {
        return Err(Problem::of(kind).limited(guess.left_if_right()));
    }
    let session = Session::begun(deps.ids.next(), profile.id, device).having_accepted(&profile.consent.policy_version);
    if !sign_in::begin_session(&profile, &session, &deps.accounts, &deps.sessions).await? {
        return Err(wrong());
    }
    let view = SignedIn {
        session: deps.tokens.show(&session, now)?,
        notices: owner.undeliverable.map(Notice::from).into_iter().collect(),
    };
    Ok((
        Quotas::of(guess.left_if_right()),
        Created::at(format!("/v1/sessions/{}", session.id), view),
    ))
}
