//! PayPal's answers, as far as they are read. What they say of the payer has no field here, and so never gets anywhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::domain::Money;
use crate::domain::order::{Capture, CaptureStatus, Checkout, CheckoutStatus, Dispute, Outcome, Record, Refund};
use crate::domain::paypal::{CaptureId, DisputeId, RefundId};
use crate::providers::code;

/// The record of a checkout that PayPal does not know.
pub(super) fn missing() -> Record {
    Record {
        status: CheckoutStatus::Missing,
        amount: None,
        custom_id: None,
        captures: Vec::new(),
        refunds: BTreeMap::new(),
        disputes: BTreeMap::new(),
    }
}

/// A checkout.
#[derive(Deserialize)]
pub(super) struct CheckoutBody {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    links: Vec<LinkBody>,
    #[serde(default)]
    purchase_units: Vec<UnitBody>,
}

#[derive(Deserialize)]
struct LinkBody {
    rel: String,
    href: String,
}

#[derive(Deserialize)]
struct UnitBody {
    amount: Option<AmountBody>,
    custom_id: Option<String>,
    #[serde(default)]
    payments: PaymentsBody,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PaymentsBody {
    captures: Vec<CaptureBody>,
    refunds: Vec<RefundBody>,
}

#[derive(Clone, Deserialize)]
struct AmountBody {
    #[serde(alias = "currency")]
    currency_code: String,
    value: String,
}

impl AmountBody {
    fn money(&self) -> Option<Money> {
        Money::parse(&self.value, self.currency_code.parse().ok()?).ok()
    }
}

/// A capture.
#[derive(Deserialize)]
pub(super) struct CaptureBody {
    id: CaptureId,
    status: String,
    #[serde(default)]
    status_details: Option<StatusDetails>,
    amount: Option<AmountBody>,
    custom_id: Option<String>,
    create_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct StatusDetails {
    reason: Option<String>,
}

impl CheckoutBody {
    /// Where the payer goes: by `payer-action`, or `approve`, as PayPal calls it where no means of payment was named.
    pub(super) fn into_checkout(self) -> Option<Checkout> {
        let link = ["payer-action", "approve"]
            .iter()
            .find_map(|rel| self.links.iter().find(|link| link.rel == *rel))?;
        let payer_url: Url = link.href.parse().ok()?;
        Some(Checkout {
            id: self.id.parse().ok()?,
            payer_url: Some(payer_url).filter(crate::config::is_private)?,
        })
    }

    /// What the record says; none if it is not in the form that PayPal has.
    pub(super) fn into_record(self) -> Option<Record> {
        let status = match self.status.as_str() {
            "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" => CheckoutStatus::Waiting,
            "APPROVED" => CheckoutStatus::Approved,
            "VOIDED" => CheckoutStatus::Voided,
            "COMPLETED" => CheckoutStatus::Completed,
            _ => return None,
        };
        let mut record = Record { status, ..missing() };
        let mut units = self.purchase_units.into_iter();
        if let Some(unit) = units.next() {
            record.amount = unit.amount.and_then(|amount| amount.money());
            record.custom_id = unit.custom_id;
            // One capture that cannot be read makes the record worth nothing: it might be the money.
            record.captures = unit.payments.captures.into_iter().map(capture).collect::<Option<_>>()?;
            let refunds: Option<Vec<_>> = unit.payments.refunds.into_iter().map(RefundBody::into_refund).collect();
            record.refunds = refunds?.into_iter().collect();
        }
        Some(record)
    }
}

/// What is said of a capture, if its status is one that PayPal has.
pub(super) fn capture(body: CaptureBody) -> Option<Capture> {
    let status = match body.status.as_str() {
        "COMPLETED" => CaptureStatus::Completed,
        "PARTIALLY_REFUNDED" => CaptureStatus::PartiallyRefunded,
        "REFUNDED" => CaptureStatus::Refunded,
        "PENDING" => CaptureStatus::Pending,
        "DECLINED" | "FAILED" => CaptureStatus::Declined,
        _ => return None,
    };
    Some(Capture {
        id: body.id,
        status,
        reason: body
            .status_details
            .and_then(|details| details.reason)
            .map(|reason| code(&reason)),
        amount: body.amount.and_then(|amount| amount.money()),
        custom_id: body.custom_id,
        at: body.create_time.unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

/// A refund.
#[derive(Deserialize)]
pub(super) struct RefundBody {
    id: String,
    status: Option<String>,
    amount: Option<AmountBody>,
    create_time: Option<Timestamp>,
    #[serde(default)]
    links: Vec<LinkBody>,
}

impl RefundBody {
    pub(super) fn id(&self) -> Option<RefundId> {
        self.id.parse().ok()
    }

    /// The capture that it is of, from the link to what is above it.
    pub(super) fn capture(&self) -> Option<CaptureId> {
        let up = self.links.iter().find(|link| link.rel == "up")?;
        up.href.rsplit('/').next()?.parse().ok()
    }

    /// What is said of it. One whose amount cannot be read is not taken for none.
    pub(super) fn into_refund(self) -> Option<(RefundId, Refund)> {
        let refund = Refund {
            amount: self.amount.as_ref()?.money()?,
            at: self.create_time.unwrap_or(Timestamp::UNIX_EPOCH),
            failed: matches!(self.status.as_deref(), Some("FAILED" | "CANCELLED")),
        };
        Some((self.id()?, refund))
    }
}

/// The disputes of a capture.
#[derive(Deserialize)]
pub(super) struct DisputeList {
    #[serde(default)]
    pub(super) items: Vec<DisputeBody>,
}

/// A dispute, in a list or by itself.
#[derive(Deserialize)]
pub(super) struct DisputeBody {
    dispute_id: DisputeId,
    #[serde(default)]
    status: String,
    dispute_amount: Option<AmountBody>,
    create_time: Option<Timestamp>,
    dispute_outcome: Option<OutcomeBody>,
}

#[derive(Deserialize)]
struct OutcomeBody {
    outcome_code: Option<String>,
}

impl DisputeBody {
    pub(super) fn id(&self) -> &DisputeId {
        &self.dispute_id
    }

    pub(super) fn is_resolved(&self) -> bool {
        self.status == "RESOLVED"
    }

    /// What is said of it. Resolved without a word of how is not won.
    pub(super) fn into_dispute(self) -> Option<(DisputeId, Dispute)> {
        let code = self.dispute_outcome.and_then(|outcome| outcome.outcome_code);
        let outcome = match (self.status.as_str(), code) {
            ("RESOLVED", code) => Outcome::resolved(&code.unwrap_or_default()),
            _ => Outcome::Open,
        };
        let dispute = Dispute {
            amount: self.dispute_amount.and_then(|amount| amount.money()),
            at: self.create_time.unwrap_or(Timestamp::UNIX_EPOCH),
            outcome,
        };
        Some((self.dispute_id, dispute))
    }
}

/// What PayPal says of an event's signature.
#[derive(Deserialize)]
pub(super) struct VerificationBody {
    pub(super) verification_status: String,
}
