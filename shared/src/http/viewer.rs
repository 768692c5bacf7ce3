//! Who asks, as far as the connection tells, and the name of the request.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use lambda_http::request::RequestContext;

use super::problem::Problem;

/// What the gateway knows of a request; a request's extension. The address is for limits alone: it is neither stored nor logged.
#[derive(Clone, Default)]
pub struct Viewer {
    /// Where the request comes from.
    pub source_ip: Option<IpAddr>,
    /// The gateway's own name for the request.
    pub request_id: Option<String>,
}

impl Viewer {
    /// What Lambda's gateway says, if the request came through it.
    pub(super) fn from_lambda(extensions: &http::Extensions) -> Option<Self> {
        match extensions.get::<RequestContext>()? {
            RequestContext::ApiGatewayV2(context) => Some(Self {
                source_ip: context
                    .http
                    .source_ip
                    .as_deref()
                    .and_then(|address| address.parse().ok()),
                request_id: context.request_id.clone(),
            }),
            _ => None,
        }
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// The name of the request: in `X-Request-Id`, in a problem's `instance` and in every log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub(super) String);

impl RequestId {
    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| Problem::internal("the router was built without manners"))
    }
}
