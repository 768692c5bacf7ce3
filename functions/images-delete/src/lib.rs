//! `DELETE /v1/images/{id}`: delete a picture before its thirty days are over.
//!
//! A finished one goes at once and its objects follow, by the table's stream and `images-erase`. An unfinished one is
//! marked: its outcome settles the credit, then it goes.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::{Router, routing::delete};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::flows::painting::{self, Deletion};
use shared::grants::{Action, Grant};
use shared::http::{Kind, Path, Problem, openapi, with_manners};
use shared::ids::{self, Id};
use shared::store::images::ImageKey;
use shared::store::{Accounts, Images, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::ConditionCheckItem]),
    Grant::Table("images", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    accounts: Accounts,
    clock: Clock,
    ids: Ids,
    images: Images,
    keys: VerifyingKeys,
    sessions: Sessions,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            images: Images::new(&db, vars)?,
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new().route("/v1/images/{id}", delete(remove)).with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(remove))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::Gone, Kind::Contended])
}

/// Delete a picture
///
/// A finished picture is gone at once. One that is being painted is marked: it goes as soon as its outcome is known.
#[utoipa::path(
    delete, path = "/v1/images/{id}", tag = "images", operation_id = "images-delete",
    params(("id" = ids::ImageId, Path, description = "The picture's id", example = "img_01kb0v1cqhe8svdnq7tqw8vz6n")),
    responses(
        (status = 204, description = "The picture is gone"),
        (status = 202, description = "The picture goes as soon as its outcome is known"),
    ),
    security(("bearer" = []))
)]
async fn remove(
    State(Deps {
        accounts,
        clock,
        images,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Path(id): Path<Id<ids::Image>>,
) -> Result<StatusCode, Problem> {
    let now = clock.now();
    let key = ImageKey {
        account_id: bearer.account(),
        id: id.alive(now)?,
    };
    let (_, found) = bearer.beside(&sessions, now, images.find(key, now)).await?;
    let image = found.ok_or_else(Problem::not_found)?;
    match painting::delete(image, &images, &accounts, now).await? {
        Some(Deletion::Gone) => Ok(StatusCode::NO_CONTENT),
        Some(Deletion::Marked) => Ok(StatusCode::ACCEPTED),
        None => Err(Problem::not_found()),
    }
}
