//! A function in process, started when it is first needed.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures::FutureExt;
use tokio::sync::{OnceCell, Semaphore};
use tower::ServiceExt;
use tracing::error;

use super::{Build, Provide};
use crate::template::FunctionSpec;

/// A function and, once it was asked for, its router.
pub(super) struct Hosted {
    spec: FunctionSpec,
    provide: Arc<Provide>,
    build: Arc<Build>,
    instance: Mutex<Instance>,
    /// One for each call that may run at once, if that is reserved for the function.
    slots: Option<Semaphore>,
}

/// One start of a function; the router once it is started.
type Instance = Arc<OnceCell<Option<Router>>>;

/// Why a function gave no answer.
pub(super) enum NoAnswer {
    /// It could not start, or it panicked. Why was logged when it happened.
    Broken,
    /// As many calls as may run at once are running.
    Busy,
}

impl Hosted {
    pub(super) fn new(spec: FunctionSpec, provide: Arc<Provide>, build: Arc<Build>) -> Self {
        let reserved = spec.reserved_concurrency.and_then(|calls| calls.try_into().ok());
        Self {
            slots: reserved.map(Semaphore::new),
            spec,
            provide,
            build,
            instance: Mutex::default(),
        }
    }

    /// Sees to it that there is something to start.
    pub(super) async fn provide(&self) -> Result<(), NoAnswer> {
        (self.provide)(&self.spec).await.map_err(|cause| {
            self.did_not_start(&cause);
            NoAnswer::Broken
        })
    }

    pub(super) async fn answer(&self, request: Request) -> Result<Response, NoAnswer> {
        let _slot = match &self.slots {
            Some(slots) => Some(slots.try_acquire().map_err(|_| NoAnswer::Busy)?),
            None => None,
        };
        let instance = Arc::clone(&self.instance.lock().unwrap_or_else(PoisonError::into_inner));
        let router = instance.get_or_init(|| self.start()).await.clone();
        let router = router.ok_or(NoAnswer::Broken)?;
        // The Lambda runtime, too, turns a panic into an error and lives on.
        match AssertUnwindSafe(router.oneshot(request)).catch_unwind().await {
            Ok(Ok(answer)) => Ok(answer),
            Err(_) => {
                let folder = &self.spec.folder;
                error!(function = %folder, "Function `{folder}` panicked");
                Err(NoAnswer::Broken)
            }
        }
    }

    /// Lets the next request start the function anew.
    pub(super) fn replace(&self) {
        *self.instance.lock().unwrap_or_else(PoisonError::into_inner) = Instance::default();
    }

    async fn start(&self) -> Option<Router> {
        match (self.build)(&self.spec).await {
            Ok(router) => Some(router),
            Err(cause) => {
                self.did_not_start(&cause);
                None
            }
        }
    }

    fn did_not_start(&self, cause: &anyhow::Error) {
        let folder = &self.spec.folder;
        error!(function = %folder, error = %format!("{cause:#}"), "Function `{folder}` did not start");
    }
}
