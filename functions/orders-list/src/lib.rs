//! `GET /v1/orders`: the caller's orders for credits, newest first.

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::grants::{Action, Grant};
use shared::http::{OrderView, Page, Paging, Problem, Query, openapi, with_manners};
use shared::store::{Orders, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Index("orders", "account", &[Action::Query]),
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
    with_manners(Router::new().route("/v1/orders", get(list)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(list))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// List orders
///
/// The caller's orders for credits, newest first. One that was placed a moment ago may still be missing.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", operation_id = "orders-list", params(Paging),
    responses((status = 200, description = "A page of orders", body = Page<OrderView>)),
    security(("bearer" = []))
)]
async fn list(
    State(Deps {
        clock,
        orders,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Query(page): Query<Paging>,
) -> Result<Page<OrderView>, Problem> {
    let read = orders.list(bearer.account(), page.after()?, page.one_more());
    let (_, orders) = bearer.beside(&sessions, clock.now(), read).await?;
    Ok(page.cut(orders, |order| order.id).map(|order| OrderView::new(&order)))
}
