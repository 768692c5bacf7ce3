//! People who buy credits, by the flows that the routes use; what PayPal tells; and what must hold of it all in the end.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use axum::body::Body;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Request;
use shared::domain::ledger::{Side, audit};
use shared::domain::{Credits, Money, Order, Pack};
use shared::flows::buying::Buying;
use shared::flows::payment::Cashier;
use shared::ids::{self, Id};
use shared::store::Orders;
use shared::store::idempotency::Use;
use tower::ServiceExt as _;

use super::audit::Violation;
use super::{Lab, Seller};
use crate::sim::{Checkout, Moved, Standing};

impl Lab {
    /// What `orders-create` orders with.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn buying(&self) -> Result<Buying> {
        let function = self.function("orders-create")?;
        let vars = self.host.vars(function);
        let platform = self.host.platform(function, &vars).await?;
        Ok(Buying::configured(&vars, &platform)?)
    }

    /// What `orders-capture` takes money with.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn cashier(&self) -> Result<Cashier> {
        let function = self.function("orders-capture")?;
        let vars = self.host.vars(function);
        let platform = self.host.platform(function, &vars).await?;
        Ok(Cashier::configured(&vars, &platform)?)
    }

    /// Orders a pack under a key, as the route does. Dropping the future kills it.
    pub fn buy(&self, buying: Buying, seller: &Seller, pack: Pack, key: &str) -> BoxFuture<'static, Result<Order>> {
        let (account, now) = (seller.account, self.now());
        let used = Use::new(account, "orders-create", key, pack.name().to_string());
        async move {
            let known = buying.idempotency.answer(&used, now).await?;
            Ok(buying.buy(known, account, pack, &used).await?.order)
        }
        .boxed()
    }

    /// The order as it lies in the table.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn purchase(&self, id: Id<ids::Order>) -> Result<Option<Order>> {
        Ok(self.orders()?.find(id).await?)
    }

    /// Lets PayPal tell `paypal-webhook` everything that is due, once, in a sandbox just started. Dropping the future kills that.
    pub fn tell_of_payments(&self) -> BoxFuture<'static, Result<usize>> {
        let (host, simulators) = (self.host.clone(), self.simulators.clone());
        let function = self.function("paypal-webhook").cloned();
        async move {
            let function = function?;
            let webhook = function.variables.get("PAYPAL_WEBHOOK_ID").cloned().unwrap_or_default();
            let router = host.router(&function).await?;
            let due = simulators.paypal().due_events();
            for event in &due {
                let made = simulators.paypal().transmission(&webhook, event.body.as_bytes())?;
                let request = Request::post("/v1/webhooks/paypal").header("content-type", "application/json");
                let with = |request: http::request::Builder, (name, value): (&str, &str)| request.header(name, value);
                let request = made.headers().into_iter().fold(request, with);
                let Ok(answer) = router
                    .clone()
                    .oneshot(request.body(Body::from(event.body.clone()))?)
                    .await;
                simulators
                    .paypal()
                    .event_tried(&event.id, Some(answer.status().as_u16()));
            }
            Ok(due.len())
        }
        .boxed()
    }

    pub(super) fn function(&self, folder: &str) -> Result<&'static crate::template::FunctionSpec> {
        let function = self.template.function(folder);
        function.with_context(|| format!("the template has no `{folder}`"))
    }

    fn orders(&self) -> Result<Orders> {
        Ok(Orders::new(&self.office.platform.db(), &self.office.vars)?)
    }

    /// Everything that does not hold of a seller's purchases, judged by PayPal's own book: that money was taken once for an order
    /// at most, that the ledger has the credits which that money stands for, and that each payment has one receipt, mailed once,
    /// the numbers of all of them without a gap.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn audit_purchases(&self, seller: &Seller) -> Result<Vec<Violation>> {
        let mut found = Vec::new();
        let mut add = |of: &str, what: String| {
            found.push(Violation {
                of: of.to_owned(),
                what,
            })
        };
        let ledger = self.ledger(seller).await?;
        let holds = ledger.holds.iter().filter_map(|hold| hold.parse().ok()).collect();
        if let Err(flaw) = audit(&ledger.entries, &ledger.balance, &holds) {
            add(&seller.ledger.to_string(), flaw.to_string());
        }
        let mut entered: BTreeMap<String, Credits> = BTreeMap::new();
        for entry in &ledger.entries {
            if let Some(order) = entry.order {
                let sum = entered.entry(order.to_string()).or_insert(Credits::ZERO);
                *sum = *sum + entry.on(Side::Available);
            }
        }
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for moved in self.books().paypal.work {
            if let Moved::Captured {
                custom_id: Some(order), ..
            } = moved
            {
                *taken.entry(order).or_default() += 1;
            }
        }
        let mails = self.books().resend.work.len();
        let mut numbers = Vec::new();
        for order in self.orders()?.list(seller.account, None, 100).await? {
            let id = order.id.to_string();
            let of_order: Vec<_> = self
                .simulators
                .paypal()
                .orders()
                .into_iter()
                .filter(|one| one.custom_id.as_deref() == Some(&id))
                .collect();
            let implied = of_order
                .iter()
                .map(|one| implied(one, order.pack))
                .max()
                .unwrap_or(Credits::ZERO);
            let has = entered.get(&id).copied().unwrap_or(Credits::ZERO);
            if has != implied {
                add(
                    &id,
                    format!("has {has} credits in the ledger, and PayPal's record makes them {implied}"),
                );
            }
            let times = taken.get(&id).copied().unwrap_or_default();
            if times > 1 {
                add(&id, format!("its money was taken {times} times"));
            }
            match (times, &order.receipt) {
                (0, None) => {}
                (_, Some(receipt)) => numbers.push(receipt.number),
                (_, None) => add(&id, "is paid and has no receipt".to_owned()),
            }
        }
        numbers.sort_unstable();
        if numbers.iter().zip(1..).any(|(number, nth)| number.nth != nth) {
            add("receipts", format!("their numbers have a gap: {numbers:?}"));
        }
        if mails != numbers.len() {
            add(
                "receipts",
                format!("there are {}, and {mails} mails were sent", numbers.len()),
            );
        }
        Ok(found)
    }
}

