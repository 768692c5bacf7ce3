//! One template file, divided into its sections.

use serde_json::Value;

use super::TemplateError;
use super::yaml::Node;

/// A template file.
#[derive(Debug)]
pub(super) struct Document {
    /// The file's name, for errors.
    pub(super) file: String,
    pub(super) parameters: Vec<Declared>,
    pub(super) conditions: Node,
    pub(super) resources: Vec<Written>,
    pub(super) outputs: Node,
}

/// A parameter as declared.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) is_number: bool,
    pub(super) default: Option<String>,
    pub(super) allowed: Vec<String>,
}

/// A resource as written, with `Globals` already merged into it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) condition: Option<String>,
    pub(super) deletion_policy: Option<String>,
    pub(super) metadata: Node,
    pub(super) properties: Node,
}

/// The sections a template may have; anything else is a slip of the pen.
const SECTIONS: [&str; 9] = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
];

impl Document {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        let root = Node::parse(text).map_err(|problem| TemplateError::new(file, "the file", problem))?;
        if let Some((section, _)) = root
            .entries()
            .iter()
            .find(|(name, _)| !SECTIONS.contains(&name.as_str()))
        {
            return Err(TemplateError::new(file, section, "is no section of a template"));
        }
        let section = |name: &str| root.get(name).cloned().unwrap_or(Node::Map(Vec::new()));
        let globals = section("Globals");
        Ok(Self {
            file: file.to_owned(),
            parameters: section("Parameters")
                .entries()
                .iter()
                .map(|(name, node)| Declared::read(file, name, node))
                .collect::<Result<_, _>>()?,
            conditions: section("Conditions"),
            resources: section("Resources")
                .entries()
                .iter()
                .map(|(id, node)| Written::read(file, id, node, &globals))
                .collect::<Result<_, _>>()?,
            outputs: section("Outputs"),
        })
    }

    pub(super) fn resource(&self, id: &str) -> Option<&Written> {
        self.resources.iter().find(|resource| resource.id == id)
    }
}

impl Declared {
    fn read(file: &str, name: &str, node: &Node) -> Result<Self, TemplateError> {
        let kind = node.get("Type").and_then(Node::text);
        let is_number = match kind {
            Some("Number") => true,
            Some("String") => false,
            Some(_) | None => return Err(TemplateError::new(file, name, "a parameter is a String or a Number")),
        };
        let allowed = match node.get("AllowedValues") {
            Some(Node::List(values)) => values.iter().filter_map(plain).collect(),
            Some(_) => return Err(TemplateError::new(file, name, "AllowedValues is no list")),
            None => Vec::new(),
        };
        Ok(Self {
            name: name.to_owned(),
            is_number,
            default: node.get("Default").and_then(plain),
            allowed,
        })
    }
}

impl Written {
    fn read(file: &str, id: &str, node: &Node, globals: &Node) -> Result<Self, TemplateError> {
        let text = |name: &str| node.get(name).and_then(Node::text).map(str::to_owned);
        let kind = text("Type").ok_or_else(|| TemplateError::new(file, id, "has no Type"))?;
        let own = node.get("Properties").cloned().unwrap_or(Node::Map(Vec::new()));
        let shared = kind
            .strip_prefix("AWS::Serverless::")
            .and_then(|section| globals.get(section));
        Ok(Self {
            id: id.to_owned(),
            condition: text("Condition"),
            deletion_policy: text("DeletionPolicy"),
            metadata: node.get("Metadata").cloned().unwrap_or(Node::Map(Vec::new())),
            properties: shared.map_or_else(|| own.clone(), |shared| Node::merged(shared, &own)),
            kind,
        })
    }
}

/// A scalar as CloudFormation passes it around: as text.
fn plain(node: &Node) -> Option<String> {
    match node {
        Node::Scalar(value) => text_of(value),
        Node::List(_) | Node::Map(_) | Node::Call(..) => None,
    }
}

/// A scalar value as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
