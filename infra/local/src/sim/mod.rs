//! Simulators of the companies that Vitrine calls: DeepSeek, Seedream, DashScope, Resend and PayPal, to the letter of their
//! contracts.
//!
//! One port serves all of them at their real paths, with each provider's book of what it was asked and did under
//! `/_sim/book`, faults to order under `/_sim/faults`, the clock under `/_sim/clock`, and the mails under `/mailbox`.
//! To add a provider: a variant of [`Provider`], a file with its routes, a line in [`Simulators::router`].

mod book;
mod call;
mod clock;
mod dashscope;
mod dashscope_order;
mod deepseek;
mod deepseek_chat;
mod desk;
mod events;
mod faults;
mod journal;
mod keys;
mod links;
mod mail;
mod mailbox;
mod paypal;
mod prompts;
mod resend;
mod resend_events;
mod results;
mod seedream;
mod seedream_order;
mod serve;
mod sizes;
mod tasks;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use axum::{Router, middleware};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::{Clock, Entropy};

pub use book::{ProviderBook, Request};
pub(crate) use call::HangUp;
pub use deepseek::Answered;
pub use events::{Event, Try};
pub use faults::{Fault, Ordered};
pub use links::Link;
pub use mail::Mail;
pub use mailbox::MailView;
pub use paypal::{
    Act, Capture, Checkout, Dispute, Instrument, Moved, PayPalDesk, Refund, Standing, Status, Telling, Transmission,
    root as paypal_root,
};
pub use pictures::{Format, Sketch};
pub use resend::Posted;
pub use resend_events::signature;
pub use seedream::Billed;
pub use tasks::{Painting, TaskStatus};

/// A company that is simulated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Writes prompts.
    Deepseek,
    /// Paints pictures.
    Seedream,
    /// Paints pictures too, in tasks.
    Dashscope,
    /// Sends mail.
    Resend,
    /// Takes money.
    Paypal,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Deepseek,
        Self::Seedream,
        Self::Dashscope,
        Self::Resend,
        Self::Paypal,
    ];

    /// The name in paths, in the book and in file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deepseek => "deepseek",
            Self::Seedream => "seedream",
            Self::Dashscope => "dashscope",
            Self::Resend => "resend",
            Self::Paypal => "paypal",
        }
    }

    fn stock_error(self, world: &World, status: Option<StatusCode>, code: Option<&str>) -> Response {
        match self {
            Self::Deepseek => deepseek::stock_error(status),
            Self::Seedream => seedream::stock_error(world, status, code),
            Self::Dashscope => dashscope::stock_error(world, status, code),
            Self::Resend => resend::stock_error(status, code),
            Self::Paypal => paypal::stock_error(world, status, code),
        }
    }
}

/// Told by how much the clock was moved, so that whoever keeps the offset can write it down.
pub type OnClockMoved = Arc<dyn Fn(SignedDuration) + Send + Sync>;

/// What the simulators are made of.
#[derive(Clone)]
pub struct SimulatorOptions {
    /// The clock that result links, idempotency keys and mails live by, and that `/_sim/clock` moves.
    pub clock: Clock,
    /// Where ids and result links come from.
    pub entropy: Entropy,
    /// The folder in which everything is kept; without one it is gone with the process.
    pub data: Option<PathBuf>,
    /// How the simulators are reached, `http://127.0.0.1:4001`: result links begin with it.
    pub origin: String,
    /// Whether result links and what PayPal tells name the companies' real hosts, for a stack whose functions call those.
    pub abroad: bool,
    /// Called whenever `/_sim/clock` moves the clock. A clock that reads a file is moved by this alone.
    pub on_clock_moved: OnClockMoved,
    /// Where pictures are drawn.
    pub easel: Easel,
}

/// Where the simulators draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Easel {
    /// On a thread beside, so that others are answered meanwhile.
    #[default]
    Beside,
    /// On the spot, where all the world stands still meanwhile. The pictures of all such simulators are kept together: equal
    /// sketches give equal bytes, so a thousand worlds with the same prompts draw them once.
    Here,
}

impl SimulatorOptions {
    /// Simulators that keep nothing and tell nobody.
    #[must_use]
    pub fn in_memory(clock: Clock, entropy: Entropy, origin: String) -> Self {
        Self {
            clock,
            entropy,
            data: None,
            origin,
            abroad: false,
            on_clock_moved: Arc::new(|_| {}),
            easel: Easel::Beside,
        }
    }
}

impl fmt::Debug for SimulatorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatorOptions")
            .field("data", &self.data)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The books of all providers.
#[derive(Clone, Debug, Serialize)]
pub struct Book {
    /// Requests, and prompts answered.
    pub deepseek: ProviderBook<Answered>,
    /// Requests, and pictures billed.
    pub seedream: ProviderBook<Billed>,
    /// Requests, and pictures billed: each when its task has succeeded, whether anybody looked or not.
    pub dashscope: ProviderBook<Painting>,
    /// Requests, and mails accepted.
    pub resend: ProviderBook<Posted>,
    /// Requests, and money that moved.
    pub paypal: ProviderBook<Moved>,
}

/// What the handlers share.
struct World {
    clock: Clock,
    entropy: Entropy,
    origin: String,
    /// Where PayPal says that it is.
    paypal_origin: String,
    abroad: bool,
    on_clock_moved: OnClockMoved,
    easel: Easel,
    faults: faults::Faults,
    revoked: keys::Revoked,
    requests: [book::Requests; Provider::ALL.len()],
    deepseek: deepseek::State,
    seedream: book::Works<Billed>,
    dashscope: tasks::State,
    resend: resend::State,
    paypal: paypal::State,
    results: results::Results,
}

