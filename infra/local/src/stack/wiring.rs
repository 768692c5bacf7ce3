//! From the template's words to the engines'.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use shared::domain::Store;
use shared::grants::{Grant, ObjectAction};

use super::hosting::Hosted;
use super::{RealKeys, secrets};
use crate::engine::objects::ObjectsSpec;
use crate::engine::one_offs::OneOffs;
use crate::engine::schedules::{Schedules, interval};
use crate::engine::spec::{
    BucketSpec, DeadLetterSpec, IndexSpec, KeyKind, KeySpec, PipeSpec, Projection, QueueSpec, RoleSpec, ScheduleSpec,
    StreamView, TableSpec, WorkerSpec,
};
use crate::engine::ssm::Parameters;
use crate::engine::workers::Workers;
use crate::functions;
use crate::sim;
use crate::template::{self, FunctionSpec, Template};

pub(crate) fn tables(template: &Template) -> Result<Vec<TableSpec>> {
    template.tables.iter().map(table).collect()
}

fn table(table: &template::TableSpec) -> Result<TableSpec> {
    let stream = match table.stream.as_deref() {
        None => None,
        Some("NEW_AND_OLD_IMAGES") => Some(StreamView::NewAndOldImages),
        Some("NEW_IMAGE") => Some(StreamView::NewImage),
        Some("OLD_IMAGE") => Some(StreamView::OldImage),
        Some("KEYS_ONLY") => Some(StreamView::KeysOnly),
        Some(other) => bail!("table `{}` has a stream of the unknown view `{other}`", table.short),
    };
    Ok(TableSpec {
        name: table.name.clone(),
        partition_key: key(&table.partition)?,
        sort_key: table.sort.as_ref().map(key).transpose()?,
        indexes: table.indexes.iter().map(index).collect::<Result<_>>()?,
        ttl_attribute: table.ttl.clone(),
        stream,
    })
}

fn index(index: &template::IndexSpec) -> Result<IndexSpec> {
    let projection = match index.projection.as_str() {
        "ALL" => Projection::All,
        "KEYS_ONLY" => Projection::KeysOnly,
        "INCLUDE" => Projection::Include(index.included.clone()),
        other => bail!(
            "index `{}` has the projection `{other}`, which the local stack does not know",
            index.name
        ),
    };
    Ok(IndexSpec {
        name: index.name.clone(),
        partition_key: key(&index.partition)?,
        sort_key: index.sort.as_ref().map(key).transpose()?,
        projection,
    })
}

fn key(attribute: &template::Attribute) -> Result<KeySpec> {
    let kind = match attribute.kind.as_str() {
        "S" => KeyKind::Text,
        "N" => KeyKind::Number,
        other => bail!(
            "key `{}` has the kind `{other}`, which the local stack does not know",
            attribute.name
        ),
    };
    Ok(KeySpec {
        name: attribute.name.clone(),
        kind,
    })
}

pub(crate) fn queues(template: &Template) -> Vec<QueueSpec> {
    let full = |short: &str| {
        template
            .queue(short)
            .map_or_else(|| short.to_owned(), |queue| queue.name.clone())
    };
    let queue = |queue: &template::QueueSpec| QueueSpec {
        name: queue.name.clone(),
        visibility: Duration::from_secs(queue.visibility_s.into()),
        retention: Duration::from_secs(queue.retention_s.into()),
        dead_letter: queue.dead_letters.as_ref().map(|dead| DeadLetterSpec {
            queue: full(&dead.queue),
            max_receives: dead.after,
        }),
    };
    template.queues.iter().map(queue).collect()
}

pub(crate) fn pipes(template: &Template) -> Result<Vec<PipeSpec>> {
    let pipe = |pipe: &template::PipeSpec| {
        let table = template
            .table(&pipe.table)
            .with_context(|| format!("pipe `{}` reads no table of ours", pipe.name))?;
        let queue = template
            .queue(&pipe.queue)
            .with_context(|| format!("pipe `{}` fills no queue of ours", pipe.name))?;
        Ok(PipeSpec {
            name: pipe.name.clone(),
            table: table.name.clone(),
            queue: queue.name.clone(),
            filters: pipe.filters.clone(),
            input: pipe.input_template.clone(),
        })
    };
    template.pipes.iter().map(pipe).collect()
}

/// A key pair of the store as it lies in the parameter store.
#[derive(Deserialize)]
struct KeyPair {
    id: String,
    secret: String,
}

