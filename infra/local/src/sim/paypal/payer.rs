//! The payer's side: the page on which an order is approved, and a place to come back to.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::super::World;
use super::super::desk::wrong;
use super::super::mailbox::page;
use super::checkout::{Checkout, Instrument, Status};
use super::shown::PAYER_ID;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/checkoutnow", get(show).post(decide))
        .route("/_sim/paypal/returned", get(returned))
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct Page {
    token: String,
    brand: String,
    description: String,
    value: String,
    currency: String,
    declined: bool,
}

#[derive(Template)]
#[template(path = "returned.html")]
struct Returned {
    order: String,
    has_paid: bool,
}

#[derive(Deserialize)]
struct Asked {
    token: String,
}

#[derive(Deserialize)]
struct Decision {
    token: String,
    /// Absent if the payer has gone back to the shop.
    instrument: Option<Instrument>,
}

/// The order, if its payer may still decide; else why not.
fn find(world: &World, token: &str) -> Result<Checkout, (StatusCode, &'static str)> {
    let now = world.clock.now();
    let found = world.paypal.find(|one| (one.id == token).then(|| one.clone()));
    match found {
        None => Err((StatusCode::NOT_FOUND, "there is no such order")),
        Some(one) if one.is_gone(now) => Err((StatusCode::GONE, "this order has expired; begin again in the shop")),
        Some(one) if one.status == Status::Completed => Err((StatusCode::CONFLICT, "this order is paid already")),
        Some(one) => Ok(one),
    }
}

async fn show(State(world): State<Arc<World>>, Query(asked): Query<Asked>) -> Response {
    match find(&world, &asked.token) {
        Err((status, why)) => wrong(status, why),
        Ok(order) => page(&Page {
            declined: !order.refused.is_empty(),
            brand: order.brand.unwrap_or_else(|| "A shop".to_owned()),
            description: order.description.unwrap_or_else(|| "An order".to_owned()),
            value: order.amount.value(),
            currency: order.amount.currency().to_string(),
            token: asked.token,
        }),
    }
}

async fn decide(State(world): State<Arc<World>>, Form(decision): Form<Decision>) -> Response {
    let order = match find(&world, &decision.token) {
        Ok(order) => order,
        Err((status, why)) => return wrong(status, why),
    };
    let Some(instrument) = decision.instrument else {
        return sent(order.cancel_url.as_deref(), &[("token", &order.id)]);
    };
    match world.paypal_approve(&order.id, instrument) {
        Ok(order) => sent(
            order.return_url.as_deref(),
            &[("token", &order.id), ("PayerID", PAYER_ID)],
        ),
        Err(refusal) => wrong(StatusCode::CONFLICT, &refusal.word()),
    }
}

/// Sends the payer back to the shop.
fn sent(to: Option<&str>, with: &[(&str, &str)]) -> Response {
    let Some(mut url) = to.and_then(|to| to.parse::<url::Url>().ok()) else {
        return wrong(StatusCode::OK, "the shop has named no page to go back to");
    };
    url.query_pairs_mut().extend_pairs(with);
    Redirect::to(url.as_str()).into_response()
}

#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    order: String,
    #[serde(rename = "PayerID")]
    payer: Option<String>,
}

/// Stands in for the shop's own page, which no part of this project is.
async fn returned(Query(back): Query<Back>) -> Response {
    page(&Returned {
        order: back.order,
        has_paid: back.payer.is_some(),
    })
}
