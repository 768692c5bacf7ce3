//! `POST /v1/orders`: order a pack of credits, and learn where the payer approves.
//!
//! The order is kept before PayPal hears of it, so a request that is sent again goes on where the first one stopped.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use jiff::SignedDuration;
use serde::Deserialize;
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{PackName, Packs};
use shared::flows::buying::{Bought, Buying};
use shared::grants::{Action, Grant};
use shared::http::{Created, Idempotent, Kind, OrderView, Problem, Quotas, Replayed, openapi, with_manners};
use shared::store::idempotency::Use;
use shared::store::limits::Policy;
use shared::store::{Limits, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::ConditionCheckItem]),
    Grant::Table("idempotency", &[Action::GetItem, Action::PutItem]),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("orders", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("paypal-credentials"),
    Grant::Parameter("token-keys"),
];

/// How many orders an account may place. Each opens a checkout at PayPal, paid or not.
const A_DAY: Policy = Policy {
    name: "orders",
    quota: 30,
    window: SignedDuration::from_hours(24),
};

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    buying: Buying,
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    limits: Limits,
    packs: Packs,
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
            buying: Buying::configured(vars, platform)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            limits: Limits::new(&db, vars)?,
            packs: Packs::configured(vars)?,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// What is to be bought.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewOrder)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// One of the packs of `GET /v1/packs`.
    pack: PackName,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/orders", post(create)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[
            Kind::TooManyRequests,
            Kind::Contended,
            Kind::UpstreamFailed,
            Kind::UpstreamUnavailable,
        ],
    )
}

/// Order a pack of credits
///
/// Opens a payment at PayPal and answers with `payer_url`, where the payer approves it. Then take the money with `POST
/// /v1/orders/{id}/capture`; if nobody does, it is taken all the same once PayPal has told of the approval. Sent again under
/// the same key, the answer is the order as it is by then.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", operation_id = "orders-create", request_body = Wanted,
    params(("Idempotency-Key" = String, Header, description = "Makes it safe to send the request again")),
    responses((status = 201, description = "The order, for the payer to approve", body = OrderView)),
    security(("bearer" = []))
)]
async fn create(
    State(Deps {
        buying,
        clock,
        limits,
        packs,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Idempotent {
        key,
        fingerprint,
        body: Wanted { pack },
    }: Idempotent<Wanted>,
) -> Result<(Quotas, Replayed, Created<OrderView>), Problem> {
    let (account, now) = (bearer.account(), clock.now());
    let used = Use::new(account, "orders-create", key.as_str(), fingerprint.to_hex());
    let (_, known) = bearer
        .beside(&sessions, now, buying.idempotency.answer(&used, now))
        .await?;
    let pack = packs
        .named(pack)
        .ok_or_else(|| Problem::invalid_field("/pack", "is not on sale; GET /v1/packs lists those that are"))?;
    let left = match known {
        Some(_) => None,
        None => Some(limits.take(A_DAY, &account.to_string(), now).await?),
    };
    let Bought { order, replayed } = buying.buy(known, account, pack, &used).await?;
    let location = format!("/v1/orders/{}", order.id);
    Ok((
        Quotas::of(left),
        Replayed(replayed),
        Created::at(location, OrderView::new(&order)),
    ))
}
