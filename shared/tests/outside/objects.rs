use jiff::{SignedDuration, Timestamp};
use shared::config::ConfigError;
use shared::domain::ObjectKey;
use shared::objects::{ObjectError, Objects, Stores};

use crate::server::{Reply, Server, closed_port};
use crate::{platform_with, vars};

const BASE: [(&str, &str); 3] = [
    ("COS_REGION", "na-siliconvalley"),
    ("COS_BUCKET", "pictures-1250000000"),
    ("COS_KEYS_PARAMETER", "/cos"),
];
const SECRETS: [(&str, &str); 2] = [("/cos", r#"{"id":"AKID","secret":"hush"}"#), ("/cdn", "cdnkey123")];

fn stores(changed: &[(&str, &str)]) -> Result<Stores, ConfigError> {
    Stores::delivering(&vars(&BASE, changed), &platform_with(&SECRETS))
}

fn at(port: u16) -> Objects {
    let stores = stores(&[("COS_ENDPOINT", &format!("http://cos.localhost:{port}"))]);
    stores.unwrap().first().clone()
}

fn key() -> ObjectKey {
    "p/0123456789abcdef0123456789abcdef.jpg".parse().unwrap()
}

fn noon() -> Timestamp {
    "2027-01-05T12:00:00Z".parse().unwrap()
}

fn xml(status: u16, code: &str) -> Reply {
    let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>");
    Reply::new(status, &[("content-type", "application/xml")], body.as_bytes())
}

#[tokio::test]
async fn a_picture_is_put_as_cos_takes_it() {
    let server = Server::playing([Reply::new(200, &[], b"")]);
    at(server.port())
        .put(&key(), "bytes".into(), "image/jpeg")
        .await
        .unwrap();
    let request = &server.requests()[0];
    assert_eq!(
        request.line,
        "PUT /p/0123456789abcdef0123456789abcdef.jpg?x-id=PutObject HTTP/1.1"
    );
    let host = format!("pictures-1250000000.cos.localhost:{}", server.port());
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
        authorization.contains("/na-siliconvalley/s3/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn deleting_what_is_not_there_is_success() {
    for reply in [Reply::new(204, &[], b""), xml(404, "NoSuchKey")] {
        let server = Server::playing([reply]);
        assert!(at(server.port()).delete(&key()).await.is_ok());
        assert!(server.requests()[0].line.starts_with("DELETE /p/0123"));
    }
    let server = Server::playing([xml(404, "NoSuchBucket")]);
    let outcome = at(server.port()).delete(&key()).await;
    assert!(matches!(outcome, Err(ObjectError::Denied { .. })), "{outcome:?}");
}

#[tokio::test]
async fn being_there_is_told_from_not_being_there_and_from_not_knowing() {
    for (status, expected) in [(200, Some(true)), (404, Some(false)), (403, None)] {
        let server = Server::playing([Reply::new(status, &[], b"")]);
        assert_eq!(at(server.port()).exists(&key()).await.ok(), expected, "{status}");
    }
}

#[tokio::test]
async fn every_row_of_the_contract_has_its_fate() {
    for (status, code, is_denied) in [
        (403, "AccessDenied", true),
        (403, "SignatureDoesNotMatch", true),
        (403, "InvalidAccessKeyId", true),
        (403, "PathStyleDomainForbidden", true),
        (404, "NoSuchBucket", true),
        (451, "UnavailableForLegalReasons", true),
        (400, "NotImplemented", true),
        (503, "SlowDown", false),
        (500, "InternalError", false),
        (503, "ServiceUnavailable", false),
    ] {
        let server = Server::playing([xml(status, code), xml(status, code), xml(status, code)]);
        let error = at(server.port())
            .put(&key(), "b".into(), "image/jpeg")
            .await
            .unwrap_err();
        match (&error, is_denied) {
            (ObjectError::Denied { reason }, true) | (ObjectError::Unavailable { reason }, false) => {
                assert_eq!(reason, &format!("{status} {code}"));
            }
            _ => panic!("{status} {code}: {error:?}"),
        }
        // A put is the same put however often it is sent, so trouble of the store's own is met with patience.
        assert_eq!(server.requests().len(), if is_denied { 1 } else { 3 }, "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_lost() {
    let error = at(closed_port())
        .put(&key(), "b".into(), "image/jpeg")
        .await
        .unwrap_err();
    assert!(matches!(error, ObjectError::Lost(_)), "{error:?}");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let server = Server::playing([Reply::CloseAfterReading, Reply::new(200, &[], b"")]);
    assert!(at(server.port()).put(&key(), "b".into(), "image/jpeg").await.is_ok());
}

#[tokio::test]
async fn a_link_lives_by_our_clock_and_no_longer_than_an_hour() {
    let objects = at(9);
    for (life, seconds) in [
        (SignedDuration::from_mins(10), "600"),
        (SignedDuration::from_hours(9), "3600"),
    ] {
        let link = objects.download_link(&key(), noon(), life).await.unwrap();
        assert_eq!(link.url.host_str(), Some("pictures-1250000000.cos.localhost"));
        assert_eq!(link.url.path(), "/p/0123456789abcdef0123456789abcdef.jpg");
        let query: std::collections::BTreeMap<_, _> = link.url.query_pairs().collect();
        assert_eq!(query["X-Amz-Date"], "20270105T120000Z");
        assert_eq!(query["X-Amz-Expires"], seconds);
        assert_eq!(
            link.expires_at.as_second() - noon().as_second(),
            seconds.parse::<i64>().unwrap()
        );
    }
}

#[tokio::test]
async fn with_a_cdn_the_link_is_signed_for_it() {
    let changed = [
        ("COS_ENDPOINT", "https://cos.na-siliconvalley.myqcloud.com"),
        ("CDN_DOMAIN", "img.vitrine.example"),
        ("CDN_KEY_PARAMETER", "/cdn"),
    ];
    let stores = stores(&changed).unwrap();
    let link = stores
        .first()
        .download_link(&key(), noon(), SignedDuration::from_hours(1))
        .await
        .unwrap();
    // md5 of "cdnkey123/p/0123456789abcdef0123456789abcdef.jpg1799150400"
    assert_eq!(
        link.url.as_str(),
        "https://img.vitrine.example/p/0123456789abcdef0123456789abcdef.jpg?sign=31023731c3537a80765cea96366c7578&t=1799150400"
    );
}

#[test]
fn a_function_that_hands_out_no_links_reads_nothing_of_the_cdn() {
    let vars = vars(&BASE, &[("COS_ENDPOINT", "https://cos.na-siliconvalley.myqcloud.com")]);
    Stores::new(&vars, &platform_with(&SECRETS)).unwrap();
    let read: Vec<_> = vars.names_read().into_iter().collect();
    let names = ["BUCKET", "ENDPOINT", "KEYS_PARAMETER", "REGION"];
    let both = ["COS", "OSS"].map(|company| names.map(|name| format!("{company}_{name}")));
    assert_eq!(read, both.concat());
}

#[test]
fn configuration_that_cannot_work_stops_the_start_by_name() {
    let good = ("COS_ENDPOINT", "https://cos.na-siliconvalley.myqcloud.com");
    for (changed, name) in [
        (vec![("COS_ENDPOINT", "https://s3.amazonaws.com")], "COS_ENDPOINT"),
        (vec![("COS_ENDPOINT", "http://127.0.0.1:9000")], "COS_ENDPOINT"),
        (
            vec![("COS_ENDPOINT", "https://cos.x.myqcloud.com/bucket")],
            "COS_ENDPOINT",
        ),
        (vec![good, ("COS_BUCKET", "My.Bucket")], "COS_BUCKET"),
        (vec![good, ("COS_KEYS_PARAMETER", "/cdn")], "COS_KEYS_PARAMETER"),
        (vec![good, ("CDN_DOMAIN", "https://a.example")], "CDN_DOMAIN"),
        (vec![good, ("CDN_DOMAIN", "a.example")], "CDN_KEY_PARAMETER"),
        (
            vec![good, ("CDN_DOMAIN", "a.example"), ("CDN_KEY_PARAMETER", "/cos")],
            "CDN_KEY_PARAMETER",
        ),
    ] {
        let error = stores(&changed).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains("cdnkey123"), "{error}");
    }
}

#[test]
fn keys_are_made_by_chance_and_nothing_else_is_a_key() {
    let entropy = shared::Entropy::seeded(3);
    let (one, two) = (ObjectKey::new(&entropy, "jpg"), ObjectKey::new(&entropy, "png"));
    assert_ne!(one, two);
    assert_eq!(one.as_str().parse::<ObjectKey>().as_ref(), Ok(&one));
    assert!(two.as_str().ends_with(".png"));
    for text in [
        "",
        "p/../x.jpg",
        "p/0123.jpg",
        "q/0123456789abcdef0123456789abcdef.jpg",
        "p/0123456789ABCDEF0123456789abcdef.jpg",
    ] {
        assert!(text.parse::<ObjectKey>().is_err(), "{text}");
    }
}