impl World {
    fn requests(&self, provider: Provider) -> &book::Requests {
        &self.requests[provider as usize]
    }

    /// A random UUID, as the providers' ids are.
    fn uuid(&self) -> String {
        let hex = self.entropy.hex::<16>();
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }
}

/// All simulators. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Simulators(Arc<World>);

impl fmt::Debug for Simulators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Simulators({})", self.0.origin)
    }
}

impl Simulators {
    /// Makes the simulators, with everything that the data folder remembers.
    ///
    /// # Errors
    /// When the data folder cannot be read or written.
    pub fn new(options: SimulatorOptions) -> anyhow::Result<Self> {
        let SimulatorOptions {
            clock,
            entropy,
            data,
            origin,
            abroad,
            on_clock_moved,
            easel,
        } = options;
        let origin = origin.trim_end_matches('/').to_owned();
        let folder = data.as_deref();
        let [first, second, third, fourth, fifth] = Provider::ALL;
        Ok(Self(Arc::new(World {
            paypal_origin: if abroad {
                paypal::REAL_ORIGIN.to_owned()
            } else {
                origin.clone()
            },
            origin,
            abroad,
            on_clock_moved,
            easel,
            faults: faults::Faults::default(),
            revoked: keys::Revoked::default(),
            requests: [
                book::Requests::open(folder, first)?,
                book::Requests::open(folder, second)?,
                book::Requests::open(folder, third)?,
                book::Requests::open(folder, fourth)?,
                book::Requests::open(folder, fifth)?,
            ],
            deepseek: deepseek::State::open(folder)?,
            seedream: book::Works::open(folder, Provider::Seedream)?,
            dashscope: tasks::State::open(folder)?,
            resend: resend::State::open(folder)?,
            paypal: paypal::State::open(folder)?,
            results: results::Results::open(folder, clock.now())?,
            clock,
            entropy,
        })))
    }

    /// Everything on one router. Behind another server than [`Simulators::serve`], a reset breaks off the body instead
    /// of the connection.
    pub fn router(&self) -> Router {
        let world = &self.0;
        let laid = |provider, routes: Router<Arc<World>>| {
            let desk = call::Desk {
                provider,
                world: world.clone(),
            };
            routes.layer(middleware::from_fn_with_state(desk, call::through))
        };
        let rated = middleware::from_fn_with_state(world.clone(), resend::with_rate);
        Router::new()
            .merge(laid(Provider::Deepseek, deepseek::routes()))
            .merge(laid(Provider::Seedream, seedream::routes()))
            .merge(laid(Provider::Dashscope, dashscope::routes()))
            .merge(laid(Provider::Resend, resend::routes()).layer(rated))
            .merge(laid(Provider::Paypal, paypal::routes(world)))
            .merge(paypal::open_routes())
            .merge(results::routes())
            .merge(mailbox::routes())
            .merge(desk::routes())
            .merge(resend_events::routes())
            .merge(clock::routes())
            .with_state(world.clone())
    }

    /// What every provider saw and did.
    #[must_use]
    pub fn book(&self) -> Book {
        self.0.book()
    }

    /// The mails that Resend accepted and that match, newest first; `to` is one address, or all.
    #[must_use]
    pub fn mails(&self, to: Option<&str>) -> Vec<MailView> {
        mailbox::mails(&self.0, to)
    }

    /// Everything that Resend has told, or tells, or would tell if somebody listened; oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.resend.events.all()
    }

    /// The events that are due to be told.
    #[must_use]
    pub fn due_events(&self) -> Vec<Event> {
        self.0.resend.events.due(self.now())
    }

    /// Notes that an event was told just now and what was answered. What was not taken comes due again, seven times.
    pub fn event_tried(&self, id: &str, status: Option<u16>) {
        self.0.resend.events.tried(id, Try { at: self.now(), status });
    }

    /// The time that the simulators go by.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Lets the next `next` calls of a provider fail.
    ///
    /// # Errors
    /// When that provider has no such fault, or a number is out of bounds; says which.
    pub fn fault(&self, provider: Provider, next: u32, fault: Fault) -> Result<(), String> {
        self.0.faults.order(Ordered { provider, next, fault })
    }

    /// The faults that are still to come.
    #[must_use]
    pub fn faults(&self) -> Vec<Ordered> {
        self.0.faults.list()
    }

    /// Forgets all faults that are still to come.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// Lets no company take this key any more: an API key, or `<client id>:<client secret>`.
    pub fn revoke(&self, key: &str) {
        self.0.revoked.add(key);
    }

    /// Lets Resend refuse more than so many requests a second, or (as at the start) none.
    pub fn limit_mail(&self, per_second: Option<u32>) {
        self.0.resend.limit(per_second);
    }

    /// Lets DashScope refuse more than so many looks at tasks a second, or (as at the start) none.
    pub fn limit_looks(&self, per_second: Option<u32>) {
        self.0.dashscope.limit(per_second);
    }
}

impl World {
    fn book(&self) -> Book {
        Book {
            deepseek: self.deepseek.answers.book(self.requests(Provider::Deepseek)),
            seedream: self.seedream.book(self.requests(Provider::Seedream)),
            dashscope: self.paintings().book(self.requests(Provider::Dashscope)),
            resend: self.resend.posts.book(self.requests(Provider::Resend)),
            paypal: self.paypal.moved.book(self.requests(Provider::Paypal)),
        }
    }
}
