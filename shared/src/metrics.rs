//! Metrics: the numbers that alarms and the dashboard are made of, each with one name.
//!
//! A metric is a line of the log in CloudWatch's embedded metric format, with the fields of the spans around it: what an alarm counts
//! can be looked up by request. [`crate::telemetry`] writes it.

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
        }
    }

    /// The unit in CloudWatch.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::PerhapsLostFen => "None",
            Self::PaymentAlarms
            | Self::PaymentsWithoutAccount
            | Self::PrivacyRequestsDue
            | Self::ReportsWaiting
            | Self::PicturesReady
            | Self::PicturesRefused
            | Self::PicturesFailed
            | Self::PicturesByBackup
            | Self::OutcomesUnknown => "Count",
        }
    }

    /// Whether a person has to hear of it. The others are looked at.
    #[must_use]
    pub const fn is_alarming(self) -> bool {
        !matches!(self, Self::PicturesReady | Self::PicturesRefused)
    }
}

/// Says that it happened so many times.
pub fn count(metric: Metric, times: u64) {
    tracing::info!(target: TARGET, metric = metric.name(), unit = metric.unit(), value = times, "Measured");
}
