//! The gateway from outside, over a socket.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test's helpers fail by panicking and may spawn"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::{Extension, Router};
use futures::future::join_all;
use jiff::SignedDuration;
use shared::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use vitrine::gateway::{Gateway, Limits, PathParameters, source};
use vitrine::template::{FunctionSpec, Template};

/// A gateway on a port of its own; it ends with the test.
struct Server {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

async fn serve<B>(limits: Limits, build: B) -> Server
where
    B: Fn(&FunctionSpec) -> anyhow::Result<Router> + Send + Sync + 'static,
{
    let gateway = Gateway::new(&Template::local().unwrap(), build, |_: &mut Request| {}, limits);
    start(gateway).await
}

async fn start(gateway: Gateway) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(gateway.serve(listener, async move {
        let _ = stopped.await;
    }));
    Server { address, _stop: stop }
}

/// A function that says its folder, the path parameters it was given and how long the body was.
fn echo(function: &FunctionSpec) -> anyhow::Result<Router> {
    let folder = function.folder.clone();
    let handler = move |Extension(PathParameters(parameters)): Extension<PathParameters>, body: axum::body::Bytes| {
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = format!("{folder} [{}] {}", parameters.join(","), body.len());
        async move { answer }
    };
    Ok(Router::new().fallback(handler))
}

/// Status line and body of the answer to one request.
async fn ask(server: &Server, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Too large a body may be refused before it was all sent.
    let _ = socket.write_all(body).await;
    read(socket).await
}

