//! The edge, from outside: what is answered to what, through a router with its manners.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::domain::Language;
use crate::ids::Image;
use crate::{Clock, Entropy, Id, Ids};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Order {
    prompt: String,
    #[serde(default)]
    count: u8,
    #[serde(default)]
    ratio: Option<Ratio>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
enum Ratio {
    #[serde(rename = "1:1")]
    Square,
    #[serde(rename = "4:3")]
    Wide,
}

async fn list(Query(Paging { limit, cursor }): Query<Paging>) -> Result<Page<u64>, Problem> {
    let first = cursor.map_or(Ok(0), |cursor| cursor.last::<u64>().map(|last| last + 1))?;
    let items: Vec<u64> = (first..first + u64::from(limit.get())).collect();
    let next = items.last().map(Cursor::after);
    Ok(Page { items, next })
}

fn router() -> Router {
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let routes = Router::new()
        .route(
            "/orders",
            post(|Json(order): Json<Order>| async move { Json(order) }).get(list),
        )
        .route(
            "/keyed",
            post(|Idempotent { key, fingerprint, .. }: Idempotent<Order>| async move {
                Json(json!([key.as_str(), fingerprint.to_hex()]))
            }),
        )
        .route(
            "/images/{id}",
            get(|Path(id): Path<Id<Image>>| async move { Json(id.to_string()) }),
        )
        .route("/language", get(|language: Language| async move { Json(language) }))
        .route(
            "/wait",
            get(|wait: Wait| async move { (wait, Json(wait.duration().as_secs())) }),
        )
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("a seller's own words")
                }
            }),
        )
        .route("/poor", get(|| async { Problem::insufficient_credits(4, 1) }))
        .route(
            "/broken",
            get(|| async { Problem::unavailable("the table said a secret") }),
        )
        .route("/limited", get(|| async { Problem::too_many_requests(QUOTA) }))
        .route(
            "/quota",
            get(|| async { (QUOTA, Replayed(true), Accepted::at("/images/1", json!({}))) }),
        )
        .route("/plain", get(|| async { (StatusCode::IM_A_TEAPOT, "bare text") }))
        .route(
            "/kept",
            get(|| async { ([("cache-control", "public, max-age=300")], "kept") }),
        );
    with_manners(routes, Ids::new(clock, Entropy::seeded(1)))
}

const QUOTA: Quota = Quota {
    policy: "prompts",
    limit: 50,
    remaining: 0,
    reset_s: 3600,
    window_s: 86400,
};

async fn send(request: Request) -> (StatusCode, HeaderMap, Value) {
    let response = router()
        .layer(Extension(Viewer {
            source_ip: None,
            request_id: Some("req-1".into()),
        }))
        .oneshot(request)
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    (parts.status, parts.headers, body)
}

