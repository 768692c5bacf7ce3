//! Every way in which an order's life can be told, against what PayPal's record implies.

use proptest::prelude::*;

use super::*;
use crate::domain::ledger::{Balance, Entry, verify};
use crate::{Clock, Entropy, Ids};

/// What happens to an order at PayPal. In life some of it cannot follow some other; the rules must hold all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Approved,
    Completed,
    Pending,
    Denied,
    PartRefunded,
    Refunded,
    Disputed,
    Resolved(Outcome),
}

const LIFE: [Happens; 8] = [
    Happens::Approved,
    Happens::Pending,
    Happens::Completed,
    Happens::Denied,
    Happens::PartRefunded,
    Happens::Refunded,
    Happens::Disputed,
    Happens::Resolved(Outcome::Won),
];

const START: &str = "2026-11-22T09:00:00Z";

fn order() -> Order {
    let ids = Ids::new(Clock::manual(START.parse().unwrap()), Entropy::seeded(3));
    let pack = Pack {
        credits: Credits(20),
        price: "4.99 USD".parse().unwrap(),
    };
    Order::placed(ids.next(), ids.next(), pack)
}

/// PayPal's side: what its record says after some of that has happened.
struct PayPal {
    record: Record,
    at: Timestamp,
    price: Money,
    custom_id: String,
}

impl PayPal {
    fn of(order: &Order) -> Self {
        Self {
            record: Record {
                status: CheckoutStatus::Waiting,
                amount: Some(order.pack.price),
                custom_id: Some(order.id.to_string()),
                captures: Vec::new(),
                refunds: BTreeMap::new(),
                disputes: BTreeMap::new(),
            },
            at: order.placed_at(),
            price: order.pack.price,
            custom_id: order.id.to_string(),
        }
    }

    fn capture(&mut self, status: CaptureStatus) {
        self.record.status = CheckoutStatus::Completed;
        match self.record.captures.first_mut() {
            Some(capture) => capture.status = status,
            None => self.record.captures.push(Capture {
                id: "CAPTURE1".parse().unwrap(),
                status,
                reason: None,
                amount: Some(self.price),
                custom_id: Some(self.custom_id.clone()),
                at: self.at,
            }),
        }
    }

    fn refund(&mut self, id: &str, minor: i64) {
        let refund = Refund {
            amount: Money::minor(minor, self.price.currency()),
            at: self.at,
            failed: false,
        };
        self.record.refunds.insert(id.parse().unwrap(), refund);
    }

    fn happens(&mut self, what: Happens) {
        self.at += SignedDuration::from_mins(1);
        match what {
            Happens::Approved if self.record.captures.is_empty() => self.record.status = CheckoutStatus::Approved,
            Happens::Approved => {}
            Happens::Completed => self.capture(CaptureStatus::Completed),
            Happens::Pending => self.capture(CaptureStatus::Pending),
            Happens::Denied => self.capture(CaptureStatus::Declined),
            Happens::PartRefunded => self.refund("REFUND1", 150),
            Happens::Refunded => self.refund("REFUND2", 349),
            Happens::Disputed => {
                let dispute = Dispute {
                    amount: Some(self.price),
                    at: self.at,
                    outcome: Outcome::Open,
                };
                self.record.disputes.insert("PP-D-1".parse().unwrap(), dispute);
            }
            Happens::Resolved(outcome) => {
                if let Some(dispute) = self.record.disputes.values_mut().next() {
                    dispute.outcome = outcome;
                }
            }
        }
    }
}

/// Our side: the order and its ledger.
struct Books {
    order: Order,
    balance: Balance,
    entries: Vec<Entry>,
}

impl Books {
    fn of(order: Order) -> Self {
        Self {
            order,
            balance: Balance::default(),
            entries: Vec::new(),
        }
    }

    /// One converging, as the flow does it.
    fn converge(&mut self, record: &Record) {
        let mut after = self.order.learn(record).order;
        for posting in self.order.postings(&mut after) {
            let (balance, entry) = self.balance.post(&posting, after.placed_at()).unwrap();
            self.balance = balance;
            self.entries.push(entry);
        }
        self.order = after;
    }

    fn given_less_taken(&self) -> Credits {
        self.balance.available
    }
}

