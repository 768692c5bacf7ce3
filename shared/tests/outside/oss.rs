//! The second store on the wire, and the two of them as one.

use jiff::{SignedDuration, Timestamp};
use shared::config::ConfigError;
use shared::domain::{ObjectKey, Store};
use shared::objects::{ObjectError, Objects, Stores};

use crate::server::{Reply, Server};
use crate::{platform_with, vars};

const BASE: [(&str, &str); 7] = [
    ("COS_ENDPOINT", "https://cos.na-siliconvalley.myqcloud.com"),
    ("COS_REGION", "na-siliconvalley"),
    ("COS_BUCKET", "pictures-1250000000"),
    ("COS_KEYS_PARAMETER", "/cos"),
    ("OSS_REGION", "us-west-1"),
    ("OSS_BUCKET", "pictures"),
    ("OSS_KEYS_PARAMETER", "/oss"),
];
const ENDPOINT: (&str, &str) = ("OSS_ENDPOINT", "https://s3.oss-us-west-1.aliyuncs.com");
const SECRETS: [(&str, &str); 3] = [
    ("/cos", r#"{"id":"AKID","secret":"hush"}"#),
    ("/oss", r#"{"id":"LTAI","secret":"silence"}"#),
    ("/cdn", "cdnkey123"),
];

fn stores(changed: &[(&str, &str)]) -> Result<Stores, ConfigError> {
    Stores::delivering(&vars(&BASE, changed), &platform_with(&SECRETS))
}

fn at(port: u16) -> Objects {
    let stores = stores(&[("OSS_ENDPOINT", &format!("http://oss.localhost:{port}"))]).unwrap();
    stores.of(Store::Oss).unwrap().clone()
}

fn key() -> ObjectKey {
    "p/0123456789abcdef0123456789abcdef.jpg".parse().unwrap()
}

fn noon() -> Timestamp {
    "2027-01-05T12:00:00Z".parse().unwrap()
}

fn kept(etag: &str) -> Reply {
    Reply::new(200, &[("etag", etag)], b"")
}

#[tokio::test]
async fn a_picture_is_put_as_oss_takes_it() {
    // md5 of "bytes", as OSS writes it.
    let server = Server::playing([kept("\"4B3A6218BB3E3A7303E8A171A60FCF92\"")]);
    let oss = at(server.port());
    assert_eq!(oss.store(), Store::Oss);
    oss.put(&key(), "bytes".into(), "image/jpeg").await.unwrap();
    let request = &server.requests()[0];
    assert!(
        request.line.starts_with("PUT /p/0123456789abcdef0123456789abcdef.jpg?"),
        "{}",
        request.line
    );
    let host = format!("pictures.oss.localhost:{}", server.port());
    assert_eq!(request.header("host"), Some(host.as_str()));
    assert_eq!(request.header("content-type"), Some("image/jpeg"));
    assert_eq!(request.header("cache-control"), Some("max-age=300"));
    assert_eq!(request.body, b"bytes");
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(request.header("content-encoding"), None);
    let refused =
        |name: &str| name.starts_with("x-amz-checksum") || name.starts_with("x-amz-meta") || name.contains("trailer");
    assert!(
        !request.headers.iter().any(|(name, _)| refused(name)),
        "{:?}",
        request.headers
    );
    let authorization = request.header("authorization").unwrap();
    assert!(
        authorization.contains("LTAI/") && authorization.contains("/us-west-1/s3/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn a_store_that_kept_other_bytes_than_it_was_sent_has_not_stored_the_picture() {
    for reply in [
        kept("\"4b3a6218bb3e3a7303e8a171a60fcf93\""),
        kept("\"\""),
        Reply::new(200, &[], b""),
    ] {
        let server = Server::playing([reply]);
        let put = at(server.port()).put(&key(), "bytes".into(), "image/jpeg").await;
        assert!(matches!(put, Err(ObjectError::Unavailable { .. })), "{put:?}");
    }
}

#[tokio::test]
async fn every_row_of_the_contract_has_its_fate() {
    for (status, code, is_denied) in [
        (403, "AccessDenied", true),
        (403, "SignatureDoesNotMatch", true),
        (403, "InvalidAccessKeyId", true),
        (403, "SecondLevelDomainForbidden", true),
        (403, "UserDisable", true),
        (404, "NoSuchBucket", true),
        (400, "PublicEndpointForbidden", true),
        (400, "InvalidArgument", true),
        (503, "UploadTrafficRateLimitExceeded", false),
        (500, "InternalError", false),
        (503, "ServiceUnavailable", false),
    ] {
        let xml = format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message><EC>0</EC></Error>");
        let reply = || Reply::new(status, &[("content-type", "application/xml")], xml.as_bytes());
        let server = Server::playing([reply(), reply(), reply()]);
        let put = at(server.port()).put(&key(), "b".into(), "image/jpeg").await;
        match (&put, is_denied) {
            (Err(ObjectError::Denied { reason }), true) | (Err(ObjectError::Unavailable { reason }), false) => {
                assert_eq!(reason, &format!("{status} {code}"));
            }
            _ => panic!("{status} {code}: {put:?}"),
        }
    }
}

#[tokio::test]
async fn a_listing_goes_on_where_the_page_before_ended() {
    let page = |contents: &str, rest: &str| {
        let xml = format!("<?xml version='1.0'?><ListBucketResult>{contents}{rest}</ListBucketResult>");
        Reply::new(200, &[("content-type", "application/xml")], xml.as_bytes())
    };
    let one =
        "<Contents><Key>p/one.jpg</Key><LastModified>2027-01-05T12:00:00.500Z</LastModified><Size>7</Size></Contents>";
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>a b/c</NextContinuationToken>";
    let server = Server::playing([
        page(one, more),
        page("", "<IsTruncated>false</IsTruncated>"),
        page(one, "<IsTruncated>true</IsTruncated>"),
        page("<Contents><Key>p/one.jpg</Key></Contents>", ""),
    ]);
    let oss = at(server.port());
    let first = oss.list(None, 2_000).await.unwrap();
    let object = &first.objects[0];
    assert_eq!((object.key.as_str(), object.bytes), ("p/one.jpg", 7));
    assert_eq!(object.modified, "2027-01-05T12:00:00.5Z".parse().unwrap());
    let last = oss.list(first.next.as_deref(), 10).await.unwrap();
    assert_eq!((last.objects.len(), last.next), (0, None));
    for unreadable in [oss.list(None, 10).await, oss.list(None, 10).await] {
        assert!(
            matches!(unreadable, Err(ObjectError::Unavailable { .. })),
            "{unreadable:?}"
        );
    }
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert!(
        lines[0].contains("max-keys=1000") && !lines[0].contains("continuation-token"),
        "{lines:?}"
    );
    assert!(lines[1].contains("continuation-token=a%20b%2Fc"), "{lines:?}");
}

#[tokio::test]
async fn the_cdn_stands_before_the_first_store_alone() {
    let cdn = [
        ENDPOINT,
        ("CDN_DOMAIN", "img.vitrine.example"),
        ("CDN_KEY_PARAMETER", "/cdn"),
    ];
    let stores = stores(&cdn).unwrap();
    let mut hosts = Vec::new();
    for objects in stores.each() {
        let link = objects
            .download_link(&key(), noon(), SignedDuration::from_hours(1))
            .await;
        hosts.push(link.unwrap().url.host_str().unwrap().to_owned());
    }
    assert_eq!(hosts, ["img.vitrine.example", "pictures.s3.oss-us-west-1.aliyuncs.com"]);
}

#[test]
fn each_store_is_found_by_its_name() {
    let both = stores(&[ENDPOINT]).unwrap();
    for store in [Store::Cos, Store::Oss] {
        assert_eq!(both.named(store).unwrap().store(), store);
    }
}

#[test]
fn without_its_variables_there_is_no_second_store() {
    let blank = [("OSS_REGION", ""), ("OSS_BUCKET", " "), ("OSS_KEYS_PARAMETER", "")];
    let one = stores(&blank).unwrap();
    assert_eq!(one.each().map(Objects::store).collect::<Vec<_>>(), [Store::Cos]);
    assert!(one.of(Store::Oss).is_none());
    assert!(matches!(one.named(Store::Oss), Err(ObjectError::Denied { .. })));
}

#[test]
fn a_second_store_that_is_half_configured_stops_the_start_by_name() {
    let blank = [("OSS_REGION", ""), ("OSS_BUCKET", ""), ("OSS_KEYS_PARAMETER", "")];
    let given = |name: &str| {
        BASE.iter()
            .copied()
            .chain([ENDPOINT])
            .find(|(known, _)| *known == name)
            .unwrap()
    };
    for missing in ["OSS_ENDPOINT", "OSS_REGION", "OSS_BUCKET", "OSS_KEYS_PARAMETER"] {
        let error = stores(&[ENDPOINT, (missing, "")]).unwrap_err().to_string();
        assert_eq!(error, format!("the variable {missing} is not set"));
        let alone: Vec<_> = blank.iter().copied().chain([given(missing)]).collect();
        assert!(
            stores(&alone).unwrap_err().to_string().contains("the variable OSS_"),
            "{missing}"
        );
    }
}

#[test]
fn an_address_that_is_not_the_regions_own_stops_the_start() {
    for endpoint in [
        "https://s3.oss-us-east-1.aliyuncs.com",
        "https://oss-us-west-1.aliyuncs.com",
        "https://pictures.s3.oss-us-west-1.aliyuncs.com",
        "https://s3.oss-us-west-1.aliyuncs.com/pictures",
        "https://s3.oss-us-west-1.aliyuncs.com.evil.example",
        "https://cos.na-siliconvalley.myqcloud.com",
        "https://s3.us-west-1.amazonaws.com",
        "http://s3.oss-us-west-1.aliyuncs.com",
        "http://127.0.0.1:9000",
    ] {
        let error = stores(&[("OSS_ENDPOINT", endpoint)]).unwrap_err().to_string();
        assert!(
            error.contains("the variable OSS_ENDPOINT must be"),
            "{endpoint}: {error}"
        );
    }
    let error = stores(&[ENDPOINT, ("COS_ENDPOINT", ENDPOINT.1)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("COS_ENDPOINT"), "{error}");
}
