//! `GET /v1/account/export`: everything that is kept about the caller, as a document to keep.

use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use http::header::CONTENT_DISPOSITION;
use jiff::SignedDuration;
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant, ObjectAction};
use shared::http::export::{Export, Exporter, Part, Place};
use shared::http::{Cursor, Json, Kind, Problem, Query, Quota, openapi, with_manners};
use shared::store::Limits;
use shared::store::limits::Policy;
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::Query]),
    Grant::Table("images", &[Action::Query]),
    Grant::Table("ledger", &[Action::GetItem, Action::Query]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Index("orders", "account", &[Action::Query]),
    Grant::Index("outbox", "account", &[Action::Query]),
    Grant::Table("privacy", &[Action::GetItem]),
    Grant::Index("privacy", "account", &[Action::Query]),
    Grant::Table("sessions", &[Action::GetItem, Action::Query, Action::UpdateItem]),
    Grant::Parameter("cdn-key"),
    Grant::Parameter("cos-reader"),
    Grant::Parameter("oss-reader"),
    Grant::Parameter("token-keys"),
    Grant::Bucket(&[ObjectAction::GetObject]),
];

/// How many parts an account may fetch: enough for fifty thousand pictures with their credits.
const A_DAY: Policy = Policy {
    name: "export",
    quota: 300,
    window: SignedDuration::from_hours(24),
};

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    exporter: Exporter,
    ids: Ids,
    keys: VerifyingKeys,
    limits: Limits,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: platform.clock.clone(),
            exporter: Exporter::configured(vars, platform)?,
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            limits: Limits::new(&platform.db(), vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new().route("/v1/account/export", get(export)).with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(export))]
    struct Piece;
    openapi::with_problems(Piece::openapi(), &[Kind::NotFound, Kind::TooManyRequests])
}

/// Export the account
///
/// Everything that is kept about you, as a document with a form and a version. Whoever has very much gets it in several parts, each
/// a document of its own: `next` is the address of the one after it.
#[utoipa::path(
    get, path = "/v1/account/export", tag = "accounts", operation_id = "accounts-export", params(Part),
    responses((status = 200, description = "The document, or a part of it", body = Export)),
    security(("bearer" = []))
)]
async fn export(
    State(Deps {
        clock,
        exporter,
        limits,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Query(Part { cursor }): Query<Part>,
) -> Result<(Quota, impl IntoResponse), Problem> {
    let place: Option<Place> = cursor.as_ref().map(Cursor::last).transpose()?;
    let now = clock.now();
    let read = exporter.accounts.profile(bearer.account());
    let (caller, profile) = bearer.beside(&exporter.sessions, now, read).await?;
    let profile = profile.ok_or_else(Problem::not_found)?;
    let left = limits.take(A_DAY, &profile.id.to_string(), now).await?;
    let part = exporter.part(&profile, place, Some(caller.session())).await?;
    let name = format!(r#"attachment; filename="vitrine-{}.json""#, now.strftime("%Y-%m-%d"));
    Ok((left.into(), ([(CONTENT_DISPOSITION, name)], Json(part))))
}
