//! The house checks itself: what stands in two places says the same in both, and what a rule forbids is not there.
//!
//! A failure names the culprit and what to do. Nothing is started: functions are built from the template's own variables
//! with a platform that reaches nobody.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail by panicking")]

mod documents;
mod edge;
mod grants;
mod host;
mod names;
mod pages;
mod routes;
mod runbooks;
mod service;
mod sources;
mod starts;
mod workers;
