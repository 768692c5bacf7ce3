//! Money becomes credits, once.
//!
//! An event is a hint, PayPal's own record is the truth. Whoever has a reason to look at an order (its buyer, an event, the
//! reconciler) calls [`Cashier::converge`]: it reads the order's version, then PayPal's record, and writes what follows only if the
//! version is still the same. So no older record ever overwrites a newer one, and nothing is given or taken twice.

use jiff::tz::TimeZone;
use url::Url;

use super::{ROUNDS, letters, mailing};
use crate::config::{ConfigError, Vars};
use crate::domain::account::Status;
use crate::domain::ledger::Posting;
use crate::domain::mail::{Mail, MailKind};
use crate::domain::order::{CheckoutStatus, Learned, Receipt, Record};
use crate::domain::paypal::RefundId;
use crate::domain::{Language, Order, OrderState, Profile};
use crate::ids::{self, Id};
use crate::metrics::{self, Metric};
use crate::providers::paypal::{PayPal, PayPalError, Taken};
use crate::store::ledger::PostError;
use crate::store::{Accounts, Guard, Ledgers, Orders, Outbox, StoreError, Transaction, TransactionError, Write};
use crate::{Clock, Ids, Platform};

/// Brings orders to where PayPal's record says they are.
#[derive(Clone, Debug)]
pub struct Cashier {
    /// Whose ledger gets the credits, and where receipts go.
    pub accounts: Accounts,
    /// The credits.
    pub ledgers: Ledgers,
    /// The orders.
    pub orders: Orders,
    /// Where receipts are put.
    pub outbox: Outbox,
    /// Who has the money.
    pub paypal: PayPal,
    /// The time, asked anew after each call.
    pub clock: Clock,
    /// Names receipts' mails.
    pub ids: Ids,
}

/// Why an order is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Its buyer wants the money taken, and waits.
    Asked(Language),
    /// PayPal tells that the payer has approved.
    Approved,
    /// PayPal tells something else.
    Told,
    /// It is time to look.
    Due,
}

/// An order that was brought to where PayPal's record says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converged {
    /// The order.
    pub order: Order,
    /// What came of trying to take the money, if that was tried.
    pub taken: Option<Taken>,
}

/// Why an order could not be brought there now. Nothing is half-done; it is looked at again.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// PayPal would not say.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Because {
    /// Whether the money may be taken now. A means of payment that was declined is not tried again until somebody says that the
    /// payer has been there.
    fn may_take(self, order: &Order) -> bool {
        match self {
            Self::Asked(_) | Self::Approved => true,
            Self::Told | Self::Due => order.declines == 0,
        }
    }

    fn language(self) -> Option<Language> {
        match self {
            Self::Asked(language) => Some(language),
            Self::Approved | Self::Told | Self::Due => None,
        }
    }
}

