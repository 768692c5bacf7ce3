//! Orders for credits, and the numbers of their receipts.

use jiff::SignedDuration;
use shared::domain::order::{Checkout, Dispute, Outcome, Payment, Receipt, Refund, Standing};
use shared::domain::{Credits, Order, OrderState, Pack};
use shared::ids::{self, Id};
use shared::store::Guard;

use crate::World;

impl World {
    async fn placed(&self, account: Id<ids::Account>) -> Order {
        let pack = Pack {
            credits: Credits(20),
            price: "4.99 USD".parse().unwrap(),
        };
        let order = Order::placed(self.ids.next(), account, pack);
        assert_eq!(self.commit([self.orders().place_write(&order).unwrap()]).await, []);
        order
    }

    /// The order with everything that an order can have.
    fn full(&self, order: &Order) -> Order {
        let (price, now) = (order.pack.price, self.now());
        let refund = Refund {
            amount: price,
            at: now,
            failed: true,
        };
        let dispute = Dispute {
            amount: None,
            at: now,
            outcome: Outcome::Open,
        };
        Order {
            state: OrderState::Completed,
            reason: Some("ECHECK".to_owned()),
            checkout: Some(Checkout {
                id: "5O190127TN364715T".parse().unwrap(),
                payer_url: "https://www.sandbox.paypal.com/checkoutnow?token=5O190127TN364715T"
                    .parse()
                    .unwrap(),
            }),
            declines: 1,
            payment: Some(Payment {
                capture: "3C679366HH908993F".parse().ok(),
                at: now,
                standing: Standing::Good,
            }),
            refunds: [("1JU08902781691411".parse().unwrap(), refund)].into(),
            disputes: [("PP-D-4012".parse().unwrap(), dispute)].into(),
            taken_back: Credits(20),
            changes: 3,
            receipt: Some(Receipt {
                number: "2033-000001".to_owned().try_into().unwrap(),
                at: now,
            }),
            ..order.clone()
        }
    }
}

#[tokio::test]
async fn an_order_is_kept_with_everything_that_was_learned_of_it() {
    let world = World::with(&["orders"]).await;
    let orders = world.orders();
    let placed = world.placed(world.ids.next()).await;
    assert_eq!(orders.find(placed.id).await.unwrap(), Some(placed.clone()));
    let again = orders.place_write(&placed).unwrap();
    assert_eq!(world.commit([again]).await, [Guard::New], "placed twice");

    let mut after = world.full(&placed);
    let write = orders.learned_write(&placed, &mut after, world.now()).unwrap();
    assert_eq!(world.commit([write]).await, []);
    assert_eq!(after.version, placed.version + 1);
    assert_eq!(orders.find(placed.id).await.unwrap(), Some(after));
    assert_eq!(orders.find(world.ids.next()).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_who_read_the_same_version_the_second_writes_nothing() {
    let world = World::with(&["orders"]).await;
    let orders = world.orders();
    let read = world.placed(world.ids.next()).await;
    let learned = |state| {
        let mut after = Order { state, ..read.clone() };
        orders.learned_write(&read, &mut after, world.now()).unwrap()
    };
    assert_eq!(world.commit([learned(OrderState::Approved)]).await, []);
    assert_eq!(world.commit([learned(OrderState::Expired)]).await, [Guard::Order]);
    assert_eq!(orders.find(read.id).await.unwrap().unwrap().state, OrderState::Approved);
}

#[tokio::test]
async fn an_order_is_not_given_back_to_an_account_that_was_erased_meanwhile() {
    let world = World::with(&["orders"]).await;
    let orders = world.orders();
    let read = world.placed(world.ids.next()).await;
    let mut ownerless = Order {
        account: None,
        ..read.clone()
    };
    let erased = orders.learned_write(&read, &mut ownerless, world.now()).unwrap();
    assert_eq!(world.commit([erased]).await, []);
    // Even of the same version.
    let still_his = Order {
        version: ownerless.version,
        ..read.clone()
    };
    let mut after = still_his.clone();
    let late = orders.learned_write(&still_his, &mut after, world.now()).unwrap();
    assert_eq!(world.commit([late]).await, [Guard::Order]);
    assert_eq!(orders.list(read.account.unwrap(), None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn an_account_sees_its_own_orders_newest_first_and_page_by_page() {
    let world = World::with(&["orders"]).await;
    let orders = world.orders();
    let (mine, other) = (world.ids.next(), world.ids.next());
    let mut placed = Vec::new();
    for _ in 0..3 {
        placed.insert(0, world.placed(mine).await);
        world.placed(other).await;
        world.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(orders.list(mine, None, 10).await.unwrap(), placed);
    assert_eq!(orders.list(mine, None, 2).await.unwrap(), placed[..2]);
    assert_eq!(orders.list(mine, Some(placed[1].id), 2).await.unwrap(), placed[2..]);
}

#[tokio::test]
async fn an_order_is_due_until_nothing_is_to_be_expected_of_it() {
    let world = World::with(&["orders"]).await;
    let orders = world.orders();
    let placed = world.placed(world.ids.next()).await;
    assert_eq!(orders.due(world.now(), 10).await.unwrap(), []);
    world.advance(SignedDuration::from_mins(10));
    assert_eq!(orders.due(world.now(), 10).await.unwrap(), [placed.id]);

    let mut looked_at = placed.clone();
    let write = orders.learned_write(&placed, &mut looked_at, world.now()).unwrap();
    assert_eq!(world.commit([write]).await, []);
    assert_eq!(orders.due(world.now(), 10).await.unwrap(), [], "looked at a moment ago");

    world.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(orders.due(world.now(), 10).await.unwrap(), [placed.id]);
    let mut given_up = looked_at.clone();
    let write = orders.learned_write(&looked_at, &mut given_up, world.now()).unwrap();
    assert_eq!(world.commit([write]).await, []);
    world.advance(SignedDuration::from_hours(365 * 24));
    assert_eq!(
        orders.due(world.now(), 10).await.unwrap(),
        [],
        "nobody pays it any more"
    );
}

#[tokio::test]
async fn receipts_are_numbered_without_a_gap_whoever_else_takes_a_number() {
    let world = World::with(&["orders"]).await;
    let orders = world.orders();
    let (one, two) = (
        world.placed(world.ids.next()).await,
        world.placed(world.ids.next()).await,
    );
    let first = orders.next_receipt(2033).await.unwrap();
    assert_eq!(first.to_string(), "2033-000001");
    // Both believe that it is theirs; the second takes the next, and what failed leaves no hole.
    assert_eq!(world.commit(orders.receipt_writes(&one, first).unwrap()).await, []);
    let refused = world.commit(orders.receipt_writes(&two, first).unwrap()).await;
    assert_eq!(refused, [Guard::Receipt, Guard::Receipt]);
    let second = orders.next_receipt(2033).await.unwrap();
    assert_eq!(second.to_string(), "2033-000002");
    assert_eq!(world.commit(orders.receipt_writes(&two, second).unwrap()).await, []);
    assert_eq!(orders.next_receipt(2034).await.unwrap().to_string(), "2034-000001");
}
