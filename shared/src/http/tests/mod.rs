//! The edge, from outside: what is answered to what, through a router with its manners.

mod answers;
mod requests;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::domain::{Credits, Language};
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
        .route(
            "/poor",
            get(|| async { Problem::insufficient_credits(Credits(4), Credits(1)) }),
        )
        .route(
            "/broken",
            get(|| async { Problem::unavailable("the table said a secret") }),
        )
        .route("/limited", get(|| async { Problem::too_many_requests(QUOTA) }))
        .route(
            "/quota",
            get(|| async { (QUOTA, Replayed(true), Accepted::at("/images/1", json!({}))) }),
        )
        .route(
            "/quotas",
            get(|| async {
                let source = Quota {
                    policy: "source",
                    remaining: 7,
                    reset_s: 60,
                    ..QUOTA
                };
                let cookies = AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]);
                (Quotas::of([QUOTA, source]), cookies)
            }),
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
