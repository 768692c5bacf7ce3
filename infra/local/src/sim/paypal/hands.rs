//! The experimenter's side of PayPal: what payers, banks and PayPal itself do, and how its events are told.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use shared::domain::Money;

use super::super::book::lock;
use super::super::desk::wrong;
use super::super::events::{Event, Try};
use super::super::{Simulators, World};
use super::checkout::{Checkout, Instrument};
use super::refusal::Refusal;
use super::signer;
use super::telling::{Telling, Transmission};

/// Something that befalls an order at PayPal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// The payer approves, be it late.
    Approve {
        /// What the payer pays with.
        #[serde(default)]
        instrument: Instrument,
    },
    /// PayPal takes the approval back, because nobody has captured.
    Unapprove,
    /// PayPal does not know the order any more.
    Forget,
    /// The order says something else than what was asked for.
    Amend {
        /// Another amount, in its currency.
        value: Option<String>,
        /// Another name of the seller's.
        custom_id: Option<String>,
    },
    /// What was pending turns out good, or not.
    Settle {
        /// Whether it is good.
        good: bool,
    },
    /// The seller sends money back on PayPal's own pages.
    Refund {
        /// How much; all that is left, if not said.
        value: Option<String>,
    },
    /// PayPal takes the money back.
    Reverse,
    /// The payer opens a dispute.
    Dispute {
        /// Over how much; all of it, if not said.
        value: Option<String>,
    },
    /// The open dispute ends.
    Resolve {
        /// PayPal's code for how, such as `RESOLVED_SELLER_FAVOUR`.
        outcome: String,
    },
}

/// The experimenter's side of the simulated PayPal.
#[derive(Clone, Copy)]
pub struct PayPalDesk<'a>(&'a World);

impl Simulators {
    /// The experimenter's side of PayPal.
    #[must_use]
    pub fn paypal(&self) -> PayPalDesk<'_> {
        PayPalDesk(&self.0)
    }
}

impl PayPalDesk<'_> {
    /// All orders, as PayPal keeps them.
    #[must_use]
    pub fn orders(&self) -> Vec<Checkout> {
        lock(&self.0.paypal.checkouts).values().cloned().collect()
    }

    /// The order of that name, PayPal's or the seller's; the latest, if the seller has used one twice.
    #[must_use]
    pub fn order(&self, name: &str) -> Option<Checkout> {
        let orders = self.orders().into_iter().filter(|one| is_of(one, name));
        orders.max_by_key(|one| one.at)
    }

    /// Lets something befall the order of that name, PayPal's or the seller's, and tells of it.
    ///
    /// # Errors
    /// When there is no such order, or when that cannot befall it; says why.
    pub fn act(&self, name: &str, act: &Act) -> Result<Checkout, String> {
        self.0.befall(name, act)
    }

    /// Lets PayPal take none of the access tokens any more that it has given.
    pub fn forget_tokens(&self) {
        lock(&self.0.paypal.tokens).clear();
    }

    /// Says how events are told.
    pub fn tell(&self, telling: Telling) {
        *lock(&self.0.paypal.telling) = telling;
    }

    /// All events, told or not, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.paypal.events.all()
    }

    /// Those that are due, in the order in which they are told.
    #[must_use]
    pub fn due_events(&self) -> Vec<Event> {
        self.0.paypal_due_events()
    }

    /// Notes that an event was told just now and what was answered.
    pub fn event_tried(&self, id: &str, status: Option<u16>) {
        let at = self.0.clock.now();
        self.0.paypal.events.tried(id, Try { at, status });
    }

    /// Signs one try to tell something to the webhook of this name.
    ///
    /// # Errors
    /// When there are no certificates.
    pub fn transmission(&self, webhook: &str, body: &[u8]) -> anyhow::Result<Transmission> {
        self.0.paypal_transmission(webhook, body)
    }
}

/// The certificate, in PEM, of the authority that vouches for whoever signs the simulated PayPal's events.
///
/// # Errors
/// When the certificates cannot be made.
pub fn root() -> anyhow::Result<String> {
    signer::get().map(|signer| signer.root.clone())
}

fn is_of(checkout: &Checkout, name: &str) -> bool {
    checkout.id == name || checkout.custom_id.as_deref() == Some(name)
}

impl World {
    fn befall(&self, name: &str, act: &Act) -> Result<Checkout, String> {
        let latest = self.paypal_desk().order(name).ok_or("there is no such order")?;
        self.befall_order(&latest, act).map_err(|refusal| refusal.word())
    }

