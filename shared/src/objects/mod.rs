//! The stores of pictures: Tencent COS and, if it is configured, Alibaba OSS, both spoken to in Amazon's S3 dialect.
//!
//! Keys are random and tell nothing; there is no metadata beyond the media type. A bucket is always a virtual host, with
//! the local stack too, because both companies refuse any other form and what is tested is what ships.

mod bucket;
mod cdn;
mod company;
mod lifecycle;
mod stores;

use std::fmt;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::{SignedDuration, Timestamp};
use url::Url;

pub use bucket::Objects;
pub use lifecycle::{RuleError, Rules};
pub use stores::Stores;

/// The longest a link may live. The CDN must be set to the same, in seconds: 3600.
pub const LONGEST_LINK: SignedDuration = SignedDuration::from_hours(1);

/// The most objects that one page of a listing holds; both companies stop there.
pub const LARGEST_PAGE: u16 = 1_000;

/// Why a store did not do what it was asked. Everything asked of it may be asked again.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The store has trouble of its own; later it may work.
    #[error("the store is unavailable ({reason})")]
    Unavailable {
        /// Its word for it, or the status.
        reason: String,
    },
    /// The store will not do it until the operator has mended something: keys, rights, the bucket, the bill.
    #[error("the store denied it ({reason})")]
    Denied {
        /// Its word for it, or the status.
        reason: String,
    },
    /// No answer came; the object may or may not be there.
    #[error("the store's answer was lost")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where a picture can be downloaded, and until when.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The address; it is its own permission.
    pub url: Url,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link(until {})", self.expires_at)
    }
}

/// A page of what a bucket holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The objects, by key.
    pub objects: Vec<Stored>,
    /// What to hand in for the page after this one; `None` when this is the last.
    pub next: Option<String>,
}

/// An object that lies in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key, which need not be one of ours.
    pub key: String,
    /// When it was last written, by the store's clock.
    pub modified: Timestamp,
    /// Its size, in bytes.
    pub bytes: u64,
}

fn failed<E>(error: SdkError<E, HttpResponse>) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = &error else {
        return ObjectError::Lost(Box::new(error));
    };
    let status = answer.raw().status().as_u16();
    let reason = match answer.err().code() {
        Some(code) => format!("{status} {code}"),
        None => format!("status {status}"),
    };
    match status {
        408 | 429 | 500..=599 => ObjectError::Unavailable { reason },
        _ => ObjectError::Denied { reason },
    }
}

fn unwritable(cause: impl std::error::Error) -> ObjectError {
    ObjectError::Denied {
        reason: cause.to_string(),
    }
}
