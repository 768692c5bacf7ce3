//! The stores' own interfaces, and what every interface says of them. The links were made by the companies' own SDKs, at
//! 2026-11-22T09:00:00Z and for ten minutes; their signed headers go by the machine's time, so `tests/sdk` has those.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::EncodingType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use vitrine::engine::Engines;

use crate::support::{BUCKET, OSS_BUCKET, clock, cos, engines, oss, raw};

const KEY: &str = "img/a b+c=d&é~(1).png";
const COS_LINK: &str = "/img/a%20b%2Bc%3Dd%26%C3%A9~%281%29.png?q-sign-algorithm=sha1&q-ak=id-reader\
    &q-sign-time=1795337940%3B1795338600&q-key-time=1795337940%3B1795338600&q-header-list=host&q-url-param-list=\
    &q-signature=1ebadd4d5158caf4839b402b9e5bb8cfe3ef1770";
const OSS_LINK: &str = "/img/a%20b%2Bc%3Dd%26%C3%A9~%281%29.png?x-oss-signature-version=OSS4-HMAC-SHA256\
    &x-oss-date=20261122T090000Z&x-oss-expires=600\
    &x-oss-credential=oss-reader%2F20261122%2Fus-west-1%2Foss%2Faliyun_v4_request\
    &x-oss-signature=8b198e86293c6bcad3a2c64c0911034a138702a13fb159e0ada12c62a70490d4";

async fn placed(engines: &Engines) {
    engines.objects.place(BUCKET, KEY, b"a picture").unwrap();
    engines.oss.place(OSS_BUCKET, KEY, b"a picture").unwrap();
}

/// Each store's host, a link of its own to the picture, and the name of its id in it.
fn links() -> [(String, &'static str, &'static str); 2] {
    [
        (format!("{BUCKET}.cos.localhost:8002"), COS_LINK, "id-reader"),
        (format!("{OSS_BUCKET}.oss.localhost:8002"), OSS_LINK, "oss-reader"),
    ]
}

#[tokio::test]
async fn a_link_of_the_companys_own_lives_and_dies_by_our_clock() {
    let clock = clock();
    let engines = engines(&clock).await;
    placed(&engines).await;
    for (host, link, _) in links() {
        let (status, headers, text) = raw(&engines, "GET", &host, link, &[], "").await;
        assert_eq!((status, text.as_str()), (200, "a picture"), "{host}");
        assert_eq!(headers["content-disposition"], "attachment");
    }
    clock.advance(SignedDuration::from_secs(600));
    for (host, link, _) in links() {
        assert_eq!(raw(&engines, "GET", &host, link, &[], "").await.0, 200, "{host}");
    }
    clock.advance(SignedDuration::from_secs(1));
    for (host, link, _) in links() {
        let (status, _, text) = raw(&engines, "GET", &host, link, &[], "").await;
        assert_eq!(status, 403);
        assert!(text.contains("<Message>Request has expired</Message>"), "{text}");
    }
    assert!(engines.objects.book().seen().iter().all(|seen| seen.link));
}

#[tokio::test]
async fn a_link_of_the_companys_own_opens_nothing_else() {
    let engines = engines(&clock()).await;
    placed(&engines).await;
    for (host, link, id) in links() {
        for (method, link, code) in [
            ("GET", link.replace("img/a", "img/b"), "SignatureDoesNotMatch"),
            ("PUT", link.to_owned(), "SignatureDoesNotMatch"),
            ("GET", link.replace("600", "700"), "SignatureDoesNotMatch"),
            ("GET", link.replace(id, "id-nobody"), "InvalidAccessKeyId"),
        ] {
            let (status, _, text) = raw(&engines, method, &host, &link, &[], "").await;
            assert_eq!(status, 403, "{method} {link}");
            assert!(
                text.contains(&format!("<Code>{code}</Code>")),
                "{method} {link}: {text}"
            );
        }
    }
    // Each store knows its own signature alone.
    let (cos_host, oss_host) = (format!("{BUCKET}.cos.localhost"), format!("{OSS_BUCKET}.oss.localhost"));
    assert_eq!(raw(&engines, "GET", &cos_host, OSS_LINK, &[], "").await.0, 403);
    assert_eq!(raw(&engines, "GET", &oss_host, COS_LINK, &[], "").await.0, 403);
}

