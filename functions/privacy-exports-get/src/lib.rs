//! `GET /v1/privacy-exports/{key}`: the data that somebody asked to see, once, at an address that was mailed to them.

use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use http::header::CONTENT_DISPOSITION;
use shared::config::{ConfigError, Vars};
use shared::domain::ExportKey;
use shared::grants::{Action, Grant, ObjectAction};
use shared::http::export::{Export, Exporter, Part, Place};
use shared::http::{Cursor, Json, Path, Problem, Query, openapi, with_manners};
use shared::store::Requests;
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::Query]),
    Grant::Table("images", &[Action::Query]),
    Grant::Table("ledger", &[Action::GetItem, Action::Query]),
    Grant::Index("orders", "account", &[Action::Query]),
    Grant::Index("outbox", "account", &[Action::Query]),
    Grant::Table("privacy", &[Action::GetItem, Action::UpdateItem]),
    Grant::Index("privacy", "account", &[Action::Query]),
    Grant::Table("sessions", &[Action::Query]),
    Grant::Parameter("cdn-key"),
    Grant::Parameter("cos-reader"),
    Grant::Parameter("oss-reader"),
    Grant::Bucket(&[ObjectAction::GetObject]),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    exporter: Exporter,
    ids: Ids,
    requests: Requests,
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
            requests: Requests::new(&platform.db(), vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/privacy-exports/{key}", get(fetch));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(fetch), components(schemas(ExportKey)))]
    struct Piece;
    openapi::with_problems(Piece::openapi(), &[])
}

/// Fetch the data that was asked for
///
/// The same document as `GET /v1/account/export`, at an address that was mailed after a request for access. It can be fetched once,
/// within seven days; whoever has begun may fetch the further parts for an hour.
#[utoipa::path(
    get, path = "/v1/privacy-exports/{key}", tag = "privacy", operation_id = "privacy-exports-get",
    params(("key" = ExportKey, Path, description = "As it was mailed"), Part),
    responses((status = 200, description = "The document, or a part of it", body = Export))
)]
async fn fetch(
    State(Deps {
        clock,
        exporter,
        requests,
        ..
    }): State<Deps>,
    Path(key): Path<String>,
    Query(Part { cursor }): Query<Part>,
) -> Result<impl IntoResponse, Problem> {
    let place: Option<Place> = cursor.as_ref().map(Cursor::last).transpose()?;
    // What is no key names nothing, like one that nobody was given.
    let text = key;
    let key: ExportKey = text.parse().map_err(|_| Problem::not_found())?;
    let now = clock.now();
    let is_first = place.is_none();
    let account = requests.export_of(&key, is_first, now).await?;
    let account = account.ok_or_else(Problem::not_found)?;
    let profile = exporter
        .accounts
        .profile(account)
        .await?
        .ok_or_else(Problem::not_found)?;
    let exporter = Exporter {
        address: exporter
            .address
            .replace("/v1/account/export", &format!("/v1/privacy-exports/{text}")),
        ..exporter
    };
    let part = exporter.part(&profile, place, None).await?;
    if !requests.open_export(&key, is_first, now).await? {
        return Err(Problem::not_found());
    }
    let name = format!(r#"attachment; filename="vitrine-{}.json""#, now.strftime("%Y-%m-%d"));
    Ok(([(CONTENT_DISPOSITION, name)], Json(part)))
}
