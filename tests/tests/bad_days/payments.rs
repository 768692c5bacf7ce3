//! Bad days of PayPal: it tells late, twice, in the wrong order or not at all, is down for a day, and everybody looks at once.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use shared::domain::OrderState;
use tests::shop::{APPROVE, BONUS, Shop};
use vitrine::lab::{self, Odds, Party};
use vitrine::sim::{Act, Fault, Instrument, Provider, Telling};

/// How many lives of an order are drawn.
const LIVES: u64 = 60;

/// How far apart things happen that race each other.
const APART: u64 = 70;

/// The seed of one life, to see it again.
const SEED: &str = "VITRINE_SEED";

async fn credits(shop: &Shop) -> i64 {
    shop.lab.ledger(&shop.buyer).await.unwrap().balance.available.0 - i64::from(BONUS)
}

/// The eight things that may befall an order at PayPal, in an order drawn by chance. What cannot befall it then, does not.
fn fates(chance: &mut StdRng) -> Vec<Act> {
    let instruments = [
        Instrument::Good,
        Instrument::Pending,
        Instrument::Declined,
        Instrument::CaptureDeclined,
    ];
    let outcomes = ["RESOLVED_SELLER_FAVOUR", "RESOLVED_BUYER_FAVOUR"];
    let some = |value: &str| Some(value.to_owned());
    let mut fates = vec![
        APPROVE,
        Act::Approve {
            instrument: instruments[chance.random_range(0..instruments.len())],
        },
        Act::Settle { good: true },
        Act::Settle { good: false },
        Act::Refund { value: some("1.25") },
        Act::Refund { value: None },
        Act::Dispute {
            value: some("2.00").filter(|_| chance.random()),
        },
        Act::Resolve {
            outcome: outcomes[chance.random_range(0..outcomes.len())].to_owned(),
        },
    ];
    fates.shuffle(chance);
    // Most lives begin with an approval, or nothing ever comes of them.
    if chance.random_range(0..4) > 0 {
        fates.insert(0, APPROVE);
    }
    fates
}

/// Everybody who may look at the order does, each some moments later.
async fn lookers(shop: &Shop, order: shared::ids::OrderId, chance: &mut StdRng) -> Vec<BoxFuture<'static, ()>> {
    let mut lookers: Vec<BoxFuture<'static, ()>> = Vec::new();
    for _ in 0..chance.random_range(1..4) {
        let looks: BoxFuture<'static, ()> = match chance.random_range(0..4) {
            0 => shop.capturing(order).await,
            1 => shop.lab.run("settle-stale").map(drop).boxed(),
            _ => shop.lab.tell_of_payments().map(drop).boxed(),
        };
        let after = Duration::from_millis(chance.random_range(0..3) * APART);
        lookers.push(async move { (tokio::time::sleep(after).await, looks.await).1 }.boxed());
    }
    lookers
}

async fn live(seed: u64) {
    let (shop, mut chance) = (Shop::begin(seed).await, StdRng::seed_from_u64(seed));
    let order = shop.ordered("k").await;
    shop.lab.pauses(Duration::from_millis(APART));
    let lost = Odds {
        refused: 100,
        request: 100,
        reply: 300,
    };
    shop.lab.odds(Party::Provider, lost);
    shop.lab.odds(
        Party::Database,
        Odds {
            reply: 100,
            ..Odds::default()
        },
    );
    for fate in fates(&mut chance) {
        shop.lab.simulators.paypal().tell(Telling {
            duplicate: chance.random_range(0..2),
            reorder: chance.random(),
            drop: u32::from(chance.random_range(0..3) == 0),
            delay_s: chance.random_range(0..2),
            hold: false,
        });
        // Some look while it happens.
        let lookers = lookers(&shop, order, &mut chance).await;
        let befalls = async {
            tokio::time::sleep(Duration::from_millis(APART)).await;
            shop.befall(order, &fate);
        };
        futures::join!(join_all(lookers), befalls);
    }
    shop.lab.simulators.paypal().tell(Telling::default());
    shop.evening(&format!("{SEED}={seed}")).await;
}

#[test]
fn whatever_befalls_an_order_while_others_look_ends_in_the_ledger_that_paypals_book_implies() {
    let one = shared::config::Vars::from_env()
        .optional(SEED)
        .map(|seed| seed.parse().unwrap());
    let seeds = one.map_or(1..LIVES + 1, |seed: u64| seed..seed + 1);
    for seed in seeds {
        lab::run(live(seed)).unwrap();
    }
}

#[test]
fn paypal_is_down_for_a_day_and_the_buyer_gets_the_credits_all_the_same() {
    lab::run(async {
        let shop = Shop::begin(1).await;
        let order = shop.approved("k").await;
        let down = Fault {
            status: Some(503),
            ..Fault::default()
        };
        shop.lab.simulators.fault(Provider::Paypal, 100_000, down).unwrap();
        shop.capturing(order).await.await;
        for _ in 0..24 {
            shop.lab.tell_of_payments().await.unwrap();
            shop.lab.run("settle-stale").await.unwrap();
            shop.lab.advance(SignedDuration::from_hours(1)).await;
        }
        assert_eq!(
            (shop.order(order).await.state, credits(&shop).await),
            (OrderState::Created, 0)
        );
        shop.lab.simulators.clear_faults();
        shop.lab.run("settle-stale").await.unwrap();
        assert_eq!(
            (shop.order(order).await.state, credits(&shop).await),
            (OrderState::Completed, 20)
        );
        shop.evening("PayPal was down").await;
    })
    .unwrap();
}

#[test]
fn no_event_ever_comes_and_the_schedule_finds_out() {
    lab::run(async {
        let shop = Shop::begin(1).await;
        shop.lab.simulators.paypal().tell(Telling {
            drop: 1000,
            ..Telling::default()
        });
        let order = shop.approved("k").await;
        shop.two_days().await;
        assert_eq!(credits(&shop).await, 20);
        shop.befall(
            order,
            &Act::Refund {
                value: Some("1.00".to_owned()),
            },
        );
        // A payment that is good is looked at ever more seldom: within a month in any case.
        for _ in 0..31 {
            shop.lab.advance(SignedDuration::from_hours(24)).await;
            shop.lab.run("settle-stale").await.unwrap();
        }
        assert_eq!(credits(&shop).await, 16);
        shop.evening("no event came").await;
    })
    .unwrap();
}

#[test]
fn many_orders_are_looked_at_in_one_run_and_one_that_fails_keeps_no_other_waiting() {
    lab::run(async {
        let shop = Shop::begin(1).await;
        shop.lab.simulators.paypal().tell(Telling {
            hold: true,
            ..Telling::default()
        });
        for n in 0..60 {
            shop.approved(&format!("k{n}")).await;
        }
        shop.lab.advance(SignedDuration::from_mins(11)).await;
        let fails = Fault {
            on: Some("/capture".to_owned()),
            status: Some(500),
            ..Fault::default()
        };
        shop.lab.simulators.fault(Provider::Paypal, 1, fails).unwrap();
        shop.lab.run("settle-stale").await.unwrap();
        // They are all of one account, so some come too late to its balance and wait for the next run as well.
        let first = credits(&shop).await;
        assert!((50 * 20..60 * 20).contains(&first), "{first}");
        shop.lab.run("settle-stale").await.unwrap();
        assert_eq!(credits(&shop).await, 60 * 20);
        shop.evening("many orders").await;
    })
    .unwrap();
}
