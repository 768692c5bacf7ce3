//! Pipes: from a table's stream into a queue.

use super::Place;
use crate::template::resource::Resource;
use crate::template::spec::PipeSpec;
use crate::template::{TemplateError, wire};

/// What EventBridge takes where a pipe says nothing.
const BATCH: u32 = 100;

pub(super) fn read(place: &Place<'_>) -> Result<PipeSpec, TemplateError> {
    let pipe: wire::Pipe = place.properties()?;
    let Resource::Stream(table) = place.resource(&pipe.source)? else {
        return Err(place.fail(format!("reads {}, which is no stream of a table", pipe.source)));
    };
    let queue = place.queue(&pipe.target)?;
    let stream = pipe.source_parameters.stream;
    if stream.starting_position != "TRIM_HORIZON" {
        // LATEST would lose what was written between the table's making and the pipe's.
        return Err(place.fail("must start at TRIM_HORIZON"));
    }
    let mut filters = Vec::new();
    for filter in pipe.source_parameters.filter_criteria.filters {
        let pattern = serde_json::from_str(&filter.pattern)
            .map_err(|error| place.fail(format!("has a filter that is no JSON: {error}")))?;
        filters.push(pattern);
    }
    Ok(PipeSpec {
        logical_id: place.made.id.clone(),
        name: pipe.name,
        table,
        queue,
        filters,
        input_template: pipe.target_parameters.input_template,
        batch_size: stream.batch_size.unwrap_or(BATCH),
    })
}