/// A store's bucket, for each of its parameters a role that may do what the functions holding it declare, and its owner.
pub(crate) fn objects(template: &Template, parameters: &Parameters, store: Store) -> Result<ObjectsSpec> {
    let prefix = store.as_str().to_uppercase();
    let pair = |name: &str| -> Result<KeyPair> {
        serde_json::from_str(&parameters.get(name).unwrap_or_default())
            .with_context(|| format!("the parameter `{name}` holds no key pair"))
    };
    let mut spec = ObjectsSpec::default();
    for function in &template.functions {
        let variable = |name: &str| {
            let value = function.variables.get(&format!("{prefix}_{name}"));
            value.filter(|value| !value.is_empty())
        };
        let Some(bucket) = variable("BUCKET") else {
            continue;
        };
        let keys = variable("KEYS_PARAMETER");
        let keys = keys.with_context(|| format!("`{}` has no keys of {prefix}", function.folder))?;
        let KeyPair { id, secret } = pair(keys)?;
        if !spec.buckets.iter().any(|known| known.name == *bucket) {
            spec.buckets.push(BucketSpec { name: bucket.clone() });
        }
        // COS takes whatever region a signature names.
        if store == Store::Oss {
            spec.region = variable("REGION").cloned();
        }
        let actions = declared(function);
        match spec.roles.iter_mut().find(|role| role.name == *keys) {
            Some(role) => role.actions.extend(actions),
            None => spec.roles.push(RoleSpec {
                name: keys.clone(),
                id,
                secret,
                bucket: bucket.clone(),
                actions,
                owner: false,
            }),
        }
    }
    if let Some(BucketSpec { name: bucket }) = spec.buckets.first() {
        let name = secrets::owners(&template.stage, store);
        let KeyPair { id, secret } = pair(&name)?;
        spec.roles.push(RoleSpec {
            id,
            secret,
            bucket: bucket.clone(),
            actions: BTreeSet::new(),
            owner: true,
            name,
        });
    }
    Ok(spec)
}

/// What the function's source says it does with objects.
fn declared(function: &FunctionSpec) -> BTreeSet<ObjectAction> {
    let grants = functions::grants()
        .filter(|(name, _)| *name == function.folder)
        .flat_map(|(_, grants)| grants);
    grants
        .filter_map(|grant| match grant {
            Grant::Bucket(actions) => Some(actions.iter().copied()),
            Grant::Table(..) | Grant::Index(..) | Grant::Parameter(_) | Grant::Queue(_) | Grant::Schedules(..) => None,
        })
        .flatten()
        .collect()
}

/// Where PayPal lets people try things out: no money moves there, so real keys are for it.
const SANDBOX: &str = "https://api-m.sandbox.paypal.com";

/// Variables that point to this machine instead of where the template says.
pub(crate) fn overrides(
    cos: String,
    oss: String,
    simulators: &str,
    keys: &RealKeys,
) -> Result<Arc<Vec<(String, String)>>> {
    let origin = simulators.to_owned();
    let back = format!("{origin}/_sim/paypal/returned");
    let mut over = vec![
        ("COS_ENDPOINT".to_owned(), cos),
        ("OSS_ENDPOINT".to_owned(), oss),
        ("PAYPAL_RETURN_URL".to_owned(), back.clone()),
        ("PAYPAL_CANCEL_URL".to_owned(), back),
    ];
    if keys.paypal.is_none() {
        over.push(("PAYPAL_URL".to_owned(), origin.clone()));
        over.push(("PAYPAL_EXTRA_ROOT".to_owned(), sim::paypal_root()?));
    } else {
        over.push(("PAYPAL_URL".to_owned(), SANDBOX.to_owned()));
    }
    if keys.deepseek.is_none() {
        over.push(("DEEPSEEK_URL".to_owned(), origin.clone()));
    }
    if keys.seedream.is_none() {
        over.push(("SEEDREAM_URL".to_owned(), origin.clone()));
        over.push(("SEEDREAM_RESULT_HOSTS".to_owned(), "127.0.0.1".to_owned()));
    }
    if keys.dashscope.is_none() {
        over.push(("DASHSCOPE_URL".to_owned(), origin.clone()));
        over.push(("DASHSCOPE_RESULT_HOSTS".to_owned(), "127.0.0.1".to_owned()));
    }
    if keys.resend.is_none() {
        over.push(("RESEND_URL".to_owned(), origin));
    }
    Ok(Arc::new(over))
}

/// The variables that mean something on this machine alone, for functions that call real addresses.
pub(crate) fn overrides_abroad() -> Result<Arc<Vec<(String, String)>>> {
    Ok(Arc::new(vec![("PAYPAL_EXTRA_ROOT".to_owned(), sim::paypal_root()?)]))
}

/// Puts every worker behind its queue.
pub(crate) fn attach_workers(template: &Template, workers: &Workers, hosting: &Hosted) -> Result<()> {
    for function in &template.functions {
        for event in &function.queue_events {
            let queue = template
                .queue(&event.queue)
                .with_context(|| format!("`{}` works off no queue of ours", function.folder))?;
            let spec = WorkerSpec {
                function: function.folder.clone(),
                queue: queue.name.clone(),
                batch_size: event.batch_size,
                max_concurrency: event.maximum_concurrency.unwrap_or(2),
                reports_failures: event.reports_failures,
                timeout: hosting.timeout(function),
            };
            workers.attach(spec, hosting.worker(function)?)?;
        }
    }
    Ok(())
}

/// Lets every schedule wake its function.
/// Lets each function be woken by its schedule, and by whoever orders it to be woken once.
pub(crate) fn attach_schedules(
    template: &Template,
    (schedules, one_offs): (&Schedules, &OneOffs),
    hosting: &Hosted,
) -> Result<()> {
    for schedule in &template.schedules {
        let function = template
            .function(&schedule.function)
            .with_context(|| format!("`{}` wakes no function of ours", schedule.name))?;
        let spec = ScheduleSpec {
            name: schedule.name.clone(),
            function: function.folder.clone(),
            every: interval(&schedule.expression).with_context(|| format!("the schedule `{}`", schedule.name))?,
            input: schedule.input.clone(),
            timeout: hosting.timeout(function),
        };
        let handler = hosting.waker(function)?;
        one_offs.attach(&function.name, Arc::clone(&handler));
        schedules.attach(spec, handler)?;
    }
    Ok(())
}
