//! What an event says, as far as it is looked at: which order to look at. Everything else PayPal's record tells.

use std::fmt;

use serde_json::Value;

use crate::domain::paypal::{CaptureId, RefundId};
use crate::ids::{self, Id};

/// The longest name an event may have; PayPal's have some fifty characters.
const LONGEST_ID: usize = 100;

/// Something that PayPal said. Only [`super::Webhooks::verify`] makes one, so whoever holds it need not ask who said it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    id: String,
    hint: Option<Hint>,
}

/// Which order an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// The order, by our own name for it.
    pub order: Option<Id<ids::Order>>,
    /// The capture it is about.
    pub capture: Option<CaptureId>,
    /// The refund it is about.
    pub refund: Option<RefundId>,
    /// Whether it says that the payer has approved.
    pub approved: bool,
}

impl Event {
    /// Its name, the same however often it is sent.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which order it is about, if it is about one.
    #[must_use]
    pub fn hint(&self) -> Option<&Hint> {
        self.hint.as_ref()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("hint", &self.hint)
            .finish()
    }
}

/// The event in a body that PayPal has signed. One that says nothing of use is an event without a hint; one without a name goes by
/// the name of its delivery.
pub(super) fn read(transmission: &str, body: &[u8]) -> Event {
    let unnamed = || transmission.to_owned();
    let Some(event) = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object) else {
        tracing::warn!("An event of PayPal's cannot be read");
        return Event {
            id: unnamed(),
            hint: None,
        };
    };
    let is_id = |id: &&str| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let id = event["id"].as_str().filter(is_id);
    Event {
        id: id.map_or_else(unnamed, str::to_owned),
        hint: hint(&event),
    }
}

fn hint(event: &Value) -> Option<Hint> {
    let (kind, resource) = (event["event_type"].as_str()?, &event["resource"]);
    let order = |name: &Value| name.as_str().and_then(|name| name.parse().ok());
    let capture = |name: &Value| name.as_str().and_then(|name| name.parse().ok());
    let hint = if kind.starts_with("CHECKOUT.") {
        Hint {
            order: order(&resource["purchase_units"][0]["custom_id"]),
            approved: kind == "CHECKOUT.ORDER.APPROVED",
            ..Hint::default()
        }
    } else if kind.starts_with("CUSTOMER.DISPUTE.") {
        let disputed = &resource["disputed_transactions"][0];
        Hint {
            order: order(&disputed["custom"]),
            capture: capture(&disputed["seller_transaction_id"]),
            ..Hint::default()
        }
    } else if matches!(kind, "PAYMENT.CAPTURE.REFUNDED" | "PAYMENT.CAPTURE.REVERSED") {
        // The resource is the refund; what it is of stands above it.
        let up = resource["links"]
            .as_array()
            .and_then(|links| links.iter().find(|link| link["rel"] == "up"));
        let above = up.and_then(|up| up["href"].as_str()?.rsplit('/').next()?.parse().ok());
        Hint {
            order: order(&resource["custom_id"]),
            capture: above.or_else(|| capture(&resource["supplementary_data"]["related_ids"]["capture_id"])),
            refund: resource["id"].as_str().and_then(|name| name.parse().ok()),
            approved: false,
        }
    } else if kind.starts_with("PAYMENT.CAPTURE.") {
        Hint {
            order: order(&resource["custom_id"]),
            capture: capture(&resource["id"]),
            ..Hint::default()
        }
    } else {
        return None;
    };
    (hint.order.is_some() || hint.capture.is_some()).then_some(hint)
}
