//! `POST /v1/sessions/refresh`: a refresh token becomes the next tokens of its session.
//!
//! Asked twice, because a reply was lost or two tabs woke at once, it answers the same. A token that somebody else has gone
//! on from ends the session: two pairs of hands have it.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::Deserialize;
use shared::auth::{HashKey, RefreshToken, TokenSigner};
use shared::config::{ConfigError, Vars};
use shared::flows::refreshing;
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, PolicyVersion, Problem, SessionTokens, SessionView, openapi, with_manners};
use shared::store::Sessions;
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("sessions", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-signing-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    sessions: Sessions,
    tokens: SessionTokens,
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
            sessions: Sessions::new(&platform.db(), vars)?,
            tokens: SessionTokens {
                signer: TokenSigner::configured(vars, &platform.secrets)?,
                hash_key: HashKey::configured(vars, &platform.secrets)?,
                policy: PolicyVersion::configured(vars)?,
            },
        })
    }
}

/// What keeps the session going.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    /// The newest one you have.
    #[schema(value_type = String, format = Password, example = "vrt_AZq…")]
    refresh_token: RefreshToken,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new()
            .route("/v1/sessions/refresh", post(refresh))
            .with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(refresh))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::SessionEnded, Kind::Contended])
}

/// Stay signed in
///
/// Gives a new access token and the next refresh token. Within a minute, and after a lost reply, the same refresh token may be
/// shown again and brings the same answer. One that somebody has gone on from ends the session.
#[utoipa::path(
    post, path = "/v1/sessions/refresh", tag = "sessions", operation_id = "sessions-refresh", request_body = Refresh,
    responses((status = 200, description = "The session goes on", body = SessionView))
)]
async fn refresh(
    State(Deps {
        clock,
        sessions,
        tokens,
        ..
    }): State<Deps>,
    Json(Refresh { refresh_token }): Json<Refresh>,
) -> Result<Json<SessionView>, Problem> {
    let now = clock.now();
    let named = refresh_token
        .check(&tokens.hash_key)
        .ok_or_else(Problem::session_ended)?;
    let session = refreshing::refresh(named, &sessions, now).await?;
    Ok(Json(tokens.show(&session, now)?))
}
