//! The table `orders`: orders for credits, and the numbers of their receipts.
//!
//! | id | what |
//! |---|---|
//! | `ord_…` | an order; `account_id` says whose it is, and goes with the account |
//! | `RECEIPTS#2026` | how many receipts that year has |
//! | `RECEIPT#2026-000001` | whose number that is |
//!
//! The index `account` lists an account's orders. The sparse index `unfinished` has every order of which something is still to
//! be expected, under the time at which somebody has to look.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::table::of_account;
use super::{Db, Expression, Guard, Mark, StoreError, Table, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::order::{Checkout, Dispute, Payment, Receipt, ReceiptNumber, Refund};
use crate::domain::paypal::{DisputeId, RefundId};
use crate::domain::{Credits, Order, OrderState, Pack};
use crate::ids::{self, Id};

/// The table `orders`.
#[derive(Clone, Debug)]
pub struct Orders {
    table: Table,
}

/// The partition of the index `unfinished`.
const PENDING: &str = "order";

/// How long the seller and the payer are left alone before somebody looks after a new order.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

#[derive(Serialize, Deserialize)]
struct OrderItem {
    id: Id<ids::Order>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account_id: Option<Id<ids::Account>>,
    pack: Pack,
    state: OrderState,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    checkout: Option<Checkout>,
    declines: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    payment: Option<Payment>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    refunds: BTreeMap<RefundId, Refund>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    disputes: BTreeMap<DisputeId, Dispute>,
    taken_back: Credits,
    changes: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    receipt: Option<Receipt>,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct CounterItem {
    id: String,
    receipts: u32,
}

#[derive(Serialize, Deserialize)]
struct NumberItem {
    id: String,
    order_id: Id<ids::Order>,
}

/// An entry of the index `unfinished`.
#[derive(Deserialize)]
struct Due {
    id: Id<ids::Order>,
}

impl Orders {
    /// The table named by `ORDERS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("ORDERS_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// The order, if there is one of this id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, id: Id<ids::Order>) -> Result<Option<Order>, StoreError> {
        let item = self.table.get(order_key(id)).await?;
        item.map(|item| order_from(item, || id.to_string())).transpose()
    }

    /// Up to `limit` orders of the account, newest first, those before `before` if given. An order that was placed a moment ago
    /// may still be missing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        account: Id<ids::Account>,
        before: Option<Id<ids::Order>>,
        limit: i32,
    ) -> Result<Vec<Order>, StoreError> {
        let page = self
            .table
            .newest_of_index("account", of_account(account, before), limit)
            .await?;
        let order = |item| order_from(item, || format!("an order of {account}"));
        page.items.into_iter().map(order).collect()
    }

    /// Up to `limit` orders that somebody has to look after at `now`, the longest due first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<Id<ids::Order>>, StoreError> {
        let due: Vec<Due> = self.table.due(PENDING, now, limit).await?;
        Ok(due.into_iter().map(|due| due.id).collect())
    }

    /// The orders among the next `limit` items of the table, from `from` on; and where the walk goes on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn walk(&self, from: Option<Mark>, limit: i32) -> Result<(Vec<Order>, Option<Mark>), StoreError> {
        let is_order = Expression::when("begins_with(#id, :orders)").text(":orders", "ord_");
        let page = self.table.scan(is_order, limit, from.map(|mark| mark.0)).await?;
        let order = |item| order_from(item, || "an order".to_owned());
        let orders = page.items.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok((orders, page.next.map(Mark)))
    }

    /// Keeps a new order, before PayPal hears of it.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn place_write(&self, order: &Order) -> Result<Write, StoreError> {
        let item = to_item(&item_of(order, Some(order.placed_at() + PATIENCE)))?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#id)"), Guard::New)
    }

    /// Writes what was learned of an order, if it is still the version that `read` was; `after` becomes the next one. Somebody
    /// looks again when [`Order::look_again`] says.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn learned_write(&self, read: &Order, after: &mut Order, now: Timestamp) -> Result<Write, StoreError> {
        after.version = read.version + 1;
        let item = item_of(after, after.look_again(now));
        self.table
            .change_write(order_key(read.id), &item, unchanged(read), Guard::Order)
    }

    /// Cuts an order that tax law keeps loose from its account, if it is still the version that was read. What a newer function
    /// wrote beside what this one knows may tell whose it was, and goes.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn loose_write(&self, read: &Order, now: Timestamp) -> Result<Write, StoreError> {
        let after = Order {
            account: None,
            version: read.version + 1,
            ..read.clone()
        };
        let item = to_item(&item_of(&after, after.look_again(now)))?;
        self.table.put_write(item, unchanged(read), Guard::Order)
    }

    /// Removes an order for which no money has moved, if it is still the version that was read.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn removal_write(&self, read: &Order) -> Result<Write, StoreError> {
        let same = Expression::when("#version = :version").number(":version", read.version);
        self.table.delete_write(order_key(read.id), same, Guard::Order)
    }

    /// The number that the year's next receipt has.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_receipt(&self, year: i16) -> Result<ReceiptNumber, StoreError> {
        let id = counter_id(year);
        let last = match self.table.get(key(&[("id", id.clone())])).await? {
            Some(item) => from_item::<CounterItem>(item, || id)?.receipts,
            None => 0,
        };
        Ok(ReceiptNumber { year, nth: last + 1 })
    }

    /// Gives the order this receipt's number, if it is still the next one: a number that was not used in the end stays the next
    /// one, so that none is left out.
    ///
    /// # Errors
    /// When the items cannot be made.
    pub fn receipt_writes(&self, order: &Order, number: ReceiptNumber) -> Result<[Write; 2], StoreError> {
        let counter = CounterItem {
            id: counter_id(number.year),
            receipts: number.nth,
        };
        let counter_key = key(&[("id", counter.id.clone())]);
        let is_next = if number.nth == 1 {
            Expression::when("attribute_not_exists(#id)")
        } else {
            Expression::when("#receipts = :last").number(":last", number.nth - 1)
        };
        let mark = to_item(&NumberItem {
            id: format!("RECEIPT#{number}"),
            order_id: order.id,
        })?;
        let is_new = Expression::when("attribute_not_exists(#id)");
        Ok([
            self.table
                .change_write(counter_key, &counter, is_next, Guard::Receipt)?,
            self.table.put_write(mark, is_new, Guard::Receipt)?,
        ])
    }
}

