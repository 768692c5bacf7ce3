//! What an unhappy answer of Ark's means for the money, row by row of its contract (`docs/providers.md`).
//!
//! The company says that failures are not billed. So an answer in which Ark itself reports a failure is not charged, and
//! everything that cannot be such an answer (silence, a gateway's 502 or 504, a body that is not Ark's) is unknown.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::super::money::unknown;
use super::super::{PaintError, code as tame};
use super::Failure;
use crate::domain::image::Refusal;
use crate::outbound::Answer;

/// Codes, with whatever follows a dot, of moderation that refuses what was asked for.
const PROMPT_REFUSED: [&str; 5] = [
    "InputTextSensitiveContentDetected",
    "SensitiveContentDetected",
    "InputTextRiskDetection",
    "InputImageSensitiveContentDetected",
    "InputImageRiskDetection",
];
/// The same for what was drawn.
const PICTURE_REFUSED: [&str; 2] = ["OutputImageSensitiveContentDetected", "OutputImageRiskDetection"];

/// The wrapper errors come in.
#[derive(Deserialize)]
struct Body {
    error: Option<Failure>,
}

/// An answer with a status other than 200.
pub(super) fn of(answer: &Answer) -> PaintError {
    let status = answer.status;
    let said = answer.json::<Body>().and_then(|body| body.error);
    match (status.as_u16(), said) {
        // A gateway that lost patience says nothing about what stands behind it, whatever its body looks like.
        (408 | 502 | 504, _) => unknown(&format!("status {status}")),
        (_, Some(error)) => of_code(status, error.code(), answer.retry_after()),
        // Without Ark's own body a 5xx may be anybody's.
        (500..=599, None) => unknown(&format!("status {status} without a reason")),
        (_, None) => of_code(status, "", answer.retry_after()),
    }
}

/// Whether Ark found fault with what was asked for, which it does only for a key and a model it knows.
pub(super) fn is_of_parameters(answer: &Answer) -> bool {
    let said = answer.json::<Body>().and_then(|body| body.error);
    said.is_some_and(|error| error.code().split('.').next() == Some("InvalidParameter"))
}

/// An error that Ark itself reports, with any status, even 200.
pub(super) fn of_code(status: StatusCode, code: &str, after: Option<Duration>) -> PaintError {
    let family = code.split('.').next().unwrap_or_default();
    if PROMPT_REFUSED.contains(&family) {
        return PaintError::Refused { by: Refusal::Prompt };
    }
    if PICTURE_REFUSED.contains(&family) {
        return PaintError::Refused { by: Refusal::Picture };
    }
    let (retry, fail_over, alarm) = fate(status, family);
    let reason = match tame(code) {
        code if code.is_empty() => format!("status {status}"),
        code => code,
    };
    PaintError::NotCharged {
        retry,
        fail_over,
        after,
        alarm,
        reason,
        cause: None,
    }
}

/// Whether to ask again, whether to ask another model, whether to call the operator.
fn fate(status: StatusCode, family: &str) -> (bool, bool, bool) {
    match family {
        // Our own fault: another model would be asked the same nonsense.
        "MissingParameter" | "InvalidParameter" => (false, false, true),
        "ContentSecurityDetectionError" | "InternalServiceError" | "ServerOverloaded" => (true, true, false),
        "InvalidEndpoint" => (false, true, false),
        "AuthenticationError"
        | "AccountOverdueError"
        | "OperationDenied"
        | "AccessDenied"
        | "ModelNotOpen"
        | "InvalidEndpointOrModel"
        | "UnsupportedModel"
        | "QuotaExceeded"
        | "SetLimitExceeded" => (false, true, true),
        _ => match status.as_u16() {
            429 | 500..=599 => (true, true, false),
            400 => (false, false, true),
            _ => (false, true, true),
        },
    }
}

/// An answer of 200 with neither a picture nor an error: what was `billed` decides.
pub(super) fn of_no_picture(billed: Option<u64>) -> PaintError {
    match billed {
        Some(0) => PaintError::NotCharged {
            retry: true,
            fail_over: true,
            after: None,
            alarm: false,
            reason: "no picture".to_owned(),
            cause: None,
        },
        Some(_) | None => unknown("no picture, and it may be billed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of the contract: status, code, and what it means.
    fn row(status: u16, code: &str) -> (bool, bool, bool) {
        match of_code(StatusCode::from_u16(status).unwrap(), code, None) {
            PaintError::NotCharged {
                retry,
                fail_over,
                alarm,
                ..
            } => (retry, fail_over, alarm),
            PaintError::Refused { .. } | PaintError::Unknown { .. } => panic!("{code} is taken for something else"),
        }
    }

    #[test]
    fn a_refusal_of_the_words_is_told_from_a_refusal_of_the_picture() {
        for (code, refused) in [
            ("InputTextSensitiveContentDetected", Refusal::Prompt),
            ("SensitiveContentDetected.SevereViolation", Refusal::Prompt),
            ("SensitiveContentDetected.Violence", Refusal::Prompt),
            ("InputTextRiskDetection", Refusal::Prompt),
            ("InputImageSensitiveContentDetected.PrivacyInformation", Refusal::Prompt),
            ("OutputImageSensitiveContentDetected", Refusal::Picture),
            ("OutputImageRiskDetection", Refusal::Picture),
        ] {
            // Whether it comes with its own status or inside a 200.
            for status in [StatusCode::BAD_REQUEST, StatusCode::OK] {
                let error = of_code(status, code, None);
                assert!(
                    matches!(error, PaintError::Refused { by } if by == refused),
                    "{code}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn every_row_of_the_contract_has_its_fate() {
        let (bug, later, ours, again) = (
            (false, false, true),
            (false, true, false),
            (false, true, true),
            (true, true, false),
        );
        for (status, code, expected) in [
            (400, "MissingParameter", bug),
            (400, "InvalidParameter", bug),
            (400, "InvalidParameter.Size", bug),
            (400, "ContentSecurityDetectionError", again),
            (400, "InvalidEndpoint.ClosedEndpoint", later),
            (401, "AuthenticationError", ours),
            (403, "AccountOverdueError", ours),
            (403, "OperationDenied.ServiceOverdue", ours),
            (403, "AccessDenied", ours),
            (403, "OperationDenied.ServiceNotOpen", ours),
            (404, "ModelNotOpen", ours),
            (404, "InvalidEndpointOrModel.NotFound", ours),
            (404, "UnsupportedModel", ours),
            (404, "InvalidEndpointOrModel.ModelIDAccessDisabled", ours),
            (429, "ModelAccountIpmRateLimitExceeded", again),
            (429, "ModelAccountRpmRateLimitExceeded", again),
            (429, "AccountRateLimitExceeded", again),
            (429, "RateLimitExceeded.EndpointRPMExceeded", again),
            (429, "RequestBurstTooFast", again),
            (429, "InflightBatchsizeExceeded", again),
            (429, "ServerOverloaded", again),
            (429, "QuotaExceeded", ours),
            (429, "SetLimitExceeded", ours),
            (500, "InternalServiceError", again),
            (200, "InternalServiceError", again),
            (400, "SomethingNew", bug),
            (418, "", ours),
        ] {
            assert_eq!(row(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_reason_never_repeats_a_sentence() {
        let error = of_code(StatusCode::BAD_REQUEST, "Weird: the prompt was mei@example.com", None);
        assert!(!error.to_string().contains('@'), "{error}");
    }
}
