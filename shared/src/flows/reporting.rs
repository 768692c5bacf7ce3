//! Taking reports of pictures from anybody.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::auth::{HashKey, source};
use crate::domain::Report;
use crate::store::limits::{LimitError, Policy, Remaining};
use crate::store::{Guard, Limits, Reports, StoreError, Transaction};

/// How many reports may come from one source.
const REPORTS_OF_SOURCE: Policy = Policy {
    name: "reports-source",
    quota: 10,
    window: SignedDuration::from_mins(30),
};

/// How many reports are taken a day, wherever they come from: more than people can look at are of no use.
const REPORTS: Policy = Policy {
    name: "reports",
    quota: 500,
    window: SignedDuration::from_hours(24),
};

/// What stands for everybody together.
const EVERYBODY: &str = "everybody";

/// Takes reports.
#[derive(Clone, Debug)]
pub struct Reporting {
    /// Hashes sources, so that none is kept.
    pub hash_key: HashKey,
    /// How many come.
    pub limits: Limits,
    /// Where they wait for a person.
    pub reports: Reports,
}

impl Reporting {
    /// Keeps a report for a person to look at, and says how many more may come.
    ///
    /// # Errors
    /// When too many have come, from this source or at all; or when the store fails.
    pub async fn take(
        &self,
        report: &Report,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<[Remaining; 2], LimitError> {
        let source = source::subject(&self.hash_key, from, now);
        let of_source = self.limits.take(REPORTS_OF_SOURCE, &source, now).await?;
        let of_all = self.limits.take(REPORTS, EVERYBODY, now).await?;
        let write = self.reports.new_write(report)?;
        match Transaction::of([write]).commit(self.reports.db()).await {
            Ok(()) => Ok([of_source, of_all]),
            // The database took it, and its answer was lost.
            Err(error) if error.refused(Guard::New).is_some() => Ok([of_source, of_all]),
            Err(error) => Err(StoreError::from(error).into()),
        }
    }
}
