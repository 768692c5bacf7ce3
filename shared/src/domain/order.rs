//! An order for credits, and what PayPal's record of it means: the rules of converging, without a network or a clock.
//!
//! PayPal's record is read as a whole ([`Record`]) and taken in ([`Order::learn`]); what that changes in credits follows from
//! the order before and after ([`Order::postings`]). Nothing here depends on the order in which news arrives.

mod learning;
/// The same things under numbers in place of names.
fn numbered<'a, N: FromStr + Ord, T: Clone + 'a>(things: impl Iterator<Item = &'a T>) -> BTreeMap<N, T> {
    let numbers = (1..).map(|number: u32| number.to_string().parse().ok());
    numbers
        .zip(things)
        .filter_map(|(number, thing)| Some((number?, thing.clone())))
        .collect()
}

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::domain::ledger::Posting;
use crate::domain::paypal::{CaptureId, CheckoutId, DisputeId, RefundId};
use crate::domain::{Credits, Money, Pack};
use crate::ids::{self, Id};

pub use learning::{Alarm, Capture, CaptureStatus, CheckoutStatus, Learned, Record};

/// An order for a pack of credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which it is; PayPal knows it by this name as `custom_id`.
    pub id: Id<ids::Order>,
    /// Whose it is; nobody's any more, once the account is erased.
    pub account: Option<Id<ids::Account>>,
    /// What was bought, and for how much, as it was when it was ordered.
    pub pack: Pack,
    /// How far it is.
    pub state: OrderState,
    /// Why it is pending or declined, in PayPal's word, such as `ECHECK` or `INSTRUMENT_DECLINED`.
    pub reason: Option<String>,
    /// PayPal's side of it, once PayPal has answered.
    pub checkout: Option<Checkout>,
    /// How often PayPal has declined the payer's means of payment.
    pub declines: u32,
    /// The money, once it was taken.
    pub payment: Option<Payment>,
    /// What went back of it, by PayPal's names. A set that only grows.
    pub refunds: BTreeMap<RefundId, Refund>,
    /// Where the payer fights over it, by PayPal's names.
    pub disputes: BTreeMap<DisputeId, Dispute>,
    /// How many of its credits are taken back at present.
    pub taken_back: Credits,
    /// How often that has changed.
    pub changes: u32,
    /// Its receipt, once it was written.
    pub receipt: Option<Receipt>,
    /// Counts the writes: whoever writes has read this very version.
    pub version: u64,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// The payer has not approved yet.
    Created,
    /// The payer has approved; the money is not taken yet.
    Approved,
    /// PayPal has the payment and does not say yet whether it is good.
    Pending,
    /// The money was taken and the credits are given.
    Completed,
    /// PayPal has turned the payment down.
    Declined,
    /// PayPal does not know the order any more, because nobody approved it in its time. Not final: should money turn up all
    /// the same, it counts.
    Expired,
    /// PayPal's record says something else than what was ordered. No credits are given until a person has looked.
    Mismatched,
}

impl OrderState {
    /// The name, as the API shows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Approved => "approved",
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Mismatched => "mismatched",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// PayPal's side of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// Its name there.
    pub id: CheckoutId,
    /// Where the payer approves.
    pub payer_url: Url,
}

/// Money that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// PayPal's name for the capture; not there any more once it was forgotten ([`Order::forgotten`]).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub capture: Option<CaptureId>,
    /// When it was taken.
    pub at: Timestamp,
    /// What PayPal says has become of it as a whole.
    pub standing: Standing,
}

/// What has become of a capture as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It stands, less what was refunded.
    Good,
    /// All of it went back.
    Refunded,
    /// It was taken for good, and PayPal has turned it down afterwards.
    Declined,
}

/// Money that went back to the payer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// How much.
    pub amount: Money,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it took effect. One that has not yet is counted as if it had.
    pub failed: bool,
}

/// A fight over money that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Over how much; over all of it, if PayPal does not say or says it in another currency.
    pub amount: Option<Money>,
    /// When it began.
    pub at: Timestamp,
    /// How it stands.
    pub outcome: Outcome,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is decided.
    Open,
    /// The money stays: the only outcome that gives credits back.
    Won,
    /// The money is gone, or PayPal has not said that it stays.
    Lost,
}

