//! An order for a pack of credits: kept here before PayPal hears of it, then opened there under its own name.
//!
//! Whoever asks again under the same key gets the same order as it is by then; if PayPal could not be asked the first time, it is
//! asked now. A checkout of which no answer came has told nobody its address, so nobody can pay it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ROUNDS;
use crate::config::{ConfigError, Vars};
use crate::domain::{Order, OrderState, Pack};
use crate::ids::{self, Id};
use crate::providers::paypal::{PayPal, PayPalError, Shop};
use crate::store::idempotency::{Answer, Use};
use crate::store::{Accounts, Guard, Idempotency, Orders, StoreError, Transaction};
use crate::{Clock, Ids, Platform};

/// What buying needs.
#[derive(Clone, Debug)]
pub struct Buying {
    /// Whose account must be active.
    pub accounts: Accounts,
    /// Where it is kept which order was placed under which key.
    pub idempotency: Idempotency,
    /// The orders.
    pub orders: Orders,
    /// Who takes the money.
    pub paypal: PayPal,
    /// What the payer sees of us.
    pub shop: Shop,
    /// The time.
    pub clock: Clock,
    /// Names orders.
    pub ids: Ids,
}

/// An order that the payer can approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    /// The order.
    pub order: Order,
    /// Whether it was placed before, under the same key.
    pub replayed: bool,
}

/// Why there is no order that a payer could approve.
#[derive(Debug, thiserror::Error)]
pub enum BuyError {
    /// The key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The account is not there, or not active.
    #[error("the account is not active")]
    Inactive,
    /// PayPal would not open it. It is kept, and opened when the same is asked again.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is kept under the key.
#[derive(Serialize, Deserialize)]
struct Placed {
    order: Id<ids::Order>,
}

impl Buying {
    /// Reads what its tables, [`PayPal::new`] and [`Shop::configured`] read.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            idempotency: Idempotency::new(&db, vars)?,
            orders: Orders::new(&db, vars)?,
            paypal: PayPal::new(vars, platform)?,
            shop: Shop::configured(vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
        })
    }

    /// The order of the pack, placed now or before under the same key, with PayPal's address for the payer. `known` is what
    /// [`Idempotency::answer`] says of the key.
    ///
    /// # Errors
    /// See [`BuyError`].
    pub async fn buy(
        &self,
        known: Option<Answer>,
        account: Id<ids::Account>,
        pack: Pack,
        used: &Use,
    ) -> Result<Bought, BuyError> {
        let (order, replayed) = match known {
            Some(answer) => (self.placed_before(&answer, used).await?, true),
            None => self.place(account, pack, used).await?,
        };
        let order = self.open(order).await?;
        Ok(Bought { order, replayed })
    }

    /// Keeps a new order and its name under the key, in one transaction.
    async fn place(&self, account: Id<ids::Account>, pack: Pack, used: &Use) -> Result<(Order, bool), BuyError> {
        let (order, now) = (Order::placed(self.ids.next(), account, pack), self.clock.now());
        let placed = serde_json::json!(Placed { order: order.id }).to_string();
        let transaction = Transaction::of([
            self.orders.place_write(&order)?,
            self.idempotency.answer_write(used, placed, now)?,
            self.accounts.active_check(account)?,
        ]);
        let Err(error) = transaction.commit(self.orders.db()).await else {
            return Ok((order, false));
        };
        if let Some(refused) = error.refused(Guard::Idempotency) {
            // The same request came twice at once, and the other one won.
            let answer = self.idempotency.answer_in(refused, used, now)?;
            let answer = answer.ok_or(StoreError::Contended)?;
            return Ok((self.placed_before(&answer, used).await?, true));
        }
        if error.refused(Guard::Account).is_some() {
            return Err(BuyError::Inactive);
        }
        Err(StoreError::from(error).into())
    }

    async fn placed_before(&self, answer: &Answer, used: &Use) -> Result<Order, BuyError> {
        if answer.fingerprint != used.fingerprint {
            return Err(BuyError::KeyReused);
        }
        let placed: Option<Placed> = serde_json::from_str(&answer.body).ok();
        let order = match placed {
            Some(Placed { order }) => self.orders.find(order).await?,
            None => None,
        };
        // Orders leave their account only with the account itself.
        order
            .filter(|order| order.account == Some(used.account))
            .ok_or(BuyError::Inactive)
    }

    /// Opens the order at PayPal, unless that was done.
    async fn open(&self, mut order: Order) -> Result<Order, BuyError> {
        for _ in 0..ROUNDS {
            if order.checkout.is_some() {
                return Ok(order);
            }
            let checkout = self.paypal.create(&order, &self.shop).await?;
            let mut opened = Order {
                checkout: Some(checkout),
                // The reconciler takes one that was never opened for expired.
                state: OrderState::Created,
                ..order.clone()
            };
            if self.write(&order, &mut opened, self.clock.now()).await? {
                return Ok(opened);
            }
            order = self.orders.find(order.id).await?.ok_or(BuyError::Inactive)?;
        }
        Err(StoreError::Contended.into())
    }

    async fn write(&self, read: &Order, opened: &mut Order, now: Timestamp) -> Result<bool, StoreError> {
        let write = self.orders.learned_write(read, opened, now)?;
        match Transaction::of([write]).commit(self.orders.db()).await {
            Ok(()) => Ok(true),
            Err(error) if error.refused(Guard::Order).is_some() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
