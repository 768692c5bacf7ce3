//! What every function of Vitrine stands on.
//!
//! The floors, top to bottom; nothing imports upwards:
//! `http` and `auth` (the edge: problems, extractors, manners; who is asking) → `flows` (what more than one function does) → `store`,
//! `objects`, `providers` (the outside) → `domain` (the rules, free of transport) → `config`, `clock`, `entropy`, `ids`.

pub mod auth;
pub(crate) mod aws;
pub mod clock;
pub mod config;
pub mod domain;
pub(crate) mod egress;
pub mod entropy;
pub mod flows;
pub mod grants;
pub mod http;
pub mod ids;
pub mod metrics;
pub mod network;
pub mod objects;
pub mod outbound;
pub mod parameters;
pub mod pictures;
pub mod platform;
pub mod providers;
pub(crate) mod punctual;
pub mod schedule;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod trace;
pub mod wakings;
pub mod wire;
pub mod worker;

pub use clock::Clock;
pub use entropy::Entropy;
pub use ids::{Id, Ids};
pub use platform::Platform;
pub use trace::Trace;
