//! `GET /v1/orders/{id}`: one order for credits; as a page, its receipt to print.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::Language;
use shared::grants::{Action, Grant};
use shared::http::document::Wish;
use shared::http::{Json, OrderView, Path, Problem, Receipt, openapi, with_manners};
use shared::ids::{self, Id};
use shared::store::{Orders, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("orders", &[Action::GetItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    orders: Orders,
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
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            orders: Orders::new(&db, vars)?,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/orders/{id}", get(read)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(read))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Read an order
///
/// How far it is, its receipt's number, and what went back. With `Accept: text/html` the answer is the receipt as a page to
/// print, in English or 简体中文.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", operation_id = "orders-get",
    params(("id" = ids::OrderId, Path, description = "The order's id", example = "ord_01kb0v1cqhe8svdnq7tqw8vz6n")),
    responses((status = 200, content(
        (OrderView = "application/json"),
        (String = "text/html"),
    ), description = "The order, or its receipt")),
    security(("bearer" = []))
)]
async fn read(
    State(Deps {
        clock,
        orders,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    wish: Wish,
    language: Language,
    Path(id): Path<Id<ids::Order>>,
) -> Result<Response, Problem> {
    let (_, found) = bearer.beside(&sessions, clock.now(), orders.find(id)).await?;
    let order = found
        .filter(|order| order.account == Some(bearer.account()))
        .ok_or_else(Problem::not_found)?;
    Ok(if wish.page {
        Receipt::of(&order, language).into_response()
    } else {
        Json(OrderView::new(&order)).into_response()
    })
}