fn order_key(id: Id<ids::Order>) -> super::Item {
    key(&[("id", id.to_string())])
}

/// It is the version that was read. The owner is a part of it: an account that was erased meanwhile is not written back.
fn unchanged(read: &Order) -> Expression {
    let same = Expression::when("#version = :version").number(":version", read.version);
    match read.account {
        Some(account) => same
            .and_when("#version = :version AND #account_id = :account")
            .text(":account", account.to_string()),
        None => same.and_when("#version = :version AND attribute_not_exists(#account_id)"),
    }
}

fn counter_id(year: i16) -> String {
    format!("RECEIPTS#{year}")
}

fn item_of(order: &Order, look_again: Option<Timestamp>) -> OrderItem {
    OrderItem {
        id: order.id,
        account_id: order.account,
        pack: order.pack,
        state: order.state,
        reason: order.reason.clone(),
        checkout: order.checkout.clone(),
        declines: order.declines,
        payment: order.payment.clone(),
        refunds: order.refunds.clone(),
        disputes: order.disputes.clone(),
        taken_back: order.taken_back,
        changes: order.changes,
        receipt: order.receipt.clone(),
        version: order.version,
        pending: look_again.map(|_| PENDING.to_owned()),
        due_at: look_again.map(Timestamp::as_second),
    }
}

fn order_from(item: super::Item, key: impl FnOnce() -> String) -> Result<Order, StoreError> {
    let item: OrderItem = from_item(item, key)?;
    Ok(Order {
        id: item.id,
        account: item.account_id,
        pack: item.pack,
        state: item.state,
        reason: item.reason,
        checkout: item.checkout,
        declines: item.declines,
        payment: item.payment,
        refunds: item.refunds,
        disputes: item.disputes,
        taken_back: item.taken_back,
        changes: item.changes,
        receipt: item.receipt,
        version: item.version,
    })
}
