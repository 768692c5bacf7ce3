//! `GET /v1/images/{id}`: one picture, what became of its credit, and where to download it.
//!
//! `Prefer: wait=N` lets the request wait for the picture's end, in at most two requests of an account at once.

use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use jiff::SignedDuration;
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{Image, State as ImageState};
use shared::flows::painting::link_life;
use shared::grants::{Action, Grant, ObjectAction};
use shared::http::{ImageView, Json, Kind, Path, Problem, Wait, openapi, with_manners};
use shared::ids::{self, Id};
use shared::objects::Stores;
use shared::store::images::ImageKey;
use shared::store::{Images, Limits, Sessions, StoreError};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("images", &[Action::GetItem]),
    Grant::Table("limits", &[Action::PutItem, Action::UpdateItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("cdn-key"),
    Grant::Parameter("cos-reader"),
    Grant::Parameter("oss-reader"),
    Grant::Parameter("token-keys"),
    Grant::Bucket(&[ObjectAction::GetObject]),
];

/// How many requests of one account may wait at once.
const WAITING_AT_ONCE: u8 = 2;

/// How often a waiting request looks.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    sessions: Sessions,
    clock: Clock,
    ids: Ids,
    images: Images,
    keys: VerifyingKeys,
    limits: Limits,
    stores: Stores,
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
            limits: Limits::new(&db, vars)?,
            stores: Stores::delivering(vars, platform)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/images/{id}", get(read)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(read))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::Gone])
}

/// Read a picture
///
/// Its state, what became of its credit, what was asked and what was delivered, and, once it is ready, an address to
/// download it from that dies within the hour. With `Prefer: wait=20` the answer waits up to so many seconds for the end.
#[utoipa::path(
    get, path = "/v1/images/{id}", tag = "images", operation_id = "images-get",
    params(
        ("id" = ids::ImageId, Path, description = "The picture's id", example = "img_01kb0v1cqhe8svdnq7tqw8vz6n"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds, at most 20, for the picture's end"),
    ),
    responses((status = 200, description = "The picture", body = ImageView)),
    security(("bearer" = []))
)]
async fn read(
    State(deps): State<Deps>,
    bearer: Bearer,
    Path(id): Path<Id<ids::Image>>,
    wait: Wait,
) -> Result<(Wait, Json<ImageView>), Problem> {
    let now = deps.clock.now();
    let key = ImageKey {
        account_id: bearer.account(),
        id: id.alive(now)?,
    };
    let (_, found) = bearer.beside(&deps.sessions, now, deps.images.find(key, now)).await?;
    let mut image = found.ok_or_else(Problem::not_found)?;
    let mut applied = Wait::default();
    if !image.state.is_final() && wait.is_asked() {
        let waited = deps.wait_for_end(image, wait).await?;
        (image, applied) = waited.ok_or_else(Problem::not_found)?;
    }
    Ok((applied, Json(deps.view(&image).await?)))
}

impl Deps {
    /// The picture when it has ended or the time is up, and the wait that was granted: none when the account waits in as
    /// many requests as it may already.
    async fn wait_for_end(&self, image: Image, wait: Wait) -> Result<Option<(Image, Wait)>, StoreError> {
        let hold = SignedDuration::try_from(wait.duration()).unwrap_or(SignedDuration::ZERO);
        let slot = self
            .limits
            .wait_slot(image.account, WAITING_AT_ONCE, hold, self.clock.now())
            .await?;
        let Some(slot) = slot else {
            return Ok(Some((image, Wait::default())));
        };
        let looks = wait.duration().as_millis() / LOOK_EVERY.as_millis();
        let key = ImageKey::from(&image);
        let mut current = Some(image);
        for _ in 0..looks {
            tokio::time::sleep(LOOK_EVERY).await;
            current = self.images.find(key, self.clock.now()).await?;
            if current.as_ref().is_none_or(|image| image.state.is_final()) {
                break;
            }
        }
        self.limits.leave(slot).await?;
        Ok(current.map(|image| (image, wait)))
    }

    async fn view(&self, image: &Image) -> Result<ImageView, Problem> {
        let now = self.clock.now();
        let view = ImageView::new(image);
        let key = image.object_key.as_ref().filter(|_| image.state == ImageState::Ready);
        let Some(((key, store), life)) = key.zip(image.lies_in()).zip(link_life(image, now)) else {
            return Ok(view);
        };
        let objects = self.stores.named(store)?;
        Ok(view.with_download(objects.download_link(key, now, life).await?))
    }
}
