//! Lambda's Runtime API for one process: where it asks for its next event, and tells what became of the one before.
//!
//! Each process has a listener of its own, so whoever asks there is known, and the address has the form that Lambda gives it,
//! a host and a port.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use super::LARGEST_PAYLOAD;
use super::failure::Failure;
use crate::engine::serving::Serving;

/// One event on its way to a function.
#[derive(Debug)]
pub(super) struct Call {
    /// The name of this invocation.
    pub(super) request_id: String,
    /// When the function's time is over, in milliseconds since 1970.
    pub(super) deadline_ms: i64,
    /// The function's ARN.
    pub(super) arn: String,
    /// The trace it belongs to.
    pub(super) trace_id: String,
    /// The event, as JSON.
    pub(super) event: Bytes,
}

/// What a function made of an event.
pub(super) type Outcome = Result<Bytes, Failure>;

/// How far the process has come with its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// It has not asked for an event yet.
    UnderWay,
    /// It has asked for its first event.
    Done,
    /// It has said why it cannot.
    Failed(String),
}

/// The Runtime API of one process. Dropping it closes the listener.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    calls: mpsc::Sender<(Call, oneshot::Sender<Outcome>)>,
    start: watch::Receiver<Start>,
    _serving: Serving,
}

impl RuntimeApi {
    /// Listens on a free port of loopback.
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (calls, waiting) = mpsc::channel(1);
        let (told, start) = watch::channel(Start::UnderWay);
        let desk = Arc::new(Desk {
            waiting: tokio::sync::Mutex::new(waiting),
            current: Mutex::default(),
            start: told,
        });
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let serving = Serving::start(|stop| async move {
            // It accepts without end; connections go on until the process has closed them, or is killed.
            tokio::select! {
                _ = axum::serve(listener, router(desk)).into_future() => {}
                () = stop.wanted() => {}
            }
        });
        Ok(Self {
            address,
            calls,
            start,
            _serving: serving,
        })
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the process has asked for its first event, or has said that it will not.
    pub(super) async fn started(&self) -> Start {
        let mut start = self.start.clone();
        match start.wait_for(|start| *start != Start::UnderWay).await {
            Ok(start) => start.clone(),
            Err(_) => Start::Failed("the Runtime API was closed".to_owned()),
        }
    }

    /// Hands an event over and waits for what becomes of it, for as long as that takes.
    pub(super) async fn call(&self, call: Call) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.calls.send((call, answer)).await.map_err(|_| Failure::Closed)?;
        answered.await.map_err(|_| Failure::Closed)?
    }
}

/// What the process talks to.
struct Desk {
    waiting: tokio::sync::Mutex<mpsc::Receiver<(Call, oneshot::Sender<Outcome>)>>,
    /// The invocation that the process is at, by its name.
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    start: watch::Sender<Start>,
}

impl Desk {
    fn current(&self) -> MutexGuard<'_, Option<(String, oneshot::Sender<Outcome>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the invocation of that name; says whether the process was at it.
    fn end(&self, request_id: &str, outcome: Outcome) -> bool {
        let mut current = self.current();
        match current.take_if(|(name, _)| name == request_id) {
            // Whoever wanted to know may have gone.
            Some((_, answer)) => drop(answer.send(outcome)),
            None => return false,
        }
        true
    }
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(LARGEST_PAYLOAD))
        .with_state(desk)
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    desk.start
        .send_if_modified(|start| *start == Start::UnderWay && std::mem::replace(start, Start::Done) != Start::Done);
    let Some((call, answer)) = desk.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    *desk.current() = Some((call.request_id.clone(), answer));
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", call.request_id),
        ("lambda-runtime-deadline-ms", call.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", call.arn),
        ("lambda-runtime-trace-id", call.trace_id),
    ];
    (headers, call.event).into_response()
}

async fn response(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let outcome = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::AnswerTooLarge,
        _ => Failure::Closed,
    });
    let status = match outcome {
        Ok(_) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
    };
    if desk.end(&id, outcome) {
        status.into_response()
    } else {
        unknown()
    }
}

/// What a runtime says of an error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    error_type: String,
    error_message: String,
}

async fn error(State(desk): State<Arc<Desk>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let (kind, message) = told(&headers, &body);
    match desk.end(&id, Err(Failure::Failed { kind, message })) {
        true => StatusCode::ACCEPTED.into_response(),
        false => unknown(),
    }
}

async fn init_error(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (kind, message) = told(&headers, &body);
    desk.start.send_replace(Start::Failed(format!("{kind}: {message}")));
    StatusCode::ACCEPTED
}

fn told(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type");
    let header = header.and_then(|value| value.to_str().ok()).unwrap_or("Unhandled");
    let kind = Some(told.error_type).filter(|kind| !kind.is_empty());
    (kind.unwrap_or_else(|| header.to_owned()), told.error_message)
}

fn unknown() -> Response {
    let error = json!({ "errorType": "InvalidRequestID", "errorMessage": "Invalid request ID" });
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}
