//! The way out, handed in: an in-process wire in the network's place, as `Clock` stands in the system clock's.
//!
//! In Lambda there is none, and requests go over sockets. A laboratory hands one in: then the same clients, with the same
//! time-outs, retries and caps, speak to engines in their own process, and every loss on the way can be made to happen
//! (`docs/decisions/0011-the-network-is-handed-in.md`).

use std::error::Error as StdError;
use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;

/// The body of an answer, which may trickle, break off, or never end.
pub type WireBody = UnsyncBoxBody<Bytes, Box<dyn StdError + Send + Sync>>;

/// Why a wire has no answer. The variants tell what can be known about the request's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No connection came about: surely nothing was received.
    #[error("the connection was refused")]
    NotSent,
    /// The connection stood and was lost: what became of the request is unknown.
    #[error("the connection was lost")]
    Lost,
}

/// Carries requests in the network's place.
pub trait Wire: Debug + Send + Sync {
    /// Carries one request to whoever its address names, and the answer back. Dropping the future drops the connection:
    /// what the other side has done by then stays done.
    ///
    /// # Errors
    /// When no answer comes.
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<WireBody>, WireError>>;
}
