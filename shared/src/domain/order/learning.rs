//! What PayPal's record says, and what an order learns from it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Dispute, Order, OrderState, Outcome, Payment, Refund, Standing};
use crate::domain::Money;
use crate::domain::paypal::{CaptureId, DisputeId, RefundId};

/// PayPal's record of an order, read as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How far the checkout is.
    pub status: CheckoutStatus,
    /// The amount that PayPal shows the payer; none if it shows none that can be read.
    pub amount: Option<Money>,
    /// The order's name as PayPal has it.
    pub custom_id: Option<String>,
    /// Every try to take the money.
    pub captures: Vec<Capture>,
    /// Everything that went back.
    pub refunds: BTreeMap<RefundId, Refund>,
    /// Every fight over it; nothing, if PayPal would not show them.
    pub disputes: BTreeMap<DisputeId, Dispute>,
}

/// How far a checkout is at PayPal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutStatus {
    /// PayPal does not know it (any more).
    Missing,
    /// The payer has to do something.
    Waiting,
    /// The payer has approved.
    Approved,
    /// It was closed without a payment.
    Voided,
    /// A try to take the money was made: whether it was, its captures say.
    Completed,
}

/// A try to take the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Its name.
    pub id: CaptureId,
    /// What came of it.
    pub status: CaptureStatus,
    /// Why that came of it, in PayPal's word, such as `ECHECK`.
    pub reason: Option<String>,
    /// How much; none if it cannot be read.
    pub amount: Option<Money>,
    /// The order's name as PayPal has it.
    pub custom_id: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What came of a try to take the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureStatus {
    /// It was taken.
    Completed,
    /// It was taken, and a part has gone back.
    PartiallyRefunded,
    /// It was taken, and all of it has gone back.
    Refunded,
    /// It is not decided.
    Pending,
    /// It was not taken.
    Declined,
}

impl CaptureStatus {
    /// Whether the money was taken, whatever became of it afterwards.
    #[must_use]
    pub fn is_money(self) -> bool {
        match self {
            Self::Completed | Self::PartiallyRefunded | Self::Refunded => true,
            Self::Pending | Self::Declined => false,
        }
    }
}

/// An order after PayPal's record was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The order as it is now known.
    pub order: Order,
    /// What a person has to look at.
    pub alarms: Vec<Alarm>,
}

/// What a person has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The amount or its currency is not what was asked for.
    #[error("PayPal's record has another amount than the order")]
    Amount,
    /// The record is another order's.
    #[error("PayPal's record has another `custom_id` than the order")]
    CustomId,
    /// Money was taken twice for one order.
    #[error("PayPal has taken money twice for one order")]
    SecondCapture,
    /// Money has gone back and PayPal does not show how much.
    #[error("PayPal says that a part was refunded and shows no refund")]
    RefundNotShown,
    /// Money was taken for good, and PayPal has turned it down afterwards.
    #[error("PayPal has turned down a payment that was completed")]
    DeclinedAfterwards,
}

impl Order {
    /// The order with what PayPal's record says. The record must have been read after this version of the order was.
    #[must_use]
    pub fn learn(&self, record: &Record) -> Learned {
        let mut learned = Learned {
            order: self.clone(),
            alarms: Vec::new(),
        };
        learned.take_in_money_back(record);
        match self.payment.clone() {
            Some(payment) => learned.follow(payment, record),
            None => learned.look_for_money(record),
        }
        learned
    }

    /// What is wrong with an amount and a name that PayPal has for this order.
    fn mismatch(&self, amount: Option<Money>, custom_id: Option<&str>) -> Option<Alarm> {
        if custom_id != Some(self.id.to_string().as_str()) {
            Some(Alarm::CustomId)
        } else if amount != Some(self.pack.price) {
            Some(Alarm::Amount)
        } else {
            None
        }
    }

    /// Whether PayPal's record of the checkout is of this order and of its price: only then is money taken.
    #[must_use]
    pub fn fits(&self, record: &Record) -> bool {
        self.mismatch(record.amount, record.custom_id.as_deref()).is_none()
    }
}

impl Learned {
    /// Refunds are a set that only grows, and what is known of a dispute is only replaced by what PayPal says of it later: a
    /// list that leaves something out gives nothing back.
    fn take_in_money_back(&mut self, record: &Record) {
        for (id, refund) in &record.refunds {
            self.order.refunds.insert(id.clone(), refund.clone());
        }
        for (id, dispute) in &record.disputes {
            self.order.disputes.insert(id.clone(), dispute.clone());
        }
    }

