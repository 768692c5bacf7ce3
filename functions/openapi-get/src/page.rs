//! The API's document as a page to read.

use std::error::Error;

use askama::Template;
use serde_json::{Map, Value};

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    title: String,
    description: String,
    tags: Vec<Tag>,
    schemas: Vec<Shape>,
}

struct Tag {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: String,
    is_private: bool,
    parameters: Vec<Row>,
    request: Option<Shape>,
    answers: Vec<Answer>,
}

struct Row {
    name: String,
    kind: String,
    is_required: bool,
    description: String,
}

struct Answer {
    status: String,
    description: String,
    shape: Option<Shape>,
}

/// What a body looks like: its fields, and an example if the document has one.
struct Shape {
    name: String,
    description: String,
    rows: Vec<Row>,
    example: String,
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page of the document `json`.
pub(crate) fn render(json: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let document: Value = serde_json::from_str(json)?;
    let operations = operations(&document);
    let mut tags: Vec<Tag> = array(&document["tags"])
        .map(|tag| Tag {
            name: text(&tag["name"]),
            description: text(&tag["description"]),
            operations: Vec::new(),
        })
        .collect();
    for (name, operation) in operations {
        if let Some(tag) = tags.iter_mut().find(|tag| tag.name == name) {
            tag.operations.push(operation);
        } else {
            tags.push(Tag {
                name,
                description: String::new(),
                operations: vec![operation],
            });
        }
    }
    tags.retain(|tag| !tag.operations.is_empty());
    let schemas = fields(&document["components"]["schemas"])
        .map(|(name, schema)| shape(&document, name, schema))
        .collect();
    let page = Page {
        title: text(&document["info"]["title"]),
        description: text(&document["info"]["description"]),
        tags,
        schemas,
    };
    Ok(page.render()?)
}

/// Every operation with the tag it stands under, in the order of the document.
fn operations(document: &Value) -> Vec<(String, Operation)> {
    let mut found = Vec::new();
    for (path, item) in fields(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let tag = array(&operation["tags"])
                    .next()
                    .map_or_else(|| "other".to_owned(), text);
                found.push((tag, read_operation(document, method, path, operation)));
            }
        }
    }
    found
}

fn read_operation(document: &Value, method: &str, path: &str, operation: &Value) -> Operation {
    let parameters = array(&operation["parameters"]).map(|parameter| Row {
        name: text(&parameter["name"]),
        kind: format!("{}, {}", text(&parameter["in"]), kind(&parameter["schema"])),
        is_required: parameter["required"] == true,
        description: text(&parameter["description"]),
    });
    let answers = fields(&operation["responses"]).map(|(status, answer)| Answer {
        status: status.clone(),
        description: text(&answer["description"]),
        shape: content(document, answer).filter(|_| !status.starts_with(['4', '5'])),
    });
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        is_private: array(&operation["security"]).next().is_some(),
        parameters: parameters.collect(),
        request: content(document, &operation["requestBody"]),
        answers: answers.collect(),
    }
}

/// The shape of a request's or an answer's body.
fn content(document: &Value, holder: &Value) -> Option<Shape> {
    let (_, media) = fields(&holder["content"]).next()?;
    let schema = media.get("schema")?;
    let mut found = shape(document, &kind(schema), schema);
    let example = media
        .get("example")
        .or_else(|| fields(&media["examples"]).next()?.1.get("value"));
    if let Some(example) = example {
        found.example = pretty(example);
    }
    Some(found)
}

fn shape(document: &Value, name: &str, schema: &Value) -> Shape {
    let schema = resolve(document, schema);
    let required: Vec<String> = array(&schema["required"]).map(text).collect();
    let rows: Vec<Row> = fields(&schema["properties"])
        .map(|(name, property)| Row {
            name: name.clone(),
            kind: kind(property),
            is_required: required.contains(name),
            description: text(&resolve(document, property)["description"]),
        })
        .collect();
    let example = schema.get("example").or_else(|| schema["examples"].get(0));
    Shape {
        name: name.to_owned(),
        description: text(&schema["description"]),
        example: example.map(pretty).unwrap_or_default(),
        rows,
    }
}

/// A schema's type in a word or two: `string`, `list of Image`, `one of 1:1, 4:3`.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if schema["enum"].is_array() {
        return format!(
            "one of {}",
            array(&schema["enum"]).map(text).collect::<Vec<_>>().join(", ")
        );
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if schema[several].is_array() {
            let kinds: Vec<String> = array(&schema[several]).map(kind).collect();
            return kinds.join(" or ");
        }
    }
    let kinds: Vec<String> = match schema["type"].as_array() {
        Some(kinds) => kinds.iter().map(text).collect(),
        None => vec![text(&schema["type"])],
    };
    if kinds.iter().any(|kind| kind == "array") {
        return format!("list of {}", kind(&schema["items"]));
    }
    let format = schema["format"].as_str().map(|format| format!(" ({format})"));
    kinds.join(" or ") + &format.unwrap_or_default()
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'));
    reference
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(schema)
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
