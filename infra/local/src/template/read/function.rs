//! Functions: their routes, variables, allowances and queues.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Place;
use crate::template::document::text_of;
use crate::template::spec::{FunctionSpec, QueueEvent, Route, ScheduleSpec, Statement, Template};
use crate::template::{Resource, TemplateError, wire};

/// Reads a function and its schedules into `template`.
pub(super) fn read(place: &Place<'_>, template: &mut Template) -> Result<(), TemplateError> {
    let function: wire::Function = place.properties()?;
    let metadata: wire::Metadata = place.read(&place.made.metadata)?;
    let folder = function
        .code_uri
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut routes = Vec::new();
    for event in function.events.into_values() {
        match event {
            wire::Event::HttpApi { method, path } => routes.push(route(place, &method, path)?),
            wire::Event::ScheduleV2 {
                name,
                input,
                schedule_expression,
                schedule_expression_timezone,
            } => template.schedules.push(ScheduleSpec {
                name: place.short(&name)?,
                function: folder.clone(),
                expression: schedule_expression,
                time_zone: schedule_expression_timezone,
                input,
            }),
        }
    }
    place.short(&function.function_name)?;
    template.functions.push(FunctionSpec {
        logical_id: place.made.id.clone(),
        name: function.function_name,
        folder,
        binary: metadata.build_properties.binary,
        routes,
        variables: variables(place, function.environment.variables)?,
        statements: statements(place, &function.policies)?,
        memory_mb: function.memory_size,
        timeout_s: function.timeout,
        alias: function.auto_publish_alias,
        turned_back_by: function.deployment_preference.alarms,
        reserved_concurrency: function.reserved_concurrent_executions,
        queue_events: Vec::new(),
    });
    Ok(())
}

/// Gives the function that a mapping names its queue.
pub(super) fn attach(template: &mut Template, place: &Place<'_>, mapping: wire::Mapping) -> Result<(), TemplateError> {
    let queue = place.queue(&mapping.event_source_arn)?;
    // By its name, or by the ARN of its alias.
    let named = mapping.function_name.as_str();
    let short = match place.resource(named) {
        Ok(Resource::Function(short)) => short,
        Ok(_) | Err(_) => place.short(named)?,
    };
    let name = format!("vitrine-{}-{short}", place.stack.stage);
    let function = template
        .functions
        .iter_mut()
        .find(|function| function.name == name)
        .ok_or_else(|| place.fail(format!("names {named}, which is no function")))?;
    function.queue_events.push(QueueEvent {
        queue,
        batch_size: mapping.batch_size,
        maximum_concurrency: mapping.scaling_config.map(|config| config.maximum_concurrency),
        reports_failures: mapping
            .function_response_types
            .iter()
            .any(|kind| kind == "ReportBatchItemFailures"),
    });
    Ok(())
}

fn route(place: &Place<'_>, method: &str, path: String) -> Result<Route, TemplateError> {
    const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    if !METHODS.contains(&method) {
        return Err(place.fail(format!(
            "has the method {method}, which is none of {}",
            METHODS.join(", ")
        )));
    }
    if path != "$default" && !path.starts_with('/') {
        return Err(place.fail(format!("has the path {path}, which does not begin with a slash")));
    }
    Ok(Route {
        method: method.to_owned(),
        path,
    })
}

fn variables(place: &Place<'_>, written: BTreeMap<String, Value>) -> Result<BTreeMap<String, String>, TemplateError> {
    written
        .into_iter()
        .map(|(name, value)| match text_of(&value) {
            Some(text) => Ok((name, text)),
            None => Err(place.fail(format!("gives the variable {name} a value that is no text"))),
        })
        .collect()
}

fn statements(place: &Place<'_>, policies: &Value) -> Result<Vec<Statement>, TemplateError> {
    let documents = match policies {
        Value::Null => Vec::new(),
        Value::Array(documents) => documents.iter().collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![policies],
    };
    let mut statements = Vec::new();
    for document in documents {
        if let Value::String(name) = document {
            return Err(place.fail(format!("has the policy {name}; write out what it may do")));
        }
        let policy: wire::Policy = place.read(document)?;
        for statement in policy.statement {
            statements.push(allowance(place, statement)?);
        }
    }
    Ok(statements)
}

fn allowance(place: &Place<'_>, statement: wire::Statement) -> Result<Statement, TemplateError> {
    if statement.effect != "Allow" {
        return Err(place.fail("has a statement that does not allow; leave out what is not allowed"));
    }
    let actions = statement.action.into_vec();
    if let Some(action) = actions
        .iter()
        .find(|action| action.contains('*') || !action.contains(':'))
    {
        return Err(place.fail(format!("allows {action}; name each action")));
    }
    let resources = statement.resource.into_vec();
    Ok(Statement {
        actions,
        resources: resources
            .iter()
            .map(|arn| place.resource(arn))
            .collect::<Result<_, _>>()?,
    })
}
