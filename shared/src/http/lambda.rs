//! Serving a router from Lambda.

use axum::Router;
use lambda_http::Error;

/// Serves `router` until the sandbox ends. What the gateway knows of a request is found by [`super::Viewer`].
///
/// # Errors
/// When Lambda's runtime interface cannot be reached.
pub async fn run(router: Router) -> Result<(), Error> {
    lambda_http::run(router).await
}
