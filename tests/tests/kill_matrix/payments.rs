//! Whoever orders, captures, listens or settles may die wherever it waits; the buyer gets the credits that were paid for.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use shared::domain::OrderState;
use tests::shop::{APPROVE, BONUS, Shop};
use vitrine::lab::{self, kill_at};
use vitrine::sim::{Act, Instrument, Telling};

/// Work that is to be killed.
struct Victim(BoxFuture<'static, ()>);

/// Kills what `arrange` makes ready, in a world of its own for each point at which it waits; in the end the buyer has got the
/// credits that were bought, and everything holds.
#[track_caller]
fn die_everywhere(arrange: impl AsyncFn(&Shop) -> Victim, afterwards: impl AsyncFn(&Shop), bought: i64) {
    for n in 1.. {
        let lived = lab::run(async {
            let shop = Shop::begin(n).await;
            let Victim(victim) = arrange(&shop).await;
            let life = kill_at(n, victim).await;
            afterwards(&shop).await;
            shop.evening(&format!("killed at its {n}th suspension")).await;
            let has = shop.lab.ledger(&shop.buyer).await.unwrap().balance.available.0;
            assert_eq!(has, i64::from(BONUS) + bought, "killed at its {n}th suspension");
            life.output.is_some()
        })
        .unwrap();
        if lived {
            println!("{} points", n - 1);
            assert!(n > 4, "it hardly ever waited");
            return;
        }
    }
}

/// The only order there is.
async fn only_order(shop: &Shop) -> shared::ids::OrderId {
    let items = shop.lab.items("orders").unwrap();
    let orders = items.iter().filter_map(|item| item["id"]["S"].as_str()?.parse().ok());
    let orders: Vec<_> = orders.collect();
    assert_eq!(orders.len(), 1);
    orders[0]
}

#[test]
fn an_order_that_dies_on_its_way_to_paypal_is_the_same_order_when_it_is_asked_again() {
    die_everywhere(
        async |shop| Victim(shop.buying("k").await.map(drop).boxed()),
        async |shop| {
            let order = shop.ordered("k").await;
            assert_eq!(only_order(shop).await, order);
            assert_eq!(shop.lab.simulators.paypal().orders().len(), 1);
            assert!(shop.befall(order, &APPROVE));
            shop.capturing(order).await.await;
        },
        20,
    );
}

#[test]
fn a_capture_that_dies_gives_its_credits_all_the_same() {
    die_everywhere(
        async |shop| {
            let order = shop.approved("k").await;
            // No event comes to help.
            shop.lab.simulators.paypal().tell(Telling {
                hold: true,
                ..Telling::default()
            });
            Victim(shop.capturing(order).await)
        },
        async |_| {},
        20,
    );
}

#[test]
fn a_capture_that_dies_and_is_asked_again_takes_the_money_once() {
    die_everywhere(
        async |shop| {
            let order = shop.approved("k").await;
            Victim(shop.capturing(order).await)
        },
        async |shop| {
            let order = only_order(shop).await;
            shop.capturing(order).await.await;
            assert_eq!(shop.order(order).await.state, OrderState::Completed);
        },
        20,
    );
}

#[test]
fn a_capture_of_a_payer_who_is_declined_dies_and_the_payer_comes_back() {
    die_everywhere(
        async |shop| {
            let order = shop.ordered("k").await;
            shop.befall(
                order,
                &Act::Approve {
                    instrument: Instrument::Declined,
                },
            );
            Victim(shop.capturing(order).await)
        },
        async |shop| {
            let order = only_order(shop).await;
            assert!(shop.befall(order, &APPROVE));
            shop.capturing(order).await.await;
            // One who died before the decline was written down asks under the declined name once more.
            shop.capturing(order).await.await;
        },
        20,
    );
}

#[test]
fn a_listener_that_dies_is_told_again() {
    die_everywhere(
        async |shop| {
            shop.approved("k").await;
            Victim(shop.lab.tell_of_payments().map(drop).boxed())
        },
        async |_| {},
        20,
    );
}

#[test]
fn a_listener_that_dies_over_a_refund_takes_its_credits_back_once() {
    die_everywhere(
        async |shop| {
            let order = shop.approved("k").await;
            shop.lab.tell_of_payments().await.unwrap();
            shop.lab.tell_of_payments().await.unwrap();
            assert!(shop.befall(
                order,
                &Act::Refund {
                    value: Some("1.00".to_owned())
                }
            ));
            Victim(shop.lab.tell_of_payments().map(drop).boxed())
        },
        async |_| {},
        16,
    );
}

#[test]
fn a_run_that_settles_orders_and_dies_leaves_them_to_the_next_one() {
    die_everywhere(
        async |shop| {
            shop.lab.simulators.paypal().tell(Telling {
                hold: true,
                ..Telling::default()
            });
            // One of each kind: never opened, waiting, approved, captured and not known, pending.
            let buying = shop.buying("dies").await;
            assert!(kill_at(6, buying).await.output.is_none(), "it did not live that long");
            shop.ordered("waits").await;
            shop.approved("approved").await;
            let captured = shop.approved("captured").await;
            let capturing = shop.capturing(captured).await;
            assert!(
                kill_at(12, capturing).await.output.is_none(),
                "it did not live that long"
            );
            let pending = shop.ordered("pending").await;
            shop.befall(
                pending,
                &Act::Approve {
                    instrument: Instrument::Pending,
                },
            );
            shop.capturing(pending).await.await;
            shop.befall(pending, &Act::Settle { good: true });
            shop.lab.advance(SignedDuration::from_mins(30)).await;
            Victim(shop.lab.run("settle-stale").map(drop).boxed())
        },
        async |_| {},
        60,
    );
}
