//! `GET /v1/packs`: what can be bought and what it costs, for anyone who asks.

use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use serde::Serialize;
use shared::config::{ConfigError, Vars};
use shared::domain::{Credits, Money, Pack, PackName, Packs};
use shared::grants::Grant;
use shared::http::document::PublicFor;
use shared::http::{Json, openapi, with_manners};
use shared::{Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch: nothing.
pub const GRANTS: &[Grant] = &[];

/// What this function needs.
#[derive(Clone, FromRef)]
pub struct Deps {
    ids: Ids,
    packs: Packs,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When the packs are missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            ids: platform.ids.clone(),
            packs: Packs::configured(vars)?,
        })
    }
}

/// What can be bought.
#[derive(Serialize, ToSchema)]
struct PriceList {
    packs: Vec<PackView>,
}

/// Credits that are bought together.
#[derive(Serialize, ToSchema)]
#[schema(as = Pack)]
struct PackView {
    /// What to order it by.
    pack: PackName,
    /// How many credits; one paints one picture.
    credits: Credits,
    /// What they cost together.
    price: Money,
}

impl From<&Pack> for PackView {
    fn from(pack: &Pack) -> Self {
        Self {
            pack: pack.name(),
            credits: pack.credits,
            price: pack.price,
        }
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/packs", get(list)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(list))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// List the packs on sale
///
/// What can be bought and what it costs. Nobody need be signed in to see it.
#[utoipa::path(
    get, path = "/v1/packs", tag = "credits", operation_id = "packs-list",
    responses((status = 200, description = "The packs; keep them for five minutes", body = PriceList))
)]
async fn list(State(packs): State<Packs>) -> impl IntoResponse {
    // An order is of the pack as it is when it is placed, so a price may change under somebody who looks at an old list.
    let packs = packs.all().iter().map(PackView::from).collect();
    (PublicFor(300), Json(PriceList { packs }))
}
