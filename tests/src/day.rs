//! A day in the laboratory: one seller, one thing that goes wrong, and in the evening the books.

use std::cell::RefCell;

use jiff::SignedDuration;
use shared::domain::{Fallback, Image, Ratio};
use shared::store::images::ImageKey;
use vitrine::lab::{self, Lab, Order, Seller};
use vitrine::sim::{Fault, Provider};

/// The worker that paints, by its queue.
pub const PAINT: &str = "images-paint";

/// The worker that erases, by its queue.
pub const ERASE: &str = "images-erase";

/// The worker that sends mail, by its queue.
pub const SEND: &str = "mail-send";

/// A world with a seller in it, and what was ordered there.
pub struct Day {
    /// The world.
    pub lab: Lab,
    /// Who orders.
    pub seller: Seller,
    orders: RefCell<Vec<Order>>,
}

/// What a picture came to, in the words of its owner and of the companies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// `Ready`, `Refused(Prompt)`, `Failed(OutcomeUnknown)`; `gone` when there is no item.
    pub state: String,
    /// How often Seedream was asked to paint.
    pub seedream: usize,
    /// How often DashScope was.
    pub dashscope: usize,
    /// How many pictures were billed.
    pub billed: usize,
}

impl Fate {
    /// As it is compared: state, Seedream asked, DashScope asked, billed.
    #[must_use]
    pub fn of(state: &str, seedream: usize, dashscope: usize, billed: usize) -> Self {
        Self {
            state: state.to_owned(),
            seedream,
            dashscope,
            billed,
        }
    }
}

/// Runs a day to its evening: what is under way comes to its end, and then everything must hold.
#[track_caller]
pub fn day<T>(live: impl AsyncFnOnce(&Day) -> T) -> T {
    let place = std::panic::Location::caller();
    lab::run(async {
        let day = Day::begin(1).await;
        let came_of_it = live(&day).await;
        day.evening(&place.to_string()).await;
        came_of_it
    })
    .unwrap()
}

impl Day {
    /// A world of this seed.
    pub async fn begin(seed: u64) -> Self {
        let lab = Lab::new(seed).unwrap();
        let seller = lab.seller(20).await.unwrap();
        Self {
            lab,
            seller,
            orders: RefCell::default(),
        }
    }

    /// Orders a picture that the backup may paint.
    pub async fn order(&self, prompt: &str) -> ImageKey {
        self.order_with(prompt, Fallback::Auto).await
    }

    /// Orders a picture.
    pub async fn order_with(&self, prompt: &str, fallback: Fallback) -> ImageKey {
        let key = self
            .lab
            .order(&self.seller, prompt, Ratio::Square, fallback)
            .await
            .unwrap();
        self.orders.borrow_mut().push(Order {
            seller: self.seller,
            key,
            prompt: prompt.to_owned(),
            deleted: false,
        });
        key
    }

    /// Deletes a picture for its owner.
    pub async fn delete(&self, key: ImageKey) {
        self.lab.delete(key).await.unwrap();
        self.is_to_be_gone(key);
    }

    /// The picture is to be gone in the evening.
    pub fn is_to_be_gone(&self, key: ImageKey) {
        let mut orders = self.orders.borrow_mut();
        orders
            .iter_mut()
            .filter(|order| order.key == key)
            .for_each(|order| order.deleted = true);
    }

    /// Nobody asks any more what became of it: its account is gone, and its ledger is nobody's.
    pub fn forget(&self, key: ImageKey) {
        self.orders.borrow_mut().retain(|order| order.key != key);
    }

    /// Lets the next calls of a model fail.
    pub fn fault(&self, provider: Provider, next: u32, fault: Fault) {
        self.lab.simulators.fault(provider, next, fault).unwrap();
    }

    /// Orders a picture, lets everything go its way, and says what it came to.
    pub async fn fate(&self, prompt: &str) -> Fate {
        let key = self.order(prompt).await;
        self.lab.live_on().await.unwrap();
        self.fate_of(key, prompt).await
    }

    /// What a picture came to so far.
    pub async fn fate_of(&self, key: ImageKey, prompt: &str) -> Fate {
        let image = self.lab.image(key).await.unwrap();
        let books = self.lab.books();
        // A probe is no order: it asks for a picture of one pixel, and for no prompt of ours.
        let seedream = books.seedream.requests.iter();
        let dashscope = books.dashscope.requests.iter();
        Fate {
            state: image.map_or("gone".to_owned(), |image| format!("{:?}", image.state)),
            seedream: seedream.filter(|request| request.body["prompt"] == prompt).count(),
            dashscope: dashscope
                .filter(|request| request.body["input"]["prompt"] == prompt)
                .count(),
            billed: self.lab.billed(prompt),
        }
    }

    /// The picture, which must be there.
    pub async fn image(&self, key: ImageKey) -> Image {
        self.lab.image(key).await.unwrap().unwrap()
    }

    /// Lets time pass.
    pub async fn minutes(&self, minutes: i64) {
        self.lab.advance(SignedDuration::from_mins(minutes)).await;
    }

    /// The weather clears, life goes on until all is quiet, stores and items are compared twice, and everything must hold.
    ///
    /// # Panics
    /// With everything that does not hold, and the journal.
    pub async fn evening(&self, what: &str) {
        self.lab.clear_up();
        self.lab.live_on().await.unwrap();
        self.lab.sweep_twice().await.unwrap();
        let orders = self.orders.borrow().clone();
        let violations = self.lab.audit(&orders).await.unwrap();
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(
            lines.is_empty(),
            "{what}: {}\n{}",
            lines.join("\n"),
            self.lab.journal.lines()
        );
    }
}
