//! The store of pictures: Tencent COS, spoken to in Amazon's S3 dialect.
//!
//! Keys are random and tell nothing; there is no metadata beyond the media type. The bucket is always a virtual host, with
//! the local stack too, because COS refuses any other form and what is tested is what ships.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use crate::Platform;
use crate::aws::store_client;
use crate::config::{ConfigError, Vars, is_loopback};
use crate::domain::{ObjectKey, Store};
use crate::egress::Egress;

/// The hosts it is reached at, the bucket's name before them.
pub const HOSTS: &str = "*.myqcloud.com,*.tencentcos.cn";
/// The longest a link may live. The CDN must be set to the same, in seconds: 3600.
pub const LONGEST_LINK: SignedDuration = SignedDuration::from_hours(1);

/// How long caches may keep a picture: what is erased must be gone from them in five minutes (`PRIVACY.md`).
const CACHE: &str = "max-age=300";

/// Why the store did not do what it was asked. Everything asked of it may be asked again.
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

/// The pictures' bucket, as the role whose key pair it was given may use it.
#[derive(Debug, Clone)]
pub struct Objects {
    client: aws_sdk_s3::Client,
    bucket: String,
    cdn: Option<Cdn>,
}

#[derive(Debug, Clone)]
struct Cdn {
    origin: Url,
    key: SecretString,
}

/// A role's key pair, as its parameter holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    id: String,
    secret: String,
}

impl Objects {
    /// Reads `COS_ENDPOINT`, `COS_REGION`, `COS_BUCKET` and `COS_KEYS_PARAMETER`.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let (endpoint, region) = (endpoint(vars)?, vars.text("COS_REGION")?);
        let bucket = bucket(vars)?;
        let Keys { id, secret } = platform.secrets.json(vars, "COS_KEYS_PARAMETER")?;
        Ok(Self {
            client: store_client(&endpoint, region, (id, &secret), platform.network()),
            bucket,
            cdn: None,
        })
    }

    /// The same for a function that hands out links: reads `CDN_DOMAIN` and `CDN_KEY_PARAMETER` too, which may be blank
    /// together. Links lead to the CDN if there is one, else to the bucket.
    ///
    /// # Errors
    /// When a variable is not as it must be.
    pub fn delivering(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            cdn: cdn(vars, platform)?,
            ..Self::new(vars, platform)?
        })
    }

    /// Which store this is.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::Cos
    }

    /// Stores `bytes` under `key`, over whatever is there.
    ///
    /// # Errors
    /// See [`ObjectError`]; after [`ObjectError::Lost`] the object may be there.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<(), ObjectError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .content_type(content_type)
            .cache_control(CACHE)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(drop)
            .map_err(failed)
    }

    /// Removes the object. That it is not there is success.
    ///
    /// # Errors
    /// See [`ObjectError`].
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let deleted = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await;
        match deleted {
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
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await;
        match head {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => Ok(false),
            Err(error) => Err(failed(error)),
        }
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
            Some(cdn) => cdn.link(key, expires_at),
            None => self.presigned(key, now, life.unsigned_abs()).await?,
        };
        Ok(Link { url, expires_at })
    }

    async fn presigned(&self, key: &ObjectKey, now: Timestamp, life: Duration) -> Result<Url, ObjectError> {
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

impl Cdn {
    /// Tencent's URL authentication of type D. The CDN adds its own hour to the time in the link, so a link that shall die
    /// earlier says it was made earlier.
    fn link(&self, key: &ObjectKey, expires_at: Timestamp) -> Url {
        let made_at = (expires_at - LONGEST_LINK).as_second();
        let mut url = self.origin.clone();
        url.set_path(key.as_str());
        let signed = format!("{}{}{made_at}", self.key.expose_secret(), url.path());
        let sign = hex::encode(Md5::digest(signed));
        url.set_query(Some(&format!("sign={sign}&t={made_at}")));
        url
    }
}

fn endpoint(vars: &Vars) -> Result<Url, ConfigError> {
    const NAME: &str = "COS_ENDPOINT";
    let url = vars.url(NAME)?;
    let company: Egress = HOSTS.parse().unwrap_or_default();
    // A bucket is a name before the host, and an address has no names.
    let fits = match url.host() {
        Some(Host::Domain(name)) => is_loopback(&Host::Domain(name)) || company.allows(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    };
    if fits && url.path() == "/" {
        Ok(url)
    } else {
        let expected = format!("must be a host within {HOSTS}, without the bucket, or *.localhost");
        Err(ConfigError::invalid(NAME, expected))
    }
}

fn bucket(vars: &Vars) -> Result<String, ConfigError> {
    const NAME: &str = "COS_BUCKET";
    let bucket = vars.text(NAME)?;
    let is_label = bucket.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let is_bare = bucket.starts_with('-') || bucket.ends_with('-');
    // Anything else the S3 client would quietly address by path, which COS refuses.
    if is_label && !is_bare && (3..=63).contains(&bucket.len()) {
        Ok(bucket)
    } else {
        Err(ConfigError::invalid(
            NAME,
            "must be lower-case letters, digits and hyphens",
        ))
    }
}

fn cdn(vars: &Vars, platform: &Platform) -> Result<Option<Cdn>, ConfigError> {
    const KEY: &str = "CDN_KEY_PARAMETER";
    let (domain, _) = (vars.optional("CDN_DOMAIN"), vars.optional(KEY));
    let Some(domain) = domain else { return Ok(None) };
    let origin = Url::parse(&format!("https://{domain}/"))
        .ok()
        .filter(|url| url.host_str() == Some(domain.as_str()))
        .ok_or_else(|| ConfigError::invalid("CDN_DOMAIN", "must be a host name in lower case"))?;
    let key = platform.secrets.text(vars, KEY)?;
    let text = key.expose_secret();
    if (6..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(Some(Cdn { origin, key }))
    } else {
        Err(ConfigError::Parameter {
            name: KEY.to_owned(),
            problem: "must be 6 to 40 letters and digits".to_owned(),
        })
    }
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