fn ask(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn order(body: &str) -> Value {
    send(ask("POST", "/orders", &[JSON], body.to_owned())).await.2
}

fn problem(kind: Kind, detail: &str, members: Value) -> Value {
    let mut document = json!({
        "type": format!("/problems/{}", kind.slug()), "title": kind.title(),
        "status": kind.status().as_u16(), "detail": detail, "instance": "req-1",
    });
    document
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    document
}

fn field(kind: Kind, pointer: &str, must: &str) -> Value {
    let subject = if pointer.is_empty() { "The body" } else { pointer };
    let errors = json!({ "errors": [{ "pointer": pointer, "detail": must }] });
    problem(kind, &format!("{subject} {must}."), errors)
}

#[tokio::test]
async fn each_bad_body_is_answered_with_the_field_and_what_it_must_be() {
    for (body, pointer, must) in [
        (r#"{"prompt": 5}"#, "/prompt", "must be a string"),
        (r"{}", "/prompt", "is missing"),
        (r#"{"prompt":"a","prompt":"b"}"#, "/prompt", "is given twice"),
        (
            r#"{"prompt":"a","count":300}"#,
            "/count",
            "must be a whole number from 0 to 255",
        ),
        (
            r#"{"prompt":"a","count":-1}"#,
            "/count",
            "must be a whole number from 0 to 255",
        ),
        (
            r#"{"prompt":"a","count":"x, expected y"}"#,
            "/count",
            "must be a whole number from 0 to 255",
        ),
        (r#"{"prompt":"a","ratio":"2:1"}"#, "/ratio", "must be `1:1` or `4:3`"),
        (r#"{"prompt":"a","tags":["x",7]}"#, "/tags/1", "must be a string"),
        (r#"{"prompt":"a","tags":{}}"#, "/tags", "must be a list"),
        ("[1]", "", "must be an object"),
        ("\"x\"", "", "must be an object"),
    ] {
        assert_eq!(order(body).await, field(Kind::InvalidField, pointer, must), "{body}");
    }
    assert_eq!(
        order(r#"{"prompt":"a","a/b~c":1}"#).await,
        field(Kind::UnknownField, "/a~1b~0c", "is not a field of this request")
    );
}

#[tokio::test]
async fn malformed_json_is_told_its_line_and_column() {
    assert_eq!(
        order("{\n  \"prompt\": oops}").await,
        problem(
            Kind::InvalidBody,
            "The body is not well-formed JSON: look at line 2, column 13.",
            json!({ "line": 2, "column": 13 })
        )
    );
    assert_eq!(
        order("").await["detail"],
        "The body is empty; it must be a JSON object."
    );
    assert_eq!(
        order("{").await["detail"],
        "The body ends too early, in line 1, column 1."
    );
    for body in ["{\"prompt\":\"a\"} x", "[1", "nul", &"[".repeat(500)] {
        assert_eq!(order(body).await["type"], "/problems/invalid-body", "{body}");
    }
}

#[tokio::test]
async fn a_body_must_say_it_is_json_and_keep_to_the_cap() {
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=gbk",
    ] {
        let (status, _, body) = send(ask("POST", "/orders", &[("content-type", content_type)], "{}")).await;
        assert_eq!(
            (status.as_u16(), &body["type"]),
            (415, &json!("/problems/unsupported-media-type"))
        );
    }
    for content_type in ["application/json; charset=UTF-8", "application/vnd.vitrine+json"] {
        let request = ask(
            "POST",
            "/orders",
            &[("content-type", content_type)],
            r#"{"prompt":"a"}"#,
        );
        assert_eq!(send(request).await.0, StatusCode::OK);
    }
    let body = |length: usize| format!(r#"{{"prompt":"{}"}}"#, "x".repeat(length - 13));
    let largest = send(ask("POST", "/orders", &[JSON], body(65_536))).await;
    assert_eq!(largest.0, StatusCode::OK);
    let (status, _, answer) = send(ask("POST", "/orders", &[JSON], body(65_537))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        answer,
        problem(
            Kind::BodyTooLarge,
            "The body is larger than this request may be.",
            json!({})
        )
    );
}

#[tokio::test]
async fn a_key_is_needed_and_told_apart_by_what_the_request_means() {
    let keyed = |headers: Vec<(&'static str, String)>, body: &'static str| async move {
        let mut all = vec![JSON];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        send(ask("POST", "/keyed", &all, body)).await.2
    };
    let key = |value: &str| vec![("idempotency-key", value.to_owned())];
    let fine = r#"{"prompt":"a","count":1}"#;
    assert_eq!(keyed(vec![], fine).await["type"], "/problems/missing-idempotency-key");
    for bad in ["", "a b", "\"open", "\"a\"b", &"k".repeat(129), "é"] {
        assert_eq!(
            keyed(key(bad), fine).await["type"],
            "/problems/invalid-idempotency-key",
            "{bad}"
        );
    }
    let twice = [key("a"), key("a")].concat();
    assert_eq!(keyed(twice, fine).await["type"], "/problems/invalid-idempotency-key");
    let first = keyed(key("k-1"), fine).await;
    assert_eq!(first[0], "k-1");
    assert_eq!(
        keyed(key("\"k-1\""), "{ \"count\" : 1, \"prompt\":\"a\" }").await,
        first
    );
    assert_ne!(keyed(key("k-1"), r#"{"prompt":"b","count":1}"#).await[1], first[1]);
    assert_eq!(keyed(key(&"k".repeat(128)), fine).await[1], first[1]);
}

#[tokio::test]
async fn an_id_of_another_kind_names_nothing() {
    let nothing = problem(
        Kind::NotFound,
        "There is nothing at this address, or nothing that you may see.",
        json!({}),
    );
    for path in [
        "/images/acc_01h455vb4pex5vsknk084sn02q",
        "/images/x",
        "/images/%FF",
        "/nowhere",
        "/",
    ] {
        assert_eq!(send(ask("GET", path, &[], "")).await.2, nothing, "{path}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor_and_link() {
    let (_, headers, first) = send(ask("GET", "/orders?limit=2&cursor=", &[], "")).await;
    assert_eq!((headers.get("link"), &first["parameter"]), (None, &json!("cursor")));
    let (_, headers, first) = send(ask("GET", "/orders?limit=2", &[], "")).await;
    assert_eq!(first["items"], json!([0, 1]));
    let next = first["next"].as_str().unwrap();
    assert_eq!(
        headers["link"],
        format!("</orders?limit=2&cursor={next}>; rel=\"next\"")
    );
    let (_, _, second) = send(ask("GET", &format!("/orders?limit=2&cursor={next}"), &[], "")).await;
    assert_eq!(second["items"], json!([2, 3]));
}

#[tokio::test]
async fn each_bad_parameter_is_named() {
    let foreign = Cursor::after("img_1");
    for (query, kind, parameter, must) in [
        (
            "limit=0",
            Kind::InvalidParameter,
            "limit",
            "must be a whole number from 1 to 100",
        ),
        (
            "limit=101",
            Kind::InvalidParameter,
            "limit",
            "must be a whole number from 1 to 100",
        ),
        (
            "limit=x",
            Kind::InvalidParameter,
            "limit",
            "must be a whole number from 1 to 100",
        ),
        ("limit=1&limit=2", Kind::InvalidParameter, "limit", "is given twice"),
        (
            "size=1",
            Kind::InvalidParameter,
            "size",
            "is not a parameter of this request",
        ),
        (
            "cursor=!!",
            Kind::InvalidCursor,
            "cursor",
            "must be a cursor that this list has given",
        ),
        (
            &format!("cursor={foreign}"),
            Kind::InvalidCursor,
            "cursor",
            "must be a cursor that this list has given",
        ),
    ] {
        let members = json!({ "parameter": parameter, "errors": [{ "parameter": parameter, "detail": must }] });
        let (status, _, body) = send(ask("GET", &format!("/orders?{query}"), &[], "")).await;
        assert_eq!(body, problem(kind, &format!("{parameter} {must}."), members), "{query}");
        assert_eq!(status, kind.status());
    }
}

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
    let detail = "This needs 4 credits; you have 1, so 3 are missing.";
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

#[tokio::test]
async fn the_language_liked_best_is_picked() {
    for (accepts, language) in [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.5, zh-Hans;q=0.75", "zh"),
        ("fr, de", "en"),
        ("zh;q=0", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=nonsense", "en"),
        ("*, zh;q=0.5", "en"),
    ] {
        let (_, _, body) = send(ask("GET", "/language", &[("accept-language", accepts)], "")).await;
        assert_eq!(body, language, "{accepts}");
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_twenty_seconds() {
    for (prefer, seconds, applied) in [
        ("wait=5", 5, Some("wait=5")),
        ("respond-async, Wait = 90", 20, Some("wait=20")),
        ("wait=-1", 0, None),
        ("wait", 0, None),
        ("wait=3, wait=9", 3, Some("wait=3")),
        ("", 0, None),
    ] {
        let (_, headers, body) = send(ask("GET", "/wait", &[("prefer", prefer)], "")).await;
        assert_eq!(body, seconds, "{prefer}");
        assert_eq!(
            headers.get("preference-applied").map(|value| value.to_str().unwrap()),
            applied
        );
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_request_makes_the_edge_fail(
        body in prop::collection::vec(any::<u8>(), 0..200),
        header in "[ -~]{0,60}",
        query in "[ -~]{0,60}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let headers = [
            JSON, ("idempotency-key", &*header), ("accept-language", &*header), ("prefer", &*header), ("accept", &*header),
        ];
        for (method, path) in [("POST", "/orders"), ("POST", "/keyed"), ("GET", "/orders"), ("GET", "/language"), ("GET", "/wait")] {
            let uri = format!("{path}?cursor={query}");
            let (status, _, _) = runtime.block_on(send(ask(method, &uri, &headers, body.clone())));
            prop_assert!(!status.is_server_error());
        }
    }

    #[test]
    fn a_cursor_survives_its_text(last in ".{1,40}") {
        let cursor = Cursor::after(&last);
        prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap().last::<String>().unwrap(), last);
    }

    #[test]
    fn no_text_makes_a_cursor_panic(text in ".{0,300}") {
        let _ = text.parse::<Cursor>();
    }
}

#[test]
fn a_problem_in_print_is_for_us_and_in_an_answer_for_them() {
    let problem = Problem::internal(std::io::Error::other("the cause"));
    assert!(format!("{problem:?}").contains("the cause"));
    assert_eq!(problem.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
}
