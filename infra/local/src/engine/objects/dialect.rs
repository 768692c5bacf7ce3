//! How the two companies differ where a client can see it.

use shared::domain::Store;

use super::tongue::Own;

/// What one store calls its things.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Which store it is.
    pub(super) store: Store,
    /// The domain that buckets are sub-domains of.
    pub(super) domain: &'static str,
    /// What stands between bucket and region in the real hosts, and after the region.
    pub(super) abroad: (&'static str, &'static str),
    /// The folder that holds its buckets.
    pub(super) folder: &'static str,
    /// Path style's own error.
    pub(super) path_style: (&'static str, &'static str),
    /// The error for chunked signatures and trailers, of the form that was used.
    pub(super) chunked: fn(&str) -> (&'static str, String),
    /// The error for a Content-MD5 that is not there.
    pub(super) no_md5: (&'static str, &'static str),
    /// The code for a Content-MD5 that does not fit.
    pub(super) wrong_md5: &'static str,
    /// The code for lifecycle rules that are not there.
    pub(super) no_lifecycle: &'static str,
    /// The longest key, in bytes.
    pub(super) longest_key: usize,
    /// The headers with the request's id.
    pub(super) request_ids: &'static [&'static str],
    /// The headers that say that the default domain forces a download.
    pub(super) forced_download: &'static [&'static str],
    /// What its errors hold beside code, message and request id.
    pub(super) errors: Errors,
    /// How its own interface is told from S3's.
    pub(super) own: Own,
}

/// The forms of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    /// COS: `Resource` and `TraceId`.
    Traced,
    /// OSS: `HostId` and `EC`, the latter in a header too; and ETags in capitals.
    Coded,
}

/// Tencent Cloud COS.
pub(super) const COS: Dialect = Dialect {
    store: Store::Cos,
    domain: "cos.localhost",
    abroad: (".cos.", ".myqcloud.com"),
    folder: "objects",
    path_style: (
        "PathStyleDomainForbidden",
        "The bucket you are attempting to access must be addressed using COS virtual-styled domain.",
    ),
    chunked: |form| {
        let message = "A header you provided implies functionality that is not implemented";
        ("NotImplemented", format!("{message}: {form} is not supported"))
    },
    no_md5: (
        "InvalidRequest",
        "Missing required header for this request: Content-MD5",
    ),
    wrong_md5: "BadDigest",
    no_lifecycle: "NoSuchLifecycleConfiguration",
    longest_key: 850,
    request_ids: &["x-cos-request-id", "x-amz-request-id"],
    forced_download: &["x-cos-force-download", "x-amz-force-download"],
    errors: Errors::Traced,
    own: Own {
        headers: "x-cos-",
        authorization: "q-sign-algorithm=",
        parameters: "q-",
        signature: "q-signature",
    },
};

/// Alibaba Cloud OSS.
pub(super) const OSS: Dialect = Dialect {
    store: Store::Oss,
    domain: "oss.localhost",
    abroad: (".s3.oss-", ".aliyuncs.com"),
    folder: "objects-oss",
    path_style: (
        "SecondLevelDomainForbidden",
        "Please use virtual hosted style to access.",
    ),
    chunked: |_| {
        let message = "aws-chunked encoding is not supported with the specified x-amz-content-sha256 value";
        ("InvalidArgument", message.to_owned())
    },
    no_md5: ("MissingArgument", "Missing Some Required Arguments: Content-MD5"),
    wrong_md5: "InvalidDigest",
    no_lifecycle: "NoSuchLifecycle",
    longest_key: 1_023,
    request_ids: &["x-oss-request-id"],
    forced_download: &["x-oss-force-download"],
    errors: Errors::Coded,
    own: Own {
        headers: "x-oss-",
        authorization: "OSS4-HMAC-SHA256 ",
        parameters: "x-oss-",
        signature: "x-oss-signature",
    },
};

/// The `EC` of an error. Nobody acts on the others, so they have one that says nothing.
pub(super) fn ec(code: &str) -> &'static str {
    match code {
        "InvalidArgument" => "0017-00000804",
        "PublicEndpointForbidden" => "0048-00000401",
        _ => "0000-00000000",
    }
}

impl Dialect {
    /// The dialect of a store.
    pub(super) fn of(store: Store) -> &'static Self {
        match store {
            Store::Cos => &COS,
            Store::Oss => &OSS,
        }
    }

    /// Whether a host is this store's, with a bucket before it or not.
    pub(super) fn answers(&self, host: &str) -> bool {
        let here = host
            .strip_suffix(self.domain)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'));
        here || self.bucket_abroad(host).is_some()
    }

    /// The bucket that a host names: it is a sub-domain or nothing.
    pub(super) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let here = host.strip_suffix(self.domain).and_then(|host| host.strip_suffix('.'));
        here.or_else(|| self.bucket_abroad(host))
            .filter(|bucket| !bucket.is_empty())
    }

    /// The same for the real hosts.
    fn bucket_abroad<'a>(&self, host: &'a str) -> Option<&'a str> {
        let (between, after) = self.abroad;
        let (bucket, _region) = host.strip_suffix(after)?.split_once(between)?;
        Some(bucket)
    }
}
