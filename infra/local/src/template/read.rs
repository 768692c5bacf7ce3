//! From evaluated resources to what the rest of the program asks for.

mod function;
mod pipe;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::evaluate::{Made, Stack};
use super::resource::{Resource, short_name};
use super::spec::{AlarmSpec, CorsSpec, DeadLetters, LogMetricSpec, QueueSpec, Route, Template, Throttle, Throttling};
use super::{TemplateError, wire};

/// What SQS takes where a queue says nothing.
const VISIBILITY_S: u32 = 30;
const RETENTION_S: u32 = 345_600;

pub(super) fn template(root: &Stack) -> Result<Template, TemplateError> {
    let mut template = Template {
        stage: root.stage.clone(),
        throttling: Throttling::default(),
        cors: None,
        functions: Vec::new(),
        tables: Vec::new(),
        queues: Vec::new(),
        pipes: Vec::new(),
        schedules: Vec::new(),
        schedule_groups: Vec::new(),
        alarms: Vec::new(),
        log_metrics: Vec::new(),
    };
    let mut mappings = Vec::new();
    collect(root, &mut template, &mut mappings)?;
    for (place, mapping) in mappings {
        function::attach(&mut template, &place, mapping)?;
    }
    refuse_twins(root, &template)?;
    refuse_strangers(root, &template)?;
    template.functions.sort_by(|a, b| a.name.cmp(&b.name));
    template.tables.sort_by(|a, b| a.name.cmp(&b.name));
    template.queues.sort_by(|a, b| a.name.cmp(&b.name));
    template.pipes.sort_by(|a, b| a.name.cmp(&b.name));
    template.schedules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(template)
}

/// A resource and where it is written.
struct Place<'a> {
    stack: &'a Stack,
    made: &'a Made,
}

impl Place<'_> {
    /// The properties as a `T`.
    fn properties<T: DeserializeOwned>(&self) -> Result<T, TemplateError> {
        self.read(&self.made.properties)
    }

    fn read<T: DeserializeOwned>(&self, value: &Value) -> Result<T, TemplateError> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let cause = error.into_inner();
            self.fail(if path == "." {
                cause.to_string()
            } else {
                format!("{path}: {cause}")
            })
        })
    }

    /// The thing of ours that `arn` names.
    fn resource(&self, arn: &str) -> Result<Resource, TemplateError> {
        Resource::from_arn(arn, &self.stack.stage)
            .ok_or_else(|| self.fail(format!("names {arn}, which is no single thing of ours")))
    }

    /// The short name of the queue that `arn` names.
    fn queue(&self, arn: &str) -> Result<String, TemplateError> {
        match self.resource(arn)? {
            Resource::Queue(queue) => Ok(queue),
            Resource::Table(_)
            | Resource::Index { .. }
            | Resource::Stream(_)
            | Resource::Parameter(_)
            | Resource::Function(_)
            | Resource::Schedules(_)
            | Resource::Role(_) => Err(self.fail(format!("names {arn}, which is no queue"))),
        }
    }

    /// A name of ours without product and stage.
    fn short(&self, name: &str) -> Result<String, TemplateError> {
        short_name(name, &self.stack.stage)
            .ok_or_else(|| self.fail(format!("is named {name}, not vitrine-{}-…", self.stack.stage)))
    }

    fn fail(&self, problem: impl Into<String>) -> TemplateError {
        TemplateError::new(&self.stack.file, &self.made.id, problem)
    }
}

fn collect<'a>(
    stack: &'a Stack,
    template: &mut Template,
    mappings: &mut Vec<(Place<'a>, wire::Mapping)>,
) -> Result<(), TemplateError> {
    for made in &stack.resources {
        let place = Place { stack, made };
        match made.kind.as_str() {
            "AWS::Serverless::Function" => function::read(&place, template)?,
            "AWS::Serverless::HttpApi" => {
                template.throttling = throttling(&place)?;
                template.cors = cors(&place)?;
            }
            "AWS::Lambda::EventSourceMapping" => {
                let mapping = place.properties()?;
                mappings.push((place, mapping));
            }
            "AWS::DynamoDB::Table" => template.tables.push(table::read(&place)?),
            "AWS::SQS::Queue" => template.queues.push(queue(&place)?),
            "AWS::Scheduler::ScheduleGroup" => {
                let group: wire::ScheduleGroup = place.properties()?;
                template.schedule_groups.push(group.name);
            }
            "AWS::CloudWatch::Alarm" => template.alarms.push(alarm(&place)?),
            "AWS::Logs::MetricFilter" => template.log_metrics.extend(log_metrics(&place)?),
            "AWS::Pipes::Pipe" => template.pipes.push(pipe::read(&place)?),
            _ => {}
        }
    }
    stack
        .nested
        .iter()
        .try_for_each(|child| collect(child, template, mappings))
}

