//! Behind what stands before the API, and in the pages of the shop.

use serde_json::json;
use tests::{Answer, TestApp};

use crate::support::app;

const SECRET: &str = "an edge's secret of 32 bytes and more";

/// The SHA-256 of [`SECRET`], and of the one before it.
const HASHES: &str = "6176f0886d308eb64bb771079a3d959bf0fbd0861ce7a481c70437c5fd7cb055,\
                      1111111111111111111111111111111111111111111111111111111111111111";

/// A stack that stands behind an edge.
async fn behind() -> TestApp {
    let app = TestApp::amended(|template| {
        let routes = template
            .functions
            .iter_mut()
            .filter(|function| !function.routes.is_empty());
        for function in routes {
            let told = function
                .variables
                .insert("EDGE_SECRET_SHA256".to_owned(), HASHES.to_owned());
            assert_eq!(told.as_deref(), Some(""), "{}", function.folder);
        }
    });
    app.await
}

async fn report(app: &TestApp, secret: &str, address: &str) -> Answer {
    let picture = "p/0123456789abcdef0123456789abcdef.jpg";
    let body = json!({ "picture": picture, "reason": "other", "message": "no" }).to_string();
    let through = [("x-origin-secret", secret), ("cloudfront-viewer-address", address)];
    app.request("POST", "/v1/reports", None, &through, Some(body)).await
}

#[tokio::test]
async fn who_goes_past_the_edge_is_refused_by_every_function_and_a_wrong_secret_opens_nothing() {
    let app = behind().await;
    for path in ["/v1/health", "/v1/packs", "/privacy", "/v1/account", "/nowhere"] {
        for headers in [vec![], vec![("x-origin-secret", "guess")]] {
            let answer = app.request("GET", path, None, &headers, None).await;
            assert_eq!((answer.status, answer.problem()), (403, "forbidden"), "{path}");
            assert_eq!(answer.json["instance"], answer.header("x-request-id"));
        }
        let through = [("x-origin-secret", SECRET)];
        let answer = app.request("GET", path, None, &through, None).await;
        assert_ne!(answer.status, 403, "{path}");
    }
}

#[tokio::test]
async fn whom_the_edge_names_is_who_asks() {
    let app = behind().await;
    for _ in 0..10 {
        report(&app, SECRET, "203.0.113.7:49152").await.expect(202);
    }
    report(&app, SECRET, "203.0.113.99:1").await.expect(429);
    report(&app, SECRET, "198.51.100.7:49152").await.expect(202);
    report(&app, SECRET, "2001:db8:0:0:0:0:17e:7:51786").await.expect(202);
}

#[tokio::test]
async fn without_an_edge_nobody_can_say_that_he_is_somebody_else() {
    let app = app().await;
    for address in 1..=10 {
        report(&app, "guess", &format!("198.51.{address}.7:1"))
            .await
            .expect(202);
    }
    report(&app, "guess", "198.51.100.7:1").await.expect(429);
}

#[tokio::test]
async fn pages_of_the_shop_may_ask_and_read_and_those_of_others_may_not() {
    let app = app().await;
    let asking = |origin: &'static str| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type,idempotency-key",
            ),
        ]
    };
    let shop = "http://localhost:3000";
    let answer = app.request("OPTIONS", "/v1/images", None, &asking(shop), None).await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (204, shop)
    );
    for part in ["authorization", "content-type", "idempotency-key"] {
        assert!(answer.header("access-control-allow-headers").contains(part), "{part}");
    }
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    let stranger = app
        .request("OPTIONS", "/v1/images", None, &asking("https://evil.example"), None)
        .await;
    assert_eq!(stranger.header("access-control-allow-origin"), "");

    for (origin, shown) in [(shop, shop), ("https://evil.example", "")] {
        let answer = app.request("GET", "/v1/packs", None, &[("origin", origin)], None).await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (200, shown)
        );
    }
    // What is refused can be read too, and so can when to come back.
    let answer = app.request("GET", "/v1/account", None, &[("origin", shop)], None).await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (401, shop)
    );
    let readable = answer.header("access-control-expose-headers");
    assert!(
        readable.contains("retry-after") && readable.contains("x-request-id"),
        "{readable}"
    );
}
