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
}

impl Metric {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::PaymentAlarms,
        Self::PaymentsWithoutAccount,
        Self::PrivacyRequestsDue,
        Self::ReportsWaiting,
    ];

    /// The name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentAlarms => "PaymentAlarms",
            Self::PaymentsWithoutAccount => "PaymentsWithoutAccount",
            Self::PrivacyRequestsDue => "PrivacyRequestsDue",
            Self::ReportsWaiting => "ReportsWaiting",
        }
    }

    /// The unit in CloudWatch.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::PaymentAlarms | Self::PaymentsWithoutAccount | Self::PrivacyRequestsDue | Self::ReportsWaiting => {
                "Count"
            }
        }
    }
}

/// Says that it happened so many times.
pub fn count(metric: Metric, times: u64) {
    tracing::info!(target: TARGET, metric = metric.name(), unit = metric.unit(), value = times, "Measured");
}