fn alarm(place: &Place<'_>) -> Result<AlarmSpec, TemplateError> {
    let alarm: wire::Alarm = place.properties()?;
    let dimensions = alarm.dimensions.into_iter();
    Ok(AlarmSpec {
        short: place.short(&alarm.alarm_name)?,
        description: alarm.alarm_description,
        namespace: alarm.namespace,
        metric: alarm.metric_name,
        dimensions: dimensions.map(|dimension| (dimension.name, dimension.value)).collect(),
        threshold: alarm.threshold,
        above: alarm.comparison_operator == "GreaterThanThreshold",
        tells: !alarm.alarm_actions.is_empty(),
    })
}

fn log_metrics(place: &Place<'_>) -> Result<Vec<LogMetricSpec>, TemplateError> {
    let filter: wire::MetricFilter = place.properties()?;
    let counted = filter.metric_transformations.into_iter();
    Ok(counted
        .map(|counted| LogMetricSpec {
            group: filter.log_group_name.clone(),
            pattern: filter.filter_pattern.clone(),
            namespace: counted.metric_namespace,
            metric: counted.metric_name,
        })
        .collect())
}

fn throttling(place: &Place<'_>) -> Result<Throttling, TemplateError> {
    let api: wire::HttpApi = place.properties()?;
    let throttle = |settings: wire::RouteSettings| Throttle {
        burst: settings.throttling_burst_limit,
        rate: settings.throttling_rate_limit,
    };
    let route = |name: String| match name.split_once(' ') {
        Some((method, path)) => Ok(Route {
            method: method.to_owned(),
            path: path.to_owned(),
        }),
        None => Err(place.fail(format!("has settings for {name}, which is no method and path"))),
    };
    let routes = api.route_settings.into_iter();
    Ok(Throttling {
        default: api.default_route_settings.map(throttle),
        routes: routes
            .map(|(name, settings)| Ok((route(name)?, throttle(settings))))
            .collect::<Result<_, TemplateError>>()?,
    })
}

fn cors(place: &Place<'_>) -> Result<Option<CorsSpec>, TemplateError> {
    let api: wire::HttpApi = place.properties()?;
    Ok(api.cors_configuration.map(|cors| CorsSpec {
        origins: cors.allow_origins,
        methods: cors.allow_methods,
        headers: cors.allow_headers,
        exposed: cors.expose_headers,
        max_age_s: cors.max_age,
    }))
}

fn queue(place: &Place<'_>) -> Result<QueueSpec, TemplateError> {
    let queue: wire::Queue = place.properties()?;
    let dead_letters = match queue.redrive_policy {
        Some(policy) => Some(DeadLetters {
            queue: place.queue(&policy.dead_letter_target_arn)?,
            after: policy.max_receive_count,
        }),
        None => None,
    };
    Ok(QueueSpec {
        logical_id: place.made.id.clone(),
        short: place.short(&queue.queue_name)?,
        name: queue.queue_name,
        visibility_s: queue.visibility_timeout.unwrap_or(VISIBILITY_S),
        retention_s: queue.message_retention_period.unwrap_or(RETENTION_S),
        dead_letters,
    })
}

/// API Gateway refuses two functions for one route; so do we.
fn refuse_twins(root: &Stack, template: &Template) -> Result<(), TemplateError> {
    let mut owners = BTreeMap::new();
    for function in &template.functions {
        for route in &function.routes {
            if let Some(first) = owners.insert(route, &function.logical_id) {
                let problem = format!("has the route {} {} of {first}", route.method, route.path);
                return Err(TemplateError::new(&root.file, &function.logical_id, problem));
            }
        }
    }
    Ok(())
}

/// API Gateway refuses settings for a route that is not there, and the deployment with them; so do we.
fn refuse_strangers(root: &Stack, template: &Template) -> Result<(), TemplateError> {
    let known: BTreeSet<&Route> = template
        .functions
        .iter()
        .flat_map(|function| &function.routes)
        .collect();
    match template.throttling.routes.keys().find(|route| !known.contains(route)) {
        Some(Route { method, path }) => {
            let problem = format!("are for {method} {path}, which is no route");
            Err(TemplateError::new(&root.file, "RouteSettings", problem))
        }
        None => Ok(()),
    }
}