#[tokio::test]
async fn the_clock_of_a_signer_of_oss_may_not_be_off() {
    let engines = engines(&clock()).await;
    let credential = "Credential=oss-reader/20200101/us-west-1/oss/aliyun_v4_request";
    let authorization = format!("OSS4-HMAC-SHA256 {credential},Signature=0");
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-oss-date", "20200101T000000Z"),
    ];
    let host = format!("{OSS_BUCKET}.oss.localhost");
    let (status, _, text) = raw(&engines, "GET", &host, "/x", &headers, "").await;
    assert_eq!(status, 403);
    assert!(text.contains("<Code>RequestTimeTooSkewed</Code>"), "{text}");
}

#[tokio::test]
async fn names_in_a_list_are_escaped_when_that_was_asked_for() {
    let engines = engines(&clock()).await;
    placed(&engines).await;
    let list = || cos(&engines, "eraser").list_objects_v2().bucket(BUCKET).prefix("img/");
    assert_eq!(list().send().await.unwrap().contents()[0].key(), Some(KEY));
    let escaped = list().encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(
        escaped.contents()[0].key(),
        Some("img/a%20b%2Bc%3Dd%26%C3%A9~%281%29.png")
    );
    assert_eq!(escaped.prefix(), Some("img/"));
}

#[tokio::test]
async fn an_empty_delimiter_is_none() {
    let engines = engines(&clock()).await;
    engines.objects.place(BUCKET, "産品/一", b"a picture").unwrap();
    let list = cos(&engines, "eraser").list_objects_v2().bucket(BUCKET).delimiter("");
    assert_eq!(list.send().await.unwrap().contents()[0].key(), Some("産品/一"));
}

#[tokio::test]
async fn the_owner_is_told_that_a_bucket_is_not_there_and_others_are_not() {
    let engines = engines(&clock()).await;
    for (role, code) in [("owner", "NoSuchBucket"), ("reader", "AccessDenied")] {
        for client in [cos(&engines, role), oss(&engines, role)] {
            let get = client.get_object().bucket("another-1250000000").key("x");
            assert_eq!(get.send().await.unwrap_err().code(), Some(code), "{role}");
        }
    }
    // What is not the owner's business is told to nobody.
    let put = cos(&engines, "reader")
        .put_object()
        .bucket("another-1250000000")
        .key("x");
    let put = put.body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(put.unwrap_err().code(), Some("AccessDenied"));
}

#[tokio::test]
async fn oss_says_in_a_header_what_a_head_request_has_no_body_for() {
    let engines = engines(&clock()).await;
    let path = OSS_LINK.replace("img/a", "img/b");
    let host = format!("{OSS_BUCKET}.oss.localhost");
    let (status, headers, text) = raw(&engines, "HEAD", &host, &path, &[], "").await;
    assert_eq!((status, text.as_str()), (403, ""));
    let hidden = STANDARD.decode(headers["x-oss-err"].as_bytes()).unwrap();
    let hidden = String::from_utf8(hidden).unwrap();
    assert!(hidden.contains("<Code>SignatureDoesNotMatch</Code>"), "{hidden}");
    let there = format!("{BUCKET}.cos.localhost");
    let (_, headers, _) = raw(&engines, "HEAD", &there, "/x", &[], "").await;
    assert!(!headers.contains_key("x-oss-err"));
}

#[tokio::test]
async fn lifecycle_rules_that_are_not_there_have_each_companys_own_name() {
    let engines = engines(&clock()).await;
    for (client, bucket, code) in [
        (cos(&engines, "owner"), BUCKET, "NoSuchLifecycleConfiguration"),
        (oss(&engines, "owner"), OSS_BUCKET, "NoSuchLifecycle"),
    ] {
        let rules = client.get_bucket_lifecycle_configuration().bucket(bucket);
        assert_eq!(rules.send().await.unwrap_err().code(), Some(code));
    }
}
