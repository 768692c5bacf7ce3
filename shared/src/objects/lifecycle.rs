//! The rule by which a store itself removes old pictures: the backstop for the day on which nothing of ours reaches it.
//!
//! Only the bucket's owner sees and sets rules; no function does. Putting rules replaces all that are there, at both companies.

use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::{ObjectError, Objects, failed, unwritable};

/// The rule's name.
const ID: &str = "vitrine-thirty-days";

/// What it is about: pictures, and nothing else that may lie in the bucket.
const PREFIX: &str = "p/";

/// After how many days it removes an object: as long as a picture lives. An object is never older than its picture, so none goes too
/// early.
const DAYS: i32 = 30;

/// The rules of a bucket, as far as they concern us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Whether ours is there, as it should be.
    pub ours: bool,
    /// The others, each in a few words.
    pub others: Vec<String>,
}

/// Why the rule was not set.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The store would not.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// There are other rules, which would be lost.
    #[error("the bucket has other rules, which setting ours would remove: {}", .0.join(", "))]
    Others(Vec<String>),
}

impl Objects {
    /// The bucket's rules, as its owner sees them.
    ///
    /// # Errors
    /// See [`ObjectError`].
    pub async fn rules(&self) -> Result<Rules, ObjectError> {
        let asked = self.client.get_bucket_lifecycle_configuration().bucket(&self.bucket);
        let rules = match asked.send().await {
            Ok(answer) => answer.rules.unwrap_or_default(),
            Err(SdkError::ServiceError(error)) if is_none(error.err().code()) => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let (ours, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.id() == Some(ID));
        Ok(Rules {
            ours: ours.iter().any(is_as_it_should_be),
            others: others.iter().map(in_words).collect(),
        })
    }

    /// Sets our rule, as the bucket's owner. Twice is once.
    ///
    /// # Errors
    /// When there are rules that are none of ours; or see [`ObjectError`].
    pub async fn set_rule(&self) -> Result<(), RuleError> {
        let Rules { ours, others } = self.rules().await?;
        if !others.is_empty() {
            return Err(RuleError::Others(others));
        }
        if ours {
            return Ok(());
        }
        let rule = LifecycleRule::builder()
            .id(ID)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(PREFIX).build())
            .expiration(LifecycleExpiration::builder().days(DAYS).build());
        let rule = rule.build().map_err(unwritable)?;
        let rules = BucketLifecycleConfiguration::builder().rules(rule).build();
        let set = self.client.put_bucket_lifecycle_configuration().bucket(&self.bucket);
        let set = set.lifecycle_configuration(rules.map_err(unwritable)?).customize();
        // Both companies want the digest that Amazon's client replaced by checksums of its own (contracts of COS and OSS).
        let sealed = set.mutate_request(|request| {
            let digest = Md5::digest(request.body().bytes().unwrap_or_default());
            let headers = request.headers_mut();
            headers.insert("content-md5", STANDARD.encode(digest));
            let checksums: Vec<String> = headers
                .iter()
                .map(|(name, _)| name.to_owned())
                .filter(|name| name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm")
                .collect();
            for name in checksums {
                headers.remove(name);
            }
        });
        sealed.send().await.map(drop).map_err(|error| failed(error).into())
    }
}

/// Whether the store says that there are no rules; each company has a word of its own for it.
fn is_none(code: Option<&str>) -> bool {
    matches!(code, Some("NoSuchLifecycleConfiguration" | "NoSuchLifecycle"))
}

fn is_as_it_should_be(rule: &LifecycleRule) -> bool {
    let days = rule.expiration().and_then(LifecycleExpiration::days);
    let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix);
    rule.status() == &ExpirationStatus::Enabled && days == Some(DAYS) && prefix == Some(PREFIX)
}

fn in_words(rule: &LifecycleRule) -> String {
    let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix).unwrap_or("");
    format!(
        "{} ({}, `{prefix}`)",
        rule.id().unwrap_or("without a name"),
        rule.status()
    )
}
