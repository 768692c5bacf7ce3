//! The HTTP API in process: what API Gateway does between a client and our functions.
//!
//! Routes come from the template and are chosen as API Gateway chooses them: a literal part before a parameter, `$default`
//! last. A function is built at its first request, as Lambda would start it, so a broken one fails alone.

mod host;
mod routes;

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::template::{FunctionSpec, Template};
use host::Hosted;
use routes::Table;

/// Makes the router of a function; an error is a function that cannot start.
pub type Build = dyn Fn(&FunctionSpec) -> BoxFuture<'static, anyhow::Result<Router>> + Send + Sync;

/// Prepares a request before its function sees it, for instance with who is calling and a request id.
pub type Prepare = dyn Fn(&mut Request) + Send + Sync;

/// API Gateway's quotas, which clients and functions meet here as they would there.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a function may take to answer.
    pub time: Duration,
    /// How many requests may be under way at once; more are told to come back.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 * 1024 * 1024,
            time: Duration::from_secs(30),
            concurrency: 256,
        }
    }
}

/// The parameters of the route that was chosen, decoded once, among a request's extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathParameters(pub BTreeMap<String, String>);

/// The gateway, ready to serve.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    routes: Table<Hosted>,
    functions: Vec<Arc<Hosted>>,
    prepare: Box<Prepare>,
    limits: Limits,
    slots: Semaphore,
}

impl Gateway {
    /// A gateway for the routes of `template`.
    pub fn new<B, P>(template: &Template, build: B, prepare: P, limits: Limits) -> Self
    where
        B: Fn(&FunctionSpec) -> anyhow::Result<Router> + Send + Sync + 'static,
        P: Fn(&mut Request) + Send + Sync + 'static,
    {
        Self::starting(
            template,
            move |function| ready(build(function)).boxed(),
            prepare,
            limits,
        )
    }

    /// A gateway whose functions take a while to start, because they ask for their secrets first.
    pub fn starting<B, P>(template: &Template, build: B, prepare: P, limits: Limits) -> Self
    where
        B: Fn(&FunctionSpec) -> BoxFuture<'static, anyhow::Result<Router>> + Send + Sync + 'static,
        P: Fn(&mut Request) + Send + Sync + 'static,
    {
        let build: Arc<Build> = Arc::new(build);
        let (mut routes, mut functions) = (Table::default(), Vec::new());
        for function in template.functions.iter().filter(|function| !function.routes.is_empty()) {
            let hosted = Arc::new(Hosted::new(function.clone(), Arc::clone(&build)));
            for route in &function.routes {
                routes.add(&route.method, &route.path, Arc::clone(&hosted));
            }
            functions.push(hosted);
        }
        Self(Arc::new(Inner {
            routes,
            functions,
            prepare: Box::new(prepare),
            limits,
            slots: Semaphore::new(limits.concurrency),
        }))
    }

    /// Serves `listener` until `stop` is done; requests under way are finished first.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let service = Router::new()
            .fallback(move |request: Request| {
                let gateway = self.clone();
                async move { gateway.answer(request).await }
            })
            .into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).with_graceful_shutdown(stop).await
    }

    /// Lets every function start anew at its next request, as a deployment does: each reads its secrets again.
    pub fn replace_functions(&self) {
        for function in &self.0.functions {
            function.replace();
        }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request) -> Response {
        let Ok(_slot) = self.0.slots.try_acquire() else {
            return message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        };
        match tokio::time::timeout(self.0.limits.time, self.0.route(request)).await {
            Ok(answer) => answer,
            Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }
}

impl Inner {
    async fn route(&self, request: Request) -> Response {
        let Some((hosted, parameters)) = self.routes.choose(request.method().as_str(), request.uri().path()) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let (mut parts, body) = request.into_parts();
        // The whole body first, as Lambda gets it; also a function that ignores it never sees too large a one.
        let Ok(body) = axum::body::to_bytes(body, self.limits.body).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        parts.extensions.insert(PathParameters(parameters));
        let mut request = Request::from_parts(parts, Body::from(body));
        (self.prepare)(&mut request);
        hosted
            .answer(request)
            .await
            .unwrap_or_else(|_| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
    }
}

/// The address a request came from, for whoever prepares it.
#[must_use]
pub fn source(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

/// An answer of the gateway's own.
fn message(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "message": text }))).into_response()
}
