use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use axum::Router;
use axum::extract::{Path, RawQuery, Request};
use axum::http::{HeaderMap, Method};
use axum::routing::any;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, RequestExt as _};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use shared::http::with_manners;
use shared::{Entropy, Ids};
use tower::{Service as _, ServiceExt as _};
use vitrine::lambda::answer::http_answer;
use vitrine::lambda::http_event::{Api, HttpRequest, http_event, request_id, trace_id};

use crate::compare::assert_same;
use crate::support::{clock, fixture, text};

const PNG: &[u8] = &[0x89, b'P', b'N', b'G', b'\r', b'\n', 0x00, 0xff];
const ORDER: &str = r#"{"prompt":"walnut desk lamp – 胡桃木台灯"}"#;

/// A request as a client sends it, and the route that takes it.
#[derive(Clone, Copy)]
struct Sent<'a> {
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
    route: &'a str,
    parameters: &'a [(&'a str, &'a str)],
}

const GET: Sent<'_> = Sent {
    method: "GET",
    target: "/v1/images",
    headers: &[("User-Agent", "kiln/2.1")],
    body: b"",
    route: "GET /v1/images",
    parameters: &[],
};
const POST: Sent<'_> = Sent {
    method: "POST",
    route: "POST /v1/images",
    ..GET
};

/// Each fixture and the request it tells of.
const FIXTURES: [(&str, Sent<'_>); 5] = [
    (
        "http-path-parameters",
        Sent {
            target: "/v1/images/caf%C3%A9%20%E7%93%B7?size=a%20b&mark=%E2%9C%93+1",
            headers: &[("Accept", "application/json"), ("User-Agent", "kiln/2.1")],
            route: "GET /v1/images/{id}",
            parameters: &[("id", "café 瓷")],
            ..GET
        },
    ),
    (
        "http-json",
        Sent {
            headers: &[
                ("Content-Type", "application/json"),
                ("Idempotency-Key", "spring-catalogue-17"),
                ("User-Agent", "kiln/2.1"),
            ],
            body: ORDER.as_bytes(),
            ..POST
        },
    ),
    (
        "http-binary",
        Sent {
            headers: &[("Content-Type", "image/png"), ("User-Agent", "kiln/2.1")],
            body: PNG,
            ..POST
        },
    ),
    (
        "http-many-values",
        Sent {
            target: "/v1/images?state=ready&state=queued&limit=5",
            headers: &[
                ("Accept-Language", "zh-CN"),
                ("Accept-Language", "en;q=0.5"),
                ("Cookie", "theme=linen; cart=3"),
                ("Cookie", "seen=1"),
                ("User-Agent", "kiln/2.1"),
                ("X-Forwarded-For", "198.51.100.4"),
                ("X-Forwarded-Proto", "http"),
                ("Connection", "keep-alive"),
            ],
            ..GET
        },
    ),
    (
        "http-default",
        Sent {
            method: "DELETE",
            target: "/nowhere",
            headers: &[],
            route: "$default",
            ..GET
        },
    ),
];

fn event(sent: &Sent<'_>) -> Value {
    let mut request = axum::http::Request::builder().method(sent.method).uri(sent.target);
    request = request.header("Host", "api.vitrine.example");
    for (name, value) in sent.headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let at: Timestamp = "2026-11-22T09:00:00.25Z".parse().unwrap();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    http_event(&HttpRequest {
        api: &Api {
            id: "v1tr1nel0c".to_owned(),
            domain_name: "api.vitrine.example".to_owned(),
        },
        parts: &parts,
        body: sent.body,
        route_key: sent.route,
        path_parameters: &sent.parameters.iter().map(owned).collect::<BTreeMap<_, _>>(),
        source: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        at,
        request_id: &request_id(*b"Linen-lamps"),
        trace_id: &trace_id(at, *b"\x0c\x2d\x4e\x6f\x80\x91\xa2\xb3\xc4\xd5\xe6\xf7"),
    })
}

fn of_type(content_type: Option<&str>, body: &[u8]) -> (Value, Value) {
    let headers: Vec<_> = content_type.map(|kind| ("Content-Type", kind)).into_iter().collect();
    let event = event(&Sent {
        headers: &headers,
        body,
        ..POST
    });
    (event["isBase64Encoded"].clone(), event["body"].clone())
}

#[test]
fn a_request_becomes_the_event_that_api_gateway_makes_of_it() {
    for (name, sent) in &FIXTURES {
        assert_same(&event(sent), &fixture(name), &[]);
    }
}

#[test]
fn only_a_few_kinds_of_body_travel_as_text() {
    for kind in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/xml",
        "application/javascript",
        "text/plain",
        "text/csv; charset=\"utf-8\"",
    ] {
        assert_eq!(of_type(Some(kind), b"a"), (json!(false), json!("a")), "{kind}");
    }
    for kind in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("application/problem+json"),
        Some("application/octet-stream"),
        Some("text/plain; charset=iso-8859-1"),
        Some("textual/plain"),
    ] {
        assert_eq!(of_type(kind, b"a"), (json!(true), json!("YQ==")), "{kind:?}");
    }
    assert_eq!(
        of_type(Some("image/png"), b""),
        (json!(false), Value::Null),
        "there is no body"
    );
}

