//! What an unhappy answer of DashScope's means for the money, row by row of its contract (`docs/providers.md`).
//!
//! The company bills pictures and not failures. So an error that DashScope itself reports is not charged. Before a task's
//! id is known, everything that cannot be such a report (silence, a gateway's 502 or 504, a time-out in whatever clothes)
//! is unknown; afterwards it is merely a look that has to be repeated.

use std::time::Duration;

use serde::Deserialize;

use super::super::money::unknown;
use super::super::{FollowError, PaintError, code as tame};
use crate::domain::image::Refusal;
use crate::outbound::Answer;

/// DashScope's way of saying no: alone in an answer, or inside what a task has come to.
#[derive(Deserialize)]
pub(super) struct Failure {
    code: Option<String>,
    /// For comparing, never for repeating: it may quote what people wrote.
    message: Option<String>,
}

/// Codes of moderation, one of them in its two spellings.
const REFUSED: [&str; 5] = [
    "DataInspectionFailed",
    "data_inspection_failed",
    "IPInfringementSuspect",
    "FaqRuleBlocked",
    "CustomRoleBlocked",
];

/// What is to be done about a failure for which nothing is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    retry: bool,
    fail_over: bool,
    alarm: bool,
}

/// Our own fault: another model would be asked the same nonsense.
const BUG: Fate = Fate {
    retry: false,
    fail_over: false,
    alarm: true,
};
/// The operator's business.
const OURS: Fate = Fate {
    retry: false,
    fail_over: true,
    alarm: true,
};
/// It may be better in a moment.
const AGAIN: Fate = Fate {
    retry: true,
    fail_over: true,
    alarm: false,
};

impl Failure {
    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// Who was refused, if it is moderation that speaks. Its message begins with one of two words; where it says neither or
    /// both, the words of the prompt are what a person can change.
    fn refusal(&self) -> Option<Refusal> {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        let of_picture = message.contains("output") && !message.contains("input");
        let by = if of_picture { Refusal::Picture } else { Refusal::Prompt };
        REFUSED.contains(&self.code()).then_some(by)
    }
}

/// The answer's own error. A body without a code is not DashScope's.
fn said(answer: &Answer) -> Option<Failure> {
    answer.json::<Failure>().filter(|failure| !failure.code().is_empty())
}

/// An answer to an order with a status other than 200.
pub(super) fn of(answer: &Answer) -> PaintError {
    let status = answer.status.as_u16();
    match (status, said(answer)) {
        // Whoever lost patience says nothing about what stands behind it, whatever its body looks like.
        (408 | 502 | 504, _) => unknown(&format!("status {status}")),
        (_, Some(failure)) => of_code(status, &failure, answer.retry_after()),
        // Without DashScope's own body a 5xx may be anybody's.
        (500..=599, None) => unknown(&format!("status {status} without a reason")),
        (_, None) => not_charged(by_status(status), answer.retry_after(), format!("status {status}")),
    }
}

/// Whether DashScope found fault with what was asked for, which it does only for a key and a model it knows.
pub(super) fn is_of_parameters(answer: &Answer) -> bool {
    said(answer).is_some_and(|failure| failure.code().split('.').next() == Some("InvalidParameter"))
}

fn of_code(status: u16, failure: &Failure, after: Option<Duration>) -> PaintError {
    if let Some(by) = failure.refusal() {
        return PaintError::Refused { by };
    }
    match failure.code() {
        // It was at work when the time was up, and nobody says that it stopped.
        "RequestTimeOut" | "InternalError.Timeout" => unknown("timed out over there"),
        code => not_charged(fate(code).unwrap_or(by_status(status)), after, reason(code)),
    }
}

/// A task that has failed. It is over, so nothing is unknown; and it was the last model's.
pub(super) fn of_task(failure: &Failure) -> PaintError {
    if let Some(by) = failure.refusal() {
        return PaintError::Refused { by };
    }
    let fate = match failure.code() {
        "RequestTimeOut" | "InternalError.Timeout" => AGAIN,
        code => fate(code).unwrap_or(Fate {
            retry: false,
            fail_over: false,
            alarm: false,
        }),
    };
    not_charged(
        Fate {
            fail_over: false,
            ..fate
        },
        None,
        reason(failure.code()),
    )
}

/// A task that was called off before it began. Not by us.
pub(super) fn of_cancelled_task() -> PaintError {
    let fate = Fate {
        retry: false,
        fail_over: false,
        alarm: false,
    };
    not_charged(fate, None, "CANCELED".to_owned())
}

/// An answer to a look with a status other than 200. Whatever it is, even a key that is no longer taken, the task may
/// have painted.
pub(super) fn of_look(answer: &Answer) -> FollowError {
    let code = said(answer).map(|failure| reason(failure.code()));
    FollowError::Later {
        after: answer.retry_after(),
        reason: code.unwrap_or_else(|| format!("status {}", answer.status.as_u16())),
        cause: None,
    }
}

/// A look that showed nothing.
pub(super) fn later(reason: &str) -> FollowError {
    FollowError::Later {
        after: None,
        reason: reason.to_owned(),
        cause: None,
    }
}

/// What the contract says about a code, if it knows it.
fn fate(code: &str) -> Option<Fate> {
    let family = code.split('.').next().unwrap_or_default();
    match (code, family) {
        ("Throttling.AllocationQuota", _) => Some(OURS),
        ("Model.AccessDenied" | "Workspace.AccessDenied", _) => Some(OURS),
        (_, "InvalidParameter" | "BadRequest") => Some(BUG),
        // Comes with the status 400, of all things.
        (_, "Arrearage") => Some(OURS),
        (
            _,
            "InvalidApiKey"
            | "AccessDenied"
            | "ModelNotFound"
            | "WorkSpaceNotFound"
            | "PrepaidBillOverdue"
            | "PostpaidBillOverdue"
            | "CommodityNotPurchased",
        ) => Some(OURS),
        (
            _,
            "Throttling" | "LimitRequests" | "InternalError" | "SystemError" | "RewriteFailed" | "ModelUnavailable"
            | "ModelServingError",
        ) => Some(AGAIN),
        _ => None,
    }
}