/// What the ledger must hold by PayPal's last word, worked out by hand: 20 credits for 4.99, of which 1.50 stands for 6. An order
/// whose money was never seen taken has none, and one whose money is turned down at last has none left.
fn implied(record: &Record, was_seen: bool) -> Credits {
    let status = record.captures.first().map(|capture| capture.status);
    if !was_seen || status == Some(CaptureStatus::Declined) {
        return Credits::ZERO;
    }
    let in_dispute = record.disputes.values().any(|dispute| dispute.outcome != Outcome::Won);
    let part = record.refunds.contains_key(&"REFUND1".parse().unwrap());
    let rest = record.refunds.contains_key(&"REFUND2".parse().unwrap());
    match (in_dispute, part, rest) {
        (true, ..) | (false, true, true) => Credits::ZERO,
        (false, true, false) => Credits(14),
        (false, false, true) => Credits(20 - 13),
        (false, false, false) => Credits(20),
    }
}

/// All orders in which the numbers below `n` can stand.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    let longer = shorter.iter().flat_map(|shorter| {
        (0..n).map(move |place| {
            let mut longer = shorter.clone();
            longer.insert(place, n - 1);
            longer
        })
    });
    longer.collect()
}

fn lives() -> impl Iterator<Item = Vec<Happens>> {
    permutations(LIFE.len())
        .into_iter()
        .map(|order| order.into_iter().map(|index| LIFE[index]).collect())
}

/// Lives through `life`, looking at PayPal's record after the events that `told` says are told, as often as `times`, and once at
/// the end, as the reconciler does; and compares.
fn live(life: &[Happens], told: impl Fn(usize) -> bool, times: usize) {
    let mut books = Books::of(order());
    let mut paypal = PayPal::of(&books.order);
    for (number, what) in life.iter().enumerate() {
        paypal.happens(*what);
        if told(number) {
            (0..times).for_each(|_| books.converge(&paypal.record));
        }
    }
    books.converge(&paypal.record);
    let was_seen = books.order.payment.is_some();
    assert_eq!(books.given_less_taken(), implied(&paypal.record, was_seen), "{life:?}");
    assert_eq!(verify(&books.entries), Ok(books.balance), "{life:?}");
    let is_taken = paypal.record.captures[0].status == CaptureStatus::Completed;
    assert!(was_seen || !is_taken, "{life:?}: money that was taken gives credits");
}

#[test]
fn every_order_of_the_eight_events_ends_in_the_ledger_that_paypals_record_implies() {
    lives().for_each(|life| live(&life, |_| true, 1));
}

#[test]
fn events_that_are_told_twice_change_nothing() {
    lives().for_each(|life| live(&life, |_| true, 2));
}

#[test]
fn no_event_is_needed_and_any_one_may_be_lost() {
    for (turn, life) in lives().enumerate() {
        live(&life, |_| false, 1);
        live(&life, |number| number != turn % LIFE.len(), 1);
    }
}

#[test]
fn any_set_of_events_may_be_lost() {
    // The order of life as it mostly is, and as it hardly ever is; every set of what is told.
    let usual: Vec<Happens> = LIFE.into_iter().filter(|what| *what != Happens::Denied).collect();
    let unusual: Vec<Happens> = LIFE.into_iter().rev().collect();
    for life in [usual, unusual, LIFE.to_vec()] {
        for told in 0..(1_u32 << LIFE.len()) {
            live(&life, |number| told & (1 << number) != 0, 1);
        }
    }
}

#[test]
fn hints_may_come_in_any_order_after_it_all() {
    // Whatever an event says, what is read is PayPal's record: told late, all say the same.
    let mut books = Books::of(order());
    let mut paypal = PayPal::of(&books.order);
    for what in [
        Happens::Approved,
        Happens::Pending,
        Happens::Completed,
        Happens::PartRefunded,
    ] {
        paypal.happens(what);
    }
    for _ in LIFE {
        books.converge(&paypal.record);
        assert_eq!(books.given_less_taken(), Credits(14));
    }
    assert_eq!(books.entries.len(), 2);
}

fn converged(told: impl IntoIterator<Item = Happens>) -> (Books, PayPal) {
    let mut books = Books::of(order());
    let mut paypal = PayPal::of(&books.order);
    for what in told {
        paypal.happens(what);
        books.converge(&paypal.record);
    }
    (books, paypal)
}

