//! How the two companies differ, and what their variables must look like.

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::future::ProvideCredentials as ProvidedCredentials;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::Platform;
use crate::aws::store_client;
use crate::config::{ConfigError, Vars, is_loopback};
use crate::domain::Store;
use crate::egress::Egress;
use crate::secrets::Key;

/// A company that stores pictures.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) store: Store,
    /// Whether the ETag of what was put has to be compared with what was sent, because nothing else does.
    pub(super) proves_by_etag: bool,
    endpoint: &'static str,
    region: &'static str,
    bucket: &'static str,
    keys: &'static str,
    hosts: Hosts,
}

/// The hosts at which a company is reached, the bucket's name before them.
#[derive(Debug)]
enum Hosts {
    /// Any of these.
    Within(&'static str),
    /// One for each region, between these two.
    OfRegion(&'static str, &'static str),
}

/// Tencent Cloud COS. It checks the hash that the signature covers.
pub(super) const COS: Company = Company {
    store: Store::Cos,
    proves_by_etag: false,
    endpoint: "COS_ENDPOINT",
    region: "COS_REGION",
    bucket: "COS_BUCKET",
    keys: "COS_KEYS_PARAMETER",
    hosts: Hosts::Within("*.myqcloud.com,*.tencentcos.cn"),
};

/// Alibaba Cloud OSS. It ignores checksum headers, and its region is the one of the endpoint: another one's bucket it does
/// not know.
pub(super) const OSS: Company = Company {
    store: Store::Oss,
    proves_by_etag: true,
    endpoint: "OSS_ENDPOINT",
    region: "OSS_REGION",
    bucket: "OSS_BUCKET",
    keys: "OSS_KEYS_PARAMETER",
    hosts: Hosts::OfRegion("s3.oss-", ".aliyuncs.com"),
};

/// A role's key pair, as its parameter holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    id: String,
    #[serde(deserialize_with = "secret")]
    secret: SecretString,
}

fn secret<'de, D: Deserializer<'de>>(text: D) -> Result<SecretString, D::Error> {
    String::deserialize(text).map(SecretString::from)
}

/// The key pair of the moment, for whoever signs.
#[derive(Debug)]
struct Signing(Key<Pair>);

impl ProvideCredentials for Signing {
    fn provide_credentials<'a>(&'a self) -> ProvidedCredentials<'a>
    where
        Self: 'a,
    {
        let pair = self.0.present();
        let secret = pair.secret.expose_secret();
        ProvidedCredentials::ready(Ok(Credentials::new(
            &pair.id,
            secret,
            None,
            None,
            "the parameter store",
        )))
    }
}

impl Company {
    /// Whether any of its variables is set. All of them are read, so that a blank store is seen to be looked for.
    pub(super) fn is_configured(&self, vars: &Vars) -> bool {
        let names = [self.endpoint, self.region, self.bucket, self.keys];
        let set = names.iter().filter(|name| vars.optional(name).is_some()).count();
        set > 0
    }

    /// A client of it, the key pair that it signs with, and the bucket.
    pub(super) fn client(
        &self,
        vars: &Vars,
        platform: &Platform,
    ) -> Result<(aws_sdk_s3::Client, Key<Pair>, String), ConfigError> {
        let region = vars.text(self.region)?;
        let endpoint = self.endpoint(vars, &region)?;
        let bucket = self.bucket(vars)?;
        let pair = platform.secrets.json_key(vars, self.keys)?;
        let client = store_client(&endpoint, region, Signing(pair.clone()), platform.network());
        Ok((client, pair, bucket))
    }

    fn endpoint(&self, vars: &Vars, region: &str) -> Result<Url, ConfigError> {
        let url = vars.url(self.endpoint)?;
        // A bucket is a name before the host, and an address has no names.
        let fits = match url.host() {
            Some(Host::Domain(name)) => is_loopback(&Host::Domain(name)) || self.hosts.allow(name, region),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
        };
        if fits && url.path() == "/" {
            Ok(url)
        } else {
            let expected = format!(
                "must be {}, without the bucket, or *.localhost",
                self.hosts.expected(self.region)
            );
            Err(ConfigError::invalid(self.endpoint, expected))
        }
    }

    fn bucket(&self, vars: &Vars) -> Result<String, ConfigError> {
        let bucket = vars.text(self.bucket)?;
        let is_label = bucket.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let is_bare = bucket.starts_with('-') || bucket.ends_with('-');
        // Anything else the S3 client would quietly address by path, which both companies refuse.
        if is_label && !is_bare && (3..=63).contains(&bucket.len()) {
            Ok(bucket)
        } else {
            Err(ConfigError::invalid(
                self.bucket,
                "must be lower-case letters, digits and hyphens",
            ))
        }
    }
}

impl Hosts {
    fn allow(&self, host: &str, region: &str) -> bool {
        match self {
            Self::Within(list) => list.parse::<Egress>().is_ok_and(|company| company.allows(host)),
            Self::OfRegion(before, after) => host
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|between| between == region),
        }
    }

    /// What an address has to be, as a part of a sentence.
    fn expected(&self, region: &str) -> String {
        match self {
            Self::Within(list) => format!("a host within {list}"),
            Self::OfRegion(before, after) => format!("the host {before}<{region}>{after}"),
        }
    }
}
