//! How orders, captures, refunds, disputes and events look on the wire.

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::domain::Money;

use super::super::call::without_nulls;
use super::checkout::{Capture, Checkout, Dispute, Refund, Standing, Status};

/// The one payer there is. Nothing of this may ever come out at our side.
const PAYER_NAME: (&str, &str) = ("Pat", "Payer");
const PAYER_EMAIL: &str = "pat.payer@payer.example";
pub(super) const PAYER_ID: &str = "QYR5Z8XDVJNXQ";

/// What PayPal keeps of each payment, in hundredths of a percent and in the smallest unit.
const FEE: (i64, i64) = (349, 49);

fn amount(money: Money) -> Value {
    json!({ "currency_code": money.currency().to_string(), "value": money.value() })
}

fn name() -> Value {
    json!({ "given_name": PAYER_NAME.0, "surname": PAYER_NAME.1 })
}

/// The address of the payer's page.
pub(super) fn payer_url(origin: &str, checkout: &str) -> String {
    format!("{origin}/checkoutnow?token={checkout}")
}

fn links(origin: &str, checkout: &Checkout) -> Value {
    let own = format!("{origin}/v2/checkout/orders/{}", checkout.id);
    let mut links = vec![json!({ "href": own, "rel": "self", "method": "GET" })];
    let to_payer = |rel| json!({ "href": payer_url(origin, &checkout.id), "rel": rel, "method": "GET" });
    match checkout.status {
        Status::Created => links.push(to_payer("approve")),
        Status::PayerActionRequired => links.push(to_payer("payer-action")),
        Status::Approved => {
            links.push(json!({ "href": format!("{own}/capture"), "rel": "capture", "method": "POST" }));
        }
        Status::Completed => {}
    }
    links.into()
}

/// An order: only its name, how far it is and its links, or all of it.
pub(super) fn order(origin: &str, checkout: &Checkout, is_minimal: bool) -> Value {
    if is_minimal {
        return json!({ "id": checkout.id, "status": checkout.status, "links": links(origin, checkout) });
    }
    let is_known = matches!(checkout.status, Status::Approved | Status::Completed);
    let source = match checkout.status {
        Status::Created => None,
        Status::PayerActionRequired => Some(json!({ "paypal": {} })),
        Status::Approved | Status::Completed => Some(json!({ "paypal": {
            "email_address": PAYER_EMAIL, "account_id": PAYER_ID, "account_status": "VERIFIED", "name": name(),
            "address": { "country_code": "US" },
        } })),
    };
    let payer = is_known.then(|| {
        json!({
            "name": name(), "email_address": PAYER_EMAIL, "payer_id": PAYER_ID, "address": { "country_code": "US" },
        })
    });
    let captures = checkout.captures.iter().map(|one| capture(origin, checkout, one));
    let refunds = checkout.refunds.iter().map(|one| refund(origin, checkout, one));
    let payments = (!checkout.captures.is_empty()).then(|| {
        let refunds: Vec<Value> = refunds.collect();
        json!({ "captures": captures.collect::<Vec<_>>(), "refunds": Some(refunds).filter(|list| !list.is_empty()) })
    });
    without_nulls(json!({
        "id": checkout.id, "intent": "CAPTURE", "status": checkout.status, "payment_source": source, "payer": payer,
        "purchase_units": [{
            "reference_id": "default", "amount": amount(checkout.amount), "custom_id": checkout.custom_id,
            "invoice_id": checkout.invoice_id, "description": checkout.description, "payments": payments,
            "payee": { "email_address": "shop@seller.example", "merchant_id": "MERCHANT00001" },
        }],
        "create_time": checkout.at, "links": links(origin, checkout),
    }))
}

