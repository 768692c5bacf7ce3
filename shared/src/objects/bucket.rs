//! One bucket, and what may be asked of it.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};
use url::Url;

use super::cdn::Cdn;
use super::company::{Company, Pair};
use super::{LARGEST_PAGE, LONGEST_LINK, Link, Listing, ObjectError, Stored, failed, unwritable};
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::{ObjectKey, Store};
use crate::secrets::{Key, is_wrong_key};

/// How long caches may keep a picture: what is erased must be gone from them in five minutes (`PRIVACY.md`).
const CACHE: &str = "max-age=300";

/// The pictures' bucket at one company, as the role whose key pair it was given may use it.
#[derive(Debug, Clone)]
pub struct Objects {
    company: &'static Company,
    pub(super) client: aws_sdk_s3::Client,
    pair: Key<Pair>,
    pub(super) bucket: String,
    cdn: Option<Cdn>,
}

impl Objects {
    pub(super) fn at(company: &'static Company, vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let (client, pair, bucket) = company.client(vars, platform)?;
        Ok(Self {
            company,
            client,
            pair,
            bucket,
            cdn: None,
        })
    }

    /// The same bucket, whose links lead to `cdn` if there is one.
    pub(super) fn behind(self, cdn: Option<Cdn>) -> Self {
        Self { cdn, ..self }
    }

    /// Which store this is.
    #[must_use]
    pub fn store(&self) -> Store {
        self.company.store
    }

    /// Stores `bytes` under `key`, over whatever is there.
    ///
    /// # Errors
    /// See [`ObjectError`]; after [`ObjectError::Lost`] the object may be there. A store that kept other bytes than it was
    /// sent is [`ObjectError::Unavailable`], and what it kept lies there until it is written over or deleted.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<(), ObjectError> {
        let sent = self.company.proves_by_etag.then(|| hex::encode(Md5::digest(&bytes)));
        let put = || {
            let put = self.client.put_object().bucket(&self.bucket).key(key.as_str());
            let put = put.content_type(content_type).cache_control(CACHE);
            put.body(ByteStream::from(bytes.clone())).send()
        };
        let put = self.asked(put).await.map_err(failed)?;
        let kept = put.e_tag().unwrap_or_default().trim_matches('"');
        match sent {
            Some(sent) if !sent.eq_ignore_ascii_case(kept) => Err(ObjectError::Unavailable {
                reason: "it kept other bytes than it was sent".to_owned(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Removes the object. That it is not there is success.
    ///
    /// # Errors
    /// See [`ObjectError`].
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
        match self.asked(|| delete.clone().send()).await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether the object is there.
    ///
    /// # Errors
    /// See [`ObjectError`].
    pub async fn exists(&self, key: &ObjectKey) -> Result<bool, ObjectError> {
        let head = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        match self.asked(|| head.clone().send()).await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// A page of at most `limit` objects, [`LARGEST_PAGE`] at most: the first one, or the one after the page whose `next`
    /// is `after`. What it says is the store's own and means nothing to us.
    ///
    /// # Errors
    /// See [`ObjectError`]; a store that no longer knows `after` denies it, and the listing begins anew.
    pub async fn list(&self, after: Option<&str>, limit: u16) -> Result<Listing, ObjectError> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .max_keys(limit.clamp(1, LARGEST_PAGE).into())
            .set_continuation_token(after.map(str::to_owned));
        let listed = self.asked(|| listed.clone().send()).await.map_err(failed)?;
        let objects = listed.contents().iter().map(stored).collect::<Option<_>>();
        let objects = objects.ok_or_else(|| ObjectError::Unavailable {
            reason: "its listing lacks a key, a size or a time".to_owned(),
        })?;
        // Without a word for the next page a truncated one would be taken for the last.
        let next = listed.next_continuation_token().map(str::to_owned);
        if listed.is_truncated() == Some(true) && next.is_none() {
            return Err(ObjectError::Unavailable {
                reason: "its listing ends in the middle".to_owned(),
            });
        }
        Ok(Listing { objects, next })
    }

    /// A link under which anyone can download the object from `now` on for `life`, an hour at most. Nobody is asked.
    ///
    /// # Errors
    /// When the link cannot be written, which no key of ours makes happen.
    pub async fn download_link(
        &self,
        key: &ObjectKey,
        now: Timestamp,
        life: SignedDuration,
    ) -> Result<Link, ObjectError> {
        let life = life.clamp(SignedDuration::from_secs(1), LONGEST_LINK);
        let expires_at = now + life;
        let url = match &self.cdn {
            Some(cdn) => cdn.link(key, expires_at).await,
            None => self.presigned(key, now, life.unsigned_abs()).await?,
        };
        Ok(Link { url, expires_at })
    }

    /// Asks with the present key pair; and once more with another one, where the company does not take this one and there is one by now.
    async fn asked<T, E, F>(&self, ask: impl Fn() -> F) -> Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let pair = self.pair.present();
        // Boxed, because a request of the SDK is kilobytes of future.
        let answer = Box::pin(ask()).await;
        let is_refused = answer.as_ref().err().is_some_and(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            status.is_some_and(is_wrong_key)
        });
        if is_refused && self.pair.renewed(&pair).await.is_some() {
            Box::pin(ask()).await
        } else {
            answer
        }
    }

    async fn presigned(&self, key: &ObjectKey, now: Timestamp, life: Duration) -> Result<Url, ObjectError> {
        // Whoever follows a link that was signed with a wrong key does not tell us.
        self.pair.young().await;
        // The only place where our clock reaches Amazon's code: requests are signed by the system's time.
        let config = PresigningConfig::builder()
            .start_time(SystemTime::from(now))
            .expires_in(life)
            .build()
            .map_err(unwritable)?;
        let request = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let signed = request.presigned(config).await.map_err(unwritable)?;
        Url::parse(signed.uri()).map_err(unwritable)
    }
}

fn stored(object: &aws_sdk_s3::types::Object) -> Option<Stored> {
    let modified = object.last_modified()?;
    let nanoseconds = i32::try_from(modified.subsec_nanos()).ok()?;
    Some(Stored {
        key: object.key()?.to_owned(),
        modified: Timestamp::new(modified.secs(), nanoseconds).ok()?,
        bytes: object.size()?.try_into().ok()?,
    })
}