/// A receipt that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its number.
    pub number: ReceiptNumber,
    /// When it was written.
    pub at: Timestamp,
}

/// The number of a receipt: `2026-000001`. Each year counts from one, without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReceiptNumber {
    /// The year, by UTC.
    pub year: i16,
    /// Which receipt of the year.
    pub nth: u32,
}

/// A text that is no receipt's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a receipt's number, such as `2026-000001`")]
pub struct InvalidReceiptNumber;

impl fmt::Display for ReceiptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.year, self.nth)
    }
}

impl TryFrom<String> for ReceiptNumber {
    type Error = InvalidReceiptNumber;

    fn try_from(text: String) -> Result<Self, InvalidReceiptNumber> {
        let parsed = text.split_once('-').and_then(|(year, nth)| {
            Some(Self {
                year: year.parse().ok()?,
                nth: nth.parse().ok()?,
            })
        });
        parsed.ok_or(InvalidReceiptNumber)
    }
}

impl From<ReceiptNumber> for String {
    fn from(number: ReceiptNumber) -> Self {
        number.to_string()
    }
}

/// How soon the reconciler looks at an order that is young, and then ever more seldom.
const SOONEST: SignedDuration = SignedDuration::from_mins(10);
/// The longest it leaves an order alone that may still change of itself.
const SELDOM: SignedDuration = SignedDuration::from_hours(24);
/// The longest it leaves one alone that is paid: news of it is told by PayPal, and this is for news that got lost.
const RARELY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// For how long it looks after an order that nobody has paid. PayPal forgets such orders after some hours.
const UNPAID: SignedDuration = SignedDuration::from_hours(7 * 24);
/// For how long it looks after one that was paid: as long as payers may open disputes (180 days), and some more.
const PAID: SignedDuration = SignedDuration::from_hours(200 * 24);

impl Order {
    /// An order that was just placed.
    #[must_use]
    pub fn placed(id: Id<ids::Order>, account: Id<ids::Account>, pack: Pack) -> Self {
        Self {
            id,
            account: Some(account),
            pack,
            state: OrderState::Created,
            reason: None,
            checkout: None,
            declines: 0,
            payment: None,
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            taken_back: Credits::ZERO,
            changes: 0,
            receipt: None,
            version: 0,
        }
    }

    /// When it was placed.
    #[must_use]
    pub fn placed_at(&self) -> Timestamp {
        self.id.made_at()
    }

    /// How many credits it has given, before anything was taken back.
    #[must_use]
    pub fn given(&self) -> Credits {
        if self.payment.is_some() {
            self.pack.credits
        } else {
            Credits::ZERO
        }
    }

    /// How much of its price has gone back to the payer or is fought over.
    ///
    /// Money that goes back while a dispute is on counts as the dispute's own, up to the amount that is disputed: PayPal settles
    /// a dispute by a refund or a reversal, and one euro is not taken back twice.
    #[must_use]
    pub fn withheld(&self) -> Money {
        let price = self.pack.price;
        let all = price.in_minor();
        let whole = match self.payment.as_ref().map(|payment| payment.standing) {
            Some(Standing::Refunded | Standing::Declined) => true,
            Some(Standing::Good) | None => false,
        };
        if whole {
            return price;
        }
        let standing = || self.disputes.values().filter(|dispute| dispute.outcome != Outcome::Won);
        let since = standing().map(|dispute| dispute.at).min();
        let (mut before, mut during) = (0_i64, 0_i64);
        for refund in self.refunds.values().filter(|refund| !refund.failed) {
            let sum = if since.is_some_and(|since| refund.at >= since) {
                &mut during
            } else {
                &mut before
            };
            *sum = sum.saturating_add(self.of_price(Some(refund.amount)));
        }
        let disputed = standing().fold(0_i64, |sum, dispute| sum.saturating_add(self.of_price(dispute.amount)));
        let total = before.saturating_add(during.max(disputed)).min(all);
        Money::minor(total, price.currency())
    }

