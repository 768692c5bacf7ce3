use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use jiff::SignedDuration;
use vitrine::engine::Engines;

use crate::support::{BUCKET, clock, cos, cos_config, engines, raw, settings};

fn code<T, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, E>) -> String {
    result
        .err()
        .expect("the call should be refused")
        .code()
        .unwrap_or_default()
        .to_owned()
}

async fn put(engines: &Engines, key: &str) {
    let put = cos(engines, "painter")
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .content_type("image/png");
    put.cache_control("private")
        .body(ByteStream::from_static(b"a picture"))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn each_role_opens_what_is_its_own() {
    let engines = engines(&clock()).await;
    put(&engines, "img/one.png").await;
    let (painter, reader, eraser) = (
        cos(&engines, "painter"),
        cos(&engines, "reader"),
        cos(&engines, "eraser"),
    );
    let got = reader
        .get_object()
        .bucket(BUCKET)
        .key("img/one.png")
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.cache_control(), Some("private"));
    assert_eq!(got.content_disposition(), Some("attachment"));
    assert_eq!(got.body.collect().await.unwrap().into_bytes().as_ref(), b"a picture");
    let head = reader
        .head_object()
        .bucket(BUCKET)
        .key("img/one.png")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(9));
    let part = reader
        .get_object()
        .bucket(BUCKET)
        .key("img/one.png")
        .range("bytes=2-4")
        .send()
        .await
        .unwrap();
    assert_eq!(part.body.collect().await.unwrap().into_bytes().as_ref(), b"pic");
    let refused = painter.get_object().bucket(BUCKET).key("img/one.png").send().await;
    assert_eq!(code(refused.map_err(|e| e.into_service_error())), "AccessDenied");
    let refused = reader
        .put_object()
        .bucket(BUCKET)
        .key("x")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    assert_eq!(code(refused.map_err(|e| e.into_service_error())), "AccessDenied");
    let refused = reader.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(code(refused.map_err(|e| e.into_service_error())), "AccessDenied");
    let refused = eraser
        .put_object()
        .bucket(BUCKET)
        .key("x")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    assert_eq!(code(refused.map_err(|e| e.into_service_error())), "AccessDenied");
    let listed = eraser
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("img/")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.contents()[0].key(), Some("img/one.png"));
    eraser
        .delete_object()
        .bucket(BUCKET)
        .key("img/one.png")
        .send()
        .await
        .unwrap();
    eraser
        .delete_object()
        .bucket(BUCKET)
        .key("img/one.png")
        .send()
        .await
        .unwrap();
    assert!(engines.objects.keys(BUCKET).unwrap().is_empty());
    let gone = reader.get_object().bucket(BUCKET).key("img/one.png").send().await;
    assert_eq!(code(gone.map_err(|e| e.into_service_error())), "NoSuchKey");
}

#[tokio::test]
async fn a_key_with_unusual_characters_is_signed_and_kept_as_it_is() {
    let engines = engines(&clock()).await;
    let key = "img/a b+c=d&é~(1).png";
    put(&engines, key).await;
    assert_eq!(engines.objects.keys(BUCKET).unwrap(), [key]);
    assert!(
        cos(&engines, "reader")
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .is_ok()
    );
    assert_eq!(engines.objects.bytes(BUCKET, key).unwrap(), b"a picture");
}

#[tokio::test]
async fn wrong_keys_are_told_apart() {
    let engines = engines(&clock()).await;
    let get = async |id: &str, secret: &str| {
        let client = aws_sdk_s3::Client::from_conf(cos_config(&engines, id, secret).build());
        let got = client.get_object().bucket(BUCKET).key("x").send().await;
        code(got.map_err(|e| e.into_service_error()))
    };
    assert_eq!(get("id-reader", "wrong").await, "SignatureDoesNotMatch");
    assert_eq!(get("id-stranger", "secret-reader").await, "InvalidAccessKeyId");
    assert_eq!(get("id-reader", "secret-reader").await, "NoSuchKey");
    let client = cos(&engines, "reader");
    let other = client.get_object().bucket("another-1250000000").key("x").send().await;
    assert_eq!(code(other.map_err(|e| e.into_service_error())), "AccessDenied");
    let host = format!("{BUCKET}.cos.localhost");
    assert!(
        raw(&engines, "GET", &host, "/x", &[], "")
            .await
            .2
            .contains("<Code>AccessDenied</Code>")
    );
}

