//! What all laboratories have in common, read from the template once a process.

use std::sync::OnceLock;

use anyhow::Result;

use crate::engine::grants::Permissions;
use crate::engine::spec::{PipeSpec, QueueSpec, TableSpec};
use crate::stack::{grants, wiring};
use crate::template::{Sources, Template, local_parameters};

/// The template, as it is and as the engines want it.
pub(super) struct Blueprint {
    pub(super) template: Template,
    pub(super) tables: Vec<TableSpec>,
    pub(super) queues: Vec<QueueSpec>,
    pub(super) pipes: Vec<PipeSpec>,
    pub(super) permissions: Permissions,
}

/// The one blueprint.
pub(super) fn get() -> Result<&'static Blueprint> {
    static READ: OnceLock<Blueprint> = OnceLock::new();
    if let Some(read) = READ.get() {
        return Ok(read);
    }
    let template = Template::evaluate(&Sources::embedded(), &local_parameters())?;
    let read = Blueprint {
        tables: wiring::tables(&template)?,
        queues: wiring::queues(&template),
        pipes: wiring::pipes(&template)?,
        permissions: grants::permissions(&template)?,
        template,
    };
    Ok(READ.get_or_init(|| read))
}