#[test]
fn every_http_fixture_is_read_as_the_request_it_tells_of() {
    for (name, sent) in &FIXTURES {
        let request = lambda_http::request::from_str(&text(name)).unwrap();
        assert_eq!(request.method(), sent.method, "{name}");
        let target = request.uri().path_and_query().unwrap().as_str();
        assert_eq!(target, sent.target, "{name}");
        let body = match request.body() {
            Body::Empty => Vec::new(),
            Body::Text(text) => text.clone().into_bytes(),
            Body::Binary(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(body, sent.body, "{name}");
        for (parameter, value) in sent.parameters {
            assert_eq!(request.path_parameters().first(parameter), Some(*value), "{name}");
        }
    }
    let many = lambda_http::request::from_str(&text("http-many-values")).unwrap();
    assert_eq!(many.headers()["cookie"], "theme=linen; cart=3; seen=1");
    assert_eq!(many.headers()["accept-language"], "zh-CN,en;q=0.5");
}

/// What a handler sees, as JSON; and an answer in which nothing is plain.
fn mirror() -> Router {
    async fn see(
        path: Option<Path<String>>,
        query: RawQuery,
        headers: HeaderMap,
        request: Request,
    ) -> axum::response::Response {
        let method: Method = request.method().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let seen = json!({
            "method": method.as_str(),
            "id": path.map(|Path(id)| id),
            "query": query.0,
            "cookie": headers.get("cookie").map(|value| value.to_str().unwrap()),
            "body": body.to_vec(),
        });
        let answer = axum::response::Response::builder()
            .status(207)
            .header("content-type", "application/json");
        let answer = answer
            .header("set-cookie", "a=1; Path=/")
            .header("set-cookie", "b=2")
            .header("vary", "accept")
            .header("vary", "prefer");
        answer.body(seen.to_string().into()).unwrap()
    }
    let router = Router::new().route("/v1/images/{id}", any(see)).fallback(see);
    with_manners(router, Ids::new(clock(), Entropy::seeded(1)))
}

#[tokio::test]
async fn a_function_sees_through_its_event_what_was_sent_and_its_answer_comes_back_whole() {
    let mut function = Adapter::from(mirror());
    for (name, sent) in &FIXTURES {
        let payload: LambdaRequest = serde_json::from_value(event(sent)).unwrap();
        let event = LambdaEvent::new(payload, Context::default());
        let answer = function.ready().await.unwrap().call(event).await.unwrap();
        let answer = http_answer(&serde_json::to_vec(&answer).unwrap()).unwrap();
        assert_eq!(answer.status(), 207, "{name}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{name}");
        let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2"], "{name}");
        assert_eq!(answer.headers()["vary"], "accept, prefer", "{name}");
        assert_eq!(answer.headers()["x-request-id"], "TGluZW4tbGFtcHM=", "{name}");
        let seen: Value = serde_json::from_slice(answer.body()).unwrap();
        let expected = json!({
            "method": sent.method,
            "id": sent.parameters.first().map(|(_, value)| value),
            "query": sent.target.split_once('?').map(|(_, query)| query),
            "cookie": (*name == "http-many-values").then_some("theme=linen; cart=3; seen=1"),
            "body": sent.body,
        });
        assert_same(&seen, &expected, &[]);
    }
}
