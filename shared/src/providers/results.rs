//! Fetching what was painted, the same for every company that paints: a link on its hosts, without a key, for a while.

use std::time::Duration;

use url::Url;

use super::FetchError;
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::outbound::{Egress, Outbound, OutboundError};
use crate::pictures::Picture;

/// How long fetching a result may take as a whole.
const FETCHING: Duration = Duration::from_secs(60);
/// The largest result that is read. A picture of 2K has a few megabytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// The place where a company's results wait.
#[derive(Debug, Clone)]
pub(super) struct Results(Outbound);

impl Results {
    /// Reads the hosts of results from the variable `name`. They must lie within those of the `company`, or be loopback:
    /// whoever answers there is believed to hold a paid picture.
    ///
    /// # Errors
    /// When the variable is absent, no list of hosts, or wider than that.
    pub(super) fn new(vars: &Vars, platform: &Platform, name: &str, company: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::invalid(name, format!("must be hosts within {company}, or loopback"));
        let hosts: Egress = vars.text(name)?.parse().map_err(|_| invalid())?;
        let loopback = Egress::hosts(&["127.0.0.1", "[::1]", "localhost"]);
        let widest: Egress = company.parse().map_err(|_| invalid())?;
        if hosts.is_within(&widest.and(&loopback)) {
            Ok(Self(platform.outbound(hosts)?))
        } else {
            Err(invalid())
        }
    }

    /// Fetches a result. Without a key: the address is the permission.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub(super) async fn fetch(&self, url: &Url) -> Result<Picture, FetchError> {
        let answer = match self.0.get(url).within(FETCHING).read_capped(LARGEST).send().await {
            Ok(answer) => answer,
            Err(cause) => return Err(unfetched(cause)),
        };
        let status = answer.status.as_u16();
        match status {
            200 => Ok(Picture::read(answer.body)?),
            408 | 429 | 500..=599 => Err(FetchError::Retryable {
                reason: format!("status {status}"),
                cause: None,
            }),
            400..=499 => Err(FetchError::Gone { status }),
            _ => Err(FetchError::Invalid {
                reason: format!("status {status}"),
                cause: None,
            }),
        }
    }
}

fn unfetched(cause: OutboundError) -> FetchError {
    match cause {
        OutboundError::NotSent { .. } | OutboundError::Lost { .. } => FetchError::Retryable {
            reason: "no answer".to_owned(),
            cause: Some(cause),
        },
        OutboundError::HostNotDeclared { .. } | OutboundError::NotPrivate { .. } | OutboundError::Unwritable(_) => {
            FetchError::Invalid {
                reason: "the address is not one we fetch from".to_owned(),
                cause: Some(cause),
            }
        }
        OutboundError::TooLong { .. } => FetchError::Invalid {
            reason: "too large".to_owned(),
            cause: Some(cause),
        },
    }
}
