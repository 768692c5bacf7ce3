//! A shop in the laboratory: one buyer, PayPal, and in the evening the books.

use futures::future::BoxFuture;
use jiff::SignedDuration;
use shared::domain::{Language, Order, Pack};
use shared::flows::payment::Because;
use shared::ids::OrderId;
use vitrine::lab::{Lab, Seller};
use vitrine::sim::{Act, Instrument};

/// The pack that is bought here.
pub const PACK: &str = "20: 4.99 USD";

/// What the buyer has before anything is bought.
pub const BONUS: u32 = 3;

/// The payer approves, and pays.
pub const APPROVE: Act = Act::Approve {
    instrument: Instrument::Good,
};

/// A world with a buyer in it.
pub struct Shop {
    /// The world.
    pub lab: Lab,
    /// Who buys.
    pub buyer: Seller,
}

impl Shop {
    /// A world of this seed.
    pub async fn begin(seed: u64) -> Self {
        let lab = Lab::new(seed).unwrap();
        let buyer = lab.seller(BONUS).await.unwrap();
        Self { lab, buyer }
    }

    /// Ordering a pack under this key.
    pub async fn buying(&self, key: &str) -> BoxFuture<'static, anyhow::Result<Order>> {
        let packs: shared::domain::Packs = PACK.parse().unwrap();
        let pack: Pack = packs.all()[0];
        let buying = self.lab.buying().await.unwrap();
        self.lab.buy(buying, &self.buyer, pack, key)
    }

    /// An order that waits for its payer.
    pub async fn ordered(&self, key: &str) -> OrderId {
        self.buying(key).await.await.unwrap().id
    }

    /// An order that the payer has approved.
    pub async fn approved(&self, key: &str) -> OrderId {
        let order = self.ordered(key).await;
        self.befall(order, &APPROVE);
        order
    }

    /// Lets something befall an order at PayPal; whether it could.
    pub fn befall(&self, order: OrderId, act: &Act) -> bool {
        self.lab.simulators.paypal().act(&order.to_string(), act).is_ok()
    }

    /// Taking the money of an order, as its buyer asks for it.
    pub async fn capturing(&self, order: OrderId) -> BoxFuture<'static, ()> {
        let cashier = self.lab.cashier().await.unwrap();
        Box::pin(async move {
            // What it comes to is judged in the evening.
            drop(cashier.converge(order, Because::Asked(Language::En), &[]).await);
        })
    }

    /// The order as it lies in the table.
    pub async fn order(&self, id: OrderId) -> Order {
        self.lab.purchase(id).await.unwrap().unwrap()
    }

    /// Two days pass in which PayPal tells and the schedule looks.
    pub async fn two_days(&self) {
        for minutes in [15, 60, 4 * 60, 8 * 60, 24 * 60] {
            self.lab.tell_of_payments().await.unwrap();
            drop(self.lab.run("settle-stale").await);
            self.lab.live_on().await.unwrap();
            self.lab.advance(SignedDuration::from_mins(minutes)).await;
        }
    }

    /// The weather clears, two days pass, and everything must hold.
    ///
    /// # Panics
    /// With everything that does not hold, and the journal.
    pub async fn evening(&self, what: &str) {
        self.lab.clear_up();
        self.two_days().await;
        let violations = self.lab.audit_purchases(&self.buyer).await.unwrap();
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(
            lines.is_empty(),
            "{what}: {}\n{}",
            lines.join("\n"),
            self.lab.journal.lines()
        );
    }
}
