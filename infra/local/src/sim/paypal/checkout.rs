//! An order as the simulated PayPal keeps it, and what may happen to it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::domain::Money;

use super::refusal::Refusal;

/// How long an order waits for its payer.
const WAITS: SignedDuration = SignedDuration::from_hours(3);

/// How long the names of calls are remembered that make orders and take money.
pub(super) const NAMES_OF_ORDERS: SignedDuration = SignedDuration::from_hours(6);
/// How long the names of calls are remembered that send money back.
const NAMES_OF_REFUNDS: SignedDuration = SignedDuration::from_hours(45 * 24);

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It was made without a means of payment.
    Created,
    /// It was made for a PayPal account, whose owner has to approve.
    PayerActionRequired,
    /// The payer has approved.
    Approved,
    /// A try to take the money was made.
    Completed,
}

/// What the payer pays with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instrument {
    /// It pays.
    #[default]
    Good,
    /// It is declined: the payer has to choose another one.
    Declined,
    /// It pays by and by: the capture is `PENDING`.
    Pending,
    /// The order is `COMPLETED` and its capture `DECLINED`.
    CaptureDeclined,
    /// PayPal takes no money from this payer.
    Refused,
}

/// What has become of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    /// The money was taken.
    Completed,
    /// It is not known yet.
    Pending,
    /// It was not taken.
    Declined,
    /// Some of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
}

/// A try to take the money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Its name.
    pub id: String,
    /// What came of it.
    pub status: Standing,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
    /// The `PayPal-Request-Id` of the call that made it.
    pub named: Option<String>,
}

/// Money that went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its name.
    pub id: String,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
    /// The `PayPal-Request-Id` of the call that made it; none if PayPal took the money itself.
    pub named: Option<String>,
}

/// A fight over a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Its name.
    pub id: String,
    /// Over how much.
    pub amount: Money,
    /// When it began.
    pub at: Timestamp,
    /// PayPal's code for how it ended; none while it is open.
    pub outcome: Option<String>,
}

/// An order and everything of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// PayPal's name for it.
    pub id: String,
    /// How far it is.
    pub status: Status,
    /// The seller's name for it.
    pub custom_id: Option<String>,
    /// The seller's invoice.
    pub invoice_id: Option<String>,
    /// What is bought.
    pub description: Option<String>,
    /// The shop's name, for the payer.
    pub brand: Option<String>,
    /// How much.
    pub amount: Money,
    /// Where the payer goes who has approved.
    pub return_url: Option<String>,
    /// Where the payer goes who has not.
    pub cancel_url: Option<String>,
    /// When it was made.
    pub at: Timestamp,
    /// The `PayPal-Request-Id` of the call that made it.
    pub named: Option<String>,
    /// What the payer has chosen to pay with.
    pub instrument: Instrument,
    /// Names of calls that were refused for the payer's sake, and why: asked again under the same name they still are.
    pub refused: BTreeMap<String, String>,
    /// The tries to take the money.
    pub captures: Vec<Capture>,
    /// What went back.
    pub refunds: Vec<Refund>,
    /// The fights over it.
    pub disputes: Vec<Dispute>,
    /// Whether PayPal does not know it any more.
    pub is_forgotten: bool,
}

