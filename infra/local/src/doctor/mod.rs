//! `vitrine ops doctor`: examines a stack, says what is wrong with it, and what to do.
//!
//! It makes every function ready as its `main.rs` would, asks every company and every store something that is free, and looks
//! at what waits. Nothing is written, nothing is paid for, and no key is ever printed.

mod companies;
mod configuration;
mod environment;
mod report;
mod service;
mod site;
mod stores;
mod work;

use anyhow::Result;
use ops::Place;

pub use report::{Finding, Report, Verdict};

use site::Site;

/// Examines the stack at `place`.
///
/// # Errors
/// When it cannot be examined at all: nobody serves there, or there are no credentials or parameters for it.
pub async fn examine(place: &Place) -> Result<Report> {
    let site = match place {
        Place::Local(port) => Site::local(*port).await?,
        Place::Stage(stage) => Site::stage(stage).await?,
    };
    let mut report = Report::default();
    let (service, time) = service::examine(&site).await;
    report.chapter("service", service);
    report.chapter("configuration", configuration::examine(&site).await);
    report.chapter("companies", companies::examine(&site).await);
    report.chapter("stores", stores::examine(&site).await);
    let now = time.unwrap_or_else(|| site.operator.clock.now());
    report.chapter("work", work::examine(&site, now).await);
    Ok(report)
}