    fn paypal_desk(&self) -> PayPalDesk<'_> {
        PayPalDesk(self)
    }

    fn befall_order(&self, order: &Checkout, act: &Act) -> Result<Checkout, Refusal> {
        let (now, name, currency) = (self.clock.now(), self.paypal_name(), order.amount.currency());
        let money = |value: &Option<String>| {
            let parse = |value| Money::parse(value, currency).map_err(|_| Refusal::of("DECIMAL_PRECISION"));
            value.as_deref().map(parse).transpose()
        };
        let meant = |one: &Checkout| one.id == order.id;
        let paypal = &self.paypal;
        match act {
            Act::Approve { instrument } => {
                let ((), after) = paypal.change(meant, |one| one.approve(*instrument))?;
                self.paypal_tell_of_order("CHECKOUT.ORDER.APPROVED", &after);
                Ok(after)
            }
            Act::Unapprove => {
                let ((), after) = paypal.change(meant, |one| {
                    one.is_forgotten = true;
                    Ok(())
                })?;
                self.paypal_tell_of_order("CHECKOUT.PAYMENT-APPROVAL.REVERSED", &after);
                Ok(after)
            }
            Act::Forget => {
                let ((), after) = paypal.change(meant, |one| {
                    one.is_forgotten = true;
                    Ok(())
                })?;
                Ok(after)
            }
            Act::Amend { value, custom_id } => {
                let amount = money(value)?;
                let amended = paypal.change(meant, |one| {
                    one.amount = amount.unwrap_or(one.amount);
                    for capture in &mut one.captures {
                        capture.amount = amount.unwrap_or(capture.amount);
                    }
                    one.custom_id = custom_id.clone().or(one.custom_id.take());
                    Ok(())
                });
                amended.map(|((), after)| after)
            }
            Act::Settle { good } => {
                let (_, after) = paypal.change(meant, |one| one.settle(*good))?;
                self.paypal_tell_of_capture(&after);
                Ok(after)
            }
            Act::Refund { value } => {
                let amount = money(value)?;
                let ((refund, _), after) = paypal.change(meant, |one| one.refund(None, amount, name, now))?;
                self.paypal_tell_of_refund("PAYMENT.CAPTURE.REFUNDED", &after, &refund);
                Ok(after)
            }
            Act::Reverse => {
                let ((refund, _), after) = paypal.change(meant, |one| one.refund(None, None, name, now))?;
                self.paypal_tell_of_refund("PAYMENT.CAPTURE.REVERSED", &after, &refund);
                Ok(after)
            }
            Act::Dispute { value } => {
                let (amount, id) = (money(value)?, format!("PP-D-{}", self.entropy.below(90_000) + 10_000));
                let (dispute, after) = paypal.change(meant, |one| one.dispute(amount, id, now))?;
                self.paypal_tell_of_dispute("CUSTOMER.DISPUTE.CREATED", &after, &dispute);
                Ok(after)
            }
            Act::Resolve { outcome } => {
                let (dispute, after) = paypal.change(meant, |one| one.resolve(outcome.clone()))?;
                self.paypal_tell_of_dispute("CUSTOMER.DISPUTE.RESOLVED", &after, &dispute);
                Ok(after)
            }
        }
    }
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/_sim/paypal/orders", get(orders))
        .route("/_sim/paypal/orders/{name}", get(order).post(befall))
        .route("/_sim/paypal/events", get(events))
        .route("/_sim/paypal/telling", get(telling).put(tell))
        .route("/_sim/paypal/tokens", delete(forget_tokens))
        .route("/_sim/paypal/root.pem", get(root_pem))
}

async fn orders(State(world): State<Arc<World>>) -> Response {
    Json(world.paypal_desk().orders()).into_response()
}

async fn order(State(world): State<Arc<World>>, Path(name): Path<String>) -> Response {
    match world.paypal_desk().order(&name) {
        Some(order) => Json(order).into_response(),
        None => wrong(StatusCode::NOT_FOUND, "there is no such order"),
    }
}

async fn befall(State(world): State<Arc<World>>, Path(name): Path<String>, body: Bytes) -> Response {
    let act = match serde_json::from_slice::<Act>(&body) {
        Ok(act) => act,
        Err(error) => return wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match world.befall(&name, &act) {
        Ok(order) => Json(order).into_response(),
        Err(why) => wrong(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

async fn events(State(world): State<Arc<World>>) -> Response {
    Json(world.paypal.events.all()).into_response()
}

async fn telling(State(world): State<Arc<World>>) -> Response {
    Json(lock(&world.paypal.telling).clone()).into_response()
}

async fn tell(State(world): State<Arc<World>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Telling>(&body) {
        Ok(wanted) => {
            world.paypal_desk().tell(wanted);
            telling(State(world)).await
        }
        Err(error) => wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn forget_tokens(State(world): State<Arc<World>>) -> Response {
    world.paypal_desk().forget_tokens();
    StatusCode::NO_CONTENT.into_response()
}

async fn root_pem() -> Response {
    match root() {
        Ok(root) => root.into_response(),
        Err(error) => wrong(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
    }
}