impl Checkout {
    /// Whether PayPal answers that there is no such order.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        let waits = matches!(self.status, Status::Created | Status::PayerActionRequired);
        self.is_forgotten || (waits && now.duration_since(self.at) > WAITS)
    }

    /// The payer approves. One whose means of payment was declined comes back and chooses another one.
    pub(super) fn approve(&mut self, instrument: Instrument) -> Result<(), Refusal> {
        if self.status == Status::Completed {
            return Err(Refusal::of("ORDER_ALREADY_CAPTURED"));
        }
        (self.status, self.instrument, self.is_forgotten) = (Status::Approved, instrument, false);
        Ok(())
    }

    /// Takes the money under a name, as the payer's means of payment has it. Gives whether that was done before.
    pub(super) fn capture(&mut self, named: Option<String>, id: String, now: Timestamp) -> Result<bool, Refusal> {
        if let Some(issue) = named.as_ref().and_then(|name| self.refused.get(name)) {
            return Err(Refusal::of(issue));
        }
        let is_same = |one: &Capture| one.named == named && now.duration_since(one.at) < NAMES_OF_ORDERS;
        if named.is_some() && self.captures.iter().any(is_same) {
            return Ok(true);
        }
        match self.status {
            Status::Completed => return Err(Refusal::of("ORDER_ALREADY_CAPTURED")),
            Status::Created | Status::PayerActionRequired => return Err(Refusal::of("ORDER_NOT_APPROVED")),
            Status::Approved => {}
        }
        let status = match self.instrument {
            Instrument::Good => Standing::Completed,
            Instrument::Pending => Standing::Pending,
            Instrument::CaptureDeclined => Standing::Declined,
            Instrument::Declined => return Err(self.refuse(named, "INSTRUMENT_DECLINED")),
            Instrument::Refused => return Err(self.refuse(named, "TRANSACTION_REFUSED")),
        };
        self.status = Status::Completed;
        self.captures.push(Capture {
            id,
            status,
            amount: self.amount,
            at: now,
            named,
        });
        Ok(false)
    }

    fn refuse(&mut self, named: Option<String>, issue: &str) -> Refusal {
        if let Some(name) = named {
            self.refused.insert(name, issue.to_owned());
        }
        Refusal::of(issue)
    }

    /// What is left of a capture.
    fn left(&self) -> i64 {
        let taken: i64 = self.captures.iter().map(|capture| capture.amount.in_minor()).sum();
        let back: i64 = self.refunds.iter().map(|refund| refund.amount.in_minor()).sum();
        taken - back
    }

    /// Sends money back, or all that is left. Gives the refund, and whether it was made before.
    pub(super) fn refund(
        &mut self,
        named: Option<String>,
        amount: Option<Money>,
        id: String,
        now: Timestamp,
    ) -> Result<(Refund, bool), Refusal> {
        let is_same = |one: &&Refund| one.named == named && now.duration_since(one.at) < NAMES_OF_REFUNDS;
        let earlier = self.refunds.iter().find(is_same);
        if let Some(earlier) = earlier.filter(|_| named.is_some()) {
            return Ok((earlier.clone(), true));
        }
        let currency = self.amount.currency();
        let left = self.left();
        let amount = amount.unwrap_or(Money::minor(left, currency));
        match self.captures.last().map(|capture| capture.status) {
            None | Some(Standing::Declined) => return Err(Refusal::of("INVALID_RESOURCE_ID")),
            Some(Standing::Pending) => return Err(Refusal::of("PENDING_CAPTURE")),
            Some(Standing::Refunded) => return Err(Refusal::of("CAPTURE_FULLY_REFUNDED")),
            Some(Standing::Completed | Standing::PartiallyRefunded) => {}
        }
        if amount.currency() != currency {
            return Err(Refusal::of("REFUND_CAPTURE_CURRENCY_MISMATCH"));
        }
        if amount.in_minor() <= 0 {
            return Err(Refusal::of("CANNOT_BE_ZERO_OR_NEGATIVE"));
        }
        if amount.in_minor() > left {
            return Err(Refusal::of("REFUND_AMOUNT_EXCEEDED"));
        }
        let refund = Refund {
            id,
            amount,
            at: now,
            named,
        };
        self.refunds.push(refund.clone());
        let standing = if amount.in_minor() == left {
            Standing::Refunded
        } else {
            Standing::PartiallyRefunded
        };
        if let Some(capture) = self.captures.last_mut() {
            capture.status = standing;
        }
        Ok((refund, false))
    }

    /// What was pending is decided.
    pub(super) fn settle(&mut self, is_good: bool) -> Result<Standing, Refusal> {
        let pending = self.captures.iter_mut().find(|one| one.status == Standing::Pending);
        let capture = pending.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID"))?;
        capture.status = if is_good {
            Standing::Completed
        } else {
            Standing::Declined
        };
        Ok(capture.status)
    }

    /// The payer fights over some of it, or all.
    pub(super) fn dispute(&mut self, amount: Option<Money>, id: String, now: Timestamp) -> Result<Dispute, Refusal> {
        if self.captures.is_empty() {
            return Err(Refusal::of("INVALID_RESOURCE_ID"));
        }
        let dispute = Dispute {
            id,
            amount: amount.unwrap_or(self.amount),
            at: now,
            outcome: None,
        };
        self.disputes.push(dispute.clone());
        Ok(dispute)
    }

    /// The fight is over.
    pub(super) fn resolve(&mut self, outcome: String) -> Result<Dispute, Refusal> {
        let open = self.disputes.iter_mut().find(|dispute| dispute.outcome.is_none());
        let dispute = open.ok_or_else(|| Refusal::of("INVALID_RESOURCE_ID"))?;
        dispute.outcome = Some(outcome);
        Ok(dispute.clone())
    }
}
