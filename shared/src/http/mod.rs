//! The edge: what a request must look like, what an answer looks like, and what people are told when something is wrong.
//!
//! Nothing outside this module knows a status code, a header's name or JSON's media type.

pub mod account;
pub mod answers;
pub mod credits;
pub mod cursor;
pub mod document;
pub mod edge;
mod explain;
pub mod export;
pub mod farewell;
pub mod idempotency;
pub mod image;
pub mod json;
pub mod kind;
pub mod lambda;
pub mod language;
pub mod manners;
pub mod notice;
pub mod openapi;
pub mod order;
pub mod path;
pub mod prefer;
pub mod problem;
pub mod query;
pub mod rate;
pub mod receipt;
pub mod routes;
pub mod session;
pub mod viewer;

pub use account::{AccountView, PolicyVersion};
pub use answers::{Accepted, Created, NoContent, Page, RawJson, Replayed, TakenOn};
pub use credits::CreditsLine;
pub use cursor::{Cursor, Limit, Paging};
pub use edge::Edge;
pub use farewell::Farewell;
pub use idempotency::{Fingerprint, IdempotencyKey, Idempotent};
pub use image::ImageView;
pub use json::Json;
pub use kind::Kind;
pub use manners::with_manners;
pub use notice::{EmailProblem, Notice};
pub use order::OrderView;
pub use path::Path;
pub use prefer::Wait;
pub use problem::Problem;
pub use query::Query;
pub use rate::{Quota, Quotas};
pub use receipt::Receipt;
pub use session::{ListedSession, SessionTicket, SessionTokens, SessionView};
pub use viewer::{RequestId, Viewer};

#[cfg(test)]
mod tests;
