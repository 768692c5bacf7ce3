//! The `vitrine` command as somebody at a terminal uses it: the built program, its output and its exit code.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail by panicking")]

mod desk;
mod doctor;
mod documents;
mod jobs;
mod keys;
mod ledger;
mod ops;
mod payments;
mod privacy;
mod processes;
mod program;
mod queue;
mod refusals;
mod reports;
mod serving;
mod stats;
mod storage;
mod tables;
mod world;