#[tokio::test]
async fn a_signers_clock_may_not_be_off() {
    let engines = engines(&clock()).await;
    let headers = [
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=id-reader/20200101/r/s3/aws4_request, SignedHeaders=host, Signature=0",
        ),
        ("x-amz-date", "20200101T000000Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ];
    let (status, _, text) = raw(&engines, "GET", &format!("{BUCKET}.cos.localhost"), "/x", &headers, "").await;
    assert_eq!(status, 403);
    assert!(text.contains("<Code>RequestTimeTooSkewed</Code>"), "{text}");
}

#[tokio::test]
async fn path_style_is_refused_in_the_stores_own_words() {
    let engines = engines(&clock()).await;
    let config = cos_config(&engines, "id-reader", "secret-reader")
        .force_path_style(true)
        .build();
    let got = aws_sdk_s3::Client::from_conf(config)
        .get_object()
        .bucket(BUCKET)
        .key("x")
        .send()
        .await;
    assert_eq!(
        code(got.map_err(|e| e.into_service_error())),
        "PathStyleDomainForbidden"
    );
    let (status, headers, text) = raw(&engines, "GET", "cos.localhost", &format!("/{BUCKET}/x"), &[], "").await;
    assert_eq!(status, 403);
    let id = headers["x-cos-request-id"].to_str().unwrap();
    for element in [
        "<Code>PathStyleDomainForbidden</Code>",
        "<Resource>/pictures",
        "<TraceId>",
        id,
    ] {
        assert!(text.contains(element), "{text}");
    }
}

#[tokio::test]
async fn chunked_uploads_are_not_implemented() {
    let engines = engines(&clock()).await;
    let host = format!("{BUCKET}.cos.localhost");
    let trailer = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
    ];
    let (status, _, text) = raw(&engines, "PUT", &host, "/x", &trailer, "0\r\n\r\n").await;
    assert_eq!(status, 400);
    assert!(
        text.contains("STREAMING-UNSIGNED-PAYLOAD-TRAILER is not supported"),
        "{text}"
    );
    assert!(text.contains("<Code>NotImplemented</Code>"));
}

#[tokio::test]
async fn a_file_that_is_streamed_arrives_when_checksums_are_off() {
    let engines = engines(&clock()).await;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("picture");
    std::fs::write(&path, vec![7; 300_000]).unwrap();
    let body = http_body_util::Full::new(bytes::Bytes::from(std::fs::read(&path).unwrap()));
    let put = cos(&engines, "painter")
        .put_object()
        .bucket(BUCKET)
        .key("big")
        .content_length(300_000);
    put.body(ByteStream::from_body_1_x(body)).send().await.unwrap();
    assert_eq!(engines.objects.bytes(BUCKET, "big").unwrap().len(), 300_000);
}

