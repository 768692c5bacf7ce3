//! Orders against PayPal's record and against the ledger; and money sent back by hand.

use std::collections::BTreeMap;
use std::fmt;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::SignedDuration;
use shared::domain::ledger::Side;
use shared::domain::order::{Learned, Outcome, Record, Standing};
use shared::domain::{Credits, Money, Order, OrderState};
use shared::flows::payment::{Because, Cashier};
use shared::ids::{AccountId, Act as ActId, Id, OrderId};
use shared::providers::paypal::{PayPalError, SentBack};
use shared::store::acts::Act;
use shared::store::{Acts, Guard, StoreError, Transaction};

use crate::OpsError;
use crate::accounts::fit_reason;
use crate::ledger::counted;
use crate::table::Table;

/// How many items a step of the walk through the table passes.
const ITEMS_A_STEP: i32 = 500;

/// How many entries of a ledger are read at once.
const ENTRIES: i32 = 500;

/// How many orders PayPal is asked about at once.
const AT_ONCE: usize = 4;

/// Orders and money, as an operator may look after them.
#[derive(Debug, Clone)]
pub struct Payments {
    /// Who reads PayPal's record and follows it.
    pub cashier: Cashier,
    /// Where acts are written down.
    pub acts: Acts,
}

/// What came of comparing orders with PayPal's record.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    compared: usize,
    waiting: usize,
    taken: BTreeMap<String, i64>,
    sent_back: BTreeMap<String, i64>,
    differences: Vec<(OrderId, String)>,
}

/// Money to be sent back, as it was ordered.
#[derive(Debug, Clone)]
pub struct Return {
    /// Of which order.
    pub order: OrderId,
    /// How much, in digits of the order's currency; all that is left, if not said.
    pub amount: Option<String>,
    /// Why. It is kept, and is to name nobody.
    pub reason: String,
    /// Under which name; a new one, unless it is tried again.
    pub act: Option<Id<ActId>>,
}

impl Comparison {
    /// How many differences there are.
    #[must_use]
    pub fn differences(&self) -> usize {
        self.differences.len()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (order, difference) in &self.differences {
            writeln!(f, "{order}  {difference}")?;
        }
        let sums = |sums: &BTreeMap<String, i64>| {
            let each = sums
                .iter()
                .filter_map(|(currency, minor)| Some(Money::minor(*minor, currency.parse().ok()?).to_string()));
            let all: Vec<String> = each.collect();
            if all.is_empty() {
                "nothing".to_owned()
            } else {
                all.join(" and ")
            }
        };
        writeln!(
            f,
            "{} compared, {} more waiting for a payer; PayPal has taken {} and sent {} back",
            counted(self.compared, "order", "orders"),
            self.waiting,
            sums(&self.taken),
            sums(&self.sent_back)
        )?;
        match self.differences() {
            0 => write!(f, "no difference"),
            1 => write!(f, "1 difference"),
            many => write!(f, "{many} differences"),
        }
    }
}

impl Payments {
    /// Compares the orders of the last `days` days with PayPal's record and with the ledger. Nothing is changed, unless `mend`
    /// has each that differs follow PayPal's record first.
    ///
    /// # Errors
    /// When a table or PayPal cannot be asked.
    pub async fn reconcile(&self, days: u16, mend: bool) -> Result<Comparison, OpsError> {
        let since = self.cashier.clock.now() - SignedDuration::from_hours(24 * i64::from(days));
        let orders: Vec<Order> = self.orders().await?;
        let young = orders
            .into_iter()
            .filter(|order| order.placed_at() >= since && !order.is_forgotten());
        let (asked, waiting): (Vec<_>, Vec<_>) = young.partition(|order| order.checkout.is_some());
        let each = stream::iter(asked).map(|order| self.compare(order, mend));
        let compared: Vec<_> = each.buffered(AT_ONCE).try_collect().await?;
        let mut comparison = Comparison {
            waiting: waiting.len(),
            ..Comparison::default()
        };
        let mut ledgers: BTreeMap<AccountId, BTreeMap<OrderId, Credits>> = BTreeMap::new();
        for (order, record) in compared {
            comparison.count(&order, &record);
            let mut found = differences(&order, &record);
            if let Some(account) = order.account {
                if let std::collections::btree_map::Entry::Vacant(vacant) = ledgers.entry(account) {
                    vacant.insert(self.credited(account).await?);
                }
                let entered = ledgers[&account].get(&order.id).copied().unwrap_or(Credits::ZERO);
                let due = order.given() - order.taken_back;
                if entered != due {
                    found.push(format!("the ledger has {entered} credits of it, the order {due}"));
                }
            }
            let of_order = found.into_iter().map(|difference| (order.id, difference));
            comparison.differences.extend(of_order);
        }
        Ok(comparison)
    }

