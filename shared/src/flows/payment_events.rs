//! What PayPal tells: a hint that an order is worth a look, and nothing more.

use jiff::Timestamp;

use super::payment::{Because, Cashier, PaymentError};
use crate::ids::{self, Id};
use crate::providers::paypal::webhook::{Event, Hint};
use crate::store::{Guard, Idempotency, StoreError, Transaction};

/// Whose events are remembered under this name.
const COMPANY: &str = "paypal";

/// Where events lead.
#[derive(Clone, Debug)]
pub struct PaymentEvents {
    /// Who looks at orders.
    pub cashier: Cashier,
    /// Where it is remembered which events have acted.
    pub idempotency: Idempotency,
}

impl PaymentEvents {
    /// Looks at the order that an event is about. One that is about none, or that has acted before, does nothing, and both are
    /// successes: PayPal need not tell it again.
    ///
    /// # Errors
    /// When PayPal would not show its record, or the store fails. Nothing is half-done, and PayPal tells the event again.
    pub async fn apply(&self, event: &Event, now: Timestamp) -> Result<(), PaymentError> {
        let Some(hint) = event.hint() else {
            return Ok(());
        };
        if self.idempotency.has_acted(COMPANY, event.id(), now).await? {
            return Ok(());
        }
        let because = if hint.approved {
            Because::Approved
        } else {
            Because::Told
        };
        match self.order(hint).await? {
            Some(order) => {
                let told: Vec<_> = hint.refund.iter().cloned().collect();
                if self.cashier.converge(order, because, &told).await?.is_none() {
                    tracing::warn!(order.id = %order, "PayPal tells of an order that is not here");
                }
            }
            None => tracing::warn!("PayPal tells of a payment that is for no order of ours"),
        }
        // Written afterwards: an event that is told again meanwhile looks once more, which changes nothing.
        self.remember(event, now).await.map_err(PaymentError::from)
    }

    async fn order(&self, hint: &Hint) -> Result<Option<Id<ids::Order>>, PaymentError> {
        match (hint.order, &hint.capture) {
            (Some(order), _) => Ok(Some(order)),
            (None, Some(capture)) => Ok(self.cashier.paypal.order_of(capture).await?),
            (None, None) => Ok(None),
        }
    }

    async fn remember(&self, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        let mark = self.idempotency.event_write(COMPANY, event.id(), now)?;
        match Transaction::of([mark]).commit(self.cashier.orders.db()).await {
            Ok(()) => Ok(()),
            Err(error) if error.refused(Guard::Idempotency).is_some() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
