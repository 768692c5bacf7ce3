//! What is known of the money, in the words that every painter's client needs.

use super::PaintError;
use crate::outbound::OutboundError;

/// It may have been painted and paid for.
pub(super) fn unknown(reason: &str) -> PaintError {
    PaintError::Unknown {
        reason: reason.to_owned(),
        cause: None,
    }
}

/// No answer at all: what never left is not paid for, and what left may be.
pub(super) fn of_silence(cause: OutboundError) -> PaintError {
    let (retry, alarm, reason) = match &cause {
        OutboundError::NotSent { .. } => (true, false, "unreachable"),
        OutboundError::HostNotDeclared { .. } | OutboundError::NotPrivate { .. } | OutboundError::Unwritable(_) => {
            (false, true, "the request cannot be made")
        }
        OutboundError::Lost { .. } | OutboundError::TooLong { .. } => {
            return PaintError::Unknown {
                reason: "no whole answer".to_owned(),
                cause: Some(cause),
            };
        }
    };
    PaintError::NotCharged {
        retry,
        fail_over: true,
        after: None,
        alarm,
        reason: reason.to_owned(),
        cause: Some(cause),
    }
}
