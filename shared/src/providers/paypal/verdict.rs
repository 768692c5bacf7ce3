//! What PayPal's refusals mean. Decided by the status and the first `issue`, as the contract has it; PayPal's sentences are
//! neither kept nor repeated.

use serde::Deserialize;
use url::Url;

use super::{PayPalError, SentBack, Taken};
use crate::outbound::{Answer, OutboundError};
use crate::providers::code;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    name: String,
    details: Vec<Detail>,
    links: Vec<Link>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    issue: String,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

impl Failure {
    fn of(answer: &Answer) -> Self {
        answer.json().unwrap_or_default()
    }

    fn issue(&self) -> &str {
        self.details.first().map_or("", |detail| detail.issue.as_str())
    }

    fn reason(&self, answer: &Answer) -> String {
        let word = if self.issue().is_empty() {
            &self.name
        } else {
            self.issue()
        };
        format!("{} {}", answer.status.as_u16(), code(word))
            .trim_end()
            .to_owned()
    }

    /// Where the payer goes on, if PayPal says so and nobody could read along.
    fn payer_url(&self) -> Option<Url> {
        let link = self
            .links
            .iter()
            .find(|link| matches!(link.rel.as_str(), "redirect" | "payer-action" | "approve"))?;
        link.href.parse().ok().filter(crate::config::is_private)
    }
}

/// An answer that refuses, in general.
pub(super) fn refused(answer: &Answer) -> PayPalError {
    let failure = Failure::of(answer);
    let reason = failure.reason(answer);
    match answer.status.as_u16() {
        404 => PayPalError::Missing,
        // 409 is the same request, still under way.
        408 | 409 | 429 | 500..=599 => PayPalError::Unavailable {
            after: answer.retry_after(),
            reason,
            cause: None,
        },
        _ => PayPalError::Alarm { reason, cause: None },
    }
}

/// A capture that was refused: often an answer about the payer, and sometimes one that says that it was done before.
pub(super) fn of_capture(answer: &Answer) -> Result<Taken, PayPalError> {
    let failure = Failure::of(answer);
    if answer.status.as_u16() != 422 {
        return Err(refused(answer));
    }
    let payer_url = failure.payer_url();
    match failure.issue() {
        "ORDER_ALREADY_CAPTURED" | "ORDER_COMPLETION_IN_PROGRESS" => Ok(Taken::Tried),
        "ORDER_NOT_APPROVED" => Ok(Taken::NotApproved),
        "INSTRUMENT_DECLINED" => Ok(Taken::Declined { payer_url }),
        "PAYER_ACTION_REQUIRED" | "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING" => Ok(Taken::PayerNeeded { payer_url }),
        "TRANSACTION_REFUSED"
        | "PAYER_CANNOT_PAY"
        | "PAYER_ACCOUNT_RESTRICTED"
        | "PAYER_ACCOUNT_LOCKED_OR_CLOSED"
        | "PAYEE_BLOCKED_TRANSACTION"
        | "COMPLIANCE_VIOLATION"
        | "TRANSACTION_BLOCKED_BY_PAYEE"
        | "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED" => Ok(Taken::Refused {
            issue: code(failure.issue()),
        }),
        _ => Err(refused(answer)),
    }
}

/// A refund that was refused.
pub(super) fn of_refund(answer: &Answer) -> Result<SentBack, PayPalError> {
    let failure = Failure::of(answer);
    match (answer.status.as_u16(), failure.issue()) {
        (422, "CAPTURE_FULLY_REFUNDED") => Ok(SentBack::Already),
        (422, issue) if !issue.is_empty() => Ok(SentBack::Refused { issue: code(issue) }),
        _ => Err(refused(answer)),
    }
}

/// No token: the error has OAuth's form, and whatever it says, the credentials are what it is about.
pub(super) fn no_token(answer: &Answer) -> PayPalError {
    match answer.status.as_u16() {
        408 | 429 | 500..=599 => refused(answer),
        status => PayPalError::Alarm {
            reason: format!("{status}, the credentials are not taken"),
            cause: None,
        },
    }
}

/// An answer that says yes and cannot be read.
pub(super) fn unusable(reason: &str) -> PayPalError {
    PayPalError::Unavailable {
        after: None,
        reason: reason.to_owned(),
        cause: None,
    }
}

/// No answer at all.
pub(super) fn lost(cause: OutboundError) -> PayPalError {
    match cause {
        OutboundError::NotSent { .. } | OutboundError::Lost { .. } | OutboundError::TooLong { .. } => {
            PayPalError::Unavailable {
                after: None,
                reason: "no answer".to_owned(),
                cause: Some(cause),
            }
        }
        OutboundError::HostNotDeclared { .. } | OutboundError::NotPrivate { .. } | OutboundError::Unwritable(_) => {
            PayPalError::Alarm {
                reason: "the request cannot be made".to_owned(),
                cause: Some(cause),
            }
        }
    }
}