#[test]
fn a_lost_dispute_keeps_the_credits_and_its_refund_does_not_take_them_twice() {
    let lost = Happens::Resolved(Outcome::Lost);
    let told = [
        Happens::Approved,
        Happens::Completed,
        Happens::PartRefunded,
        Happens::Disputed,
        lost,
    ];
    let (mut books, mut paypal) = converged(told);
    assert_eq!(books.given_less_taken(), Credits::ZERO);
    paypal.happens(Happens::Refunded);
    books.converge(&paypal.record);
    assert_eq!(
        (books.given_less_taken(), books.order.withheld()),
        (Credits::ZERO, books.order.pack.price)
    );
}

#[test]
fn a_partial_dispute_that_is_settled_by_a_refund_counts_once() {
    let (mut books, mut paypal) = converged([Happens::Approved, Happens::Completed, Happens::Disputed]);
    let half = |minor| Some(Money::minor(minor, "USD".parse().unwrap()));
    paypal
        .record
        .disputes
        .values_mut()
        .for_each(|dispute| dispute.amount = half(250));
    books.converge(&paypal.record);
    assert_eq!(books.given_less_taken(), Credits(20 - 10));
    paypal.happens(Happens::Resolved(Outcome::Lost));
    paypal.refund("REFUND9", 250);
    books.converge(&paypal.record);
    assert_eq!(books.given_less_taken(), Credits(20 - 10));
    paypal.refund("REFUND10", 100);
    books.converge(&paypal.record);
    assert_eq!(
        books.given_less_taken(),
        Credits(20 - 14),
        "what goes back beyond the dispute counts beside it"
    );
}

#[test]
fn another_amount_or_another_orders_name_gives_nothing_and_is_told() {
    type Change = fn(&mut Capture);
    let changes: [(Change, Alarm); 4] = [
        (|capture| capture.amount = "4.98 USD".parse().ok(), Alarm::Amount),
        (|capture| capture.amount = "4.99 EUR".parse().ok(), Alarm::Amount),
        (|capture| capture.amount = None, Alarm::Amount),
        (
            |capture| capture.custom_id = Some("ord_other".to_owned()),
            Alarm::CustomId,
        ),
    ];
    for (change, alarm) in changes {
        let order = order();
        let mut paypal = PayPal::of(&order);
        paypal.happens(Happens::Completed);
        change(&mut paypal.record.captures[0]);
        let learned = order.learn(&paypal.record);
        assert_eq!(
            (learned.order.state, learned.alarms),
            (OrderState::Mismatched, vec![alarm])
        );
        assert_eq!(order.postings(&mut order.learn(&paypal.record).order), []);
    }
}

#[test]
fn an_amount_that_was_changed_before_the_payment_keeps_us_from_taking_it() {
    let order = order();
    let mut paypal = PayPal::of(&order);
    paypal.happens(Happens::Approved);
    assert!(order.fits(&paypal.record));
    paypal.record.amount = "0.01 USD".parse().ok();
    assert!(!order.fits(&paypal.record));
    assert_eq!(order.learn(&paypal.record).order.state, OrderState::Mismatched);
}

#[test]
fn a_completed_order_with_a_declined_capture_gives_nothing() {
    let (books, _) = converged([Happens::Approved, Happens::Denied]);
    assert_eq!((books.order.state, books.entries.len()), (OrderState::Declined, 0));
}

#[test]
fn an_order_that_expired_and_is_paid_all_the_same_gives_its_credits() {
    let mut books = Books::of(order());
    let mut paypal = PayPal::of(&books.order);
    paypal.record.status = CheckoutStatus::Missing;
    books.converge(&paypal.record);
    assert_eq!(books.order.state, OrderState::Expired);
    paypal.happens(Happens::Completed);
    books.converge(&paypal.record);
    assert_eq!(
        (books.order.state, books.given_less_taken()),
        (OrderState::Completed, Credits(20))
    );
}

