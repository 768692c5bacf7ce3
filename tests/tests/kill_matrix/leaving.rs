//! Whoever closes, restores or erases an account may die wherever it waits: the account is there whole or goes whole, and the
//! statement counts everything once.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use shared::domain::deletion::{Statement, Thing};
use shared::domain::{Fallback, Ratio, Store};
use tests::shop::Shop;
use vitrine::lab::{self, kill_at};

/// How long a deletion can be undone.
const DELAY: SignedDuration = SignedDuration::from_hours(72);

/// How many pictures the seller has.
const PICTURES: u64 = 3;

/// A seller who has bought, painted and been written to.
async fn world(seed: u64) -> Shop {
    let shop = Shop::begin(seed).await;
    let order = shop.approved("paid").await;
    shop.capturing(order).await.await;
    shop.ordered("unpaid").await;
    for number in 0..PICTURES {
        let prompt = format!("bowl {number}");
        shop.lab
            .order(&shop.buyer, &prompt, Ratio::Square, Fallback::Auto)
            .await
            .unwrap();
    }
    shop.lab.mail(&shop.buyer).await.unwrap();
    shop.lab.drain().await.unwrap();
    shop
}

async fn leaves(shop: &Shop) {
    drop(shop.lab.leaving(&shop.buyer).await.unwrap().await);
    shop.lab.drain().await.unwrap();
}

/// The due time comes, and the hourly run a few times.
async fn is_erased(shop: &Shop) {
    shop.lab.advance(DELAY).await;
    for _ in 0..3 {
        drop(shop.lab.run("accounts-erase").await);
        shop.lab.drain().await.unwrap();
        shop.lab.advance(SignedDuration::from_hours(1)).await;
    }
}

fn count(statement: &Statement, thing: Thing) -> u64 {
    let went = statement.gone.iter().find(|went| went.what == thing);
    went.map_or(0, |went| went.count)
}

/// Nothing is left of the seller but what is declared, and one statement counts everything once.
fn nothing_is_left(shop: &Shop, when: &str) {
    let account = shop.buyer.account.to_string();
    for table in ["accounts", "sessions", "images", "outbox", "orders", "idempotency"] {
        let left = shop.lab.items(table).unwrap();
        let left: Vec<_> = left.iter().filter(|item| item.to_string().contains(&account)).collect();
        assert!(left.is_empty(), "{when}: {table} still has {left:?}");
    }
    for store in [Store::Cos, Store::Oss] {
        assert_eq!(shop.lab.objects(store).unwrap(), [""; 0], "{when}");
    }
    let statements = shop.lab.statements().unwrap();
    assert_eq!(statements.len(), 1, "{when}");
    let statement = &statements[0];
    let counts = [
        Thing::Profile,
        Thing::Pictures,
        Thing::CosFiles,
        Thing::PaidOrders,
        Thing::UnpaidOrders,
    ]
    .map(|thing| count(statement, thing));
    assert_eq!(counts, [1, PICTURES, PICTURES, 1, 1], "{when}: {statement:?}");
}

/// Work that is to be killed.
struct Victim(BoxFuture<'static, ()>);

/// Kills what `arrange` makes ready, in a world of its own for each point at which it waits.
#[track_caller]
fn die_everywhere(arrange: impl AsyncFn(&Shop) -> Victim, afterwards: impl AsyncFn(&Shop, &str)) {
    for n in 1.. {
        let lived = lab::run(async {
            let shop = world(n).await;
            let Victim(victim) = arrange(&shop).await;
            let life = kill_at(n, victim).await;
            afterwards(&shop, &format!("killed at its {n}th suspension")).await;
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

#[test]
fn whoever_dies_while_leaving_has_left_or_leaves_when_asked_again() {
    die_everywhere(
        async |shop| Victim(shop.lab.leaving(&shop.buyer).await.unwrap().map(drop).boxed()),
        async |shop, when| {
            let standing = shop.lab.standing(&shop.buyer).unwrap();
            assert!(
                matches!(standing.as_deref(), Some("active" | "deleting")),
                "{when}: {standing:?}"
            );
            leaves(shop).await;
            assert_eq!(
                shop.lab.standing(&shop.buyer).unwrap().as_deref(),
                Some("deleting"),
                "{when}"
            );
            is_erased(shop).await;
            nothing_is_left(shop, when);
        },
    );
}

#[test]
fn an_erasure_that_dies_is_gone_on_with_and_counts_everything_once() {
    die_everywhere(
        async |shop| {
            leaves(shop).await;
            shop.lab.advance(DELAY).await;
            Victim(shop.lab.run("accounts-erase").map(drop).boxed())
        },
        async |shop, when| {
            is_erased(shop).await;
            nothing_is_left(shop, when);
        },
    );
}

#[test]
fn a_return_that_dies_is_one_or_none_and_the_account_is_whole() {
    die_everywhere(
        async |shop| {
            leaves(shop).await;
            Victim(shop.lab.returning(&shop.buyer).await.unwrap().map(drop).boxed())
        },
        async |shop, when| {
            drop(shop.lab.returning(&shop.buyer).await.unwrap().await);
            shop.lab.drain().await.unwrap();
            assert_eq!(
                shop.lab.standing(&shop.buyer).unwrap().as_deref(),
                Some("active"),
                "{when}"
            );
            assert_eq!(shop.lab.items("privacy").unwrap().len(), 0, "{when}");
            is_erased(shop).await;
            assert_eq!(
                shop.lab.objects(Store::Cos).unwrap().len(),
                3,
                "{when}: pictures are gone"
            );
        },
    );
}

#[test]
fn whoever_comes_back_at_the_very_moment_of_the_erasure_is_back_whole_or_gone_whole() {
    let (mut back, mut gone) = (0, 0);
    for n in 0..40 {
        lab::run(async {
            let shop = world(n).await;
            leaves(&shop).await;
            shop.lab.advance(DELAY).await;
            let returning = shop.lab.returning(&shop.buyer).await.unwrap();
            // The erasure is let go on as far as its nth wait; then whoever comes back does all of theirs; then it goes on.
            let mut erasing = Box::pin(kill_at(n, shop.lab.run("accounts-erase")));
            drop((&mut erasing).await);
            drop(erasing);
            let returned = returning.await.is_ok();
            is_erased(&shop).await;
            if returned {
                back += 1;
                assert_eq!(
                    shop.lab.standing(&shop.buyer).unwrap().as_deref(),
                    Some("active"),
                    "{n}"
                );
                assert_eq!(shop.lab.objects(Store::Cos).unwrap().len(), 3, "{n}: pictures are gone");
                assert_eq!(shop.lab.items("privacy").unwrap().len(), 0, "{n}");
            } else {
                gone += 1;
                nothing_is_left(&shop, &format!("the erasure was at its {n}th wait"));
            }
        })
        .unwrap();
    }
    println!("{back} were back, {gone} were gone");
    assert!(back > 0 && gone > 0, "the race was never open");
}
