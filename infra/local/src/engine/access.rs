//! What a DynamoDB request needs to be allowed, read from its own body.

use serde_json::Value;

use super::grants::{Denied, Permissions, Resource};

/// One action on one resource that a request consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    action: String,
    resource: Resource,
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.action, self.resource.arn())
    }
}

/// Everything that `operation` with this body does, each of which must be allowed.
pub(crate) fn needs(operation: &str, body: &Value) -> Vec<Need> {
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, _)| need(operation, table, None)).collect()
        }
        "TransactWriteItems" => members(body)
            .flat_map(|member| member.as_object().into_iter().flatten())
            .map(|(kind, part)| need(written_by(kind), text(part, "TableName"), None))
            .collect(),
        "TransactGetItems" => members(body)
            .map(|member| need("GetItem", text(&member["Get"], "TableName"), None))
            .collect(),
        "ListTables" | "ListStreams" | "DescribeLimits" | "DescribeEndpoints" => vec![need(operation, "*", None)],
        // Single operations; and whatever else there is (streams, PartiQL, tables), which no policy of ours names, so
        // that only the operator passes.
        other => vec![need(other, text(body, "TableName"), body["IndexName"].as_str())],
    }
}

/// Whether `principal` may do all of it.
pub(crate) fn check(permissions: &Permissions, principal: &str, needs: &[Need]) -> Result<(), Denied> {
    // A request that names nothing is malformed: the database says so, in its own words.
    needs
        .iter()
        .try_for_each(|need| permissions.check(principal, &need.action, &need.resource))
}

fn members(body: &Value) -> impl Iterator<Item = &Value> {
    body["TransactItems"].as_array().into_iter().flatten()
}

fn written_by(kind: &str) -> &str {
    match kind {
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        "Delete" => "DeleteItem",
        "ConditionCheck" => "ConditionCheckItem",
        other => other,
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn need(operation: &str, table: &str, index: Option<&str>) -> Need {
    // A table may be named by its ARN.
    let table = table.rsplit_once(":table/").map_or(table, |(_, name)| name).to_owned();
    let resource = match index {
        Some(index) => Resource::Index {
            table,
            index: index.to_owned(),
        },
        None => Resource::Table(table),
    };
    Need {
        action: format!("dynamodb:{operation}"),
        resource,
    }
}
