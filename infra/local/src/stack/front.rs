//! Between the stack and functions that run as processes: events in Lambda's shapes, and what is made of their answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use shared::http::Viewer;
use shared::telemetry::chain;
use shared::{Clock, Entropy};

use crate::gateway::{PathParameters, RouteKey, internal_server_error, message, service_unavailable};
use crate::lambda::answer::http_answer;
use crate::lambda::failure::Failure;
use crate::lambda::function::Function;
use crate::lambda::http_event::{Api, HttpRequest, http_event, request_id, trace_id};
use crate::lambda::payload;

/// What hands events to processes. It speaks for the gateway, the queues' pollers and the scheduler.
pub(crate) struct Front {
    api: Api,
    clock: Clock,
    entropy: Entropy,
}

impl Front {
    /// For the API that listens at `address`.
    pub(crate) fn new(address: SocketAddr, clock: Clock, entropy: Entropy) -> Self {
        let api = Api {
            id: "local00000".to_owned(),
            domain_name: address.to_string(),
        };
        Self { api, clock, entropy }
    }

    /// What answers requests by asking `function`.
    pub(crate) fn router(self: Arc<Self>, function: Function) -> Router {
        Router::new().fallback(move |request: Request| {
            let (front, function) = (Arc::clone(&self), function.clone());
            async move { front.answer(&function, request).await }
        })
    }

    async fn answer(&self, function: &Function, request: Request) -> Response {
        let (event, trace_id) = match self.event(request).await {
            Ok(event) => event,
            Err(error) => return broken(function, &format!("was sent nothing: {error:#}")),
        };
        let payload = match self.invoke(function, &event, trace_id).await {
            Ok(payload) => payload,
            Err(failure) => return no_answer(function, &failure),
        };
        match http_answer(&payload) {
            Ok(answer) => answer.map(Body::from),
            Err(error) => broken(
                function,
                &format!("answered in no form that can be used: {}", chain(&error)),
            ),
        }
    }

    async fn event(&self, request: Request) -> Result<(Value, String)> {
        let (parts, body) = request.into_parts();
        // The gateway has taken it in and measured it.
        let body = axum::body::to_bytes(body, usize::MAX).await?;
        let RouteKey(route_key) = parts.extensions.get().cloned().context("it has no route")?;
        let PathParameters(parameters) = parts.extensions.get().cloned().unwrap_or_default();
        let viewer: Viewer = parts.extensions.get().cloned().unwrap_or_default();
        let at = self.clock.now();
        let trace_id = trace_id(at, self.entropy.bytes());
        let event = http_event(&HttpRequest {
            api: &self.api,
            parts: &parts,
            body: &body,
            route_key: &route_key,
            path_parameters: &parameters,
            source: viewer.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            at,
            request_id: &request_id(self.entropy.bytes()),
            trace_id: &trace_id,
        });
        Ok((event, trace_id))
    }

    /// Hands a batch of messages over and gives what the function says of it.
    pub(crate) async fn batch(&self, function: &Function, event: &Value) -> Result<Value> {
        let answer = self.hand_over(function, event).await?;
        serde_json::from_slice(&answer).context("it answered with no JSON")
    }

    /// Wakes the function with a schedule's input.
    pub(crate) async fn wake(&self, function: &Function, input: &Value) -> Result<()> {
        self.hand_over(function, input).await?;
        Ok(())
    }

    async fn hand_over(&self, function: &Function, event: &Value) -> Result<Bytes, Failure> {
        let trace_id = trace_id(self.clock.now(), self.entropy.bytes());
        self.invoke(function, event, trace_id).await
    }

    async fn invoke(&self, function: &Function, event: &Value, trace_id: String) -> Result<Bytes, Failure> {
        function.invoke(payload(event)?.into(), trace_id).await
    }
}

fn no_answer(function: &Function, failure: &Failure) -> Response {
    match failure {
        Failure::Busy => service_unavailable(),
        Failure::EventTooLarge(_) => message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        Failure::AnswerTooLarge
        | Failure::Build(_)
        | Failure::Run(_)
        | Failure::Start(_)
        | Failure::StartTooLong(_)
        | Failure::Ended(_)
        | Failure::TooLong(_)
        | Failure::Failed { .. }
        | Failure::Closed => broken(function, &chain(failure)),
    }
}

fn broken(function: &Function, what: &str) -> Response {
    let folder = function.folder();
    tracing::error!(function = folder, "Function `{folder}` {what}");
    internal_server_error()
}
