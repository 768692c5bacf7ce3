//! Metrics: the numbers that alarms and the dashboard are made of, each with one name.
//!
//! A metric is a line of the log in CloudWatch's embedded metric format, with the fields of the spans around it: what an alarm counts
//! can be looked up by request. [`crate::telemetry`] writes it.

use std::time::Duration;

/// The target of events that are metrics.
pub(crate) const TARGET: &str = "vitrine::metrics";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// PayPal's record of an order says something that wants a person: another amount, another order's name, money taken twice.
    PaymentAlarms,
    /// Money has moved for an account that is gone, and is to be sent back.
    PaymentsWithoutAccount,
    /// How many requests about somebody's data have to be answered within a week.
    PrivacyRequestsDue,
    /// How many reports of pictures nobody has closed.
    ReportsWaiting,
    /// A picture was painted.
    PicturesReady,
    /// A picture was refused by a company's moderation.
    PicturesRefused,
    /// A picture could not be painted.
    PicturesFailed,
    /// A picture for which the backup was asked, whatever came of it.
    PicturesByBackup,
    /// A picture of which nobody knows whether it was painted and is billed.
    OutcomesUnknown,
    /// What those may have cost, in fen.
    PerhapsLostFen,
    /// How long a request took to be answered, in milliseconds.
    Latency,
    /// A request was refused, for a reason that lies with whoever asked (4xx).
    Refusals,
    /// A model fared so badly that it is not asked for a while.
    BreakerOpened,
    /// How many pictures have not ended, each of which holds a credit.
    HoldsOpen,
    /// How old the oldest mail is that is still to be sent, in seconds.
    OutboxAge,
    /// How many deletions should have been carried out an hour ago.
    DeletionsDue,
}

impl Metric {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::PaymentAlarms,
        Self::PaymentsWithoutAccount,
        Self::PrivacyRequestsDue,
        Self::ReportsWaiting,
        Self::PicturesReady,
        Self::PicturesRefused,
        Self::PicturesFailed,
        Self::PicturesByBackup,
        Self::OutcomesUnknown,
        Self::PerhapsLostFen,
        Self::Latency,
        Self::Refusals,
        Self::BreakerOpened,
        Self::HoldsOpen,
        Self::OutboxAge,
        Self::DeletionsDue,
    ];

    /// The name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentAlarms => "PaymentAlarms",
            Self::PaymentsWithoutAccount => "PaymentsWithoutAccount",
            Self::PrivacyRequestsDue => "PrivacyRequestsDue",
            Self::ReportsWaiting => "ReportsWaiting",
            Self::PicturesReady => "PicturesReady",
            Self::PicturesRefused => "PicturesRefused",
            Self::PicturesFailed => "PicturesFailed",
            Self::PicturesByBackup => "PicturesByBackup",
            Self::OutcomesUnknown => "OutcomesUnknown",
            Self::PerhapsLostFen => "PerhapsLostFen",
            Self::Latency => "Latency",
            Self::Refusals => "Refusals",
            Self::BreakerOpened => "BreakerOpened",
            Self::HoldsOpen => "HoldsOpen",
            Self::OutboxAge => "OutboxAge",
            Self::DeletionsDue => "DeletionsDue",
        }
    }

    /// The unit in CloudWatch.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::PerhapsLostFen => "None",
            Self::Latency => "Milliseconds",
            Self::OutboxAge => "Seconds",
            Self::PaymentAlarms
            | Self::PaymentsWithoutAccount
            | Self::PrivacyRequestsDue
            | Self::ReportsWaiting
            | Self::PicturesReady
            | Self::PicturesRefused
            | Self::PicturesFailed
            | Self::PicturesByBackup
            | Self::OutcomesUnknown
            | Self::Refusals
            | Self::BreakerOpened
            | Self::HoldsOpen
            | Self::DeletionsDue => "Count",
        }
    }

    /// Whether a person has to hear of it. The others are looked at.
    #[must_use]
    pub const fn is_alarming(self) -> bool {
        !matches!(
            self,
            Self::PicturesReady
                | Self::PicturesRefused
                | Self::Latency
                | Self::Refusals
                | Self::BreakerOpened
                | Self::HoldsOpen
        )
    }
}

/// Says that it happened so many times, or stands at that number.
pub fn count(metric: Metric, times: u64) {
    tracing::info!(target: TARGET, metric = metric.name(), unit = metric.unit(), value = times, "Measured");
}

/// Says how long something took, in the very line that says `what` it was.
pub(crate) fn took(metric: Metric, time: Duration, what: &'static str) {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: TARGET, metric = metric.name(), unit = metric.unit(), value = ms, ms, "{what}");
}
