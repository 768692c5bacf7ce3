//! Orders: made, looked at, captured.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::domain::{Currency, Money};

use super::super::World;
use super::super::call::Call;
use super::checkout::{Checkout, Instrument, NAMES_OF_ORDERS, Standing, Status};
use super::refusal::Refusal;
use super::{Moved, said, shown};

/// The longest that names of calls may be, and the seller's names for things.
const LONGEST_NAME: usize = 108;
const LONGEST_ID: usize = 127;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v2/checkout/orders", post(create))
        .route("/v2/checkout/orders/{id}", get(look))
        .route("/v2/checkout/orders/{id}/capture", post(capture))
}

/// The name under which PayPal is to do something once.
pub(super) fn request_id(call: &Call) -> Result<Option<String>, Refusal> {
    match call.header("paypal-request-id") {
        None => Ok(None),
        Some(name) if (1..=LONGEST_NAME).contains(&name.len()) => Ok(Some(name.to_owned())),
        Some(_) => Err(Refusal::of("INVALID_STRING_LENGTH")),
    }
}

/// An amount as PayPal wants it: a text with the currency's own decimals.
pub(super) fn money(amount: &Value) -> Result<Money, Refusal> {
    let text = |name: &str| amount.get(name).and_then(Value::as_str);
    let (Some(currency), Some(value)) = (text("currency_code"), text("value")) else {
        return Err(Refusal::of("MISSING_REQUIRED_PARAMETER").at("/amount"));
    };
    let currency: Currency = currency
        .parse()
        .map_err(|_| Refusal::of("INVALID_CURRENCY_CODE").at("/amount/currency_code"))?;
    let amount = Money::parse(value, currency).map_err(|_| Refusal::of("DECIMAL_PRECISION").at("/amount/value"))?;
    if amount.in_minor() > 0 {
        Ok(amount)
    } else {
        Err(Refusal::of("CANNOT_BE_ZERO_OR_NEGATIVE").at("/amount/value"))
    }
}

fn is_json(call: &Call) -> bool {
    call.header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"))
}

fn is_minimal(call: &Call) -> bool {
    call.header("prefer")
        .is_none_or(|prefer| prefer.contains("return=minimal"))
}

async fn create(State(world): State<Arc<World>>, call: Call) -> Response {
    let answer = make(&world, &call).await;
    said(&world, answer)
}

