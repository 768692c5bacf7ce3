//! The API from outside: requests over HTTP against the whole stack, judged by answers, mails, objects and the books that
//! the simulated companies keep.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod accounts;
mod backup;
mod bad_input;
mod beside;
mod captures;
mod clients;
mod codes;
mod consents;
mod credits;
mod deleting;
mod delivery;
mod edge;
mod email_change;
mod expiry;
mod export;
mod forged;
mod forgotten_orders;
mod guessing;
mod idempotency;
mod images;
mod leaving;
mod limits;
mod load;
mod logs;
mod manners;
mod metrics;
mod orders;
mod painting;
mod password_races;
mod passwords;
mod payments_told;
mod privacy;
mod privacy_requests;
mod profile;
mod prompts;
mod refreshing;
mod refusals;
mod reports;
mod restart;
mod schedules;
mod second_store;
mod sessions;
mod settling;
mod support;
mod sweeping;
mod throttled;
mod tokens;
mod tracing;
mod undeliverable;
mod usage;
mod webhooks;
mod wire;

/// The functions run in this process. `lambda_mode` has many of these tests too, and another word here.
fn host() {}
