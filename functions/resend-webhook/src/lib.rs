//! `POST /v1/webhooks/resend`: Resend tells what became of our mail.
//!
//! An address from which mail comes back, or where it is called unwanted, gets none any more.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRef, State};
use axum::routing::post;
use http::HeaderMap;
use shared::config::{ConfigError, Vars};
use shared::flows::mail_events::MailEvents;
use shared::grants::{Action, Grant};
use shared::http::{Kind, NoContent, Problem, openapi, with_manners};
use shared::providers::resend_webhook::Webhooks;
use shared::store::{Accounts, Idempotency};
use shared::{Clock, Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem, Action::UpdateItem]),
    Grant::Table("idempotency", &[Action::PutItem]),
    Grant::Parameter("resend-webhook-secret"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    events: MailEvents,
    ids: Ids,
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
            events: MailEvents {
                accounts: Accounts::new(&db, vars)?,
                idempotency: Idempotency::new(&db, vars)?,
            },
            ids: platform.ids.clone(),
            webhooks: Webhooks::configured(vars, &platform.secrets)?,
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/webhooks/resend", post(receive));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(receive))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::BodyTooLarge, Kind::Contended])
}

/// Take an event of Resend
///
/// For Resend alone, which signs the bytes of the body. Whatever is signed is answered with success, understood or not, so
/// that it is not told again; an event that comes twice acts once.
#[utoipa::path(
    post, path = "/v1/webhooks/resend", tag = "webhooks", operation_id = "resend-webhook",
    responses((status = 204, description = "The event was taken")),
    security(("svix" = []))
)]
async fn receive(
    State(Deps {
        clock,
        events,
        webhooks,
        ..
    }): State<Deps>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<NoContent, Problem> {
    let now = clock.now();
    let event = webhooks.verify(&headers, &body, now).await?;
    events.apply(&event, now).await?;
    Ok(NoContent)
}