#[tokio::test]
async fn deleting_many_at_once_needs_a_content_md5() {
    let engines = engines(&clock()).await;
    put(&engines, "a").await;
    let delete = Delete::builder()
        .objects(ObjectIdentifier::builder().key("a").build().unwrap())
        .build()
        .unwrap();
    let eraser = cos(&engines, "eraser");
    let call = || eraser.delete_objects().bucket(BUCKET).delete(delete.clone());
    let refused = call().send().await.map_err(|e| e.into_service_error()).unwrap_err();
    assert_eq!(refused.code(), Some("InvalidRequest"));
    assert_eq!(
        refused.message(),
        Some("Missing required header for this request: Content-MD5")
    );
    for (md5, expected) in [
        ("1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        ("no base64!", "InvalidDigest"),
    ] {
        let call = call().customize().mutate_request(move |request| {
            request.headers_mut().insert("content-md5", md5);
        });
        assert_eq!(code(call.send().await.map_err(|e| e.into_service_error())), expected);
    }
    assert_eq!(engines.objects.keys(BUCKET).unwrap(), ["a"]);
    let done = call().customize().mutate_request(|request| {
        use base64::Engine as _;
        use md5::Digest as _;
        let digest = md5::Md5::digest(request.body().bytes().unwrap());
        let md5 = base64::engine::general_purpose::STANDARD.encode(digest);
        request.headers_mut().insert("content-md5", md5);
        request.headers_mut().remove("x-amz-checksum-crc32");
        request.headers_mut().remove("x-amz-sdk-checksum-algorithm");
    });
    assert_eq!(done.send().await.unwrap().deleted()[0].key(), Some("a"));
    assert!(engines.objects.keys(BUCKET).unwrap().is_empty());
}

#[tokio::test]
async fn lifecycle_rules_are_the_owners_and_survive_a_restart() {
    use aws_sdk_s3::types::{
        BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    };
    let (clock, folder) = (clock(), tempfile::TempDir::new().unwrap());
    let engines = Engines::start(settings(&clock, Some(folder.path()))).await.unwrap();
    let expiration = LifecycleExpiration::builder().days(30).build();
    let rule = LifecycleRule::builder()
        .id("thirty-days")
        .status(ExpirationStatus::Enabled)
        .expiration(expiration);
    let rule = rule
        .filter(LifecycleRuleFilter::builder().prefix("img/").build())
        .build()
        .unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let owner = cos(&engines, "owner");
    let set = || {
        let set = owner.put_bucket_lifecycle_configuration().bucket(BUCKET);
        set.lifecycle_configuration(rules.clone())
    };
    let absent = owner.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await;
    assert_eq!(
        code(absent.map_err(|e| e.into_service_error())),
        "NoSuchLifecycleConfiguration"
    );
    assert_eq!(
        code(set().send().await.map_err(|e| e.into_service_error())),
        "InvalidRequest"
    );
    let sealed = set().customize().mutate_request(|request| {
        use base64::Engine as _;
        use md5::Digest as _;
        let digest = md5::Md5::digest(request.body().bytes().unwrap());
        let md5 = base64::engine::general_purpose::STANDARD.encode(digest);
        request.headers_mut().insert("content-md5", md5);
    });
    sealed.send().await.unwrap();
    let refused = cos(&engines, "eraser")
        .get_bucket_lifecycle_configuration()
        .bucket(BUCKET)
        .send()
        .await;
    assert_eq!(code(refused.map_err(|e| e.into_service_error())), "AccessDenied");
    put(&engines, "img/kept").await;
    engines.close().await;
    let engines = Engines::start(settings(&clock, Some(folder.path()))).await.unwrap();
    let kept = cos(&engines, "owner")
        .get_bucket_lifecycle_configuration()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap();
    assert_eq!(kept.rules()[0].expiration().unwrap().days(), Some(30));
    assert_eq!(engines.objects.keys(BUCKET).unwrap(), ["img/kept"]);

    // Thirty days later a rule has until midnight, and it works though nobody reaches the store.
    engines
        .objects
        .place(BUCKET, "other/kept", b"none of the rule's")
        .unwrap();
    engines.objects.book().trouble(vitrine::engine::objects::Fault::down());
    let hour = SignedDuration::from_hours(1);
    clock.advance(hour * (30 * 24));
    assert_eq!(engines.run_lifecycles().unwrap(), 0, "midnight has not come");
    while engines.objects.keys(BUCKET).unwrap().len() > 1 {
        clock.advance(hour);
        assert_eq!(
            engines.run_lifecycles().unwrap() == 1,
            clock.now().to_string().contains("T00:"),
            "at {}",
            clock.now()
        );
    }
    assert_eq!(engines.objects.keys(BUCKET).unwrap(), ["other/kept"]);
}

#[tokio::test]
async fn a_signed_link_lives_and_dies_by_our_clock() {
    let clock = clock();
    let engines = engines(&clock).await;
    put(&engines, "img/one.png").await;
    let config = PresigningConfig::builder()
        .start_time(clock.now().into())
        .expires_in(Duration::from_secs(600));
    let config = config.build().unwrap();
    let get = cos(&engines, "reader").get_object().bucket(BUCKET).key("img/one.png");
    let link = get.presigned(config).await.unwrap();
    let uri: http::Uri = link.uri().parse().unwrap();
    let (host, target) = (
        uri.authority().unwrap().as_str(),
        uri.path_and_query().unwrap().as_str(),
    );
    let (status, headers, text) = raw(&engines, "GET", host, target, &[], "").await;
    assert_eq!((status, text.as_str()), (200, "a picture"));
    assert_eq!(headers["x-cos-force-download"], "true");
    let forged = target.replace("one.png", "two.png");
    assert!(
        raw(&engines, "GET", host, &forged, &[], "")
            .await
            .2
            .contains("<Code>SignatureDoesNotMatch</Code>")
    );
    assert_eq!(raw(&engines, "DELETE", host, target, &[], "").await.0, 403);
    clock.advance(SignedDuration::from_secs(600));
    assert_eq!(raw(&engines, "GET", host, target, &[], "").await.0, 200);
    clock.advance(SignedDuration::from_secs(1));
    let (status, _, text) = raw(&engines, "GET", host, target, &[], "").await;
    assert_eq!(status, 403);
    assert!(text.contains("<Message>Request has expired</Message>"), "{text}");
    let painter = cos(&engines, "painter").get_object().bucket(BUCKET).key("img/one.png");
    let config = PresigningConfig::builder()
        .start_time(clock.now().into())
        .expires_in(Duration::from_secs(600));
    let link = painter.presigned(config.build().unwrap()).await.unwrap();
    let uri: http::Uri = link.uri().parse().unwrap();
    let (host, target) = (
        uri.authority().unwrap().as_str(),
        uri.path_and_query().unwrap().as_str(),
    );
    assert!(
        raw(&engines, "GET", host, target, &[], "")
            .await
            .2
            .contains("<Code>AccessDenied</Code>")
    );
}
