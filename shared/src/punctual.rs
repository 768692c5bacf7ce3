//! Whether this machine's clock is right.
//!
//! Every promise about time is kept by the machine's clock, and Amazon's client quietly signs by the other side's clock when its own is
//! wrong. So answers are looked at: a function whose clock is off by more than some minutes takes none, shows nothing, erases nothing
//! and is refused with a reason that an alarm finds (`docs/decisions/0019-a-wrong-clock.md`).

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use crate::Clock;

/// How far the two clocks may lie apart, the answer's way included. AWS refuses signatures beyond five minutes as well.
const MOST: SignedDuration = SignedDuration::from_mins(5);

/// A connector that takes no answer from a time that is not ours.
#[derive(Debug)]
pub(crate) struct Punctual {
    /// What carries the requests.
    pub(crate) inner: SharedHttpConnector,
    /// The machine's own clock.
    pub(crate) clock: Clock,
}

/// The machine's clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this machine's clock is off by {} seconds", .0.as_secs())]
pub(crate) struct WrongClock(SignedDuration);

impl HttpConnector for Punctual {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, clock) = (self.inner.call(request), self.clock.clone());
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            match off(answer.headers().get("date"), clock.now()) {
                Some(off) => {
                    tracing::error!(
                        seconds = off.as_secs(),
                        alarm = "wrong_clock",
                        "This machine's clock is wrong: nothing is done by it"
                    );
                    Err(ConnectorError::other(WrongClock(off).into(), None))
                }
                None => Ok::<HttpResponse, _>(answer),
            }
        })
    }
}

/// By how much the clock is off, if that is too much. An answer without a date says nothing about it.
fn off(date: Option<&str>, now: Timestamp) -> Option<SignedDuration> {
    let theirs = DateTimeParser::new().parse_timestamp(date?).ok()?;
    let off = now.duration_since(theirs);
    (off.abs() > MOST).then_some(off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_are_borne_in_both_directions_and_no_more() {
        let date = Some("Sun, 22 Nov 2026 09:00:00 GMT");
        for (now, wrong) in [
            ("2026-11-22T09:05:00Z", None),
            ("2026-11-22T08:55:00Z", None),
            ("2026-11-22T09:05:01Z", Some(301)),
            ("2026-11-21T09:00:00Z", Some(-86_400)),
        ] {
            let found = off(date, now.parse().unwrap());
            assert_eq!(found.map(|off| off.as_secs()), wrong, "{now}");
        }
    }

    #[test]
    fn an_answer_that_tells_no_time_is_taken() {
        let now = "2026-11-22T09:00:00Z".parse().unwrap();
        assert_eq!((off(None, now), off(Some("noon"), now)), (None, None));
    }
}
