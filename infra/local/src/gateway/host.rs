//! A function in process, started when it is first needed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures::FutureExt;
use tokio::sync::OnceCell;
use tower::ServiceExt;
use tracing::error;

use super::Build;
use crate::template::FunctionSpec;

/// A function and, once it was asked for, its router.
pub(super) struct Hosted {
    spec: FunctionSpec,
    build: Arc<Build>,
    router: OnceCell<Option<Router>>,
}

/// The function gave no answer: it could not start, or it panicked. Why was logged when it happened.
pub(super) struct NoAnswer;

impl Hosted {
    pub(super) fn new(spec: FunctionSpec, build: Arc<Build>) -> Self {
        Self {
            spec,
            build,
            router: OnceCell::new(),
        }
    }

    pub(super) async fn answer(&self, request: Request) -> Result<Response, NoAnswer> {
        let router = self.router.get_or_init(|| self.start()).await.clone().ok_or(NoAnswer)?;
        // The Lambda runtime, too, turns a panic into an error and lives on.
        match AssertUnwindSafe(router.oneshot(request)).catch_unwind().await {
            Ok(Ok(answer)) => Ok(answer),
            Err(_) => {
                let folder = &self.spec.folder;
                error!(function = %folder, "Function `{folder}` panicked");
                Err(NoAnswer)
            }
        }
    }

    async fn start(&self) -> Option<Router> {
        match (self.build)(&self.spec).await {
            Ok(router) => Some(router),
            Err(cause) => {
                let folder = &self.spec.folder;
                error!(function = %folder, error = %format!("{cause:#}"), "Function `{folder}` did not start");
                None
            }
        }
    }
}
