//! Money becomes credits, once: the flow of payment against PayPal's record, on a database.

use std::sync::Arc;

use futures::future::join_all;
use jiff::SignedDuration;
use shared::config::Vars;
use shared::domain::ledger::{audit, verify};
use shared::domain::mail::MailKind;
use shared::domain::order::Checkout;
use shared::domain::{Credits, Language, Order, OrderState, Pack, Profile};
use shared::flows::payment::{Because, Cashier, PaymentError};
use shared::platform::Runtime;
use shared::providers::paypal::{PayPal, Taken};
use shared::secrets::Secrets;
use shared::{Entropy, Platform};
use tokio::sync::oneshot;
use vitrine::lab::kill_at;

use crate::World;
use crate::till::{Pays, Till};

const TABLES: [&str; 4] = ["accounts", "ledger", "orders", "outbox"];

/// The buyer, the order, PayPal and whoever asks.
struct Shop {
    world: World,
    buyer: Profile,
    order: Order,
    till: Till,
    cashier: Cashier,
}

impl Shop {
    /// An order for twenty credits that waits for its payer.
    async fn open() -> Self {
        let world = World::with(&TABLES).await;
        let buyer = world.account("mei@example.com").await;
        let till = Till::default();
        let cashier = world.cashier(&till);
        let order = world.ordered_pack(&buyer).await;
        let shop = Self {
            world,
            buyer,
            order,
            till,
            cashier,
        };
        shop.next_order(shop.order.clone());
        shop
    }

    /// An order that its payer has approved.
    async fn approved() -> Self {
        let shop = Self::open().await;
        shop.till.with(|state| state.status = "APPROVED".to_owned());
        shop
    }

    fn next_order(&self, order: Order) {
        self.till.with(|state| {
            state.custom_id = order.id.to_string();
            state.capture_id = format!("CAP-{}", hex(&order));
            state.value = order.pack.price.value();
            state.status = "PAYER_ACTION_REQUIRED".to_owned();
            (state.capture, state.dispute) = (None, None);
            state.refunds.clear();
        });
    }

    async fn converge(&self, because: Because) -> Order {
        self.try_to(because).await.unwrap()
    }

    async fn try_to(&self, because: Because) -> Result<Order, PaymentError> {
        let converged = self.cashier.converge(self.order.id, because, &[]).await?;
        Ok(converged.unwrap().order)
    }

    async fn available(&self) -> Credits {
        self.world.ledgers().balance(self.buyer.ledger).await.unwrap().available
    }

    /// The ledger verifies; its entries' kinds.
    async fn verified(&self) -> Vec<String> {
        let ledgers = self.world.ledgers();
        let mut entries = ledgers.entries(self.buyer.ledger, None, 100).await.unwrap();
        entries.reverse();
        let balance = ledgers.balance(self.buyer.ledger).await.unwrap();
        audit(&entries, &balance, &ledgers.holds(self.buyer.ledger).await.unwrap()).unwrap();
        entries.iter().map(|entry| format!("{:?}", entry.kind)).collect()
    }

    async fn mails(&self) -> usize {
        self.world.items("outbox").await.len()
    }
}

