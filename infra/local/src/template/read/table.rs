//! Tables: keys, indexes, expiry, and how well they are guarded.

use super::Place;
use crate::template::spec::{Attribute, IndexSpec, TableSpec};
use crate::template::{TemplateError, wire};

/// DynamoDB keeps 35 days where a template asks for recovery without saying how many.
const RECOVERY_DAYS: u32 = 35;

pub(super) fn read(place: &Place<'_>) -> Result<TableSpec, TemplateError> {
    let table: wire::Table = place.properties()?;
    let attributes = table.attribute_definitions.as_slice();
    let (partition, sort) = key(place, attributes, &table.key_schema)?;
    let indexes = table
        .global_secondary_indexes
        .into_iter()
        .map(|index| {
            let (partition, sort) = key(place, attributes, &index.key_schema)?;
            Ok(IndexSpec {
                name: index.index_name,
                partition,
                sort,
                projection: index.projection.projection_type,
                included: index.projection.non_key_attributes,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(TableSpec {
        logical_id: place.made.id.clone(),
        short: place.short(&table.table_name)?,
        name: table.table_name,
        partition,
        sort,
        indexes,
        ttl: table
            .time_to_live_specification
            .filter(|ttl| ttl.enabled)
            .map(|ttl| ttl.attribute_name),
        stream: table.stream_specification.map(|stream| stream.stream_view_type),
        key: table
            .encryption
            .filter(|encryption| encryption.enabled)
            .and_then(|encryption| encryption.key),
        recovery_days: table
            .point_in_time_recovery_specification
            .filter(|recovery| recovery.point_in_time_recovery_enabled)
            .map(|recovery| recovery.recovery_period_in_days.unwrap_or(RECOVERY_DAYS)),
        protected: table.deletion_protection_enabled && place.made.retained,
    })
}

fn key(
    place: &Place<'_>,
    attributes: &[wire::AttributeDefinition],
    schema: &[wire::KeyElement],
) -> Result<(Attribute, Option<Attribute>), TemplateError> {
    let part = |kind: &str| {
        let Some(element) = schema.iter().find(|element| element.key_type == kind) else {
            return Ok(None);
        };
        let name = &element.attribute_name;
        let defined = attributes
            .iter()
            .find(|attribute| attribute.attribute_name == *name)
            .ok_or_else(|| {
                place.fail(format!(
                    "has the key {name}, which AttributeDefinitions does not define"
                ))
            })?;
        Ok(Some(Attribute {
            name: name.clone(),
            kind: defined.attribute_type.clone(),
        }))
    };
    let partition = part("HASH")?.ok_or_else(|| place.fail("has no partition key"))?;
    Ok((partition, part("RANGE")?))
}
