//! The name of the request that everything came from, carried along: into the items that it writes, from there by stream, pipe and
//! queue to the worker, and into every log line on the way. By that one name a picture is followed from its order to its end.
//!
//! It is around the work rather than handed through it, as the span of the log is: no rule depends on it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A longer name is not ours.
const LONGEST: usize = 128;

/// The name of a request, such as `req_…` or API Gateway's own, or of what took place without one.
#[derive(Clone, PartialEq, Eq)]
pub struct Trace(Arc<str>);

tokio::task_local! {
    static CURRENT: Trace;
}

impl Trace {
    /// The name, if it can stand in a header and in a log line: up to 128 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// An id of ours as a name.
    #[must_use]
    pub fn of(id: impl fmt::Display) -> Self {
        Self(id.to_string().into())
    }

    /// That of the request or message which is being worked on; `own` where there is none, because the clock began it: then what is
    /// written is followed by its own id.
    #[must_use]
    pub fn current_or(own: impl fmt::Display) -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_else(|_| Self::of(own))
    }

    /// Does `work` under this name.
    pub fn carry<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_within_is_named_by_the_request_and_outside_by_itself() {
        let trace = Trace::parse("req_1").unwrap();
        let within = trace.carry(async { Trace::current_or("img_1") }).await;
        assert_eq!(
            (within.as_str(), Trace::current_or("img_1").as_str()),
            ("req_1", "img_1")
        );
    }

    #[test]
    fn a_name_that_could_break_a_line_is_none() {
        for text in ["", "two words", "line\nbreak", "naïve", &"x".repeat(129)] {
            assert_eq!(Trace::parse(text), None, "{text}");
        }
    }
}
