//! The door of DynamoDB, the parameter store, the scheduler and the queues: it asks who calls and what they may do, then lets them through.
//!
//! Each function signs with its own folder name as access key id, which is how the door knows the role that the template
//! gave it. The signature itself is not checked here: there is nothing to forge on one's own machine.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use dynoxide::Database;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::calls::Calls;
use super::dynamodb::Tables;
use super::grants::Permissions;
use super::one_offs::{self, OneOffs};
use super::pace::Pace;
use super::serving::Serving;
use super::signature::Authorization;
use super::sqs::Sqs;
use super::ssm::Parameters;
use super::trouble::{Trouble, Troubles};
use super::{access, inline};

/// What DynamoDB takes at most.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The door, wherever it is served. Clones are one and the same.
#[derive(Clone)]
pub(crate) struct Door {
    pub(super) calls: Calls,
    pub(super) parameters: Parameters,
    pub(super) sqs: Sqs,
    pub(super) permissions: Arc<Permissions>,
    pub(super) pace: Pace,
    pub(super) troubles: Troubles,
    pub(super) one_offs: OneOffs,
    pub(super) behind: Behind,
}

/// How the database is asked once a call was let in.
#[derive(Clone)]
pub(super) enum Behind {
    /// In this very moment.
    Inline(Database),
    /// By its own server.
    Served {
        address: Arc<str>,
        client: Box<Client<HttpConnector, Full<Bytes>>>,
    },
}

/// Serves both on `listener`, the database by a server of its own behind the door.
///
/// # Errors
/// When no port can be had for the database behind the door.
pub(super) async fn serve(listener: TcpListener, tables: &Tables, door: Door) -> Result<Vec<Serving>> {
    let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("no port for the database")?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let door = Door {
        behind: Behind::Served {
            address: format!("http://{}/", inner.local_addr()?).into(),
            client: Box::new(Client::builder(TokioExecutor::new()).build(connector)),
        },
        ..door
    };
    let database = tables.database().clone();
    let router = Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(door);
    let behind = Serving::start(|stop| async move {
        if let Err(error) = dynoxide::server::serve_with_shutdown(inner, database, stop.wanted()).await {
            tracing::error!(error, "The database's server ended");
        }
    });
    // Small answers must not wait for the peer to acknowledge the one before.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let door = Serving::start(|stop| async move {
        if let Err(error) = axum::serve(listener, router)
            .with_graceful_shutdown(stop.wanted())
            .await
        {
            tracing::error!(%error, "The database's door closed");
        }
    });
    Ok(vec![door, behind])
}

async fn receive(State(door): State<Door>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    door.receive(method, &uri, &headers, body).await
}

impl Door {
    /// Answers one request.
    pub(crate) async fn receive(&self, method: Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
        if let Some(operation) = one_offs::operation(&method, uri) {
            let Some(caller) = Authorization::of(headers) else {
                return refusal("MissingAuthenticationToken", "Request is missing Authentication Token");
            };
            let trouble = self.troubles.take(caller.id, operation);
            return self
                .one_offs
                .answer(caller.id, (&method, uri), &body, &self.permissions, trouble);
        }
        let Some((service, operation)) = target(headers) else {
            return self.pass(method, headers, "", body).await;
        };
        let Some(caller) = Authorization::of(headers) else {
            return refusal("MissingAuthenticationToken", "Request is missing Authentication Token");
        };
        if service == "AmazonSSM" {
            let trouble = self.troubles.take_named(caller.id, operation);
            let answer = || self.parameters.answer(caller.id, operation, &body, &self.permissions);
            return match trouble {
                None => answer(),
                Some(trouble) => {
                    if trouble == Trouble::ReplyLost {
                        drop(answer());
                    }
                    trouble.of_parameters()
                }
            };
        }
        if service == "AmazonSQS" {
            return self
                .sqs
                .answer(caller.id, (operation, headers), &body, &self.permissions);
        }
        // What is no JSON names no table; the database refuses it better than this door could.
        let call = serde_json::from_slice::<Value>(&body).ok();
        let needs = call
            .as_ref()
            .map_or_else(Vec::new, |call| access::needs(operation, call));
        self.calls.note(caller.id, operation, &needs);
        self.calls.wait(caller.id, operation).await;
        if let Err(denied) = access::check(&self.permissions, caller.id, &needs) {
            tracing::warn!(principal = caller.id, operation, "{denied}");
            return refusal(
                "com.amazonaws.dynamodb.v20120810#AccessDeniedException",
                &denied.to_string(),
            );
        }
        let call = call.unwrap_or_default();
        self.pace.enter(caller.id, call.clone()).await;
        match self.troubles.take(caller.id, operation) {
            None => self.pass(method, headers, operation, body).await,
            Some(trouble) => {
                if trouble == Trouble::ReplyLost {
                    drop(self.pass(method, headers, operation, body).await);
                }
                trouble.answer(operation, &call)
            }
        }
    }

    async fn pass(&self, method: Method, headers: &HeaderMap, operation: &str, body: Bytes) -> Response {
        let (address, client) = match &self.behind {
            Behind::Inline(database) => return inline::ask(database, operation, &body),
            Behind::Served { address, client } => (address, client),
        };
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = address.parse().unwrap_or_else(|_| Uri::default());
        *request.headers_mut() = headers.clone();
        // The client sets these for the connection it opens.
        for name in [
            header::HOST,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::CONNECTION,
        ] {
            request.headers_mut().remove(name);
        }
        match client.request(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::error!(%error, "The database did not answer");
                answer(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "application/x-amz-json-1.0",
                    &json!({
                        "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError",
                        "message": "The database did not answer",
                    }),
                )
            }
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door(…)")
    }
}

/// Service and operation that a request is for.
pub(crate) fn target(headers: &HeaderMap) -> Option<(&str, &str)> {
    headers.get("x-amz-target")?.to_str().ok()?.split_once('.')
}

fn refusal(kind: &str, message: &str) -> Response {
    answer(
        StatusCode::BAD_REQUEST,
        "application/x-amz-json-1.0",
        &json!({"__type": kind, "Message": message}),
    )
}

/// An answer in the AWS JSON protocol.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
