//! An order for credits as its buyer is shown it.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::{Kind, Problem};
use crate::domain::order::Outcome;
use crate::domain::{Credits, Money, Order, OrderState, PackName};
use crate::ids;
use crate::providers::paypal::Taken;

/// An order: what is bought, how far it is, and what went back. Nothing of the payer is known, so nothing of the payer is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView {
    id: ids::OrderId,
    state: OrderState,
    pack: PackName,
    /// How many credits it is for.
    credits: Credits,
    price: Money,
    /// Why it is pending or declined, in PayPal's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ECHECK")]
    reason: Option<String>,
    /// Where the payer goes to approve, as long as that can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "https://www.paypal.com/checkoutnow?token=5O190127TN364715T")]
    payer_url: Option<Url>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the money was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    paid_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptView>,
    /// What went back to the payer, oldest first.
    refunds: Vec<RefundView>,
    /// Where the payment is fought over, oldest first.
    disputes: Vec<DisputeView>,
    /// How many of its credits were taken back, for money that went back or is fought over.
    taken_back: Credits,
}

/// The receipt of an order. It was mailed; ask for the order with `Accept: text/html` to print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Receipt)]
struct ReceiptView {
    /// Counts from 1 in each year, without a gap.
    #[schema(example = "2026-000001")]
    number: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Refund)]
struct RefundView {
    amount: Money,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// A fight over the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Dispute)]
struct DisputeView {
    /// Over how much; over all of it, if PayPal has not said.
    amount: Money,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    outcome: Outcome,
}

impl OrderView {
    /// The order.
    #[must_use]
    pub fn new(order: &Order) -> Self {
        let mut refunds: Vec<RefundView> = order
            .refunds
            .values()
            .filter(|refund| !refund.failed)
            .map(|refund| RefundView {
                amount: refund.amount,
                at: refund.at,
            })
            .collect();
        refunds.sort_by_key(|refund| refund.at);
        let mut disputes: Vec<DisputeView> = order
            .disputes
            .values()
            .map(|dispute| DisputeView {
                amount: dispute.amount.unwrap_or(order.pack.price),
                at: dispute.at,
                outcome: dispute.outcome,
            })
            .collect();
        disputes.sort_by_key(|dispute| dispute.at);
        Self {
            id: order.id,
            state: order.state,
            pack: order.pack.name(),
            credits: order.pack.credits,
            price: order.pack.price,
            reason: order.reason.clone(),
            payer_url: payer_url(order),
            created_at: order.placed_at(),
            paid_at: order.payment.as_ref().map(|payment| payment.at),
            receipt: order.receipt.as_ref().map(|receipt| ReceiptView {
                number: receipt.number.to_string(),
                at: receipt.at,
            }),
            refunds,
            disputes,
            taken_back: order.taken_back,
        }
    }
}

/// Where the payer goes, if there is something to do there.
fn payer_url(order: &Order) -> Option<Url> {
    match order.state {
        OrderState::Created | OrderState::Approved => {
            order.checkout.as_ref().map(|checkout| checkout.payer_url.clone())
        }
        OrderState::Pending
        | OrderState::Completed
        | OrderState::Declined
        | OrderState::Expired
        | OrderState::Mismatched => None,
    }
}

impl Problem {
    /// Why the money of an order was not taken, if it was not: what the buyer can do about it, in words and as an address.
    #[must_use]
    pub fn not_paid(order: &Order, taken: Option<&Taken>) -> Option<Self> {
        let problem = match (order.state, taken) {
            (OrderState::Completed | OrderState::Pending, _) => return None,
            (OrderState::Created | OrderState::Approved, Some(Taken::Declined { .. } | Taken::PayerNeeded { .. })) => {
                Self::new(
                    Kind::PaymentDeclined,
                    "PayPal has declined the means of payment. Choose another one at `payer_url`; the order stays as it is.",
                )
            }
            (OrderState::Created | OrderState::Approved, _) => Self::new(
                Kind::PaymentNotApproved,
                "The payment is not approved yet. Approve it at `payer_url`, then try again.",
            ),
            (OrderState::Declined, _) => Self::new(
                Kind::PaymentDeclined,
                "PayPal has declined the payment, and no money was taken. Place a new order to pay in another way.",
            ),
            (OrderState::Expired, _) => Self::of(Kind::OrderExpired),
            (OrderState::Mismatched, _) => Self::new(
                Kind::Conflict,
                "PayPal's record of this payment is not what was ordered. Somebody is looking at it; no credits are given until then.",
            ),
        };
        let problem = match payer_url(order) {
            Some(url) => problem.with("payer_url", url.as_str()),
            None => problem,
        };
        Some(match &order.reason {
            Some(reason) => problem.with("reason", reason.as_str()),
            None => problem,
        })
    }
}
