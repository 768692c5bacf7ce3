//! The properties of resources, as CloudFormation and SAM spell them. What we do not read is left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function {
    pub(super) function_name: String,
    pub(super) code_uri: String,
    pub(super) memory_size: u32,
    pub(super) timeout: u32,
    pub(super) auto_publish_alias: String,
    pub(super) deployment_preference: DeploymentPreference,
    pub(super) reserved_concurrent_executions: Option<u32>,
    #[serde(default)]
    pub(super) events: BTreeMap<String, Event>,
    #[serde(default)]
    pub(super) policies: Value,
    #[serde(default)]
    pub(super) environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeploymentPreference {
    pub(super) alarms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Alarm {
    pub(super) alarm_name: String,
    pub(super) alarm_description: String,
    pub(super) namespace: String,
    pub(super) metric_name: String,
    #[serde(default)]
    pub(super) dimensions: Vec<Dimension>,
    pub(super) threshold: u32,
    pub(super) comparison_operator: String,
    #[serde(default)]
    pub(super) alarm_actions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetricFilter {
    pub(super) log_group_name: String,
    pub(super) filter_pattern: String,
    pub(super) metric_transformations: Vec<MetricTransformation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetricTransformation {
    pub(super) metric_namespace: String,
    pub(super) metric_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HttpApi {
    pub(super) default_route_settings: Option<RouteSettings>,
    #[serde(default)]
    pub(super) route_settings: BTreeMap<String, RouteSettings>,
    pub(super) cors_configuration: Option<Cors>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Cors {
    pub(super) allow_origins: Vec<String>,
    pub(super) allow_methods: Vec<String>,
    pub(super) allow_headers: Vec<String>,
    pub(super) expose_headers: Vec<String>,
    pub(super) max_age: u32,
}

/// Both are needed: what is left out counts as zero at API Gateway, and the route would answer nobody.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RouteSettings {
    pub(super) throttling_burst_limit: u32,
    pub(super) throttling_rate_limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    pub(super) build_properties: BuildProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BuildProperties {
    pub(super) binary: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Environment {
    pub(super) variables: BTreeMap<String, Value>,
}

/// The events a function may have. Queues come by an event source mapping of their own.
#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Event {
    #[serde(rename_all = "PascalCase")]
    HttpApi { method: String, path: String },
    #[serde(rename_all = "PascalCase")]
    ScheduleV2 {
        name: String,
        input: String,
        schedule_expression: String,
        schedule_expression_timezone: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Policy {
    #[serde(rename = "Version")]
    pub(super) _version: String,
    pub(super) statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "Sid")]
    pub(super) _sid: Option<String>,
    pub(super) effect: String,
    pub(super) action: OneOrMany,
    pub(super) resource: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Mapping {
    pub(super) function_name: String,
    pub(super) event_source_arn: String,
    pub(super) batch_size: u32,
    #[serde(default)]
    pub(super) function_response_types: Vec<String>,
    pub(super) scaling_config: Option<ScalingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScalingConfig {
    pub(super) maximum_concurrency: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Table {
    pub(super) table_name: String,
    pub(super) attribute_definitions: Vec<AttributeDefinition>,
    pub(super) key_schema: Vec<KeyElement>,
    #[serde(default)]
    pub(super) global_secondary_indexes: Vec<Index>,
    pub(super) time_to_live_specification: Option<TimeToLive>,
    pub(super) stream_specification: Option<StreamSpecification>,
    #[serde(rename = "SSESpecification")]
    pub(super) encryption: Option<Encryption>,
    pub(super) point_in_time_recovery_specification: Option<Recovery>,
    #[serde(default)]
    pub(super) deletion_protection_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeDefinition {
    pub(super) attribute_name: String,
    pub(super) attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyElement {
    pub(super) attribute_name: String,
    pub(super) key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Index {
    pub(super) index_name: String,
    pub(super) key_schema: Vec<KeyElement>,
    pub(super) projection: Projection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Projection {
    pub(super) projection_type: String,
    #[serde(default)]
    pub(super) non_key_attributes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TimeToLive {
    pub(super) attribute_name: String,
    pub(super) enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamSpecification {
    pub(super) stream_view_type: String,
}

#[derive(Deserialize)]
pub(super) struct Encryption {
    #[serde(rename = "SSEEnabled")]
    pub(super) enabled: bool,
    #[serde(rename = "KMSMasterKeyId")]
    pub(super) key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Recovery {
    pub(super) point_in_time_recovery_enabled: bool,
    pub(super) recovery_period_in_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Queue {
    pub(super) queue_name: String,
    pub(super) visibility_timeout: Option<u32>,
    pub(super) message_retention_period: Option<u32>,
    pub(super) redrive_policy: Option<Redrive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redrive {
    pub(super) dead_letter_target_arn: String,
    pub(super) max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleGroup {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pipe {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) source_parameters: SourceParameters,
    pub(super) target: String,
    #[serde(default)]
    pub(super) target_parameters: TargetParameters,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SourceParameters {
    #[serde(rename = "DynamoDBStreamParameters")]
    pub(super) stream: StreamParameters,
    #[serde(default)]
    pub(super) filter_criteria: FilterCriteria,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StreamParameters {
    pub(super) starting_position: String,
    pub(super) batch_size: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FilterCriteria {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    pub(super) pattern: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TargetParameters {
    pub(super) input_template: Option<String>,
}
