//! How every function behaves, whatever it does: one layer around its router.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LINK};
use http::header::{REFERRER_POLICY, SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tracing::Instrument;
use tracing::field::Empty;
use url::form_urlencoded;

use super::answers::NextPage;
use super::cursor::Cursor;
use super::edge::Edge;
use super::json::body_cap;
use super::kind::Kind;
use super::problem::{Problem, Unfinished};
use super::viewer::{RequestId, Viewer};
use crate::metrics::{self, Metric};
use crate::{Ids, Trace, ids};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `router` with the manners of every function: a name for each request, one span and one log line for it, no answer that is
/// not a proper one (a panic, an unknown path and a wrong method are problems too), and safe headers wherever the handler has
/// not set its own.
pub fn with_manners(router: Router, ids: Ids) -> Router {
    router
        .layer(body_cap())
        .layer(middleware::from_fn_with_state(ids, attend))
}

async fn attend(State(ids): State<Ids>, mut request: Request, next: Next) -> Response {
    let (id, trace) = name(&mut request, &ids);
    let uri = request.uri().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    // The path itself stays out: an unknown one can hold anything, and so can a query.
    let span = tracing::info_span!(
        "request",
        request_id = id.as_str(),
        method = request.method().as_str(),
        route,
        status = Empty
    );
    let started = Instant::now();
    let work = async {
        match admitted(&mut request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    };
    let answer = AssertUnwindSafe(trace.carry(work))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    span.in_scope(|| {
        let panicked = |_| Problem::internal("the handler panicked").into_response();
        let response = finish(proper(answer.unwrap_or_else(panicked)), &id, &uri);
        span.record("status", response.status().as_u16());
        if response.status().is_client_error() {
            metrics::count(Metric::Refusals, 1);
        }
        metrics::took(Metric::Latency, started.elapsed(), "Answered");
        response
    })
}

/// Gives the request its name: the gateway's if there is one that can stand in a header, else one of ours.
fn name(request: &mut Request, ids: &Ids) -> (RequestId, Trace) {
    let known = request.extensions().get::<Viewer>().cloned();
    let viewer = known
        .or_else(|| Viewer::from_lambda(request.extensions()))
        .unwrap_or_default();
    let given = viewer.request_id.as_deref().and_then(Trace::parse);
    let trace = given.unwrap_or_else(|| Trace::of(ids.next::<ids::Request>()));
    let id = RequestId(trace.as_str().to_owned());
    request.extensions_mut().insert(viewer);
    request.extensions_mut().insert(id.clone());
    (id, trace)
}

/// Lets in what came through the edge, if there is one, and notes who the edge says is asking.
fn admitted(request: &mut Request) -> Result<(), Problem> {
    let edge = request.extensions().get::<Edge>().cloned().unwrap_or_default();
    let mut viewer = request.extensions().get::<Viewer>().cloned().unwrap_or_default();
    viewer.source_ip = edge.asker(request.headers(), viewer.source_ip)?;
    request.extensions_mut().insert(viewer);
    Ok(())
}

/// An answer that says "wrong" without being a problem, such as the router's own 404, becomes one.
fn proper(response: Response) -> Response {
    let status = response.status();
    let is_wrong = status.is_client_error() || status.is_server_error();
    if !is_wrong || response.extensions().get::<Unfinished>().is_some() {
        return response;
    }
    let mut problem = Problem::of(Kind::of_status(status)).into_response();
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            problem.headers_mut().append(name, value.clone());
        }
    }
    problem
}

fn finish(mut response: Response, id: &RequestId, uri: &Uri) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Unfinished>() {
        *response.body_mut() = Body::from(problem.finish(id.as_str()));
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let next = response
        .extensions_mut()
        .remove()
        .map(|NextPage(cursor)| link(uri, &cursor));
    let headers = response.headers_mut();
    if let Some(Ok(link)) = next {
        headers.append(LINK, link);
    }
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    for (name, value) in [
        (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    one_line_each(headers);
    response
}

/// Puts what several lines of one name say into one, which means the same (RFC 9110, 5.3): `lambda_http` tells API Gateway the
/// first line alone. Cookies cannot be joined, and it hands them over beside the headers.
fn one_line_each(headers: &mut HeaderMap) {
    let lines = |name: &HeaderName| {
        headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect::<Vec<_>>()
    };
    let several = headers
        .keys()
        .filter(|name| **name != SET_COOKIE && lines(name).len() > 1);
    let joined: Vec<_> = several
        .map(|name| (name.clone(), lines(name).join(&b", "[..])))
        .collect();
    for (name, line) in joined {
        if let Ok(line) = HeaderValue::from_bytes(&line) {
            headers.insert(name, line);
        }
    }
}

/// `Link` to the next page: the same request with another cursor.
fn link(uri: &Uri, cursor: &Cursor) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(name, _)| name != "cursor"));
    query.append_pair("cursor", &cursor.to_string());
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish()))
}
