//! `POST /v1/webhooks/paypal`: PayPal tells that something has become of a payment.
//!
//! Believed only as far as its signature goes, and then only as a hint to look at PayPal's own record.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRef, State};
use axum::routing::post;
use http::HeaderMap;
use shared::auth::HashKey;
use shared::config::{ConfigError, Vars};
use shared::flows::payment::Cashier;
use shared::flows::payment_events::PaymentEvents;
use shared::flows::tries;
use shared::grants::{Action, Grant};
use shared::http::{Kind, Problem, Viewer, openapi, with_manners};
use shared::providers::paypal::webhook::Webhooks;
use shared::store::{Idempotency, Limits};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("idempotency", &[Action::GetItem, Action::PutItem]),
    Grant::Table("ledger", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("orders", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("paypal-credentials"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    events: PaymentEvents,
    hash_key: HashKey,
    ids: Ids,
    limits: Limits,
    webhooks: Webhooks,
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
            events: PaymentEvents {
                cashier: Cashier::configured(vars, platform)?,
                idempotency: Idempotency::new(&db, vars)?,
            },
            hash_key: HashKey::configured(vars, &platform.secrets)?,
            ids: platform.ids.clone(),
            limits: Limits::new(&db, vars)?,
            webhooks: Webhooks::configured(vars, platform)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/webhooks/paypal", post(receive));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(receive))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[
            Kind::BodyTooLarge,
            Kind::TooManyRequests,
            Kind::Contended,
            Kind::UpstreamFailed,
            Kind::UpstreamUnavailable,
        ],
    )
}

/// Take an event of PayPal
///
/// For PayPal alone, which signs the bytes of the body. An event of a kind that is not known is answered with success, so that
/// it is not told again; one that comes twice acts once.
#[utoipa::path(
    post, path = "/v1/webhooks/paypal", tag = "webhooks", operation_id = "paypal-webhook",
    responses((status = 200, description = "The event was taken")),
    security(("paypal" = []))
)]
async fn receive(
    State(Deps {
        clock,
        events,
        hash_key,
        limits,
        webhooks,
        ..
    }): State<Deps>,
    viewer: Viewer,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), Problem> {
    let event = match webhooks.verify(&headers, &body, clock.now()).await {
        Ok(event) => event,
        Err(error) => {
            tries::unsigned(&limits, &hash_key, viewer.source_ip, clock.now()).await?;
            return Err(error.into());
        }
    };
    Ok(events.apply(&event, clock.now()).await?)
}
