//! The API's document as a page to read.
//!
//! Texts and kinds become HTML here and the page takes them as they are; everything else is escaped by the page.

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

/// What a body looks like: its fields, what it may be if it has none, and an example if the document has one.
struct Shape {
    name: String,
    kind: String,
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
            description: prose(&text(&tag["description"])),
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
        .map(|(name, schema)| shape(&document, name.clone(), schema))
        .collect();
    let page = Page {
        title: text(&document["info"]["title"]),
        description: prose(&text(&document["info"]["description"])),
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
        description: join(
            &prose(&text(&parameter["description"])),
            &limits(resolve(document, &parameter["schema"])),
        ),
    });
    let answers = fields(&operation["responses"]).map(|(status, answer)| Answer {
        status: status.clone(),
        description: prose(&text(&answer["description"])),
        shape: content(document, answer).filter(|_| !status.starts_with(['4', '5'])),
    });
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        description: prose(&text(&operation["description"])),
        is_private: array(&operation["security"]).any(|scheme| scheme.get("bearer").is_some()),
        parameters: parameters.collect(),
        request: content(document, &operation["requestBody"]),
        answers: answers.collect(),
    }
}

/// The shape of a request's or an answer's body.
fn content(document: &Value, holder: &Value) -> Option<Shape> {
    let (_, media) = fields(&holder["content"]).next()?;
    let schema = media.get("schema")?;
    let mut found = shape(document, kind(schema), schema);
    let example = media
        .get("example")
        .or_else(|| fields(&media["examples"]).next()?.1.get("value"));
    if let Some(example) = example {
        found.example = pretty(example);
    }
    Some(found)
}

fn shape(document: &Value, name: String, schema: &Value) -> Shape {
    let schema = resolve(document, schema);
    let required: Vec<String> = array(&schema["required"]).map(text).collect();
    let mut rows: Vec<Row> = fields(&schema["properties"])
        .map(|(name, property)| Row {
            name: name.clone(),
            kind: kind(property),
            is_required: required.contains(name),
            description: describe(document, property),
        })
        .collect();
    rows.sort_by_key(|row| !row.is_required);
    let example = schema.get("example").or_else(|| schema["examples"].get(0));
    Shape {
        name,
        kind: if rows.is_empty() {
            join(&kind(schema), &limits(schema))
        } else {
            String::new()
        },
        description: prose(&text(&schema["description"])),
        example: example.map(pretty).unwrap_or_default(),
        rows,
    }
}

/// What is said of a property: its own words before those of what it refers to, and what it must keep to.
fn describe(document: &Value, property: &Value) -> String {
    let meant = or_nothing(property);
    let target = resolve(document, meant);
    let words = [property, meant, target].map(|holder| text(&holder["description"]));
    let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
    join(&prose(&words), &limits(target))
}

/// What a property is when it is there: a field without a value is left out, so that it may be null says nothing.
fn or_nothing(schema: &Value) -> &Value {
    let mut choices = array(&schema["oneOf"]).filter(|choice| choice["type"] != "null");
    match (choices.next(), choices.next()) {
        (Some(only), None) => only,
        _ => schema,
    }
}

/// A schema's type in a word or two: `string`, `list of Image`, `one of 1:1, 4:3`. What has a name links to it.
fn kind(schema: &Value) -> String {
    let schema = or_nothing(schema);
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if schema["enum"].is_array() {
        let choices: Vec<String> = array(&schema["enum"])
            .map(|choice| format!("<code>{}</code>", escape(&text(choice))))
            .collect();
        return match choices.as_slice() {
            [only] => only.clone(),
            several => format!("one of {}", several.join(", ")),
        };
    }
    for (several, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if schema[several].is_array() {
            let kinds: Vec<String> = array(&schema[several]).map(kind).collect();
            return kinds.join(word);
        }
    }
    if schema["properties"].is_object() {
        let fields =
            fields(&schema["properties"]).map(|(name, field)| format!("<code>{}</code> {}", escape(name), kind(field)));
        return format!("object with {}", fields.collect::<Vec<_>>().join(", "));
    }
    let kinds: Vec<String> = match schema["type"].as_array() {
        Some(kinds) => kinds.iter().map(text).filter(|kind| kind != "null").collect(),
        None => vec![text(&schema["type"])],
    };
    if kinds.iter().any(|kind| kind == "array") {
        return format!("list of {}", kind(&schema["items"]));
    }
    let is_text = kinds.iter().any(|kind| kind == "string");
    let format = schema["format"].as_str().filter(|_| is_text);
    let format = format.map(|format| format!(" ({})", escape(format)));
    escape(&kinds.join(" or ")) + &format.unwrap_or_default()
}

/// What a value must keep to, in words.
fn limits(schema: &Value) -> String {
    let range = |least: &str, most: &str, what: &str| match (&schema[least], &schema[most]) {
        (Value::Null, Value::Null) => None,
        (least, Value::Null) => Some(format!("at least {least}{what}")),
        (Value::Null, most) => Some(format!("at most {most}{what}")),
        (least, most) => Some(format!("{least} to {most}{what}")),
    };
    let parts = [
        range("minLength", "maxLength", " characters"),
        range("minimum", "maximum", ""),
        schema["pattern"]
            .as_str()
            .map(|pattern| format!("pattern <code>{}</code>", escape(pattern))),
        schema
            .get("default")
            .map(|default| format!("<code>{}</code> if absent", escape(&text(default)))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("<small>{}</small>", parts.join("; "))
    }
}

/// Text as HTML; what stands in backticks is code.
fn prose(text: &str) -> String {
    let pieces = text.split('`').enumerate().map(|(index, piece)| {
        let piece = escape(piece);
        if index % 2 == 1 {
            format!("<code>{piece}</code>")
        } else {
            piece
        }
    });
    pieces.collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn join(first: &str, second: &str) -> String {
    format!("{first} {second}").trim().to_owned()
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
