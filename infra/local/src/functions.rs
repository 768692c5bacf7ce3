//! The functions of Vitrine, hosted in this process: the very libraries whose `main.rs` Lambda runs.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use axum::{Extension, Router};
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::Platform;
use shared::config::{ConfigError, Vars};
use shared::grants::Grant;
use shared::http::Edge;
use shared::schedule::{self, Due};
use shared::store::BoxError;
use utoipa::openapi::OpenApi;

/// A function that answers a route.
pub struct RouteFunction {
    /// Its folder, package and binary.
    pub name: &'static str,
    /// What its source says it may touch.
    pub grants: &'static [Grant],
    /// Makes its router as `main.rs` would.
    pub router: fn(&Vars, &Platform) -> Result<Router, ConfigError>,
    /// Its part of the API's document, if it has one.
    pub openapi: Option<fn() -> OpenApi>,
}

/// Works through one batch of messages.
pub type Work = Box<dyn Fn(SqsEvent) -> BoxFuture<'static, SqsBatchResponse> + Send + Sync>;

/// A function that takes messages from a queue.
pub struct WorkerFunction {
    /// Its folder, package and binary.
    pub name: &'static str,
    /// What its source says it may touch.
    pub grants: &'static [Grant],
    /// Makes it ready as `main.rs` would.
    pub work: fn(&Vars, &Platform) -> Result<Work, ConfigError>,
}

/// Does what is due once.
pub type Run = Box<dyn Fn(Due) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// A function that a schedule wakes.
pub struct ScheduledFunction {
    /// Its folder, package and binary.
    pub name: &'static str,
    /// What its source says it may touch.
    pub grants: &'static [Grant],
    /// Makes it ready as `main.rs` would.
    pub run: fn(&Vars, &Platform) -> Result<Run, ConfigError>,
}

macro_rules! routes {
    ($($name:literal = $library:ident $(($openapi:ident))?),* $(,)?) => {
        &[$(RouteFunction {
            name: $name,
            grants: $library::GRANTS,
            router: |vars, platform| {
                let router = $library::router($library::Deps::new(vars, platform)?);
                Ok(router.layer(Extension(Edge::configured(vars)?)))
            },
            openapi: routes!(@part $library $($openapi)?),
        }),*]
    };
    (@part $library:ident openapi) => { Some($library::openapi) };
    (@part $library:ident) => { None };
}

macro_rules! workers {
    ($($name:literal = $library:ident),* $(,)?) => {
        &[$(WorkerFunction {
            name: $name,
            grants: $library::GRANTS,
            work: |vars, platform| {
                let deps = $library::Deps::new(vars, platform)?;
                Ok(Box::new(move |event| $library::work(deps.clone(), event).boxed()))
            },
        }),*]
    };
}

macro_rules! scheduled {
    ($($name:literal = $library:ident),* $(,)?) => {
        &[$(ScheduledFunction {
            name: $name,
            grants: $library::GRANTS,
            run: |vars, platform| {
                let deps = $library::Deps::new(vars, platform)?;
                Ok(Box::new(move |due| {
                    let deps = deps.clone();
                    schedule::once(due, |due| $library::run(deps, due)).boxed()
                }))
            },
        }),*]
    };
}

/// Every function that answers a route.
pub const ROUTES: &[RouteFunction] = routes![
    "accounts-create" = accounts_create(openapi),
    "accounts-delete" = accounts_delete(openapi),
    "accounts-export" = accounts_export(openapi),
    "accounts-get" = accounts_get(openapi),
    "accounts-restore" = accounts_restore(openapi),
    "accounts-update" = accounts_update(openapi),
    "accounts-verify" = accounts_verify(openapi),
    "codes-create" = codes_create(openapi),
    "consents-create" = consents_create(openapi),
    "credits-list" = credits_list(openapi),
    "deletions-get" = deletions_get(openapi),
    "emails-confirm" = emails_confirm(openapi),
    "health-get" = health_get(openapi),
    "images-create" = images_create(openapi),
    "images-delete" = images_delete(openapi),
    "images-get" = images_get(openapi),
    "images-list" = images_list(openapi),
    "keys-get" = keys_get(openapi),
    "openapi-get" = openapi_get(openapi),
    "orders-capture" = orders_capture(openapi),
    "orders-create" = orders_create(openapi),
    "orders-get" = orders_get(openapi),
    "orders-list" = orders_list(openapi),
    "packs-list" = packs_list(openapi),
    "page-views-create" = page_views_create(openapi),
    "passwords-change" = passwords_change(openapi),
    "passwords-reset" = passwords_reset(openapi),
    "paypal-webhook" = paypal_webhook(openapi),
    "privacy-exports-get" = privacy_exports_get(openapi),
    "privacy-get" = privacy_get(openapi),
    "privacy-requests-confirm" = privacy_requests_confirm(openapi),
    "privacy-requests-create" = privacy_requests_create(openapi),
    "prompts-create" = prompts_create(openapi),
    "reports-create" = reports_create(openapi),
    "resend-webhook" = resend_webhook(openapi),
    "routes-refuse" = routes_refuse,
    "sessions-clear" = sessions_clear(openapi),
    "sessions-create" = sessions_create(openapi),
    "sessions-delete" = sessions_delete(openapi),
    "sessions-list" = sessions_list(openapi),
    "sessions-refresh" = sessions_refresh(openapi),
];

/// Every function that takes messages from a queue.
pub const WORKERS: &[WorkerFunction] = workers![
    "images-erase" = images_erase,
    "images-paint" = images_paint,
    "mail-send" = mail_send
];

/// Every function that a schedule wakes.
pub const SCHEDULED: &[ScheduledFunction] = scheduled![
    "accounts-erase" = accounts_erase,
    "objects-sweep" = objects_sweep,
    "requests-watch" = requests_watch,
    "settle-stale" = settle_stale,
    "stats-rollup" = stats_rollup,
];

/// Makes the function of a folder ready as its `main.rs` would, and lets it go; `None` when there is no such function.
#[must_use]
pub fn start(folder: &str, vars: &Vars, platform: &Platform) -> Option<Result<(), ConfigError>> {
    let route = ROUTES.iter().find(|known| known.name == folder);
    let worker = WORKERS.iter().find(|known| known.name == folder);
    let scheduled = SCHEDULED.iter().find(|known| known.name == folder);
    let route = route.map(|known| (known.router)(vars, platform).map(drop));
    let worker = || worker.map(|known| (known.work)(vars, platform).map(drop));
    let scheduled = || scheduled.map(|known| (known.run)(vars, platform).map(drop));
    route.or_else(worker).or_else(scheduled)
}

/// The name of every function, and what its source says it may touch.
pub fn grants() -> impl Iterator<Item = (&'static str, &'static [Grant])> {
    let routes = ROUTES.iter().map(|function| (function.name, function.grants));
    let workers = WORKERS.iter().map(|function| (function.name, function.grants));
    let scheduled = SCHEDULED.iter().map(|function| (function.name, function.grants));
    routes.chain(workers).chain(scheduled)
}

/// The API's document, put together from every function's part.
#[must_use]
pub fn openapi() -> OpenApi {
    shared::http::openapi::document(
        ROUTES
            .iter()
            .filter_map(|function| Some((function.openapi?)()))
            .collect(),
    )
}
