//! `vitrine ops doctor`: examines a stack, says what is wrong with it, and what to do.
//!
//! It makes every function ready as its `main.rs` would, asks every company and every store something that is free, and looks
//! at what waits. Nothing is written, nothing is paid for, and no key is ever printed.

mod companies;
mod configuration;
mod environment;
mod owners;
mod report;
mod service;
mod site;
mod stores;
mod work;

use anyhow::Result;
use ops::Place;
use ops::payments::Payments;
use shared::config::Vars;
use shared::flows::payment::Cashier;
use shared::objects::Stores;
use shared::secrets::Secrets;
use shared::store::Acts;

pub use report::{Finding, Report, Verdict};

use site::Site;

/// Orders and money of the stack at `place`, with the credentials and the address of PayPal that the stack itself has.
///
/// # Errors
/// When its configuration cannot be read.
pub async fn payments(place: &Place) -> Result<Payments> {
    let site = Site::at(place).await?;
    let (variables, operator) = (&site.variables, &site.operator);
    // No function writes acts down, so none has a variable for their table.
    let audit = (
        "AUDIT_TABLE".to_owned(),
        format!("vitrine-{}-audit", site.template.stage),
    );
    Ok(Payments {
        cashier: Cashier::configured(variables, operator)?,
        acts: Acts::new(&operator.db(), &Vars::from_pairs([audit]))?,
    })
}

/// The buckets of the stack at `place`, as their owner tends them: with the key pairs that only people hold.
///
/// # Errors
/// When its configuration cannot be read, or an owner's key pair is missing.
pub async fn buckets(place: &Place) -> Result<Stores> {
    let site = Site::at(place).await?;
    let mut operator = site.operator.clone();
    let (mut variables, mut secrets) = (Vec::new(), Vec::new());
    for company in &owners::COMPANIES {
        let known = |name: &str| {
            let name = format!("{}_{name}", company.prefix);
            site.variables.peek(&name).map(|value| (name.clone(), value.to_owned()))
        };
        if known("BUCKET").is_none() {
            continue;
        }
        variables.extend(["ENDPOINT", "REGION", "BUCKET"].into_iter().filter_map(known));
        let parameter = format!("{}-owner", company.prefix);
        secrets.push((parameter.clone(), owners::pair(&site, company).await?));
        variables.push((format!("{}_KEYS_PARAMETER", company.prefix), parameter));
    }
    operator.secrets = Secrets::new(secrets);
    Ok(Stores::new(&Vars::from_pairs(variables), &operator)?)
}

/// Examines the stack at `place`.
///
/// # Errors
/// When it cannot be examined at all: nobody serves there, or there are no credentials or parameters for it.
pub async fn examine(place: &Place) -> Result<Report> {
    let site = Site::at(place).await?;
    let mut report = Report::default();
    let (service, time) = service::examine(&site).await;
    report.chapter("service", service);
    report.chapter("configuration", configuration::examine(&site).await);
    report.chapter("companies", companies::examine(&site).await);
    report.chapter("stores", stores::examine(&site).await);
    let now = time.unwrap_or_else(|| site.operator.clock.now());
    report.chapter("work", work::examine(&site, place, now).await);
    Ok(report)
}
