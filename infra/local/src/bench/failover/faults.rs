//! The sixteen faults.

use crate::lab::{Fault as Trouble, Lab, Loss, Party};
use crate::sim::{Fault, Provider};

/// How long Seedream paints on a good day.
const PAINTING_MS: u64 = 20_000;

/// How long DashScope takes for a task.
const TASK_S: u32 = 20;

/// A way in which Seedream fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    Refused,
    Unavailable,
    Broken,
    Busy,
    BusyAndSaysSo,
    WrongKey,
    Unpaid,
    NoModel,
    Slow,
    Hang,
    CutBefore,
    CutAfter,
    BadGateway,
    Malformed,
    ErrorInOk,
    Refusals,
}

impl Scenario {
    /// All of them.
    pub(super) const ALL: [Self; 16] = [
        Self::Refused,
        Self::Unavailable,
        Self::Broken,
        Self::Busy,
        Self::BusyAndSaysSo,
        Self::WrongKey,
        Self::Unpaid,
        Self::NoModel,
        Self::Slow,
        Self::Hang,
        Self::CutBefore,
        Self::CutAfter,
        Self::BadGateway,
        Self::Malformed,
        Self::ErrorInOk,
        Self::Refusals,
    ];

    /// As the table calls it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Refused => "connections refused",
            Self::Unavailable => "503",
            Self::Broken => "500",
            Self::Busy => "429",
            Self::BusyAndSaysSo => "429, retry after 60 s",
            Self::WrongKey => "401, the key was revoked",
            Self::Unpaid => "403, the bill is unpaid",
            Self::NoModel => "404, the model is gone",
            Self::Slow => "slow: a minute a picture",
            Self::Hang => "paints, bills, and never answers",
            Self::CutBefore => "cut before the work",
            Self::CutAfter => "cut after the work, billed",
            Self::BadGateway => "502 of a gateway, billed",
            Self::Malformed => "half an answer, billed",
            Self::ErrorInOk => "200 with an error inside",
            Self::Refusals => "refuses every picture",
        }
    }

    /// Whether the primary answers, and the answer is no.
    pub(super) fn is_refusal(self) -> bool {
        self == Self::Refusals
    }

    /// Whether the primary is of no use while it lasts.
    pub(super) fn is_dead(self) -> bool {
        !matches!(self, Self::Slow | Self::Refusals)
    }

    /// Lets it begin.
    pub(super) fn begin(self, lab: &Lab) -> Result<(), String> {
        let status = |status| Fault {
            status: Some(status),
            ..Fault::default()
        };
        let named = |error: &str| Fault {
            error: Some(error.to_owned()),
            ..Fault::default()
        };
        let late = |fault: Fault| Fault {
            delay_ms: PAINTING_MS,
            ..fault
        };
        let billed = |fault: Fault| Fault {
            after_work: true,
            ..late(fault)
        };
        let cut = Fault {
            reset: true,
            ..Fault::default()
        };
        let fault = match self {
            Self::Refused => {
                let refused = Trouble::next(u32::MAX, Party::Provider, Loss::Refused);
                lab.fault(refused.saying("/api/v3/images"));
                return Ok(());
            }
            Self::Unavailable => status(503),
            Self::Broken => status(500),
            Self::Busy => status(429),
            Self::BusyAndSaysSo => Fault {
                headers: [("retry-after".to_owned(), "60".to_owned())].into(),
                ..status(429)
            },
            Self::WrongKey => status(401),
            Self::Unpaid => named("AccountOverdueError"),
            Self::NoModel => named("InvalidEndpointOrModel.NotFound"),
            Self::Slow => Fault {
                delay_ms: 60_000,
                ..Fault::default()
            },
            Self::Hang => Fault {
                delay_ms: 300_000,
                after_work: true,
                ..Fault::default()
            },
            Self::CutBefore => cut,
            Self::CutAfter => billed(cut),
            Self::BadGateway => billed(status(502)),
            Self::Malformed => late(Fault {
                malformed: true,
                ..Fault::default()
            }),
            Self::ErrorInOk => Fault {
                error_in_ok: true,
                ..Fault::default()
            },
            Self::Refusals => late(named("OutputImageSensitiveContentDetected")),
        };
        lab.simulators.clear_faults();
        good_backup(lab)?;
        lab.simulators.fault(Provider::Seedream, u32::MAX, fault)
    }
}

/// Both models do their work, in their time.
pub(super) fn all_is_well(lab: &Lab) -> Result<(), String> {
    lab.clear_up();
    good_backup(lab)?;
    let paints = Fault {
        delay_ms: PAINTING_MS,
        ..Fault::default()
    };
    lab.simulators.fault(Provider::Seedream, u32::MAX, paints)
}

fn good_backup(lab: &Lab) -> Result<(), String> {
    let task = Fault {
        task_s: TASK_S,
        ..Fault::default()
    };
    lab.simulators.fault(Provider::Dashscope, u32::MAX, task)
}
