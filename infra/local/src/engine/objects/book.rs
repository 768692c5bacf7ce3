//! What the store was asked, as it saw it, and the troubles it was told to make.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::{Answer, Refusal, plain};

/// The headers worth remembering; user metadata (`x-amz-meta-*`) is remembered too. Never credentials.
const TOLD: [&str; 10] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "range",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-sdk-checksum-algorithm",
];

/// One request, as the store saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When, by our clock.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// What it amounts to, in S3's words: `PutObject`.
    pub operation: String,
    /// The bucket, if one was addressed.
    pub bucket: Option<String>,
    /// The object's key, if one was addressed.
    pub key: Option<String>,
    /// The role whose key signed it, if it was signed well.
    pub role: Option<String>,
    /// Whether it was a signed link rather than signed headers.
    pub link: bool,
    /// The headers that matter.
    pub headers: BTreeMap<String, String>,
    /// The answer's status; 0 when the answer was lost.
    pub status: u16,
}

/// A trouble to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The operation it befalls, `PutObject`; without it, any.
    #[serde(default)]
    pub operation: Option<String>,
    /// How many requests it befalls.
    pub times: u32,
    /// What it is.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// The kinds of trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing is done, and the answer is this error.
    Fail {
        /// The HTTP status.
        status: u16,
        /// The store's code, such as `SlowDown`.
        code: String,
    },
    /// The work is done, and the connection is cut before the answer.
    LoseReply,
    /// Nothing is done, and the connection is cut.
    Cut,
    /// What is put is kept with another last byte, and the answer says so in its ETag alone.
    Damage,
}

impl Fault {
    /// The next `times` requests (of `operation`, or of any kind) fail with this status and code.
    #[must_use]
    pub fn fail(operation: Option<&str>, times: u32, status: u16, code: &str) -> Self {
        let trouble = Trouble::Fail {
            status,
            code: code.to_owned(),
        };
        Self {
            operation: operation.map(str::to_owned),
            times,
            trouble,
        }
    }

    /// The next `times` requests are carried out, but nobody hears of it.
    #[must_use]
    pub fn lose_reply(operation: Option<&str>, times: u32) -> Self {
        Self {
            operation: operation.map(str::to_owned),
            times,
            trouble: Trouble::LoseReply,
        }
    }

    /// The next `times` objects are kept with other bytes than were sent.
    #[must_use]
    pub fn damage(times: u32) -> Self {
        Self {
            operation: Some("PutObject".to_owned()),
            times,
            trouble: Trouble::Damage,
        }
    }

    /// All requests fail as OSS refuses accounts that are new, at the public addresses of mainland regions, until the
    /// book is calmed.
    #[must_use]
    pub fn public_endpoint_forbidden() -> Self {
        Self::fail(None, u32::MAX, 400, "PublicEndpointForbidden")
    }

    /// The store is down until the book is calmed.
    #[must_use]
    pub fn down() -> Self {
        Self::fail(None, u32::MAX, 503, "ServiceUnavailable")
    }
}

/// The book and the pending troubles.
#[derive(Debug, Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    seen: Vec<Seen>,
    faults: Vec<Fault>,
}

impl Book {
    /// Everything seen so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        self.lock().seen.clear();
    }

    /// Adds a trouble behind those that wait already.
    pub fn trouble(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Troubles that still wait.
    #[must_use]
    pub fn troubles(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    /// Makes no more trouble.
    pub fn calm(&self) {
        self.lock().faults.clear();
    }

    pub(super) fn note(&self, seen: Seen) {
        self.lock().seen.push(seen);
    }

    /// The trouble that befalls this operation now, used up by the asking.
    pub(super) fn befalls(&self, operation: &str) -> Option<Trouble> {
        let mut pages = self.lock();
        let at = pages
            .faults
            .iter()
            .position(|fault| fault.operation.as_deref().is_none_or(|name| name == operation))?;
        let fault = pages.faults.get_mut(at)?;
        let trouble = fault.trouble.clone();
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            pages.faults.remove(at);
        }
        Some(trouble)
    }

    /// The routes under `/_store/`, for `curl` and for functions that run as processes.
    pub(super) fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Answer {
        let json = |value: Result<String, serde_json::Error>| match value {
            Ok(text) => plain(StatusCode::OK, text),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        match (method.as_str(), path) {
            ("GET", "book") => json(serde_json::to_string_pretty(&self.seen())),
            ("DELETE", "book") => {
                self.forget();
                plain(StatusCode::NO_CONTENT, "")
            }
            ("GET", "faults") => json(serde_json::to_string_pretty(&self.troubles())),
            ("POST", "faults") => match serde_json::from_slice(body) {
                Ok(fault) => {
                    self.trouble(fault);
                    plain(StatusCode::NO_CONTENT, "")
                }
                Err(error) => plain(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            },
            ("DELETE", "faults") => {
                self.calm();
                plain(StatusCode::NO_CONTENT, "")
            }
            _ => plain(StatusCode::NOT_FOUND, ""),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    /// The error that stands in for the answer, if that is the kind.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Fail { status, code } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                Some(Refusal::new(status, code, "Trouble that the store was told to make."))
            }
            Self::LoseReply | Self::Cut | Self::Damage => None,
        }
    }
}

pub(super) fn told(headers: &HeaderMap) -> BTreeMap<String, String> {
    let told = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        TOLD.contains(&name)
            || ["x-amz-meta-", "x-cos-", "x-oss-"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
    });
    told.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