    async fn orders(&self) -> Result<Vec<Order>, StoreError> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let (some, next) = self.cashier.orders.walk(from, ITEMS_A_STEP).await?;
            all.extend(some);
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        all.sort_by_key(|order| order.id);
        Ok(all)
    }

    async fn compare(&self, order: Order, mend: bool) -> Result<(Order, Record), OpsError> {
        let record = self.cashier.paypal.record(&order, &[]).await?;
        if !mend || differences(&order, &record).is_empty() {
            return Ok((order, record));
        }
        let converged = self.cashier.converge(order.id, Because::Due, &[]).await?;
        let order = converged.map_or(order, |converged| converged.order);
        let record = self.cashier.paypal.record(&order, &[]).await?;
        Ok((order, record))
    }

    /// What the ledger of an account has of each order.
    async fn credited(&self, account: AccountId) -> Result<BTreeMap<OrderId, Credits>, StoreError> {
        let mut credited = BTreeMap::new();
        let Some(profile) = self.cashier.accounts.profile(account).await? else {
            return Ok(credited);
        };
        let mut before = None;
        loop {
            let page = self.cashier.ledgers.entries(profile.ledger, before, ENTRIES).await?;
            before = page.last().map(|entry| entry.seq);
            for entry in &page {
                if let Some(order) = entry.order {
                    let sum = credited.entry(order).or_insert(Credits::ZERO);
                    *sum = *sum + entry.on(Side::Available);
                }
            }
            if page.len() < ENTRIES as usize {
                return Ok(credited);
            }
        }
    }

    /// Sends money of an order back through PayPal, once for each act, and takes the credits that stand for it. Tells what came
    /// of it, as text to read.
    ///
    /// # Errors
    /// When there is no money to send back, PayPal refuses, or somebody cannot be asked. Whether it was done is unknown if
    /// PayPal's answer was lost: doing it again under the same name is safe.
    pub async fn refund(&self, wanted: Return) -> Result<String, OpsError> {
        let Return {
            order: id,
            amount,
            reason,
            act,
        } = wanted;
        let order = self.cashier.orders.find(id).await?;
        let order = order.ok_or_else(|| OpsError::Absent(format!("there is no order {id}")))?;
        let payment = order.payment.as_ref();
        let payment = payment.ok_or_else(|| OpsError::Unfit(format!("{id} is {}: no money was taken", order.state)))?;
        let price = order.pack.price;
        let amount = amount.map(|text| Money::parse(&text, price.currency())).transpose();
        let amount = amount.map_err(|_| OpsError::Unfit(format!("the amount must be one of {}", price.currency())))?;
        if amount.is_some_and(|amount| !(1..=price.in_minor()).contains(&amount.in_minor())) {
            return Err(OpsError::Unfit(format!(
                "the amount must be above zero and at most {price}"
            )));
        }
        let act = Act {
            id: act.unwrap_or_else(|| self.cashier.ids.next()),
            what: format!("orders refund {id}"),
            reason: fit_reason(&reason)?,
            credits: None,
            amount,
            at: self.cashier.clock.now(),
        };
        let capture = payment.capture.as_ref().ok_or_else(forgotten)?;
        self.write_down(&act).await?;
        let name = act.id.to_string();
        let sent = self.cashier.paypal.refund(capture, amount, &name);
        let refund = match sent.await {
            Ok(SentBack::Refund(refund)) => Some(refund),
            Ok(SentBack::Already) => None,
            Ok(SentBack::Refused { issue }) => {
                return Err(OpsError::Unfit(format!("PayPal refuses to send it back ({issue})")));
            }
            Err(cause @ (PayPalError::Alarm { .. } | PayPalError::Missing)) => return Err(cause.into()),
            Err(cause @ PayPalError::Unavailable { .. }) => {
                return Err(OpsError::Unknown {
                    act: act.id,
                    cause: Box::new(cause.into()),
                });
            }
        };
        let told: Vec<_> = refund.iter().cloned().collect();
        let converged = self.cashier.converge(id, Because::Told, &told).await?;
        let after = converged.map_or(order, |converged| converged.order);
        let mut table = Table::default();
        table.heading(&name);
        table.fact("order", id);
        match &refund {
            Some(refund) => table.fact("refund", refund),
            None => table.fact("refund", "all of it was sent back before"),
        }
        table.fact("withheld", format!("{} of {price}", after.withheld()));
        table.fact(
            "taken back",
            format!("{} of {} credits", after.taken_back, after.pack.credits),
        );
        Ok(table.text())
    }

    /// Writes the act down before it is done. One that is there already is done again under the same name, if it is the same.
    async fn write_down(&self, act: &Act) -> Result<(), OpsError> {
        let written = Transaction::of([self.acts.act_write(act)?])
            .commit(self.cashier.orders.db())
            .await;
        let Err(error) = written else { return Ok(()) };
        if error.refused(Guard::Act).is_none() {
            return Err(StoreError::from(error).into());
        }
        let known = self.acts.find(act.id).await?;
        let is_same = |known: &Act| known.what == act.what && known.amount == act.amount;
        if known.as_ref().is_some_and(is_same) {
            Ok(())
        } else {
            Err(OpsError::Unfit(format!("{} was another act", act.id)))
        }
    }
}