/// What a status says when the code says nothing.
fn by_status(status: u16) -> Fate {
    match status {
        429 | 500..=599 => AGAIN,
        400 => BUG,
        _ => OURS,
    }
}

fn not_charged(fate: Fate, after: Option<Duration>, reason: String) -> PaintError {
    PaintError::NotCharged {
        retry: fate.retry,
        fail_over: fate.fail_over,
        after,
        alarm: fate.alarm,
        reason,
        cause: None,
    }
}

fn reason(code: &str) -> String {
    match tame(code) {
        code if code.is_empty() => "no reason given".to_owned(),
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, message: &str) -> Failure {
        Failure {
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
        }
    }

    fn fate_of(error: &PaintError) -> Option<Fate> {
        match error {
            PaintError::NotCharged {
                retry,
                fail_over,
                alarm,
                ..
            } => Some(Fate {
                retry: *retry,
                fail_over: *fail_over,
                alarm: *alarm,
            }),
            PaintError::Refused { .. } | PaintError::Unknown { .. } => None,
        }
    }

    /// The contract's table: status, code, what it means for an order.
    const ROWS: [(u16, &str, Fate); 30] = [
        (400, "InvalidParameter", BUG),
        (400, "BadRequest.EmptyInput", BUG),
        (400, "BadRequest.EmptyModel", BUG),
        (400, "BadRequest.EmptyParameters", BUG),
        (403, "AccessDenied", OURS),
        (400, "Arrearage", OURS),
        (401, "InvalidApiKey", OURS),
        (403, "Model.AccessDenied", OURS),
        (403, "Workspace.AccessDenied", OURS),
        (403, "AccessDenied.Unpurchased", OURS),
        (404, "ModelNotFound", OURS),
        (404, "WorkSpaceNotFound", OURS),
        (429, "Throttling", AGAIN),
        (429, "Throttling.RateQuota", AGAIN),
        (429, "Throttling.BurstRate", AGAIN),
        (429, "LimitRequests", AGAIN),
        (429, "Throttling.AllocationQuota", OURS),
        (429, "PrepaidBillOverdue", OURS),
        (429, "PostpaidBillOverdue", OURS),
        (429, "CommodityNotPurchased", OURS),
        (500, "InternalError", AGAIN),
        (500, "InternalError.Algo", AGAIN),
        (500, "SystemError", AGAIN),
        (500, "RewriteFailed", AGAIN),
        (503, "ModelUnavailable", AGAIN),
        (503, "ModelServingError", AGAIN),
        (429, "SomethingNew", AGAIN),
        (500, "SomethingNew", AGAIN),
        (400, "SomethingNew", BUG),
        (418, "SomethingNew", OURS),
    ];

    #[test]
    fn every_row_of_the_contract_has_its_fate() {
        for (status, code, expected) in ROWS {
            let error = of_code(status, &failure(code, "no"), None);
            assert_eq!(fate_of(&error), Some(expected), "{status} {code}");
        }
        for (status, code) in [(408, "RequestTimeOut"), (500, "InternalError.Timeout")] {
            let error = of_code(status, &failure(code, "no"), None);
            assert!(matches!(error, PaintError::Unknown { .. }), "{status} {code}");
        }
    }

    #[test]
    fn a_failed_task_is_never_unknown_and_never_carried_on() {
        let known = ROWS.iter().filter(|(_, code, _)| *code != "SomethingNew");
        let mut rows: Vec<_> = known.map(|(_, code, fate)| (*code, fate.retry, fate.alarm)).collect();
        rows.extend([
            ("InternalError.Timeout", true, false),
            ("RequestTimeOut", true, false),
            ("SomethingNew", false, false),
            ("", false, false),
        ]);
        for (code, retry, alarm) in rows {
            let expected = Fate {
                retry,
                fail_over: false,
                alarm,
            };
            assert_eq!(fate_of(&of_task(&failure(code, "no"))), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_refusal_of_the_words_is_told_from_a_refusal_of_the_picture() {
        let (input, output) = (
            "Input data may contain inappropriate content.",
            "Output data may contain inappropriate content.",
        );
        for (code, message, refused) in [
            ("DataInspectionFailed", input, Refusal::Prompt),
            ("DataInspectionFailed", output, Refusal::Picture),
            ("data_inspection_failed", output, Refusal::Picture),
            // As the contract writes it when it does not mean either.
            (
                "DataInspectionFailed",
                "Input/Output data may contain inappropriate content.",
                Refusal::Prompt,
            ),
            ("DataInspectionFailed", "", Refusal::Prompt),
            ("IPInfringementSuspect", input, Refusal::Prompt),
            ("FaqRuleBlocked", "", Refusal::Prompt),
            ("CustomRoleBlocked", "", Refusal::Prompt),
        ] {
            let failure = failure(code, message);
            for error in [of_code(400, &failure, None), of_task(&failure)] {
                assert!(
                    matches!(error, PaintError::Refused { by } if by == refused),
                    "{code}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn a_reason_never_repeats_a_sentence() {
        let failure = failure("Weird: the prompt was mei@example.com", "mei@example.com");
        for error in [of_code(400, &failure, None), of_task(&failure)] {
            assert!(!format!("{error} {error:?}").contains('@'), "{error}");
        }
    }
}
