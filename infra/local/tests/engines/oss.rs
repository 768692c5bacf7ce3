//! The second store, where it differs from the first, and where the two do not know of each other.

use aws_sdk_s3::config::Region;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_smithy_types::retry::RetryConfig;
use md5::{Digest as _, Md5};
use std::time::Duration;
use vitrine::engine::Engines;
use vitrine::engine::objects::{Fault, Seen};

use crate::support::{BUCKET, OSS_BUCKET, clock, cos, engines, oss, oss_config, raw};

/// Puts a picture by a client that tries once, and gives the ETag or the error's code.
async fn put(engines: &Engines, key: &str) -> Result<String, Option<String>> {
    let config = oss_config(engines, "painter").retry_config(RetryConfig::disabled());
    let put = aws_sdk_s3::Client::from_conf(config.build())
        .put_object()
        .bucket(OSS_BUCKET)
        .key(key)
        .content_type("image/png")
        .body(ByteStream::from_static(b"a picture"));
    match put.send().await {
        Ok(put) => Ok(put.e_tag().unwrap().to_owned()),
        Err(error) => Err(error.code().map(str::to_owned)),
    }
}

fn host() -> String {
    format!("{OSS_BUCKET}.oss.localhost")
}

#[tokio::test]
async fn what_is_put_has_its_md5_as_etag_and_is_read_and_deleted_by_others() {
    let engines = engines(&clock()).await;
    let etag = put(&engines, "p/one.png").await.unwrap();
    let md5 = hex::encode(Md5::digest(b"a picture"));
    assert_eq!(etag, format!("\"{}\"", md5.to_uppercase()));
    let reader = oss(&engines, "reader");
    let got = reader.get_object().bucket(OSS_BUCKET).key("p/one.png");
    let got = got.send().await.unwrap();
    assert_eq!(got.content_disposition(), Some("attachment"));
    assert_eq!(got.body.collect().await.unwrap().into_bytes().as_ref(), b"a picture");
    let refused = oss(&engines, "painter")
        .get_object()
        .bucket(OSS_BUCKET)
        .key("p/one.png");
    assert_eq!(refused.send().await.unwrap_err().code(), Some("AccessDenied"));
    let eraser = oss(&engines, "eraser");
    for _ in 0..2 {
        let delete = eraser.delete_object().bucket(OSS_BUCKET).key("p/one.png");
        delete.send().await.unwrap();
    }
    assert!(engines.oss.keys(OSS_BUCKET).unwrap().is_empty());
    let gone = reader.get_object().bucket(OSS_BUCKET).key("p/one.png");
    assert_eq!(gone.send().await.unwrap_err().code(), Some("NoSuchKey"));
}

#[tokio::test]
async fn path_style_is_refused_in_the_words_of_oss() {
    let engines = engines(&clock()).await;
    let config = oss_config(&engines, "reader").force_path_style(true).build();
    let get = aws_sdk_s3::Client::from_conf(config)
        .get_object()
        .bucket(OSS_BUCKET)
        .key("x");
    assert_eq!(get.send().await.unwrap_err().code(), Some("SecondLevelDomainForbidden"));
    let (status, headers, text) = raw(&engines, "GET", "oss.localhost", "/pictures/x", &[], "").await;
    assert_eq!(status, 403);
    let id = headers["x-oss-request-id"].to_str().unwrap();
    assert!(headers.contains_key("x-oss-ec") && !headers.contains_key("x-cos-request-id"));
    for element in [
        "<Message>Please use virtual hosted style to access.</Message>",
        "<HostId>oss.localhost</HostId>",
        "<EC>",
        id,
    ] {
        assert!(text.contains(element), "{text}");
    }
}

#[tokio::test]
async fn chunked_uploads_are_an_invalid_argument() {
    let engines = engines(&clock()).await;
    for chunked in [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ] {
        let (status, headers, text) = raw(&engines, "PUT", &host(), "/x", &[chunked], "0\r\n\r\n").await;
        assert_eq!((status, headers["x-oss-ec"].to_str().unwrap()), (400, "0017-00000804"));
        assert!(text.contains("<Code>InvalidArgument</Code>"), "{text}");
        assert!(text.contains("aws-chunked encoding is not supported"), "{text}");
    }
}

