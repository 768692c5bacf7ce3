//! `GET /v1/images`: the caller's pictures, newest first.

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{ImageView, Page, Paging, Problem, Query, openapi, with_manners};
use shared::store::{Images, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("images", &[Action::Query]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    sessions: Sessions,
    clock: Clock,
    ids: Ids,
    images: Images,
    keys: VerifyingKeys,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            sessions: Sessions::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            images: Images::new(&db, vars)?,
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/images", get(list)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(list))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// List pictures
///
/// The caller's pictures, newest first. Download addresses are given by `GET /v1/images/{id}`.
#[utoipa::path(
    get, path = "/v1/images", tag = "images", operation_id = "images-list", params(Paging),
    responses((status = 200, description = "A page of pictures", body = Page<ImageView>)),
    security(("bearer" = []))
)]
async fn list(
    State(Deps {
        sessions,
        clock,
        images,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Query(page): Query<Paging>,
) -> Result<Page<ImageView>, Problem> {
    let now = clock.now();
    let read = images.list(bearer.account(), page.after()?, page.one_more(), now);
    let (_, images) = bearer.beside(&sessions, now, read).await?;
    Ok(page.cut(images, |image| image.id).map(|image| ImageView::new(&image)))
}
