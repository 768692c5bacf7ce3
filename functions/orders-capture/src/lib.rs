//! `POST /v1/orders/{id}/capture`: the payer has approved; take the money and give the credits.
//!
//! It may be asked as often as one likes, at once too: what has happened is read from PayPal's own record each time.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{Language, OrderState};
use shared::flows::payment::{Because, Cashier, Converged};
use shared::grants::{Action, Grant};
use shared::http::{Accepted, Json, Kind, OrderView, Path, Problem, openapi, with_manners};
use shared::ids::{self, Id};
use shared::store::{Orders, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("ledger", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table("orders", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("paypal-credentials"),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    cashier: Cashier,
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
        let cashier = Cashier::configured(vars, platform)?;
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            orders: cashier.orders.clone(),
            cashier,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/orders/{id}/capture", post(capture));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(capture))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[
            Kind::PaymentDeclined,
            Kind::PaymentNotApproved,
            Kind::OrderExpired,
            Kind::Conflict,
            Kind::Contended,
            Kind::UpstreamFailed,
            Kind::UpstreamUnavailable,
        ],
    )
}

/// Take the money of an order
///
/// For when the payer has come back from `payer_url`. The credits are there when the answer is 200. It is 202 while PayPal has
/// the payment and cannot say yet whether it is good; the credits follow by themselves then. May be repeated.
#[utoipa::path(
    post, path = "/v1/orders/{id}/capture", tag = "orders", operation_id = "orders-capture",
    params(("id" = ids::OrderId, Path, description = "The order's id", example = "ord_01kb0v1cqhe8svdnq7tqw8vz6n")),
    responses(
        (status = 200, description = "The money was taken and the credits are given", body = OrderView),
        (status = 202, description = "PayPal has the payment, and the credits follow once it is good", body = OrderView),
    ),
    security(("bearer" = []))
)]
async fn capture(
    State(Deps {
        cashier,
        clock,
        orders,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    language: Language,
    Path(id): Path<Id<ids::Order>>,
) -> Result<Response, Problem> {
    let (_, found) = bearer.beside(&sessions, clock.now(), orders.find(id)).await?;
    found
        .filter(|order| order.account == Some(bearer.account()))
        .ok_or_else(Problem::not_found)?;
    let converged = cashier.converge(id, Because::Asked(language), &[]).await?;
    let Converged { order, taken } = converged.ok_or_else(Problem::not_found)?;
    if let Some(problem) = Problem::not_paid(&order, taken.as_ref()) {
        return Err(problem);
    }
    let view = OrderView::new(&order);
    Ok(if order.state == OrderState::Pending {
        Accepted::at(format!("/v1/orders/{id}"), view).into_response()
    } else {
        Json(view).into_response()
    })
}