#[test]
fn an_old_record_takes_nothing_back() {
    let (mut books, mut paypal) = converged([Happens::Approved, Happens::Completed, Happens::Disputed]);
    paypal.record.captures[0].status = CaptureStatus::Pending;
    paypal.record.disputes.clear();
    books.converge(&paypal.record);
    assert_eq!(
        books.given_less_taken(),
        Credits::ZERO,
        "a dispute that is not listed is not over"
    );
    paypal.record.captures.clear();
    books.converge(&paypal.record);
    assert_eq!(books.order.state, OrderState::Completed);
}

#[test]
fn money_that_was_taken_twice_gives_credits_once_and_is_told() {
    let (books, mut paypal) = converged([Happens::Approved, Happens::Completed]);
    let second = Capture {
        id: "CAPTURE2".parse().unwrap(),
        ..paypal.record.captures[0].clone()
    };
    paypal.record.captures.push(second);
    let mut learned = books.order.learn(&paypal.record);
    assert_eq!(learned.alarms, [Alarm::SecondCapture]);
    assert_eq!(books.order.postings(&mut learned.order), []);
}

#[test]
fn a_refund_that_failed_gives_its_credits_back() {
    let (mut books, mut paypal) = converged([Happens::Approved, Happens::Completed, Happens::PartRefunded]);
    assert_eq!(books.given_less_taken(), Credits(14));
    paypal
        .record
        .refunds
        .values_mut()
        .for_each(|refund| refund.failed = true);
    books.converge(&paypal.record);
    assert_eq!(books.given_less_taken(), Credits(20));
}

#[test]
fn an_order_is_looked_at_ever_more_seldom_and_not_for_ever() {
    let mut order = order();
    let placed = order.placed_at();
    let mut looks = 0;
    let mut now = placed;
    while let Some(next) = order.look_again(now) {
        assert!(next >= now + SignedDuration::from_mins(10));
        (now, looks) = (next, looks + 1);
    }
    assert!(looks < 30, "{looks} looks at an order that nobody pays");
    assert!(now.duration_since(placed) >= UNPAID);

    order.payment = Some(Payment {
        capture: "CAPTURE1".parse().ok(),
        at: placed,
        standing: Standing::Good,
    });
    order.state = OrderState::Completed;
    let soon = order.look_again(now + PAID).unwrap();
    assert_eq!(
        soon,
        now + PAID + SOONEST,
        "one without its receipt is never left alone"
    );
}

#[test]
fn an_order_whose_account_is_erased_loses_paypals_names_when_disputes_are_over() {
    let (mut books, mut paypal) = converged([Happens::Approved, Happens::Completed]);
    paypal.refund("REFUND-1", 100);
    books.converge(&paypal.record);
    let mut order = books.order.clone();
    order.receipt = Some(Receipt {
        number: ReceiptNumber { year: 2026, nth: 1 },
        at: order.placed_at(),
    });
    let (before, over) = (
        order.placed_at() + PAID - SignedDuration::from_secs(1),
        order.placed_at() + PAID,
    );
    assert!(!order.is_to_be_forgotten(over), "its account is there");
    order.account = None;
    assert!(!order.is_to_be_forgotten(before), "a dispute may still be opened");
    assert!(order.is_to_be_forgotten(over));
    assert_eq!(order.look_again(over), Some(over), "nobody would come to forget it");
    let kept = order.forgotten();
    assert!(kept.is_forgotten() && kept.look_again(over).is_none());
    assert_eq!(
        (kept.withheld(), kept.given(), &kept.receipt),
        (order.withheld(), order.given(), &order.receipt)
    );
    let text = format!("{kept:?}");
    assert!(!text.contains("REFUND-1") && !text.contains("CAPTURE"), "{text}");
}

proptest! {
    /// Refunds of any amounts, in any order: what is taken back depends on their sum alone, and all of the money takes all of the
    /// credits.
    #[test]
    fn what_is_taken_back_depends_on_the_sum_of_the_refunds_alone(parts in prop::collection::vec(1_i64..200, 1..8)) {
        let sum: i64 = parts.iter().sum();
        let (mut books, mut paypal) = converged([Happens::Approved, Happens::Completed]);
        for (number, part) in parts.iter().enumerate() {
            paypal.refund(&format!("REFUND-{number}"), *part);
            books.converge(&paypal.record);
        }
        let taken = if sum >= 499 { 20 } else { 20 * sum / 499 };
        prop_assert_eq!(books.given_less_taken(), Credits(20 - taken));
    }
}
