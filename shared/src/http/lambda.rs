//! Serving a router from Lambda.

use axum::{Extension, Router};
use lambda_http::Error;

use super::Edge;
use crate::config::Vars;

/// Serves `router` until the sandbox ends. What the gateway knows of a request is found by [`super::Viewer`]; `vars` say what stands
/// before it ([`Edge`]).
///
/// # Errors
/// When that is told wrongly, or Lambda's runtime interface cannot be reached.
pub async fn run(router: Router, vars: &Vars) -> Result<(), Error> {
    lambda_http::run(router.layer(Extension(Edge::configured(vars)?))).await
}
