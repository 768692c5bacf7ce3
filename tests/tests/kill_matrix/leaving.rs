//! Whoever closes, restores or erases an account may die wherever it waits: the account is there whole or goes whole, and the
//! statement counts everything once.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use shared::domain::deletion::{Statement, Thing};
use shared::domain::privacy_request::Wanted;
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

/// What the tables say of a request from outside: its state, the exports that are to be fetched, the mails that say where.
fn request_stands(shop: &Shop) -> (String, usize, usize) {
    let privacy = shop.lab.items("privacy").unwrap();
    let id = |item: &serde_json::Value, begins: &str| item["id"]["S"].as_str().is_some_and(|id| id.starts_with(begins));
    let request = privacy.iter().find(|item| id(item, "prq_")).unwrap();
    let exports = privacy.iter().filter(|item| id(item, "export#")).count();
    let mails = shop.lab.items("outbox").unwrap();
    let told = mails
        .iter()
        .filter(|mail| mail["kind"]["S"] == "privacy_access")
        .count();
    (request["state"]["S"].as_str().unwrap().to_owned(), exports, told)
}

#[test]
fn whoever_dies_while_confirming_a_request_for_access_has_one_export_and_one_mail_after_the_next_try() {
    let code = std::cell::RefCell::new(None);
    die_everywhere(
        async |shop| {
            let (id, shown) = shop.lab.asking(&shop.buyer, Wanted::Access).await.unwrap();
            code.replace(Some((id, shown.clone())));
            Victim(shop.lab.confirming(id, shown).await.unwrap().map(drop).boxed())
        },
        async |shop, when| {
            let (id, shown) = code.borrow().clone().unwrap();
            let (state, exports, told) = request_stands(shop);
            let whole = [("open", 0, 0), ("done", 1, 1)];
            assert!(
                whole.contains(&(state.as_str(), exports, told)),
                "{when}: {state}, {exports}, {told}"
            );
            // Where it was done and nobody heard of it, the code is good no more.
            let again = shop.lab.confirming(id, shown).await.unwrap().await;
            assert_eq!(again.is_ok(), state == "open", "{when}: {again:?}");
            assert_eq!(request_stands(shop), ("done".to_owned(), 1, 1), "{when}");
            shop.lab.drain().await.unwrap();
        },
    );
}

#[test]
fn whoever_dies_while_confirming_a_deletion_closes_the_account_once() {
    let code = std::cell::RefCell::new(None);
    die_everywhere(
        async |shop| {
            let (id, shown) = shop.lab.asking(&shop.buyer, Wanted::Deletion).await.unwrap();
            code.replace(Some((id, shown.clone())));
            Victim(shop.lab.confirming(id, shown).await.unwrap().map(drop).boxed())
        },
        async |shop, when| {
            let (id, shown) = code.borrow().clone().unwrap();
            drop(shop.lab.confirming(id, shown).await.unwrap().await);
            let standing = shop.lab.standing(&shop.buyer).unwrap();
            assert_eq!(standing.as_deref(), Some("deleting"), "{when}");
            assert_eq!(request_stands(shop).0, "done", "{when}");
            let closed = shop.lab.items("outbox").unwrap();
            let closed = closed
                .iter()
                .filter(|mail| mail["kind"]["S"] == "account_closed")
                .count();
            assert_eq!(closed, 1, "{when}");
            is_erased(shop).await;
            nothing_is_left(shop, when);
        },
    );
}