/// What tells an order from others, in letters that PayPal's names may have.
fn hex(order: &Order) -> String {
    order.id.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    fn cashier(&self, till: &Till) -> Cashier {
        let credentials = ("/c".to_owned(), r#"{"client_id":"id","client_secret":"s"}"#.into());
        let runtime = Runtime::local("test", None).over(Arc::new(till.clone()));
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let platform = Platform::with_secrets(runtime, clock, ids, self.entropy.clone(), Secrets::new([credentials]));
        let vars = [
            ("PAYPAL_URL", "https://api-m.paypal.com"),
            ("PAYPAL_CREDENTIALS_PARAMETER", "/c"),
        ];
        Cashier {
            accounts: self.accounts(),
            ledgers: self.ledgers(),
            orders: self.orders(),
            outbox: self.outbox(),
            paypal: PayPal::new(&Vars::from_pairs(vars), &platform).unwrap(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    async fn ordered_pack(&self, buyer: &Profile) -> Order {
        let pack = Pack {
            credits: Credits(20),
            price: "4.99 USD".parse().unwrap(),
        };
        let mut order = Order::placed(self.ids.next(), buyer.id, pack);
        order.checkout = Some(Checkout {
            id: "CHECKOUT1".parse().unwrap(),
            payer_url: "https://www.paypal.com/checkoutnow?token=CHECKOUT1".parse().unwrap(),
        });
        assert_eq!(self.commit([self.orders().place_write(&order).unwrap()]).await, []);
        order
    }
}

#[tokio::test]
async fn an_approved_payment_becomes_credits_and_a_receipt_and_nothing_of_the_payer_stays() {
    let shop = Shop::approved().await;
    let order = shop.converge(Because::Asked(Language::En)).await;
    assert_eq!(
        (order.state, shop.available().await),
        (OrderState::Completed, Credits(20))
    );
    assert_eq!(order.receipt.unwrap().number.to_string(), "2033-000001");
    assert_eq!(
        order.payment.unwrap().capture.unwrap().as_str(),
        shop.till.with(|state| state.capture_id.clone())
    );
    let mail = shop.world.items("outbox").await.remove(0);
    let text = mail["text"].as_s().unwrap();
    for part in [
        "Receipt: 2033-000001",
        "Date: 2033-03-03",
        "20 credits",
        "4.99 USD",
        &shop.order.id.to_string(),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(mail["kind"].as_s().unwrap(), MailKind::Receipt.as_str());
    for table in TABLES {
        let all = format!("{:?}", shop.world.items(table).await);
        for payers in ["pat@payer.example", "Pat Payer", "QYR5Z8XDVJNXQ"] {
            assert!(!all.contains(payers), "{table} has {payers}");
        }
    }
    // Whatever comes again changes nothing.
    for because in [
        Because::Asked(Language::Zh),
        Because::Approved,
        Because::Told,
        Because::Due,
    ] {
        shop.converge(because).await;
    }
    assert_eq!(
        (shop.verified().await, shop.mails().await),
        (vec!["Purchase".to_owned()], 1)
    );
}

#[tokio::test]
async fn a_receipt_that_no_request_caused_is_in_both_languages() {
    let shop = Shop::approved().await;
    shop.converge(Because::Due).await;
    let mail = shop.world.items("outbox").await.remove(0);
    let text = mail["text"].as_s().unwrap();
    assert!(
        text.contains("Receipt: 2033-000001") && text.contains("收据编号：2033-000001"),
        "{text}"
    );
}

#[tokio::test]
async fn a_capture_whose_answer_is_lost_or_an_error_gives_its_credits_all_the_same() {
    for pays in [Pays::AndIsLost, Pays::AndFails] {
        let shop = Shop::approved().await;
        shop.till.with(|state| state.pays = pays);
        let order = shop.converge(Because::Asked(Language::En)).await;
        assert_eq!(
            (order.state, shop.available().await),
            (OrderState::Completed, Credits(20)),
            "{pays:?}"
        );
    }
}

#[tokio::test]
async fn a_capture_that_somebody_else_made_a_moment_before_is_no_failure() {
    let shop = Shop::approved().await;
    let (reached, was_reached) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    shop.till.with(|state| state.held = Some((reached, may_go_on)));
    let slow = shop.converge(Because::Asked(Language::En));
    let other = async {
        was_reached.await.unwrap();
        // The money is taken while the first one still believes that it waits.
        shop.till
            .with(|state| (state.status, state.capture) = ("COMPLETED".to_owned(), Some("COMPLETED")));
        go_on.send(()).unwrap();
    };
    let (order, ()) = futures::join!(slow, other);
    assert_eq!(
        (order.state, shop.available().await),
        (OrderState::Completed, Credits(20))
    );
}

#[tokio::test]
async fn a_declined_payer_is_sent_back_and_the_same_order_goes_on() {
    let shop = Shop::approved().await;
    shop.till.with(|state| state.pays = Pays::Not);
    let converged = shop
        .cashier
        .converge(shop.order.id, Because::Asked(Language::En), &[])
        .await;
    let converged = converged.unwrap().unwrap();
    assert!(matches!(converged.taken, Some(Taken::Declined { .. })));
    assert_eq!(converged.order.checkout.unwrap().payer_url.query(), Some("token=again"));
    // Nobody tries again by himself, until the payer has been there, and why is not forgotten meanwhile.
    for because in [Because::Due, Because::Told] {
        let order = shop.converge(because).await;
        assert_eq!(
            (order.state, order.reason.as_deref()),
            (OrderState::Approved, Some("INSTRUMENT_DECLINED"))
        );
    }
    assert_eq!(shop.till.with(|state| state.captures_asked.len()), 1);
    shop.till.with(|state| state.pays = Pays::Well);
    let order = shop.converge(Because::Approved).await;
    assert_eq!(
        (order.state, shop.available().await),
        (OrderState::Completed, Credits(20))
    );
    assert_eq!(
        shop.till.with(|state| state.captures_asked.clone()),
        ["cap-CHECKOUT1", "cap-CHECKOUT1-1"]
    );
}

#[tokio::test]
async fn an_order_that_paypal_refuses_stays_declined_however_often_one_looks() {
    let shop = Shop::approved().await;
    shop.till.with(|state| state.pays = Pays::Never);
    for because in [Because::Asked(Language::En), Because::Due, Because::Told] {
        let order = shop.converge(because).await;
        assert_eq!(
            (order.state, order.reason.as_deref()),
            (OrderState::Declined, Some("TRANSACTION_REFUSED"))
        );
    }
    assert_eq!(shop.till.with(|state| state.captures_asked.len()), 1);
    // Money that turns up all the same counts.
    shop.till
        .with(|state| (state.status, state.capture) = ("COMPLETED".to_owned(), Some("COMPLETED")));
    shop.converge(Because::Told).await;
    assert_eq!((shop.available().await, shop.mails().await), (Credits(20), 1));
}

#[tokio::test]
async fn two_who_capture_at_once_give_the_credits_once() {
    let shop = Shop::approved().await;
    let both = join_all([(); 4].map(|()| shop.try_to(Because::Asked(Language::En)))).await;
    for order in both {
        assert_eq!(order.unwrap().state, OrderState::Completed);
    }
    assert_eq!(
        (shop.verified().await, shop.mails().await),
        (vec!["Purchase".to_owned()], 1)
    );
}

#[tokio::test]
async fn paypal_down_for_a_day_changes_nothing_and_costs_nobody_the_credits() {
    let shop = Shop::approved().await;
    shop.till.with(|state| state.is_down = true);
    assert!(matches!(shop.try_to(Because::Due).await, Err(PaymentError::PayPal(_))));
    assert_eq!(
        shop.world.orders().find(shop.order.id).await.unwrap(),
        Some(shop.order.clone())
    );
    shop.world.advance(SignedDuration::from_hours(24));
    assert_eq!(
        shop.world.orders().due(shop.world.now(), 9).await.unwrap(),
        [shop.order.id]
    );
    shop.till.with(|state| state.is_down = false);
    shop.converge(Because::Due).await;
    assert_eq!(shop.available().await, Credits(20));
}

#[tokio::test]
async fn a_slow_look_that_a_refund_overtakes_does_not_undo_it() {
    let shop = Shop::approved().await;
    shop.converge(Because::Due).await;
    let (reached, was_reached) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    shop.till.with(|state| state.held = Some((reached, may_go_on)));
    let slow = shop.converge(Because::Told);
    let refund = async {
        was_reached.await.unwrap();
        shop.till
            .with(|state| state.refunds.push(("REFUND1".to_owned(), "4.99".to_owned())));
        shop.converge(Because::Told).await;
        assert_eq!(shop.available().await, Credits::ZERO);
        go_on.send(()).unwrap();
    };
    let (order, ()) = futures::join!(slow, refund);
    assert_eq!((order.taken_back, shop.available().await), (Credits(20), Credits::ZERO));
    assert_eq!(shop.verified().await, ["Purchase", "Clawback"]);
}

#[tokio::test]
async fn another_amount_is_not_taken_and_gives_nothing() {
    let shop = Shop::approved().await;
    shop.till.with(|state| state.value = "0.01".to_owned());
    let order = shop.converge(Because::Asked(Language::En)).await;
    assert_eq!(order.state, OrderState::Mismatched);
    assert_eq!(shop.till.with(|state| state.captures_asked.len()), 0);
    shop.till
        .with(|state| (state.status, state.capture) = ("COMPLETED".to_owned(), Some("COMPLETED")));
    shop.converge(Because::Told).await;
    assert_eq!((shop.available().await, shop.mails().await), (Credits::ZERO, 0));
}

#[tokio::test]
async fn a_clawback_may_overdraw_and_a_lost_dispute_that_turns_out_won_makes_it_good() {
    let shop = Shop::approved().await;
    shop.converge(Because::Due).await;
    let spend = |n: i64| {
        (0..n).map(|_| shared::domain::ledger::Posting::Hold {
            image: shop.world.ids.next(),
        })
    };
    let holds: Vec<_> = spend(5).collect();
    shop.world.post(shop.buyer.ledger, &holds).await;
    shop.till.with(|state| state.dispute = Some(None));
    shop.converge(Because::Told).await;
    assert_eq!(shop.available().await, Credits(-5));
    let more: Vec<_> = spend(1).collect();
    let balance = shop.world.ledgers().balance(shop.buyer.ledger).await.unwrap();
    assert!(
        balance.post_all(&more, shop.world.now()).is_err(),
        "nothing is painted until it is made good"
    );
    shop.till
        .with(|state| state.dispute = Some(Some("RESOLVED_SELLER_FAVOUR")));
    shop.converge(Because::Told).await;
    assert_eq!(shop.available().await, Credits(15));
    assert!(
        shop.verified()
            .await
            .ends_with(&["Clawback".to_owned(), "Restore".to_owned()])
    );
}

#[tokio::test]
async fn money_is_not_taken_for_an_account_that_is_gone() {
    let shop = Shop::approved().await;
    let keys = shop.world.items("accounts").await;
    for item in keys {
        let delete = shop.world.client.delete_item().table_name(shop.world.table("accounts"));
        let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.unwrap();
    }
    shop.converge(Because::Approved).await;
    assert_eq!(shop.till.with(|state| state.captures_asked.len()), 0);
}

#[tokio::test]
async fn who_dies_at_any_point_leaves_an_order_that_the_next_look_brings_to_its_end() {
    let shop = Shop::open().await;
    let mut deaths = 0;
    for n in 1_i64.. {
        let order = shop.world.ordered_pack(&shop.buyer).await;
        shop.next_order(order.clone());
        shop.till.with(|state| state.status = "APPROVED".to_owned());
        let look = shop.cashier.converge(order.id, Because::Asked(Language::En), &[]);
        let lived = kill_at(u64::try_from(n).unwrap(), look).await.output.is_some();
        // Twice: the reconciler does not know what it finds.
        for _ in 0..2 {
            shop.cashier.converge(order.id, Because::Due, &[]).await.unwrap();
        }
        let found = shop.world.orders().find(order.id).await.unwrap().unwrap();
        assert_eq!(found.state, OrderState::Completed, "killed at its {n}th suspension");
        assert_eq!(
            shop.available().await,
            Credits(20 * n),
            "killed at its {n}th suspension"
        );
        // Without a gap, and one mail each.
        let number = found.receipt.unwrap().number.to_string();
        assert_eq!(number, format!("2033-{n:06}"), "killed at its {n}th suspension");
        assert_eq!(i64::try_from(shop.mails().await).unwrap(), n);
        if lived {
            break;
        }
        deaths += 1;
        shop.till.with(|state| state.captures_asked.clear());
    }
    assert!(deaths > 8, "it hardly ever waited");
    shop.verified().await;
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_and_at_once_ends_in_the_ledger_of_paypals_record() {
    // `VITRINE_SEED` plays one again.
    let given = Vars::from_env()
        .optional("VITRINE_SEED")
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(Entropy::system().below(u32::MAX)));
    println!("seed {seed}");
    let chance = Entropy::seeded(seed);
    for _ in 0..12 {
        let shop = Shop::open().await;
        let mut events = vec![0, 1, 2, 3, 4, 5, 6, 7];
        while !events.is_empty() {
            let event = events.remove(usize::try_from(chance.below(u32::try_from(events.len()).unwrap())).unwrap());
            shop.till.with(|state| match event {
                0 if state.capture.is_none() => state.status = "APPROVED".to_owned(),
                1 => (state.status, state.capture) = ("COMPLETED".to_owned(), Some("PENDING")),
                2 => (state.status, state.capture) = ("COMPLETED".to_owned(), Some("COMPLETED")),
                3 => (state.status, state.capture) = ("COMPLETED".to_owned(), Some("DECLINED")),
                4 => state.refunds.push(("REFUND1".to_owned(), "1.50".to_owned())),
                5 => state.refunds.push(("REFUND2".to_owned(), "3.49".to_owned())),
                6 => state.dispute = Some(None),
                7 if state.dispute.is_some() => state.dispute = Some(Some("RESOLVED_SELLER_FAVOUR")),
                _ => {}
            });
            // Told to nobody, to one, or to several who look at once.
            let told = [(); 4].into_iter().take(usize::try_from(chance.below(4)).unwrap());
            for outcome in join_all(told.map(|()| shop.try_to(Because::Told))).await {
                outcome.unwrap();
            }
        }
        let order = shop.converge(Because::Due).await;
        let is_money = shop.till.with(|state| state.capture == Some("COMPLETED"));
        let expected = if is_money || order.payment.is_some() {
            order.pack.credits - order.owed_back()
        } else {
            Credits::ZERO
        };
        assert_eq!(shop.available().await, expected, "seed {seed}");
        assert!(!is_money || order.payment.is_some(), "seed {seed}");
        shop.verified().await;
        let entries = shop
            .world
            .ledgers()
            .entries(shop.buyer.ledger, None, 100)
            .await
            .unwrap();
        let oldest_first: Vec<_> = entries.iter().rev().collect();
        verify(oldest_first).unwrap();
    }
}
