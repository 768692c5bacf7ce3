//! PayPal: orders, captures, refunds, disputes, and the events that tell of them; with the page on which its payer approves.

mod checkout;
mod disputes;
mod hands;
mod orders;
mod payer;
mod payments;
mod refusal;
mod shown;
mod signer;
mod telling;
mod token;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::domain::Money;

use super::book::{Works, lock};
use super::call::Call;
use super::events::Events;
use super::journal::Journal;
use super::{Provider, World};

pub use checkout::{Capture, Checkout, Dispute, Instrument, Refund, Standing, Status};
pub use hands::{Act, PayPalDesk, root};
pub use telling::{Telling, Transmission};

use refusal::Refusal;

/// Where PayPal really is.
pub(super) const REAL_ORIGIN: &str = "https://api-m.paypal.com";

/// How many lines of the journal of orders are kept at a restart.
const KEPT: usize = 20_000;

/// Money that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// From a payer to the seller.
    Captured {
        /// When, by the Clock.
        at: Timestamp,
        /// The seller's name for the order.
        custom_id: Option<String>,
        /// PayPal's name for it.
        capture: String,
        /// How much.
        amount: Money,
    },
    /// From the seller back to a payer.
    Refunded {
        /// When, by the Clock.
        at: Timestamp,
        /// The seller's name for the order.
        custom_id: Option<String>,
        /// PayPal's name for it.
        refund: String,
        /// How much.
        amount: Money,
    },
}

pub(super) struct State {
    journal: Journal,
    checkouts: Mutex<BTreeMap<String, Checkout>>,
    pub(super) moved: Works<Moved>,
    events: Events,
    telling: Mutex<Telling>,
    /// Access tokens, and until when each is good.
    tokens: Mutex<HashMap<String, Timestamp>>,
    /// What is being done in this moment.
    busy: Mutex<HashSet<String>>,
}

impl State {
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let (journal, lines) = Journal::open::<Checkout>(folder, "paypal.orders", KEPT)?;
        let checkouts = lines.into_iter().map(|one| (one.id.clone(), one)).collect();
        Ok(Self {
            journal,
            checkouts: Mutex::new(checkouts),
            moved: Works::open(folder, Provider::Paypal)?,
            events: Events::open(folder, Provider::Paypal, telling::pause)?,
            telling: Mutex::default(),
            tokens: Mutex::default(),
            busy: Mutex::default(),
        })
    }

    /// Looks at one order: the first of which `look` makes something.
    fn find<T>(&self, look: impl FnMut(&Checkout) -> Option<T>) -> Option<T> {
        lock(&self.checkouts).values().find_map(look)
    }

    fn keep(&self, checkout: Checkout) {
        self.journal.append(&checkout);
        lock(&self.checkouts).insert(checkout.id.clone(), checkout);
    }

    /// Changes the order that is meant, or nothing.
    fn change<T>(
        &self,
        is_meant: impl Fn(&Checkout) -> bool,
        change: impl FnOnce(&mut Checkout) -> Result<T, Refusal>,
    ) -> Result<(T, Checkout), Refusal> {
        let mut checkouts = lock(&self.checkouts);
        let found = checkouts.values_mut().find(|one| is_meant(one));
        let found = found.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID"))?;
        let mut after = found.clone();
        // A refusal is remembered too.
        let done = change(&mut after);
        if after != *found {
            self.journal.append(&after);
            found.clone_from(&after);
        }
        done.map(|done| (done, after))
    }

    /// Does something of this name, unless that is being done already.
    fn enter(&self, name: String) -> Option<Busy<'_>> {
        let is_free = lock(&self.busy).insert(name.clone());
        is_free.then(|| Busy(self, name))
    }
}

/// Something that is being done.
struct Busy<'a>(&'a State, String);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.busy).remove(&self.1);
    }
}

impl World {
    /// A name as PayPal gives them: 17 capital letters and digits.
    fn paypal_name(&self) -> String {
        let mut name = self.entropy.hex::<9>().to_uppercase();
        name.truncate(17);
        name
    }
}

/// What is asked with an access token.
pub(super) fn routes(world: &Arc<World>) -> Router<Arc<World>> {
    Router::new()
        .merge(orders::routes())
        .merge(payments::routes())
        .merge(disputes::routes())
        .merge(telling::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(world), with_token))
        .merge(token::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(world), with_debug_id))
}

/// What anybody may look at: the payer's page, the certificate, and the experimenter's side.
pub(super) fn open_routes() -> Router<Arc<World>> {
    payer::routes().merge(telling::open_routes()).merge(hands::routes())
}

async fn with_token(Shared(world): Shared<Arc<World>>, request: Request, next: Next) -> Response {
    let known = request
        .extensions()
        .get::<Call>()
        .and_then(Call::bearer)
        .is_some_and(|token| {
            let tokens = lock(&world.paypal.tokens);
            tokens.get(token).is_some_and(|until| *until > world.clock.now())
        });
    if known {
        next.run(request).await
    } else {
        stock_error(&world, Some(StatusCode::UNAUTHORIZED), None)
    }
}

/// Every reply has a name by which PayPal's support would find it.
async fn with_debug_id(Shared(world): Shared<Arc<World>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Ok(name) = HeaderValue::try_from(debug_id(&world)) {
        response.headers_mut().entry("paypal-debug-id").or_insert(name);
    }
    response
}

fn debug_id(world: &World) -> String {
    format!("f{}", world.entropy.hex::<6>())
}

/// An answer, or PayPal's refusal, the same name in its body and its header.
fn said(world: &World, answer: Result<Response, Refusal>) -> Response {
    answer.unwrap_or_else(|refusal| refused(world, &refusal))
}

fn refused(world: &World, refusal: &Refusal) -> Response {
    let name = debug_id(world);
    let mut response = refusal.answer(&name);
    if let Ok(name) = HeaderValue::try_from(name) {
        response.headers_mut().insert("paypal-debug-id", name);
    }
    response
}

pub(super) fn stock_error(world: &World, status: Option<StatusCode>, issue: Option<&str>) -> Response {
    match (status, issue) {
        (_, Some(issue)) => refused(world, &Refusal::of(issue)),
        (Some(StatusCode::UNAUTHORIZED), None) => {
            let body = json!({ "error": "invalid_token", "error_description": "Token signature verification failed" });
            (StatusCode::UNAUTHORIZED, Json(body)).into_response()
        }
        (status, None) => {
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refused(world, &Refusal::with_status(status))
        }
    }
}