    /// No money is known yet.
    fn look_for_money(&mut self, record: &Record) {
        let mut money: Vec<&Capture> = record
            .captures
            .iter()
            .filter(|capture| capture.status.is_money())
            .collect();
        money.sort_by_key(|capture| (capture.at, &capture.id));
        let pending = record
            .captures
            .iter()
            .find(|capture| capture.status == CaptureStatus::Pending);
        let judged = money.first().copied().or(pending);
        let wrong = judged.and_then(|capture| self.order.mismatch(capture.amount, capture.custom_id.as_deref()));
        // A word that came with a try to take the money stays until there is a capture, which has its own.
        if let Some(capture) = judged.or(record.captures.last()) {
            self.order.reason.clone_from(&capture.reason);
        }
        if let Some(alarm) = wrong {
            return self.mismatched(alarm);
        }
        if let Some(capture) = money.first() {
            self.order.state = OrderState::Completed;
            let payment = Payment {
                capture: Some(capture.id.clone()),
                at: capture.at,
                standing: Standing::Good,
            };
            return self.follow(payment, record);
        }
        if pending.is_some() {
            self.order.state = OrderState::Pending;
        } else if !record.captures.is_empty() {
            self.order.state = OrderState::Declined;
        } else {
            self.stand_by(record);
        }
    }

    /// Nobody has tried to take the money yet.
    fn stand_by(&mut self, record: &Record) {
        let has_words = match record.status {
            CheckoutStatus::Approved | CheckoutStatus::Waiting => true,
            CheckoutStatus::Missing | CheckoutStatus::Voided | CheckoutStatus::Completed => false,
        };
        if has_words && let Some(alarm) = self.order.mismatch(record.amount, record.custom_id.as_deref()) {
            return self.mismatched(alarm);
        }
        self.order.state = match record.status {
            CheckoutStatus::Waiting => OrderState::Created,
            // PayPal has refused to take the money, and its record of the checkout does not show that.
            CheckoutStatus::Approved if self.order.state == OrderState::Declined => OrderState::Declined,
            CheckoutStatus::Approved => OrderState::Approved,
            CheckoutStatus::Missing | CheckoutStatus::Voided => OrderState::Expired,
            // A completed checkout without a capture says nothing of the money: it is looked at again.
            CheckoutStatus::Completed => OrderState::Pending,
        };
    }

    fn mismatched(&mut self, alarm: Alarm) {
        self.alarms.push(alarm);
        self.order.state = OrderState::Mismatched;
    }

    /// What has become of money that was taken. A record that does not show it any more, or shows it as if it had not been taken
    /// yet, is an old one, and changes nothing.
    fn follow(&mut self, mut payment: Payment, record: &Record) {
        let ours = record
            .captures
            .iter()
            .find(|capture| Some(&capture.id) == payment.capture.as_ref());
        if let Some(capture) = ours {
            match capture.status {
                CaptureStatus::Completed => payment.standing = Standing::Good,
                CaptureStatus::PartiallyRefunded => {
                    payment.standing = Standing::Good;
                    if self.order.refunds.is_empty() {
                        self.alarms.push(Alarm::RefundNotShown);
                    }
                }
                CaptureStatus::Refunded => payment.standing = Standing::Refunded,
                CaptureStatus::Declined => {
                    payment.standing = Standing::Declined;
                    self.alarms.push(Alarm::DeclinedAfterwards);
                }
                CaptureStatus::Pending => {}
            }
            if let Some(alarm) = self.order.mismatch(capture.amount, capture.custom_id.as_deref()) {
                self.alarms.push(alarm);
            }
        }
        let mut others = record
            .captures
            .iter()
            .filter(|capture| Some(&capture.id) != payment.capture.as_ref());
        if others.any(|capture| capture.status.is_money()) {
            self.alarms.push(Alarm::SecondCapture);
        }
        self.order.payment = Some(payment);
    }
}

impl Outcome {
    /// From PayPal's code for the outcome of a dispute that is resolved. Those that leave the money with the seller give credits
    /// back; every other one, known or not, does not.
    #[must_use]
    pub fn resolved(code: &str) -> Self {
        match code {
            "RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER" => Self::Won,
            _ => Self::Lost,
        }
    }
}