async fn make(world: &World, call: &Call) -> Result<Response, Refusal> {
    if !is_json(call) {
        return Err(Refusal::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let named = request_id(call)?;
    let body = call.object().ok_or_else(|| Refusal::of("MALFORMED_REQUEST_JSON"))?;
    let busy = named.as_ref().map(|name| world.paypal.enter(format!("create {name}")));
    if busy.as_ref().is_some_and(Option::is_none) {
        return Err(Refusal::of("PREVIOUS_REQUEST_IN_PROGRESS"));
    }
    let now = world.clock.now();
    let shown = |checkout: &Checkout| Json(shown::order(&world.paypal_origin, checkout, is_minimal(call)));
    let earlier = world.paypal.find(|one| {
        let is_same = one.named == named && named.is_some() && now.duration_since(one.at) < NAMES_OF_ORDERS;
        is_same.then(|| one.clone())
    });
    if let Some(earlier) = earlier {
        return Ok(shown(&earlier).into_response());
    }
    let checkout = read(world, &body, named)?;
    let is_taken = |one: &Checkout| {
        let same = one.invoice_id.is_some() && one.invoice_id == checkout.invoice_id;
        (same && one.status == Status::Completed).then_some(())
    };
    if world.paypal.find(is_taken).is_some() {
        return Err(Refusal::of("DUPLICATE_INVOICE_ID").at("/purchase_units/@reference_id=='default'/invoice_id"));
    }
    call.work_time().await;
    world.paypal.keep(checkout.clone());
    Ok((StatusCode::CREATED, shown(&checkout)).into_response())
}

fn read(world: &World, body: &Map<String, Value>, named: Option<String>) -> Result<Checkout, Refusal> {
    match body.get("intent").and_then(Value::as_str) {
        None => return Err(Refusal::of("MISSING_REQUIRED_PARAMETER").at("/intent")),
        Some("CAPTURE") => {}
        Some(_) => return Err(Refusal::of("INVALID_PARAMETER_VALUE").at("/intent")),
    }
    let units = body.get("purchase_units").and_then(Value::as_array);
    let Some([unit]) = units.map(Vec::as_slice) else {
        return Err(Refusal::of("MISSING_REQUIRED_PARAMETER").at("/purchase_units"));
    };
    let amount = money(unit.get("amount").unwrap_or(&Value::Null))?;
    let text = |name: &'static str| match unit.get(name).and_then(Value::as_str) {
        Some(text) if text.len() > LONGEST_ID => Err(Refusal::of("INVALID_STRING_LENGTH").at(name)),
        text => Ok(text.map(str::to_owned)),
    };
    let source = body.get("payment_source");
    if source.is_some() && named.is_none() {
        return Err(Refusal::of("PAYPAL_REQUEST_ID_REQUIRED"));
    }
    let experience = source.and_then(|source| source.pointer("/paypal/experience_context"));
    let context = experience.or_else(|| body.get("application_context"));
    let of_context = |name: &str| Some(context?.get(name)?.as_str()?.to_owned());
    Ok(Checkout {
        id: world.paypal_name(),
        status: if source.is_some() {
            Status::PayerActionRequired
        } else {
            Status::Created
        },
        custom_id: text("custom_id")?,
        invoice_id: text("invoice_id")?,
        description: text("description")?,
        brand: of_context("brand_name"),
        amount,
        return_url: of_context("return_url"),
        cancel_url: of_context("cancel_url"),
        at: world.clock.now(),
        named,
        instrument: Instrument::Good,
        refused: std::collections::BTreeMap::new(),
        captures: Vec::new(),
        refunds: Vec::new(),
        disputes: Vec::new(),
        is_forgotten: false,
    })
}

#[derive(Deserialize)]
struct Asked {
    /// Lets the payer approve before the order is shown.
    #[serde(rename = "_approve")]
    approve: Option<String>,
    instrument: Option<Instrument>,
}

async fn look(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    call: Call,
) -> Response {
    call.work_time().await;
    if asked.approve.is_some_and(|approve| approve == "1") {
        // One who cannot approve any more sees the order as it is.
        drop(world.paypal_approve(&id, asked.instrument.unwrap_or_default()));
    }
    let now = world.clock.now();
    let found = world
        .paypal
        .find(|one| (one.id == id && !one.is_gone(now)).then(|| one.clone()));
    let answer = found.map(|one| Json(shown::order(&world.paypal_origin, &one, false)).into_response());
    said(&world, answer.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID")))
}

async fn capture(State(world): State<Arc<World>>, Path(id): Path<String>, call: Call) -> Response {
    let answer = take(&world, &id, &call).await;
    said(&world, answer)
}

async fn take(world: &World, id: &str, call: &Call) -> Result<Response, Refusal> {
    if !is_json(call) {
        return Err(Refusal::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let named = request_id(call)?;
    let Some(_busy) = world.paypal.enter(format!("capture {id}")) else {
        return Err(Refusal::of("ORDER_COMPLETION_IN_PROGRESS"));
    };
    call.work_time().await;
    let (name, now) = (world.paypal_name(), world.clock.now());
    let is_meant = |one: &Checkout| one.id == id && !one.is_gone(now);
    let taken = world.paypal.change(is_meant, |one| one.capture(named, name, now));
    let (was_done, checkout) =
        taken.map_err(|refusal| refusal.sending_the_payer_to(shown::payer_url(&world.paypal_origin, id)))?;
    if !was_done {
        world.paypal_tell_of_capture(&checkout);
    }
    let status = if was_done { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(shown::order(&world.paypal_origin, &checkout, false))).into_response())
}

impl World {
    /// The payer approves.
    pub(super) fn paypal_approve(&self, id: &str, instrument: Instrument) -> Result<Checkout, Refusal> {
        let now = self.clock.now();
        let is_meant = |one: &Checkout| one.id == id && !one.is_gone(now);
        let ((), checkout) = self.paypal.change(is_meant, |one| one.approve(instrument))?;
        self.paypal_tell_of_order("CHECKOUT.ORDER.APPROVED", &checkout);
        Ok(checkout)
    }

    /// Writes the money down that a capture has moved, and tells what came of it.
    pub(super) fn paypal_tell_of_capture(&self, checkout: &Checkout) {
        let Some(capture) = checkout.captures.last() else {
            return;
        };
        let kind = match capture.status {
            Standing::Pending => "PAYMENT.CAPTURE.PENDING",
            Standing::Declined => "PAYMENT.CAPTURE.DENIED",
            Standing::Completed | Standing::PartiallyRefunded | Standing::Refunded => {
                self.paypal.moved.record(Moved::Captured {
                    at: self.clock.now(),
                    custom_id: checkout.custom_id.clone(),
                    capture: capture.id.clone(),
                    amount: capture.amount,
                });
                "PAYMENT.CAPTURE.COMPLETED"
            }
        };
        self.paypal_tell(kind, &shown::capture(&self.paypal_origin, checkout, capture));
    }
}
