//! Everything that reaches outside, against servers written by hand that can do what real ones do on a bad day.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod outbound;
mod platform;
mod server;
