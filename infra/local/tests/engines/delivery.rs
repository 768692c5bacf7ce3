use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use jiff::SignedDuration;
use md5::{Digest as _, Md5};
use vitrine::engine::Engines;
use vitrine::engine::objects::{CDN_DOMAIN, Fault, Seen};

use crate::support::{BUCKET, clock, cos_config, engines, raw};

async fn put(engines: &Engines, key: &str) -> Result<(), Option<String>> {
    let config = cos_config(engines, "id-painter", "secret-painter").retry_config(RetryConfig::disabled());
    let put = aws_sdk_s3::Client::from_conf(config.build())
        .put_object()
        .bucket(BUCKET)
        .key(key);
    let put = put
        .content_type("image/png")
        .body(ByteStream::from_static(b"a picture"))
        .send()
        .await;
    put.map(drop).map_err(|error| error.code().map(str::to_owned))
}

#[tokio::test]
async fn the_delivery_domain_follows_only_links_that_are_signed_and_fresh() {
    let clock = clock();
    let engines = engines(&clock).await;
    put(&engines, "img/one.png").await.unwrap();
    let time = clock.now().as_second();
    let sign = hex::encode(Md5::digest(format!("deliverykey/img/one.png{time}")));
    let get = async |target: String| raw(&engines, "GET", CDN_DOMAIN, &target, &[], "").await;
    let link = format!("/img/one.png?sign={sign}&t={time}");
    let (status, headers, text) = get(link.clone()).await;
    assert_eq!((status, text.as_str()), (200, "a picture"));
    assert!(
        !headers.contains_key("content-disposition"),
        "the delivery domain shows, it does not download"
    );
    assert_eq!(get(format!("/img/two.png?sign={sign}&t={time}")).await.0, 403);
    assert_eq!(get(format!("/img/one.png?sign={sign}&t={}", time + 1)).await.0, 403);
    assert_eq!(get("/img/one.png".into()).await.0, 403);
    clock.advance(SignedDuration::from_secs(300));
    assert_eq!(get(link.clone()).await.0, 200);
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(get(link).await.0, 403);
    let seen = engines.objects.book().seen();
    assert_eq!(
        seen.iter().map(|seen| seen.status).collect::<Vec<_>>(),
        [200, 200, 403, 403, 403, 200, 403]
    );
}

#[tokio::test]
async fn the_store_makes_the_trouble_it_was_told_to_make() {
    let engines = engines(&clock()).await;
    let book = engines.objects.book();
    book.trouble(Fault::fail(Some("PutObject"), 2, 503, "SlowDown"));
    assert_eq!(put(&engines, "a").await, Err(Some("SlowDown".into())));
    assert_eq!(put(&engines, "a").await, Err(Some("SlowDown".into())));
    assert!(engines.objects.keys(BUCKET).unwrap().is_empty());
    assert_eq!(put(&engines, "a").await, Ok(()));
    book.trouble(Fault::lose_reply(None, 1));
    assert_eq!(put(&engines, "b").await, Err(None));
    assert_eq!(engines.objects.keys(BUCKET).unwrap(), ["a", "b"]);
    let seen = book.seen();
    assert_eq!(
        seen.iter().map(|seen| seen.status).collect::<Vec<_>>(),
        [503, 503, 200, 0]
    );
    assert_eq!(seen[2].role.as_deref(), Some("painter"));
    assert_eq!(seen[2].headers["content-type"], "image/png");
    assert!(!seen[2].headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_book_and_the_faults_have_routes_on_loopback_alone() {
    let engines = engines(&clock()).await;
    let fault = r#"{"operation": "PutObject", "times": 1, "fail": {"status": 500, "code": "InternalError"}}"#;
    assert_eq!(
        raw(&engines, "POST", "127.0.0.1", "/_store/faults", &[], fault).await.0,
        204
    );
    let loses = r#"{"times": 1, "lose_reply": null}"#;
    let posted = raw(&engines, "POST", "127.0.0.1", "/_store/faults", &[], loses).await;
    assert_eq!(posted.0, 204, "{}", posted.2);
    assert_eq!(
        raw(&engines, "POST", "127.0.0.1", "/_store/faults", &[], r#"{"times": 1}"#)
            .await
            .0,
        422
    );
    assert_eq!(put(&engines, "a").await, Err(Some("InternalError".into())));
    assert_eq!(
        raw(&engines, "DELETE", "127.0.0.1", "/_store/faults", &[], "").await.0,
        204
    );
    assert_eq!(put(&engines, "a").await, Ok(()));
    let (status, _, text) = raw(&engines, "GET", "127.0.0.1:1234", "/_store/book", &[], "").await;
    let seen: Vec<Seen> = serde_json::from_str(&text).unwrap();
    assert_eq!((status, seen.len()), (200, 2));
    assert_eq!(
        raw(
            &engines,
            "GET",
            "pictures-1250000000.cos.localhost",
            "/_store/book",
            &[],
            ""
        )
        .await
        .0,
        403
    );
}
