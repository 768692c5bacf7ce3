//! Whether every function would start with what it is given.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, stream};
use shared::config::{ConfigError, Vars};
use shared::telemetry::chain;

use super::environment;
use super::report::Finding;
use super::site::Site;
use crate::functions;
use crate::template::FunctionSpec;

/// How many functions are tried at once.
const AT_ONCE: usize = 8;

/// Makes every function ready as its `main.rs` would: reads its variables and its secrets.
pub(super) async fn examine(site: &Site) -> Vec<Finding> {
    let each =
        stream::iter(&site.template.functions).map(|function| async move { (function, start(site, function).await) });
    let tried: Vec<_> = each.buffered(AT_ONCE).collect().await;
    // What is wrong for one function is often wrong for several.
    let mut wrong: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    let mut would_start = 0;
    for (function, started) in &tried {
        match started {
            Ok(()) => would_start += 1,
            Err(error) => wrong
                .entry(told(site, function, error))
                .or_default()
                .push(&function.folder),
        }
    }
    let mut findings = Vec::new();
    if site.is_local() {
        findings.extend(environment::examine(site));
    }
    findings.push(Finding::good(
        "functions",
        format!("{would_start} of {} would start", tried.len()),
    ));
    findings.extend(wrong.into_iter().map(|((why, to_do), functions)| {
        let says = format!("{} would not start: {why}", functions.join(", "));
        Finding::bad("functions", says, to_do)
    }));
    findings.extend(tables(site).await);
    findings
}

async fn start(site: &Site, function: &FunctionSpec) -> Result<()> {
    let vars = site.vars(function);
    let platform = site.platform(function, &vars).await?;
    let started = functions::start(&function.folder, &vars, &platform);
    started.context("it is in the template and not in this program; deploy and examine with the same version")??;
    Ok(())
}

/// Why a function would not start, and what to do about it.
fn told(site: &Site, function: &FunctionSpec, error: &anyhow::Error) -> (String, String) {
    let why = format!("{error:#}");
    let to_do = match error.downcast_ref::<ConfigError>() {
        Some(ConfigError::Parameter { name, .. }) => {
            let vars: Vars = site.vars(function);
            let parameter = vars.peek(name).unwrap_or("…").to_owned();
            site.how_to_put(&parameter)
        }
        Some(ConfigError::Missing { name } | ConfigError::Invalid { name, .. }) => {
            format!("give {name} another value by its parameter of the template, and deploy")
        }
        Some(ConfigError::Secrets { .. } | ConfigError::Setup { .. }) | None => {
            "look at the cause, and at what the credentials in use may do".to_owned()
        }
    };
    (why, to_do)
}

/// Whether every table is there.
async fn tables(site: &Site) -> Vec<Finding> {
    let client = site.operator.dynamodb();
    let mut findings = Vec::new();
    let mut active = 0;
    for table in &site.template.tables {
        let described = client.describe_table().table_name(&table.name).send().await;
        let status = described.map(|described| described.table.and_then(|table| table.table_status));
        match status {
            Ok(Some(status)) if status.as_str() == "ACTIVE" => active += 1,
            Ok(status) => {
                let status = status.map_or_else(|| "unknown".to_owned(), |status| status.as_str().to_lowercase());
                let says = format!("{} is {status}", table.name);
                findings.push(Finding::note(
                    "tables",
                    says,
                    "wait until it is active; look at the deployment if it stays",
                ));
            }
            Err(error) => {
                let error = error.into_service_error();
                let says = format!("{} cannot be described: {}", table.name, chain(&error));
                let to_do =
                    "look whether infra/data.yaml is deployed, and whether the credentials in use may describe it";
                findings.push(Finding::bad("tables", says, to_do));
            }
        }
    }
    let all = site.template.tables.len();
    findings.insert(0, Finding::good("tables", format!("{active} of {all} are active")));
    findings.extend(copies(site).await);
    findings
}

/// Tables of the stage's name that are none of ours. Most often somebody has recovered into one, and what is erased lives on in it.
async fn copies(site: &Site) -> Vec<Finding> {
    let pages = site.operator.dynamodb().list_tables().into_paginator();
    let names = match pages.items().send().try_collect().await {
        Ok(names) => names,
        Err(error) => {
            let says = format!("cannot be listed: {}", chain(&error.into_service_error()));
            let to_do = "look whether the credentials in use may do `dynamodb:ListTables`";
            return vec![Finding::note("tables", says, to_do)];
        }
    };
    let (ours, prefix) = (&site.template.tables, format!("vitrine-{}-", site.template.stage));
    let is_copy = |name: &String| name.starts_with(&prefix) && ours.iter().all(|table| &table.name != name);
    let copies = names.into_iter().filter(is_copy);
    let told = |name| {
        let says = format!("{name} is none of the template's");
        let to_do = "if it is a copy, delete it: what is erased lives on in it (docs/runbooks/recovery.md)";
        Finding::note("tables", says, to_do)
    };
    copies.map(told).collect()
}
