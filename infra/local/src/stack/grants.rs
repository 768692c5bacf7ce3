//! The template's policies as the engines enforce them.

use anyhow::{Context, Result};

use crate::engine::grants::{Permissions, Resource};
use crate::engine::spec::{ACCOUNT, REGION};
use crate::template::{self, Template};

/// Who may do what. A statement the engines know nothing of is left out: it allows nothing here.
pub(crate) fn permissions(template: &Template) -> Result<Permissions> {
    let mut permissions = Permissions::none();
    for function in &template.functions {
        for statement in &function.statements {
            for resource in statement
                .resources
                .iter()
                .filter_map(|resource| full(template, resource).transpose())
            {
                let resource = resource?;
                for action in &statement.actions {
                    permissions.allow(&function.folder, action, &resource);
                }
            }
        }
    }
    Ok(permissions)
}

/// The resource under its full name.
fn full(template: &Template, resource: &template::Resource) -> Result<Option<Resource>> {
    let table = |short: &str| {
        let table = template
            .table(short)
            .with_context(|| format!("a policy names the table `{short}`, which is not there"))?;
        Ok::<_, anyhow::Error>(table.name.clone())
    };
    Ok(match resource {
        template::Resource::Table(short) => Some(Resource::Table(table(short)?)),
        template::Resource::Index { table: short, index } => Some(Resource::Index {
            table: table(short)?,
            index: index.clone(),
        }),
        template::Resource::Parameter(short) => {
            Some(Resource::Parameter(format!("/vitrine/{}/{short}", template.stage)))
        }
        template::Resource::Queue(short) => template.queue(short).map(|queue| Resource::Queue(queue.name.clone())),
        template::Resource::Schedules(group) => {
            Some(Resource::Schedules(format!("vitrine-{}-{group}", template.stage)))
        }
        template::Resource::Role(name) => Some(Resource::Role(format!("arn:aws:iam:{REGION}:{ACCOUNT}:{name}"))),
        template::Resource::Stream(_) | template::Resource::Function(_) => None,
    })
}