impl Comparison {
    fn count(&mut self, order: &Order, record: &Record) {
        if record.captures.is_empty() && order.payment.is_none() {
            self.waiting += 1;
            return;
        }
        self.compared += 1;
        let mut add = |sums: fn(&mut Self) -> &mut BTreeMap<String, i64>, amount: Money| {
            *sums(self).entry(amount.currency().to_string()).or_default() += amount.in_minor();
        };
        for capture in record.captures.iter().filter(|capture| capture.status.is_money()) {
            add(|all| &mut all.taken, capture.amount.unwrap_or(order.pack.price));
        }
        for refund in record.refunds.values().filter(|refund| !refund.failed) {
            add(|all| &mut all.sent_back, refund.amount);
        }
    }
}

/// Whether no money is in it, and none is lost if nobody ever looks.
fn is_unpaid(state: OrderState) -> bool {
    match state {
        OrderState::Created | OrderState::Approved | OrderState::Expired => true,
        OrderState::Pending | OrderState::Completed | OrderState::Declined | OrderState::Mismatched => false,
    }
}

fn forgotten() -> OpsError {
    OpsError::Unfit(
        "its account was erased and its disputes are over: PayPal's name of the payment is not known any more"
            .to_owned(),
    )
}

/// What PayPal's record says that the order does not.
fn differences(order: &Order, record: &Record) -> Vec<String> {
    let Learned {
        order: mut after,
        alarms,
    } = order.learn(record);
    let mut found: Vec<String> = alarms.iter().map(ToString::to_string).collect();
    if after.state != order.state && !(is_unpaid(after.state) && is_unpaid(order.state)) {
        found.push(format!(
            "is {} here and {} by PayPal's record",
            order.state, after.state
        ));
    }
    match (&order.payment, &after.payment) {
        (None, Some(payment)) => found.push(format!(
            "PayPal has taken the money as {}, and no credits are given",
            payment.capture.as_ref().map_or("?", |capture| capture.as_str())
        )),
        (Some(here), Some(there)) if here.standing != there.standing => {
            let word = |standing| match standing {
                Standing::Good => "stands",
                Standing::Refunded => "was sent back whole",
                Standing::Declined => "was declined",
            };
            found.push(format!(
                "the payment {} here and {} by PayPal's record",
                word(here.standing),
                word(there.standing)
            ));
        }
        _ => {}
    }
    for (id, refund) in after
        .refunds
        .iter()
        .filter(|(id, refund)| order.refunds.get(*id) != Some(*refund))
    {
        found.push(format!(
            "PayPal has sent {} back as {id}, and the order does not know it so",
            refund.amount
        ));
    }
    for (id, dispute) in after
        .disputes
        .iter()
        .filter(|(id, dispute)| order.disputes.get(*id) != Some(*dispute))
    {
        let outcome = match dispute.outcome {
            Outcome::Open => "open",
            Outcome::Won => "won",
            Outcome::Lost => "lost",
        };
        found.push(format!(
            "the dispute {id} is {outcome}, and the order does not know it so"
        ));
    }
    if found.is_empty() && !order.postings(&mut after).is_empty() {
        found.push("the credits do not follow from the money".to_owned());
    }
    if order.lacks_receipt() {
        found.push("has no receipt".to_owned());
    }
    found
}