#[tokio::test]
async fn deleting_many_at_once_needs_a_content_md5() {
    let engines = engines(&clock()).await;
    put(&engines, "a").await.unwrap();
    let object = ObjectIdentifier::builder().key("a").build().unwrap();
    let delete = Delete::builder().objects(object).build().unwrap();
    let eraser = oss(&engines, "eraser");
    let call = || eraser.delete_objects().bucket(OSS_BUCKET).delete(delete.clone());
    let refused = call().send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!(refused.code(), Some("MissingArgument"));
    let wrong = call().customize().mutate_request(|request| {
        request.headers_mut().insert("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    });
    assert_eq!(wrong.send().await.unwrap_err().code(), Some("InvalidDigest"));
    assert_eq!(engines.oss.keys(OSS_BUCKET).unwrap(), ["a"]);
}

#[tokio::test]
async fn a_signature_for_another_region_does_not_match() {
    let engines = engines(&clock()).await;
    for (region, code) in [
        ("us-west-1", "NoSuchKey"),
        ("us-east-1", "SignatureDoesNotMatch"),
        ("cn-hangzhou", "SignatureDoesNotMatch"),
    ] {
        let config = oss_config(&engines, "reader").region(Region::new(region)).build();
        let get = aws_sdk_s3::Client::from_conf(config)
            .get_object()
            .bucket(OSS_BUCKET)
            .key("x");
        assert_eq!(get.send().await.unwrap_err().code(), Some(code), "{region}");
    }
}

#[tokio::test]
async fn a_signed_link_opens_the_picture_and_makes_browsers_download_it() {
    let clock = clock();
    let engines = engines(&clock).await;
    put(&engines, "p/one.png").await.unwrap();
    let config = PresigningConfig::builder()
        .start_time(clock.now().into())
        .expires_in(Duration::from_secs(600))
        .build()
        .unwrap();
    let get = oss(&engines, "reader").get_object().bucket(OSS_BUCKET).key("p/one.png");
    let link: http::Uri = get.presigned(config).await.unwrap().uri().parse().unwrap();
    let target = link.path_and_query().unwrap().as_str();
    let authority = link.authority().unwrap().as_str();
    let (status, headers, text) = raw(&engines, "GET", authority, target, &[], "").await;
    assert_eq!((status, text.as_str()), (200, "a picture"));
    assert_eq!(headers["x-oss-force-download"], "true");
    assert!(!headers.contains_key("x-cos-force-download"));
    // Neither key pair nor link opens the other store.
    let there = format!("{BUCKET}.cos.localhost");
    assert_eq!(raw(&engines, "GET", &there, target, &[], "").await.0, 403);
    clock.advance(jiff::SignedDuration::from_secs(601));
    assert_eq!(raw(&engines, "GET", authority, target, &[], "").await.0, 403);
}

#[tokio::test]
async fn one_store_can_be_down_while_the_other_is_not() {
    let engines = engines(&clock()).await;
    engines.objects.book().trouble(Fault::down());
    let there = cos(&engines, "reader").get_object().bucket(BUCKET).key("x");
    assert_eq!(there.send().await.unwrap_err().code(), Some("ServiceUnavailable"));
    put(&engines, "a").await.unwrap();
    engines.objects.book().calm();
    engines.oss.book().trouble(Fault::public_endpoint_forbidden());
    for _ in 0..2 {
        assert_eq!(put(&engines, "b").await, Err(Some("PublicEndpointForbidden".into())));
    }
    let there = cos(&engines, "reader").get_object().bucket(BUCKET).key("x");
    assert_eq!(there.send().await.unwrap_err().code(), Some("NoSuchKey"));
    engines.oss.book().calm();
    put(&engines, "b").await.unwrap();
    assert_eq!(engines.oss.keys(OSS_BUCKET).unwrap(), ["a", "b"]);
    assert!(engines.objects.keys(BUCKET).unwrap().is_empty());
    let statuses = |seen: Vec<Seen>| seen.iter().map(|seen| seen.status).collect::<Vec<_>>();
    assert_eq!(statuses(engines.oss.book().seen()), [200, 400, 400, 200]);
    assert!(statuses(engines.objects.book().seen()).ends_with(&[404]));
}

#[tokio::test]
async fn what_is_damaged_on_the_way_betrays_itself_by_its_etag_alone() {
    let engines = engines(&clock()).await;
    engines.oss.book().trouble(Fault::damage(1));
    let damaged = put(&engines, "a").await.unwrap();
    assert_ne!(engines.oss.bytes(OSS_BUCKET, "a").unwrap(), b"a picture");
    assert_ne!(put(&engines, "a").await.unwrap(), damaged);
    assert_eq!(engines.oss.bytes(OSS_BUCKET, "a").unwrap(), b"a picture");
}

#[tokio::test]
async fn objects_are_dated_by_our_clock_and_listed_in_pages() {
    let clock = clock();
    let engines = engines(&clock).await;
    for key in ["a", "b", "c"] {
        put(&engines, key).await.unwrap();
        clock.advance(jiff::SignedDuration::from_hours(24));
    }
    let eraser = oss(&engines, "eraser");
    let list = || eraser.list_objects_v2().bucket(OSS_BUCKET).max_keys(2);
    let first = list().send().await.unwrap();
    let day = |index: usize| first.contents()[index].last_modified().unwrap().secs();
    assert_eq!(
        day(0),
        "2026-11-22T09:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second()
    );
    assert_eq!(day(1) - day(0), 86_400);
    let token = first.next_continuation_token().unwrap();
    let rest = list().continuation_token(token).send().await.unwrap();
    assert_eq!((rest.contents()[0].key(), rest.contents().len()), (Some("c"), 1));
    assert_eq!(rest.next_continuation_token(), None);
}

#[tokio::test]
async fn each_store_has_a_book_on_loopback() {
    let engines = engines(&clock()).await;
    let fault = r#"{"times": 1, "fail": {"status": 500, "code": "InternalError"}}"#;
    let post = raw(&engines, "POST", "127.0.0.1", "/_store/oss/faults", &[], fault).await;
    assert_eq!(post.0, 204, "{}", post.2);
    assert!(engines.objects.book().troubles().is_empty());
    assert_eq!(put(&engines, "a").await, Err(Some("InternalError".into())));
    for (path, expected) in [("/_store/book", 0), ("/_store/cos/book", 0), ("/_store/oss/book", 1)] {
        let (status, _, text) = raw(&engines, "GET", "localhost", path, &[], "").await;
        let seen: Vec<Seen> = serde_json::from_str(&text).unwrap();
        assert_eq!((status, seen.len()), (200, expected), "{path}");
    }
}