/// A capture.
pub(super) fn capture(origin: &str, checkout: &Checkout, capture: &Capture) -> Value {
    let reason = match capture.status {
        Standing::Pending => Some("ECHECK"),
        Standing::Declined | Standing::Completed | Standing::PartiallyRefunded | Standing::Refunded => None,
    };
    let breakdown = (capture.status != Standing::Declined).then(|| {
        let gross = capture.amount.in_minor();
        let fee = gross * FEE.0 / 10_000 + FEE.1;
        let money = |minor| amount(Money::minor(minor, capture.amount.currency()));
        json!({ "gross_amount": money(gross), "paypal_fee": money(fee), "net_amount": money(gross - fee) })
    });
    let own = format!("{origin}/v2/payments/captures/{}", capture.id);
    without_nulls(json!({
        "id": capture.id, "status": capture.status, "status_details": reason.map(|reason| json!({ "reason": reason })),
        "amount": amount(capture.amount), "final_capture": true, "custom_id": checkout.custom_id,
        "invoice_id": checkout.invoice_id, "seller_receivable_breakdown": breakdown,
        "seller_protection": { "status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"] },
        "supplementary_data": { "related_ids": { "order_id": checkout.id } },
        "create_time": capture.at, "update_time": capture.at,
        "links": [
            { "href": own, "rel": "self", "method": "GET" },
            { "href": format!("{own}/refund"), "rel": "refund", "method": "POST" },
            { "href": format!("{origin}/v2/checkout/orders/{}", checkout.id), "rel": "up", "method": "GET" },
        ],
    }))
}

/// A refund.
pub(super) fn refund(origin: &str, checkout: &Checkout, refund: &Refund) -> Value {
    let of = checkout.captures.last().map_or("", |capture| capture.id.as_str());
    without_nulls(json!({
        "id": refund.id, "status": "COMPLETED", "amount": amount(refund.amount), "custom_id": checkout.custom_id,
        "invoice_id": checkout.invoice_id,
        "seller_payable_breakdown": { "gross_amount": amount(refund.amount), "total_refunded_amount": amount(refund.amount) },
        "create_time": refund.at, "update_time": refund.at,
        "links": [
            { "href": format!("{origin}/v2/payments/refunds/{}", refund.id), "rel": "self", "method": "GET" },
            { "href": format!("{origin}/v2/payments/captures/{of}"), "rel": "up", "method": "GET" },
        ],
    }))
}

/// A dispute, in a list or by itself.
pub(super) fn dispute(origin: &str, checkout: &Checkout, dispute: &Dispute, is_whole: bool) -> Value {
    let is_open = dispute.outcome.is_none();
    let mut shown = json!({
        "dispute_id": dispute.id, "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": if is_open { "OPEN" } else { "RESOLVED" },
        "dispute_state": if is_open { "OPEN_INQUIRIES" } else { "RESOLVED" },
        "dispute_amount": amount(dispute.amount), "create_time": dispute.at, "dispute_life_cycle_stage": "INQUIRY",
        "links": [{ "href": format!("{origin}/v1/customer/disputes/{}", dispute.id), "rel": "self", "method": "GET" }],
    });
    if is_whole {
        let transactions = checkout.captures.iter().map(|capture| {
            json!({
                "seller_transaction_id": capture.id, "custom": checkout.custom_id, "invoice_number": checkout.invoice_id,
                "transaction_status": "COMPLETED", "gross_amount": amount(capture.amount),
            })
        });
        shown["disputed_transactions"] = transactions.collect();
        if let Some(outcome) = &dispute.outcome {
            shown["dispute_outcome"] = json!({ "outcome_code": outcome, "amount_refunded": amount(dispute.amount) });
        }
    }
    without_nulls(shown)
}

/// What an event is wrapped in.
pub(super) fn event(origin: &str, id: &str, at: Timestamp, kind: &str, resource: &Value) -> Value {
    let (resource_type, version) = match kind {
        "CHECKOUT.ORDER.APPROVED" | "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => ("checkout-order", "2.0"),
        "PAYMENT.CAPTURE.REFUNDED" | "PAYMENT.CAPTURE.REVERSED" => ("refund", "2.0"),
        kind if kind.starts_with("CUSTOMER.DISPUTE.") => ("dispute", "1.0"),
        _ => ("capture", "2.0"),
    };
    let own = format!("{origin}/v1/notifications/webhooks-events/{id}");
    json!({
        "id": id, "event_version": "1.0", "create_time": at, "resource_type": resource_type, "resource_version": version,
        "event_type": kind, "summary": "An event of the simulated PayPal", "resource": resource,
        "links": [
            { "href": own, "rel": "self", "method": "GET" },
            { "href": format!("{own}/resend"), "rel": "resend", "method": "POST" },
        ],
    })
}