    /// An amount in the smallest unit of the price's currency; the whole price, where it cannot be compared.
    fn of_price(&self, amount: Option<Money>) -> i64 {
        amount
            .filter(|amount| amount.currency() == self.pack.price.currency())
            .unwrap_or(self.pack.price)
            .in_minor()
    }

    /// How many credits ought to be taken back, by what is known: [`Pack::credits_for`] what is withheld.
    #[must_use]
    pub fn owed_back(&self) -> Credits {
        if self.payment.is_some() {
            self.pack.credits_for(self.withheld())
        } else {
            Credits::ZERO
        }
    }

    /// What has to be entered in the ledger to go from `self`, as it was read, to what is known `after`; `after` is brought to
    /// what is then entered.
    #[must_use]
    pub fn postings(&self, after: &mut Self) -> Vec<Posting> {
        let mut postings = Vec::new();
        if let (None, Some(payment)) = (&self.payment, &after.payment)
            && let Some(capture) = &payment.capture
        {
            postings.push(Posting::Purchase {
                order: self.id,
                capture: capture.clone(),
                credits: self.pack.credits,
            });
        }
        let (order, nth, owed) = (self.id, self.changes + 1, after.owed_back());
        let change = owed - self.taken_back;
        if change > Credits::ZERO {
            let credits = change;
            postings.push(Posting::Clawback { order, nth, credits });
        } else if change < Credits::ZERO {
            let credits = -change;
            postings.push(Posting::Restore { order, nth, credits });
        } else {
            return postings;
        }
        after.changes = nth;
        after.taken_back = owed;
        postings
    }

    /// Whether its credits are given and the receipt is still to be written.
    #[must_use]
    pub fn lacks_receipt(&self) -> bool {
        self.payment.is_some() && self.receipt.is_none()
    }

    /// When somebody has to look at it again, having looked `now`; never, once nothing is to be expected of it any more.
    #[must_use]
    pub fn look_again(&self, now: Timestamp) -> Option<Timestamp> {
        let age = now.duration_since(self.placed_at());
        let in_dispute = self.disputes.values().any(|dispute| dispute.outcome == Outcome::Open);
        let (longest, life) = match self.state {
            _ if self.lacks_receipt() => (SOONEST, None),
            OrderState::Created | OrderState::Approved | OrderState::Declined | OrderState::Expired => {
                (SELDOM, Some(UNPAID))
            }
            OrderState::Pending | OrderState::Mismatched => (SELDOM, None),
            OrderState::Completed if in_dispute => (SELDOM, None),
            OrderState::Completed => (RARELY, Some(PAID)),
        };
        let is_over = life.is_some_and(|life| age >= life);
        if self.is_to_be_forgotten(now) {
            return Some(now);
        }
        let next = now + (age / 2).max(SOONEST).min(longest);
        // PayPal's names do not stay a month longer because nobody came by.
        let ends = self.placed_at() + PAID;
        let next = if self.account.is_none() && ends > now {
            next.min(ends)
        } else {
            next
        };
        (!is_over).then_some(next)
    }

    /// Whether PayPal's names for it have to go: its account is erased, and no dispute can be opened over it any more, or is open. By the
    /// names PayPal could tell who paid.
    #[must_use]
    pub fn is_to_be_forgotten(&self, now: Timestamp) -> bool {
        let in_dispute = self.disputes.values().any(|dispute| dispute.outcome == Outcome::Open);
        let is_past = now.duration_since(self.placed_at()) >= PAID;
        let is_named = self.payment.as_ref().is_some_and(|payment| payment.capture.is_some());
        let is_settled = self.state == OrderState::Completed && !self.lacks_receipt() && !in_dispute;
        self.account.is_none() && is_named && is_past && is_settled
    }

    /// Whether its names at PayPal are forgotten: nothing can be asked about it any more.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.capture.is_none())
    }

    /// What tax law keeps of it: number, pack, price, dates, and how much went back. Refunds and disputes are known by their places in
    /// the order of their names.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        let payment = self.payment.clone().map(|payment| Payment {
            capture: None,
            ..payment
        });
        Self {
            checkout: None,
            payment,
            refunds: numbered(self.refunds.values()),
            disputes: numbered(self.disputes.values()),
            ..self.clone()
        }
    }
}
