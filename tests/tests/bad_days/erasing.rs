//! An account is to be erased, and what holds a part of it cannot be reached.

use jiff::SignedDuration;
use shared::domain::deletion::Thing;
use shared::domain::{Fallback, Ratio, Store};
use tests::shop::Shop;
use vitrine::engine::objects::Fault as Down;
use vitrine::lab::{self, Fault, Loss, Party};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Lays a picture into both stores: the first one's receipt is lost, so the second has it too.
async fn painted(shop: &Shop) {
    let lost = Fault::next(20, Party::Store(Store::Cos), Loss::Reply);
    shop.lab.fault(lost.saying("PUT"));
    let ordered = shop
        .lab
        .order(&shop.buyer, "a bowl", Ratio::Square, Fallback::Auto)
        .await;
    ordered.unwrap();
    shop.lab.live_on().await.unwrap();
    shop.lab.clear_up();
}

#[test]
fn an_erasure_waits_for_a_store_that_is_out_and_signs_nothing_before_it_is_back() {
    for out in [Store::Cos, Store::Oss] {
        lab::run(async {
            let shop = Shop::begin(1).await;
            painted(&shop).await;
            let files = || [Store::Cos, Store::Oss].map(|store| shop.lab.objects(store).unwrap().len());
            assert_eq!(files(), [1, 1], "it lies in both");
            drop(shop.lab.leaving(&shop.buyer).await.unwrap().await);
            shop.lab.drain().await.unwrap();
            let book = match out {
                Store::Cos => shop.lab.engines.objects.book(),
                Store::Oss => shop.lab.engines.oss.book(),
            };
            book.trouble(Down::down());
            shop.lab.advance(HOUR * 72).await;
            for _ in 0..30 {
                drop(shop.lab.run("accounts-erase").await);
                shop.lab.drain().await.unwrap();
                shop.lab.advance(HOUR).await;
            }
            let standing = shop.lab.standing(&shop.buyer).unwrap();
            assert_eq!(standing.as_deref(), Some("erasing"), "{out:?}");
            assert!(
                shop.lab.statements().unwrap().is_empty(),
                "{out:?}: it is signed too early"
            );
            assert_eq!(
                files().iter().sum::<usize>(),
                1,
                "{out:?}: the other store's copy waits too"
            );

            book.calm();
            for _ in 0..3 {
                shop.lab.run("accounts-erase").await.unwrap();
                shop.lab.drain().await.unwrap();
                shop.lab.advance(HOUR).await;
            }
            assert_eq!(
                (files(), shop.lab.standing(&shop.buyer).unwrap()),
                ([0, 0], None),
                "{out:?}"
            );
            let statements = shop.lab.statements().unwrap();
            assert_eq!(statements.len(), 1);
            let pictures = statements[0].gone.iter().find(|went| went.what == Thing::Pictures);
            assert_eq!(pictures.map(|went| went.count), Some(1), "{out:?}");
        })
        .unwrap();
    }
}
