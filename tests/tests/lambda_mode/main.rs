//! The product whose functions run as processes of their own, as Lambda runs them.
//!
//! The tests of `api` that do not depend on how a function is hosted are run here once more, the very same. Beside them stand
//! those that only processes make sense of: what their environment holds, what happens when one is killed, is too slow or does
//! not start, and whether both ways of hosting answer alike.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail by panicking")]

mod alike;
mod crashes;
mod processes;

#[path = "../api/accounts.rs"]
mod accounts;
#[path = "../api/codes.rs"]
mod codes;
#[path = "../api/consents.rs"]
mod consents;
#[path = "../api/deleting.rs"]
mod deleting;
#[path = "../api/delivery.rs"]
mod delivery;
#[path = "../api/expiry.rs"]
mod expiry;
#[path = "../api/idempotency.rs"]
mod idempotency;
#[path = "../api/images.rs"]
mod images;
#[path = "../api/logs.rs"]
mod logs;
#[path = "../api/manners.rs"]
mod manners;
#[path = "../api/painting.rs"]
mod painting;
#[path = "../api/passwords.rs"]
mod passwords;
#[path = "../api/prompts.rs"]
mod prompts;
#[path = "../api/refreshing.rs"]
mod refreshing;
#[path = "../api/schedules.rs"]
mod schedules;
#[path = "../api/sessions.rs"]
mod sessions;
#[path = "../api/settling.rs"]
mod settling;
#[path = "../api/support.rs"]
mod support;
#[path = "../api/webhooks.rs"]
mod webhooks;

/// Every function is a process.
fn host() {
    tests::run_functions_as_processes();
}