async fn read(mut socket: TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn each_request_reaches_the_function_of_its_route() {
    let server = serve(Limits::default(), echo).await;
    for (method, path, answer) in [
        ("POST", "/v1/accounts", "accounts-create [] 0"),
        ("POST", "/v1/accounts?x=1", "accounts-create [] 0"),
        ("POST", "/v1/accounts/verify", "accounts-verify [] 0"),
        ("GET", "/v1/images", "images-list [] 0"),
        ("POST", "/v1/images", "images-create [] 0"),
        ("GET", "/v1/images/img_1", "images-get [id=img_1] 0"),
        ("DELETE", "/v1/images/img_1", "images-delete [id=img_1] 0"),
        ("GET", "/.well-known/jwks.json", "keys-get [] 0"),
    ] {
        assert_eq!(
            ask(&server, method, path, b"").await,
            (200, answer.to_owned()),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn what_no_route_takes_goes_to_the_default_route() {
    let server = serve(Limits::default(), echo).await;
    for (method, path) in [
        ("PUT", "/v1/images"),
        ("GET", "/v1/accounts/verify"),
        ("GET", "/v1/images/"),
        ("GET", "/v1/images/a/b"),
        ("GET", "/v1/IMAGES"),
        ("GET", "/v1/images/img_1/"),
        ("GET", "/"),
        ("OPTIONS", "/v1/account"),
    ] {
        let (status, body) = ask(&server, method, path, b"").await;
        assert_eq!((status, body.as_str()), (200, "routes-refuse [] 0"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_parameter_is_decoded_once() {
    let server = serve(Limits::default(), echo).await;
    for (written, decoded) in [
        ("a%20b", "a b"),
        ("a%2520b", "a%20b"),
        ("a%2Fb", "a/b"),
        ("%E6%9D%AF", "杯"),
        ("%zz%", "%zz%"),
    ] {
        let (_, body) = ask(&server, "GET", &format!("/v1/images/{written}"), b"").await;
        assert_eq!(body, format!("images-get [id={decoded}] 0"));
    }
}

#[tokio::test]
async fn a_literal_path_comes_before_a_parameter_whatever_the_order() {
    let mut template = Template::local().unwrap();
    for function in &mut template.functions {
        for route in &mut function.routes {
            match function.folder.as_str() {
                "images-get" => route.path = "/v1/{kind}/latest".to_owned(),
                "images-list" => route.path = "/v1/images/{id}".to_owned(),
                "health-get" => {
                    route.method = "ANY".to_owned();
                    route.path = "/v1/{rest+}".to_owned();
                }
                _ => {}
            }
        }
    }
    let server = start(Gateway::new(&template, echo, |_: &mut Request| {}, Limits::default())).await;
    for (method, path, answer) in [
        ("GET", "/v1/images/latest", "images-list [id=latest] 0"),
        ("GET", "/v1/mails/latest", "images-get [kind=mails] 0"),
        ("GET", "/v1/account", "accounts-get [] 0"),
        ("PUT", "/v1/account", "health-get [rest=account] 0"),
        ("GET", "/v1/a/b/c", "health-get [rest=a/b/c] 0"),
    ] {
        assert_eq!(
            ask(&server, method, path, b"").await,
            (200, answer.to_owned()),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_body_over_the_cap_never_reaches_the_function() {
    let limits = Limits {
        body: 1000,
        ..Limits::default()
    };
    let server = serve(limits, echo).await;
    let fits = ask(&server, "POST", "/v1/images", &[b'x'; 1000]).await;
    assert_eq!(fits, (200, "images-create [] 1000".to_owned()));
    let refused = ask(&server, "POST", "/v1/images", &[b'x'; 1001]).await;
    assert_eq!(refused, (413, r#"{"message":"Request Entity Too Large"}"#.to_owned()));
    assert_eq!(Limits::default().body, 10 * 1024 * 1024);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_given_up() {
    let limits = Limits {
        time: Duration::from_millis(50),
        ..Limits::default()
    };
    let never = |_: &FunctionSpec| Ok(Router::new().fallback(std::future::pending::<String>));
    let server = serve(limits, never).await;
    let answer = ask(&server, "GET", "/v1/health", b"").await;
    assert_eq!(answer, (503, r#"{"message":"Service Unavailable"}"#.to_owned()));
    assert_eq!(Limits::default().time, Duration::from_secs(30));
}

#[tokio::test]
async fn more_requests_than_may_be_under_way_are_told_to_come_back() {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let limits = Limits {
        concurrency: 1,
        ..Limits::default()
    };
    let (seen, go) = (Arc::clone(&arrived), Arc::clone(&release));
    let server = serve(limits, move |_| {
        let (seen, go) = (Arc::clone(&seen), Arc::clone(&go));
        Ok(Router::new().fallback(move || {
            let (seen, go) = (Arc::clone(&seen), Arc::clone(&go));
            async move {
                seen.notify_one();
                go.notified().await;
                "done"
            }
        }))
    })
    .await;
    let (first, second) = tokio::join!(ask(&server, "GET", "/v1/health", b""), async {
        arrived.notified().await;
        let second = ask(&server, "GET", "/v1/health", b"").await;
        release.notify_one();
        second
    });
    assert_eq!(first, (200, "done".to_owned()));
    assert_eq!(second, (429, r#"{"message":"Too Many Requests"}"#.to_owned()));
}

/// Statuses of so many requests at once, and how often each came.
async fn statuses(server: &Server, method: &str, path: &str, requests: usize) -> BTreeMap<u16, usize> {
    let mut counted = BTreeMap::new();
    for (status, _) in join_all((0..requests).map(|_| ask(server, method, path, b""))).await {
        *counted.entry(status).or_default() += 1;
    }
    counted
}

#[tokio::test]
async fn a_route_asked_too_often_is_closed_to_the_excess_and_no_other_route_is() {
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let limits = Limits {
        throttle: Some(clock.clone()),
        ..Limits::default()
    };
    let server = serve(limits, echo).await;
    assert_eq!(
        statuses(&server, "POST", "/v1/sessions", 40).await,
        BTreeMap::from([(200, 10), (429, 30)])
    );
    let refused = ask(&server, "POST", "/v1/sessions", b"").await;
    assert_eq!(refused, (429, r#"{"message":"Too Many Requests"}"#.to_owned()));
    assert_eq!(ask(&server, "POST", "/v1/accounts", b"").await.0, 200);
    assert_eq!(ask(&server, "GET", "/v1/health", b"").await.0, 200);
    clock.advance(SignedDuration::from_millis(250));
    assert_eq!(
        statuses(&server, "POST", "/v1/sessions", 40).await,
        BTreeMap::from([(200, 5), (429, 35)]),
        "twenty come back in a second"
    );
}

#[tokio::test]
async fn without_a_clock_to_count_by_nobody_is_sent_away() {
    let server = serve(Limits::default(), echo).await;
    assert_eq!(
        statuses(&server, "POST", "/v1/sessions", 40).await,
        BTreeMap::from([(200, 40)])
    );
}

#[tokio::test]
async fn a_function_runs_as_often_at_once_as_is_reserved_for_it_and_then_says_so() {
    let mut template = Template::local().unwrap();
    for function in &mut template.functions {
        function.reserved_concurrency = (function.folder == "images-get").then_some(3);
    }
    let (arrived, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (seen, go) = (Arc::clone(&arrived), Arc::clone(&release));
    let waits = move |_: &FunctionSpec| {
        let (seen, go) = (Arc::clone(&seen), Arc::clone(&go));
        Ok(Router::new().fallback(move || {
            let (seen, go) = (Arc::clone(&seen), Arc::clone(&go));
            async move {
                // Nobody is let go before the fourth was refused.
                seen.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                "done"
            }
        }))
    };
    let server = start(Gateway::new(&template, waits, |_: &mut Request| {}, Limits::default())).await;
    let first = join_all((0..3).map(|_| ask(&server, "GET", "/v1/images/img_1", b"")));
    let (first, fourth) = tokio::join!(first, async {
        while arrived.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        let fourth = ask(&server, "GET", "/v1/images/img_1", b"").await;
        release.notify_waiters();
        fourth
    });
    assert_eq!(fourth, (503, r#"{"message":"Service Unavailable"}"#.to_owned()));
    assert!(first.iter().all(|(status, _)| *status == 200), "{first:?}");
}

#[tokio::test]
async fn a_function_is_built_at_its_first_request_and_only_then() {
    let built = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&built);
    let server = serve(Limits::default(), move |function| {
        count.fetch_add(1, Ordering::SeqCst);
        echo(function)
    })
    .await;
    assert_eq!(built.load(Ordering::SeqCst), 0);
    ask(&server, "GET", "/v1/health", b"").await;
    ask(&server, "GET", "/v1/health", b"").await;
    assert_eq!(built.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_function_that_cannot_start_fails_alone_and_is_tried_once() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let server = serve(Limits::default(), move |function| {
        if function.folder == "accounts-get" {
            count.fetch_add(1, Ordering::SeqCst);
            anyhow::bail!("the variable ACCOUNTS_TABLE is not set");
        }
        echo(function)
    })
    .await;
    for _ in 0..2 {
        let answer = ask(&server, "GET", "/v1/account", b"").await;
        assert_eq!(answer, (500, r#"{"message":"Internal Server Error"}"#.to_owned()));
    }
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    assert_eq!(ask(&server, "GET", "/v1/health", b"").await.0, 200);
}

#[tokio::test]
async fn a_function_that_panics_answers_500_and_lives_on() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = serve(Limits::default(), move |_| {
        let calls = Arc::clone(&calls);
        Ok(Router::new().fallback(move || {
            let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                assert!(!first, "the first call fails on purpose");
                "well"
            }
        }))
    })
    .await;
    let first = ask(&server, "GET", "/v1/health", b"").await;
    assert_eq!(first, (500, r#"{"message":"Internal Server Error"}"#.to_owned()));
    assert_eq!(ask(&server, "GET", "/v1/health", b"").await, (200, "well".to_owned()));
}

#[tokio::test]
async fn a_request_is_prepared_before_its_function_sees_it() {
    #[derive(Clone)]
    struct From(BTreeMap<&'static str, String>);
    let build = |_: &FunctionSpec| {
        Ok(Router::new().fallback(|Extension(From(from)): Extension<From>| async move { from["ip"].clone() }))
    };
    let prepare = |request: &mut Request| {
        let ip = source(request).unwrap().ip().to_string();
        request.extensions_mut().insert(From(BTreeMap::from([("ip", ip)])));
    };
    let server = start(Gateway::new(
        &Template::local().unwrap(),
        build,
        prepare,
        Limits::default(),
    ))
    .await;
    assert_eq!(
        ask(&server, "GET", "/v1/health", b"").await,
        (200, "127.0.0.1".to_owned())
    );
}
