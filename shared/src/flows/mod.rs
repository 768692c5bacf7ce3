//! What more than one function does, or what must never go wrong (`DESIGN` names them; `ARCHITECTURE.md` walks through).

pub mod budget;
pub mod buying;
pub mod counting;
pub mod email_change;
pub mod ending;
pub mod erasing;
pub mod leaving;
pub mod letters;
pub mod mail_events;
pub mod mailing;
pub mod ordering;
pub mod painting;
pub mod passwords;
pub mod payment;
pub mod payment_events;
pub mod privacy_requests;
pub mod refreshing;
pub mod reporting;
pub mod settling;
pub mod sign_in;
pub mod sign_up;
mod signing_out;
pub mod sweeping;
pub mod tries;

/// How often a flow begins again because somebody else changed what it had read.
const ROUNDS: u32 = 6;
