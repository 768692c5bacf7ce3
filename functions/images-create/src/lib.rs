//! `POST /v1/images`: take an order for pictures, and set aside what they cost.
//!
//! Pictures, holds and the answer to a repeat are one transaction, so a request that is sent again is answered with the
//! first one's answer. `images-paint` paints, woken by the table's stream.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use futures::try_join;
use serde::{Deserialize, Serialize};
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::ledger::Balance;
use shared::domain::{Credits, Fallback, Image, ImageCount, Prompt, Ratio};
use shared::flows::budget::Budget;
use shared::flows::ordering::{Ordered, Ordering};
use shared::grants::{Action, Grant};
use shared::http::{Accepted, Idempotent, ImageView, Kind, Problem, RawJson, Replayed, openapi, with_manners};
use shared::ids::{self, Id};
use shared::store::idempotency::Use;
use shared::store::{Accounts, Idempotency, Images, Ledgers, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::ConditionCheckItem, Action::GetItem]),
    Grant::Table("idempotency", &[Action::GetItem, Action::PutItem]),
    Grant::Table("images", &[Action::PutItem]),
    Grant::Table("ledger", &[Action::GetItem, Action::PutItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::GetItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    budget: Budget,
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    ordering: Ordering,
    sessions: Sessions,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let ordering = Ordering {
            accounts: Accounts::new(&db, vars)?,
            idempotency: Idempotency::new(&db, vars)?,
            images: Images::new(&db, vars)?,
            ledgers: Ledgers::new(&db, vars)?,
        };
        let keys = VerifyingKeys::configured(vars, &platform.secrets)?;
        Ok(Self {
            budget: Budget::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys,
            ordering,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// An order for one to four pictures, each with its own fate.
#[derive(Deserialize, ToSchema)]
#[schema(as = ImageOrder)]
#[serde(deny_unknown_fields)]
struct Order {
    /// The words to paint from, sent to the model exactly as they are here.
    prompt: Prompt,
    /// Width to height.
    #[serde(default)]
    ratio: Ratio,
    /// How many pictures; each costs one credit.
    #[serde(default)]
    count: ImageCount,
    /// Whether the backup model may paint when the primary cannot.
    #[serde(default)]
    fallback: Fallback,
}

/// The pictures that were ordered.
#[derive(Serialize, ToSchema)]
struct Ticket {
    images: Vec<ImageView>,
    credits: CreditsLeft,
}

/// What the account has after the order.
#[derive(Serialize, ToSchema)]
struct CreditsLeft {
    available: Credits,
    held: Credits,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/images", post(create)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[Kind::InsufficientCredits, Kind::Contended, Kind::PaintingPaused],
    )
}

/// Order pictures
///
/// Sets one credit aside for each picture and answers at once; the pictures are painted meanwhile. Ask for each of them
/// with `GET /v1/images/{id}`.
#[utoipa::path(
    post, path = "/v1/images", tag = "images", operation_id = "images-create", request_body = Order,
    params(("Idempotency-Key" = String, Header, description = "Makes it safe to send the request again")),
    responses((status = 202, description = "The pictures are ordered", body = Ticket)),
    security(("bearer" = []))
)]
async fn create(
    State(Deps {
        budget,
        clock,
        ids,
        ordering,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Idempotent {
        key,
        fingerprint,
        body: order,
    }: Idempotent<Order>,
) -> Result<(Replayed, Accepted<RawJson>), Problem> {
    let (account, now) = (bearer.account(), clock.now());
    let used = Use::new(account, "images-create", key.as_str(), fingerprint.to_hex());
    let look = async { try_join!(ordering.look(account, &used, now), budget.room(now)) };
    let (_, (known, room)) = bearer.beside(&sessions, now, look).await?;
    if !room && !known.is_answered() {
        return Err(Problem::painting_paused(now));
    }
    let images = order.images(account, &ids);
    let Ordered { body, replayed } = ordering
        .take(known, account, &images, &used, now, |left| ticket(&images, left))
        .await?;
    Ok((Replayed(replayed), Accepted::at("/v1/images", RawJson(body))))
}

impl Order {
    fn images(self, account: Id<ids::Account>, ids: &Ids) -> Vec<Image> {
        let Self {
            prompt,
            ratio,
            count,
            fallback,
        } = self;
        (0..count.get())
            .map(|_| Image::ordered(ids.next(), account, prompt.clone(), ratio, fallback))
            .collect()
    }
}

fn ticket(images: &[Image], left: &Balance) -> String {
    let credits = CreditsLeft {
        available: left.available,
        held: left.held,
    };
    RawJson::of(&Ticket {
        images: images.iter().map(ImageView::new).collect(),
        credits,
    })
    .0
}
