//! What an answer looks like.

use super::*;

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (status, headers, body) = send(ask("DELETE", "/orders", &[], "")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(body["type"], "/problems/method-not-allowed");
    let mut allowed: Vec<&str> = headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn no_failure_tells_what_caused_it() {
    let (status, headers, body) = send(ask("GET", "/panic", &[], "")).await;
    assert_eq!(
        (status, &body["type"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &json!("/problems/internal"))
    );
    assert_eq!(headers["content-type"], "application/problem+json");
    assert!(!body.to_string().contains("seller"));

    let (status, headers, body) = send(ask("GET", "/broken", &[], "")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&headers["retry-after"], &body["retry_after"]),
        (&"2".parse().unwrap(), &json!(2))
    );
    assert!(!body.to_string().contains("secret"));

    let (status, _, body) = send(ask("GET", "/plain", &[], "")).await;
    assert_eq!(
        (status, &body["type"]),
        (StatusCode::BAD_REQUEST, &json!("/problems/bad-request"))
    );
}

#[tokio::test]
async fn a_poor_caller_is_told_how_many_credits_are_missing() {
    let (status, _, body) = send(ask("GET", "/poor", &[], "")).await;
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
    let detail = "This costs 4 credits; 1 are available, so 3 are missing.";
    assert_eq!(
        body,
        problem(
            Kind::InsufficientCredits,
            detail,
            json!({ "needed": 4, "available": 1, "missing": 3 })
        )
    );
}

#[tokio::test]
async fn limits_are_told_with_and_without_success() {
    for (path, status) in [("/limited", 429), ("/quota", 202)] {
        let (answered, headers, _) = send(ask("GET", path, &[], "")).await;
        assert_eq!(answered.as_u16(), status);
        assert_eq!(headers["ratelimit-policy"], r#""prompts";q=50;w=86400"#);
        assert_eq!(headers["ratelimit"], r#""prompts";r=0;t=3600"#);
        assert_eq!(headers.contains_key("retry-after"), status == 429);
    }
    let (_, headers, _) = send(ask("GET", "/quota", &[], "")).await;
    assert_eq!(
        (&headers["location"], &headers["idempotent-replayed"]),
        (&"/images/1".parse().unwrap(), &"true".parse().unwrap())
    );
}

#[tokio::test]
async fn several_limits_stand_in_one_line() {
    let (_, headers, _) = send(ask("GET", "/quotas", &[], "")).await;
    let lines: Vec<_> = headers.get_all("ratelimit").iter().collect();
    assert_eq!(lines, [r#""prompts";r=0;t=3600, "source";r=7;t=60"#]);
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"], "cookies must not be joined");
}

#[tokio::test]
async fn every_answer_has_a_name_and_safe_headers() {
    for path in ["/orders", "/nowhere", "/panic", "/kept"] {
        let (_, headers, _) = send(ask("GET", path, &[], "")).await;
        assert_eq!(headers["x-request-id"], "req-1");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(
            headers["strict-transport-security"]
                .to_str()
                .unwrap()
                .contains("max-age=63072000")
        );
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        let kept = if path == "/kept" {
            "public, max-age=300"
        } else {
            "no-store"
        };
        assert_eq!(headers["cache-control"], kept);
    }
    let unnamed: Response = router().oneshot(ask("GET", "/nowhere", &[], "")).await.unwrap();
    assert!(unnamed.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    for path in ["/orders", "/poor"] {
        let response = router().oneshot(ask("HEAD", path, &[], "")).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
}

#[test]
fn a_path_is_told_its_methods_and_no_other() {
    assert_eq!(routes::methods("/v1/images"), ["POST", "GET"]);
    assert_eq!(routes::methods("/v1/images/img_1"), ["GET", "DELETE"]);
    assert!(routes::methods("/v1/images/").is_empty());
    assert!(routes::methods("/v1/images/a/b").is_empty());
}

#[test]
fn no_two_kinds_share_a_name() {
    let names: std::collections::BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    assert!(
        Kind::ALL
            .iter()
            .all(|kind| kind.status().as_u16() >= 400 && !kind.explanation().is_empty())
    );
}

#[test]
fn a_problem_in_print_is_for_us_and_in_an_answer_for_them() {
    let problem = Problem::internal(std::io::Error::other("the cause"));
    assert!(format!("{problem:?}").contains("the cause"));
    assert_eq!(problem.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
}
