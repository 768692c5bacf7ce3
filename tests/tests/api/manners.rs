//! How every answer behaves, whatever it says.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::app;

#[tokio::test]
async fn every_answer_has_a_name_of_its_own_and_safe_headers() {
    let app = app().await;
    let mei = app.person("mei").await;
    let mut names = BTreeSet::new();
    for (method, path, token, status) in [
        ("GET", "/v1/account", true, 200),
        ("GET", "/v1/images", true, 200),
        ("GET", "/v1/credits", true, 200),
        ("GET", "/v1/sessions", true, 200),
        ("POST", "/v1/sessions/refresh", false, 415),
        ("POST", "/v1/passwords/reset", false, 415),
        ("PUT", "/v1/account/password", true, 415),
        ("POST", "/v1/webhooks/resend", false, 401),
        ("GET", "/v1/images", false, 401),
        ("POST", "/v1/images", true, 400),
        ("POST", "/v1/sessions", false, 415),
        ("GET", "/v1/health", false, 200),
        ("GET", "/openapi.json", false, 200),
        ("GET", "/.well-known/jwks.json", false, 200),
        ("GET", "/nowhere", false, 404),
        ("PUT", "/v1/images", false, 405),
    ] {
        let answer = app
            .request(method, path, token.then_some(&mei.token), &[], None)
            .await
            .expect(status);
        let name = format!("{method} {path}: {:?}", answer.headers);
        assert!(names.insert(answer.header("x-request-id").to_owned()), "{name}");
        assert!(answer.header("x-request-id").len() > 8, "{name}");
        assert!(
            answer.header("strict-transport-security").contains("max-age=63072000"),
            "{name}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
        assert!(
            answer.header("content-security-policy").contains("default-src 'none'"),
            "{name}"
        );
        assert_eq!(answer.header("server"), "", "{name}");
        let public = status == 200 && !token && path != "/v1/health";
        assert_eq!(answer.header("cache-control").contains("public"), public, "{name}");
        if !public {
            assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        }
    }
}

#[tokio::test]
async fn what_everybody_may_read_is_read_without_a_token() {
    let app = app().await;
    let document = app.ask("GET", "/openapi.json", None).await.expect(200);
    let version = document.json["openapi"].as_str().unwrap();
    assert!(version.starts_with("3."), "{version}");
    for path in ["/v1/images", "/v1/images/{id}", "/v1/accounts/verify", "/v1/credits"] {
        assert!(document.json["paths"][path].is_object(), "{path}");
    }
    let headers = [("if-none-match", document.header("etag"))];
    let known = app
        .request("GET", "/openapi.json", None, &headers, None)
        .await
        .expect(304);
    assert_eq!(known.text, "");
    let headers = [("accept", "text/html,application/xhtml+xml")];
    let page = app
        .request("GET", "/openapi.json", None, &headers, None)
        .await
        .expect(200);
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("/v1/images"));
    app.ask("GET", "/v1/health", None).await.expect(200);
    let keys = app.ask("GET", "/.well-known/jwks.json", None).await.expect(200);
    assert_eq!(keys.json["keys"][0]["use"], json!("sig"));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = app().await;
    let mei = app.person("mei").await;
    let answer = app.request("HEAD", "/v1/account", Some(&mei.token), &[], None).await;
    assert_eq!(answer.text, "");
    assert!(answer.header("x-request-id").len() > 8);
}
