//! The HTTP API in process: what API Gateway does between a client and our functions.
//!
//! Routes come from the template and are chosen as API Gateway chooses them: a literal part before a parameter, `$default`
//! last. A function is built at its first request, as Lambda would start it, so a broken one fails alone. A route that is asked
//! more often than the template allows answers 429 before its function sees anything.

mod bucket;
mod cors;
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
use shared::Clock;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::template::{CorsSpec, FunctionSpec, Route, Template};
use bucket::Bucket;
use host::{Hosted, NoAnswer};
use routes::Table;

/// Sees to it that there is a function to start. Its time is nobody's limit: in the cloud it has all been done before.
pub type Provide = dyn Fn(&FunctionSpec) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync;

/// Makes the router of a function; an error is a function that cannot start.
pub type Build = dyn Fn(&FunctionSpec) -> BoxFuture<'static, anyhow::Result<Router>> + Send + Sync;

/// Prepares a request before its function sees it, for instance with who is calling and a request id.
pub type Prepare = dyn Fn(&mut Request) + Send + Sync;

/// API Gateway's quotas, which clients and functions meet here as they would there.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a function may take to answer.
    pub time: Duration,
    /// How many requests may be under way at once; more are told to come back.
    pub concurrency: usize,
    /// The time by which the buckets of the template's route settings fill; without it nobody counts. It is the clock of
    /// everything else, so that a test on a clock that stands still knows to the request what gets through.
    pub throttle: Option<Clock>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 * 1024 * 1024,
            time: Duration::from_secs(30),
            concurrency: 256,
            throttle: None,
        }
    }
}

/// The parameters of the route that was chosen, decoded once, among a request's extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathParameters(pub BTreeMap<String, String>);

/// The route that was chosen, as `GET /v1/images/{id}` or `$default`, among a request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteKey(pub Arc<str>);

/// The gateway, ready to serve.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    routes: Table<Served>,
    functions: Vec<Arc<Hosted>>,
    cors: Option<CorsSpec>,
    prepare: Box<Prepare>,
    limits: Limits,
    slots: Semaphore,
}

/// What stands behind a route.
struct Served {
    key: RouteKey,
    function: Arc<Hosted>,
    bucket: Option<Bucket>,
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
            |_| ready(Ok(())).boxed(),
            move |function| ready(build(function)).boxed(),
            prepare,
            limits,
        )
    }

    /// A gateway whose functions have to be provided first, and take a while to start, because they ask for their secrets.
    pub fn starting<V, B, P>(template: &Template, provide: V, build: B, prepare: P, limits: Limits) -> Self
    where
        V: Fn(&FunctionSpec) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync + 'static,
        B: Fn(&FunctionSpec) -> BoxFuture<'static, anyhow::Result<Router>> + Send + Sync + 'static,
        P: Fn(&mut Request) + Send + Sync + 'static,
    {
        let (provide, build): (Arc<Provide>, Arc<Build>) = (Arc::new(provide), Arc::new(build));
        let (mut routes, mut functions) = (Table::default(), Vec::new());
        for function in template.functions.iter().filter(|function| !function.routes.is_empty()) {
            let hosted = Hosted::new(function.clone(), Arc::clone(&provide), Arc::clone(&build));
            let hosted = Arc::new(hosted);
            for route in &function.routes {
                let throttle = template.throttling.of(route).zip(limits.throttle.clone());
                let served = Served {
                    key: route_key(route),
                    function: Arc::clone(&hosted),
                    bucket: throttle.map(|(throttle, clock)| Bucket::full(throttle, clock)),
                };
                routes.add(&route.method, &route.path, Arc::new(served));
            }
            functions.push(hosted);
        }
        Self(Arc::new(Inner {
            routes,
            functions,
            cors: template.cors.clone(),
            prepare: Box::new(prepare),
            slots: Semaphore::new(limits.concurrency),
            limits,
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
            return too_many_requests();
        };
        let Some(cors) = &self.0.cors else {
            return self.0.answer_or_refuse(request).await;
        };
        if let Some(response) = cors::preflight(cors, &request) {
            return response;
        }
        let origin = cors::allowed(cors, request.headers());
        let mut response = self.0.answer_or_refuse(request).await;
        if let Some(origin) = origin {
            cors::open(cors, &origin, &mut response);
        }
        response
    }
}

impl Inner {
    async fn answer_or_refuse(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(|refusal| refusal)
    }

    /// The function's answer, or the gateway's own in its place.
    async fn answer(&self, request: Request) -> Result<Response, Response> {
        let (served, request) = self.within(self.take(request)).await??;
        served.function.provide().await.map_err(no_answer)?;
        self.within(served.function.answer(request)).await?.map_err(no_answer)
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Response> {
        let done = tokio::time::timeout(self.limits.time, work).await;
        done.map_err(|_| service_unavailable())
    }

    /// Chooses the route and takes the whole request in.
    async fn take(&self, request: Request) -> Result<(Arc<Served>, Request), Response> {
        let chosen = self.routes.choose(request.method().as_str(), request.uri().path());
        let (served, parameters) = chosen.ok_or_else(|| message(StatusCode::NOT_FOUND, "Not Found"))?;
        let (mut parts, body) = request.into_parts();
        // The whole body first, as Lambda gets it; also a function that ignores it never sees too large a one.
        let body = axum::body::to_bytes(body, self.limits.body).await;
        let body = body.map_err(|_| message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"))?;
        if served.bucket.as_ref().is_some_and(|bucket| !bucket.take()) {
            return Err(too_many_requests());
        }
        parts.extensions.insert(PathParameters(parameters));
        parts.extensions.insert(served.key.clone());
        let mut request = Request::from_parts(parts, Body::from(body));
        (self.prepare)(&mut request);
        Ok((served, request))
    }
}

fn route_key(route: &Route) -> RouteKey {
    RouteKey(match route.path.as_str() {
        "$default" => "$default".into(),
        path => format!("{} {path}", route.method).into(),
    })
}

/// The address a request came from, for whoever prepares it.
#[must_use]
pub fn source(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

fn too_many_requests() -> Response {
    message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
}

fn no_answer(why: NoAnswer) -> Response {
    match why {
        NoAnswer::Busy => service_unavailable(),
        NoAnswer::Broken => internal_server_error(),
    }
}

pub(crate) fn internal_server_error() -> Response {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

pub(crate) fn service_unavailable() -> Response {
    message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
}

/// An answer of the gateway's own.
pub(crate) fn message(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "message": text }))).into_response()
}