/// How many credits PayPal's record of an order stands for.
fn implied(checkout: &Checkout, pack: Pack) -> Credits {
    let money = |standing: Standing| match standing {
        Standing::Completed | Standing::PartiallyRefunded | Standing::Refunded => true,
        Standing::Pending | Standing::Declined => false,
    };
    let Some(capture) = checkout.captures.iter().find(|capture| money(capture.status)) else {
        return Credits::ZERO;
    };
    if capture.status == Standing::Refunded {
        return Credits::ZERO;
    }
    // What goes back while a fight is on is the fight's own money.
    let is_won = |outcome: &Option<String>| outcome.as_deref() == Some("RESOLVED_SELLER_FAVOUR");
    let fights: Vec<_> = checkout
        .disputes
        .iter()
        .filter(|fight| !is_won(&fight.outcome))
        .collect();
    let began = fights.iter().map(|fight| fight.at).min();
    let sum = |amounts: &mut dyn Iterator<Item = Money>| amounts.map(Money::in_minor).sum::<i64>();
    let (during, before): (Vec<_>, Vec<_>) = checkout
        .refunds
        .iter()
        .partition(|refund| began.is_some_and(|began| refund.at >= began));
    let back = sum(&mut before.iter().map(|refund| refund.amount))
        + sum(&mut during.iter().map(|refund| refund.amount)).max(sum(&mut fights.iter().map(|fight| fight.amount)));
    let price = pack.price.in_minor();
    if back >= price {
        return Credits::ZERO;
    }
    Credits(pack.credits.0 - pack.credits.0 * back / price)
}