impl Cashier {
    /// Reads what its tables and [`PayPal::new`] read.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            ledgers: Ledgers::new(&db, vars)?,
            orders: Orders::new(&db, vars)?,
            outbox: Outbox::new(&db, vars)?,
            paypal: PayPal::new(vars, platform)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
        })
    }

    /// Brings the order to where PayPal's record says it is: takes the money if the payer has approved, gives or takes back
    /// credits, and writes the receipt. `told` are refunds that PayPal told of. None if there is no such order.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn converge(
        &self,
        id: Id<ids::Order>,
        because: Because,
        told: &[RefundId],
    ) -> Result<Option<Converged>, PaymentError> {
        for _ in 0..ROUNDS {
            let Some(read) = self.orders.find(id).await? else {
                return Ok(None);
            };
            if read.is_forgotten() {
                tracing::warn!(order.id = %read.id, "News of an order of which only what tax law keeps is left: PayPal's record is not asked");
                let order = read;
                return Ok(Some(Converged { order, taken: None }));
            }
            if read.is_to_be_forgotten(self.clock.now()) {
                let mut order = read.forgotten();
                if self.write(&read, &mut order, None).await? {
                    return Ok(Some(Converged { order, taken: None }));
                }
                continue;
            }
            let buyer = self.buyer(&read).await?;
            let mut record = self.paypal.record(&read, told).await?;
            let mut taken = None;
            // Whoever is leaving buys nothing any more; an order of theirs that is approved stays so until they come back.
            let may_buy = buyer.as_ref().is_some_and(|buyer| buyer.status == Status::Active);
            let is_wanted = record.status == CheckoutStatus::Approved && read.fits(&record) && may_buy;
            if is_wanted && because.may_take(&read) {
                (record, taken) = self.take(&read, told).await?;
            }
            let Learned { mut order, alarms } = read.learn(&record);
            for alarm in alarms {
                tracing::error!(order.id = %id, %alarm, "A payment wants a person to look at it");
                metrics::count(Metric::PaymentAlarms, 1);
            }
            apply(taken.as_ref(), &mut order);
            if self.write(&read, &mut order, buyer.as_ref()).await? {
                let order = self.with_receipt(order, because.language()).await;
                return Ok(Some(Converged { order, taken }));
            }
        }
        Err(StoreError::Contended.into())
    }

    /// Takes the money and reads the record anew, which alone says what came of it: the answer may be lost, or somebody else may
    /// be taking it in this moment.
    async fn take(&self, order: &Order, told: &[RefundId]) -> Result<(Record, Option<Taken>), PaymentError> {
        let Some(checkout) = &order.checkout else {
            return Ok((self.paypal.record(order, told).await?, None));
        };
        let taken = self.paypal.capture(&checkout.id, order.declines).await;
        let record = self.paypal.record(order, told).await?;
        match taken {
            Ok(taken) => Ok((record, Some(taken))),
            Err(_) if !record.captures.is_empty() => Ok((record, Some(Taken::Tried))),
            Err(error) => Err(error.into()),
        }
    }

    async fn buyer(&self, order: &Order) -> Result<Option<Profile>, StoreError> {
        match order.account {
            Some(account) => self.accounts.profile(account).await,
            None => Ok(None),
        }
    }

    /// Writes what was learned and what it means in credits, in one transaction; `false` if the order or the balance is not any
    /// more what was read.
    async fn write(&self, read: &Order, after: &mut Order, buyer: Option<&Profile>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let postings = read.postings(after);
        let mut entries = Vec::new();
        if let Some(buyer) = buyer {
            entries = self.entries(buyer, &postings).await?;
        } else if !postings.is_empty() {
            tracing::error!(order.id = %read.id, "Money has moved for an account that is gone: it is to be refunded");
            metrics::count(Metric::PaymentsWithoutAccount, 1);
        }
        let order = self.orders.learned_write(read, after, now)?;
        let outcome = Transaction::of([order]).and_all(entries).commit(self.orders.db()).await;
        unless_changed(outcome, &[Guard::Order, Guard::Balance, Guard::Cause])
    }

    async fn entries(&self, buyer: &Profile, postings: &[Posting]) -> Result<Vec<Write>, StoreError> {
        if postings.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.ledgers.balance(buyer.ledger).await?;
        let posted = self.ledgers.post(buyer.ledger, &before, postings, self.clock.now());
        posted.map(|(_, writes)| writes).map_err(|error| match error {
            PostError::Store(store) => store,
            // None of these postings can be refused; should one be, the balance was read in between.
            PostError::Refused(_) => StoreError::Contended,
        })
    }

    /// The order with its receipt, if it is time for one. Where that fails the order is looked at again, and has it then.
    async fn with_receipt(&self, order: Order, language: Option<Language>) -> Order {
        match self.receipt(&order, language).await {
            Ok(Some(with_receipt)) => with_receipt,
            Ok(None) => order,
            Err(error) => {
                tracing::warn!(order.id = %order.id, %error, "A receipt could not be written this time");
                order
            }
        }
    }

    /// Gives the order the year's next number and mails the receipt, in one transaction.
    async fn receipt(&self, order: &Order, language: Option<Language>) -> Result<Option<Order>, StoreError> {
        let (mut read, year) = (order.clone(), self.clock.now().to_zoned(TimeZone::UTC).year());
        for _ in 0..ROUNDS {
            if !read.lacks_receipt() {
                return Ok(Some(read));
            }
            let (buyer, number) = (self.buyer(&read).await?, self.orders.next_receipt(year).await?);
            let now = self.clock.now();
            let mut after = Order {
                receipt: Some(Receipt { number, at: now }),
                ..read.clone()
            };
            let mut transaction = Transaction::of([self.orders.learned_write(&read, &mut after, now)?])
                .and_all(self.orders.receipt_writes(&read, number)?);
            // An account that is being erased gets no mail any more: it would outlive it.
            if let Some(buyer) = buyer.filter(|buyer| buyer.status != Status::Erasing) {
                let mail = Mail {
                    id: self.ids.next(),
                    account: Some(buyer.id),
                    kind: MailKind::Receipt,
                    to: buyer.email,
                    letter: letters::receipt(language, &after, number, now),
                    not_after: now + mailing::PATIENCE,
                };
                transaction = transaction.and(self.outbox.mail_write(&mail)?);
            }
            let outcome = transaction.commit(self.orders.db()).await;
            if unless_changed(outcome, &[Guard::Order, Guard::Receipt])? {
                return Ok(Some(after));
            }
            match self.orders.find(read.id).await? {
                Some(current) => read = current,
                None => return Ok(None),
            }
        }
        Err(StoreError::Contended)
    }
}

/// What trying to take the money says of an order whose record does not tell it.
fn apply(taken: Option<&Taken>, order: &mut Order) {
    if order.payment.is_some() || order.state == OrderState::Pending {
        return;
    }
    let go_on = |order: &mut Order, payer_url: &Option<Url>| {
        if let (Some(checkout), Some(url)) = (&mut order.checkout, payer_url) {
            checkout.payer_url = url.clone();
        }
    };
    match taken {
        Some(Taken::Declined { payer_url }) => {
            order.declines += 1;
            order.reason = Some("INSTRUMENT_DECLINED".to_owned());
            go_on(order, payer_url);
        }
        Some(Taken::PayerNeeded { payer_url }) => go_on(order, payer_url),
        Some(Taken::Refused { issue }) => {
            // The checkout stays approved there, and would be tried again and again.
            order.declines += 1;
            order.state = OrderState::Declined;
            order.reason = Some(issue.clone());
        }
        Some(Taken::Tried | Taken::NotApproved) | None => {}
    }
}

/// Whether a transaction was made; `false` if one of these guards refused it, so that everything is to be read again.
fn unless_changed(outcome: Result<(), TransactionError>, guards: &[Guard]) -> Result<bool, StoreError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if guards.iter().any(|guard| error.refused(*guard).is_some()) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
