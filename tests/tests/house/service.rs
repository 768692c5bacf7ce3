//! The functions that tell about the service itself, and the one that refuses.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::host::{ask, read};

const BROWSER: (&str, &str) = (
    "accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);

#[tokio::test]
async fn programs_get_the_document_and_browsers_a_page_of_it() {
    for (accept, media_type) in [
        (vec![], "application/json"),
        (vec![("accept", "*/*")], "application/json"),
        (vec![("accept", "application/json, text/html")], "application/json"),
        (vec![("accept", "text/html")], "text/html; charset=utf-8"),
        (vec![BROWSER], "text/html; charset=utf-8"),
    ] {
        let answer = ask("openapi-get", "GET", "/openapi.json", &accept).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, media_type),
            "{accept:?}"
        );
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(
            answer.header("vary"),
            "accept",
            "a cache must not give the one for the other"
        );
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("script-src"),
            "{policy}"
        );
    }
    let json = ask("openapi-get", "GET", "/openapi.json", &[]).await;
    assert_eq!(json.text(), read("docs/openapi.json"));
}

#[tokio::test]
async fn a_document_that_was_seen_is_confirmed_and_not_sent_again() {
    let (json, page) = (
        ask("openapi-get", "GET", "/openapi.json", &[]).await,
        ask("openapi-get", "GET", "/openapi.json", &[BROWSER]).await,
    );
    let (tag, page_tag) = (json.header("etag"), page.header("etag"));
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
    assert_ne!(tag, page_tag);
    let (weak, several) = (format!("W/{tag}"), format!("\"other\", {tag}"));
    for (seen, status) in [
        (tag, 304),
        (&weak, 304),
        (&several, 304),
        ("*", 304),
        (page_tag, 200),
        ("\"other\"", 200),
        ("", 200),
    ] {
        let answer = ask("openapi-get", "GET", "/openapi.json", &[("if-none-match", seen)]).await;
        assert_eq!(answer.status.as_u16(), status, "{seen}");
        assert_eq!(answer.body.is_empty(), status == 304, "{seen}");
        assert_eq!(answer.header("etag"), tag);
    }
}

#[tokio::test]
async fn the_page_shows_every_operation_and_every_link_on_it_leads_somewhere() {
    let answer = ask("openapi-get", "GET", "/openapi.json", &[BROWSER]).await;
    let page = answer.text();
    let document: Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let (_, article) = page
                .split_once(&format!("<article id=\"{id}\">"))
                .unwrap_or_else(|| panic!("the page has no `{id}`"));
            let (article, _) = article.split_once("</article>").unwrap();
            for shown in [
                method.to_uppercase(),
                path.clone(),
                operation["summary"].as_str().unwrap().to_owned(),
            ] {
                assert!(article.contains(&shown), "`{id}` on the page does not show `{shown}`");
            }
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(
                    article.contains(&format!("<code>{status}</code>")),
                    "`{id}` on the page does not show {status}"
                );
            }
        }
    }
    let quoted = |before: &str| -> BTreeSet<&str> {
        page.split(before)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect()
    };
    let (targets, places) = (quoted("href=\"#"), quoted(" id=\""));
    let lost: Vec<_> = targets.difference(&places).collect();
    assert!(lost.is_empty(), "links on the page lead nowhere: {lost:?}");
    assert!(!page.contains('`'), "the page shows backticks where code should stand");
    assert!(quoted("href=\"").iter().all(|link| link.starts_with('#')) && quoted("src=\"").is_empty());
}

#[tokio::test]
async fn the_public_keys_are_for_everyone_and_hold_nothing_private() {
    let answer = ask("keys-get", "GET", "/.well-known/jwks.json", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2, "that of access tokens and that of receipts");
    for key in keys {
        let members: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, BTreeSet::from(["alg", "crv", "kid", "kty", "use", "x"]));
    }
}

#[tokio::test]
async fn a_healthy_service_says_so_and_tells_the_time() {
    let answer = ask("health-get", "GET", "/v1/health", &[]).await;
    assert_eq!(answer.text(), r#"{"status":"ok","time":"2026-11-22T09:00:00Z"}"#);
    assert_eq!(
        answer.header("cache-control"),
        "no-store",
        "an answer of yesterday says nothing about today"
    );
}

#[tokio::test]
async fn what_is_not_there_is_refused_and_a_wrong_method_is_told_the_right_ones() {
    for (method, path, status, allow) in [
        ("GET", "/", 404, ""),
        ("GET", "/v1/nowhere", 404, ""),
        ("POST", "/v1/images/", 404, ""),
        ("PUT", "/v1/images", 405, "POST, GET"),
        ("POST", "/v1/images/img_01kb0v1cqhe8svdnq7tqw8vz6n", 405, "GET, DELETE"),
        ("DELETE", "/v1/health", 405, "GET"),
        ("PATCH", "/openapi.json", 405, "GET"),
    ] {
        let answer = ask("routes-refuse", method, path, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (status, allow),
            "{method} {path}"
        );
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{method} {path}"
        );
        assert_eq!(answer.json()["status"], status, "{method} {path}");
        assert_eq!(
            answer.json()["instance"],
            answer.header("x-request-id"),
            "{method} {path}"
        );
    }
}
