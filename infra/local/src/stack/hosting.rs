//! Who runs the functions: this process, or processes of their own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::Value;

use super::front::Front;
use super::host::Host;
use crate::engine::{schedules, workers};
use crate::lambda::fleet::Fleet;
use crate::lambda::workshop::Workshop;
use crate::template::FunctionSpec;

/// How functions are run.
#[derive(Debug, Clone, Default)]
pub enum Hosting {
    /// In this process, by their libraries.
    #[default]
    InProcess,
    /// As processes of their own, as Lambda runs them: built at their first event, with the variables of the template and no
    /// other, an event at a time. The clock reaches them by a file, which [`super::Stack::tell_time`] writes.
    Processes(Arc<Workshop>),
}

/// The functions of a running stack.
#[derive(Clone)]
pub(crate) enum Hosted {
    /// In this process.
    InProcess(Host),
    /// As processes of their own.
    Processes(Arc<Fleet>, Arc<Front>),
}

impl Hosted {
    /// How long an event may take, if that is not seen to where it is worked on: a process that is too slow is ended.
    pub(crate) fn timeout(&self, function: &FunctionSpec) -> Option<Duration> {
        match self {
            Self::InProcess(_) => Some(Duration::from_secs(function.timeout_s.into())),
            Self::Processes(..) => None,
        }
    }

    /// What works off a queue for the function.
    pub(crate) fn worker(&self, function: &FunctionSpec) -> Result<workers::Handler> {
        match self {
            Self::InProcess(host) => host.worker(function),
            Self::Processes(fleet, front) => {
                let (function, front) = (fleet.function(&function.folder)?, Arc::clone(front));
                Ok(Arc::new(move |event: Value| {
                    let (function, front) = (function.clone(), Arc::clone(&front));
                    async move { front.batch(&function, &event).await }.boxed()
                }))
            }
        }
    }

    /// What a schedule wakes for the function.
    pub(crate) fn waker(&self, function: &FunctionSpec) -> Result<schedules::Handler> {
        match self {
            Self::InProcess(host) => host.waker(function),
            Self::Processes(fleet, front) => {
                let (function, front) = (fleet.function(&function.folder)?, Arc::clone(front));
                Ok(Arc::new(move |input: Value| {
                    let (function, front) = (function.clone(), Arc::clone(&front));
                    async move { front.wake(&function, &input).await }.boxed()
                }))
            }
        }
    }

    /// Sees to it that there is a function to start.
    pub(crate) fn provider(&self) -> impl Fn(&FunctionSpec) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static {
        let hosted = self.clone();
        move |function| match &hosted {
            Self::InProcess(_) => ready(Ok(())).boxed(),
            Self::Processes(fleet, _) => {
                let function = fleet.function(&function.folder);
                async move { function?.build().await.context("it has no program") }.boxed()
            }
        }
    }

    /// Makes what answers requests for the function.
    pub(crate) fn starter(
        &self,
    ) -> impl Fn(&FunctionSpec) -> BoxFuture<'static, Result<Router>> + Send + Sync + 'static {
        let hosted = self.clone();
        move |function| match &hosted {
            Self::InProcess(host) => host.router(function),
            Self::Processes(fleet, front) => {
                let router = fleet.function(&function.folder);
                ready(router.map(|function| Arc::clone(front).router(function))).boxed()
            }
        }
    }

    /// Lets every process go, so that the next event of its function starts a new one.
    pub(crate) fn replace(&self) {
        match self {
            Self::InProcess(_) => {}
            Self::Processes(fleet, _) => fleet.replace(),
        }
    }

    /// The system's numbers of the function's processes.
    pub(crate) fn processes(&self, folder: &str) -> Vec<u32> {
        match self {
            Self::InProcess(_) => Vec::new(),
            Self::Processes(fleet, _) => {
                let function = fleet.function(folder);
                function.map(|function| function.processes()).unwrap_or_default()
            }
        }
    }

    /// Ends all processes.
    pub(crate) async fn close(&self) {
        match self {
            Self::InProcess(_) => {}
            Self::Processes(fleet, _) => fleet.close().await,
        }
    }
}
