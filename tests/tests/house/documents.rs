//! What is written down is what the code says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use vitrine::functions::{ROUTES, openapi};

use crate::host::{LOCAL, root};

const REWRITE: &str = "UPDATE_SNAPSHOTS=1 cargo test -p tests --test house";

/// Compares a file with what it must say, or writes it when asked to.
fn stands_written(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let line = written
        .lines()
        .zip(text.lines())
        .take_while(|(left, right)| left == right)
        .count()
        + 1;
    assert!(
        written == text,
        "{path} is not what the code says, from line {line} on. Rewrite it with\n    {REWRITE}\nand read the difference"
    );
}

fn document() -> Value {
    serde_json::from_str(&openapi().to_json().unwrap()).unwrap()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Every operation of the document by `METHOD path`.
fn operations(document: &Value) -> BTreeMap<String, &Value> {
    fields(&document["paths"])
        .flat_map(|(path, item)| {
            fields(item).map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

/// Every value in the document, at any depth.
fn all(value: &Value) -> Vec<&Value> {
    let mut found = vec![value];
    match value {
        Value::Array(items) => found.extend(items.iter().flat_map(all)),
        Value::Object(members) => found.extend(members.values().flat_map(all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

#[test]
fn the_apis_document_is_what_the_functions_say() {
    stands_written("docs/openapi.json", &(openapi().to_pretty_json().unwrap() + "\n"));
}

#[test]
fn the_list_of_problems_is_what_the_code_says() {
    stands_written("docs/problems.md", &shared::http::kind::document());
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let document = document();
    let described: BTreeMap<String, &str> = operations(&document)
        .into_iter()
        .map(|(name, operation)| (name, operation["operationId"].as_str().unwrap_or_default()))
        .collect();
    let routed: BTreeMap<String, &str> = LOCAL
        .functions
        .iter()
        .flat_map(|function| function.routes.iter().map(|route| (route, function.folder.as_str())))
        .filter(|(route, _)| route.path != "$default")
        .map(|(route, folder)| (format!("{} {}", route.method, route.path), folder))
        .collect();
    assert_eq!(
        described, routed,
        "the document's operations and their ids, and the template's routes and folders"
    );
}

#[test]
fn every_operation_has_words_a_known_tag_a_success_and_its_problems() {
    let document = document();
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    for (name, operation) in operations(&document) {
        assert!(
            operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()),
            "{name} has no summary"
        );
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(
            tags.contains(tag),
            "{name} stands under `{tag}`, which no tag of the document is called"
        );
        let answers = &operation["responses"];
        assert!(
            fields(answers).any(|(status, _)| status.starts_with('2')),
            "{name} never succeeds"
        );
        let problems: Vec<&String> = fields(answers)
            .map(|(status, _)| status)
            .filter(|status| status.starts_with(['4', '5']))
            .collect();
        for status in &problems {
            let schema = &answers[status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{name}: {status}");
        }
        let lists = |status: &str| problems.iter().any(|problem| *problem == status);
        assert!(
            lists("500"),
            "{name} lists no problems: its openapi() must pass through `with_problems`"
        );
        assert_eq!(
            lists("401"),
            !operation["security"].is_null()
                || name.starts_with("POST /v1/sessions")
                || name == "POST /v1/accounts/restore",
            "{name}: 401 and security"
        );
        assert_eq!(
            lists("415"),
            !operation["requestBody"].is_null(),
            "{name}: 415 and a body"
        );
    }
}

#[test]
fn whoever_needs_a_token_is_told_so_and_nobody_else() {
    let document = document();
    let is_public = [
        "accounts-create",
        "accounts-restore",
        "accounts-verify",
        "codes-create",
        "deletions-get",
        "health-get",
        "keys-get",
        "packs-list",
        "openapi-get",
        "page-views-create",
        "passwords-reset",
        "privacy-exports-get",
        "privacy-get",
        "privacy-requests-confirm",
        "privacy-requests-create",
        "reports-create",
        "sessions-create",
        "sessions-refresh",
    ];
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert_eq!(
            operation["security"].is_null(),
            is_public.contains(&id),
            "{name}: `security` in the document"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_id_has_a_pattern() {
    let document = document();
    for reference in all(&document).iter().filter_map(|value| value["$ref"].as_str()) {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference} leads nowhere");
    }
    for (name, schema) in fields(&document["components"]["schemas"]) {
        for (property, schema) in fields(&schema["properties"]) {
            let is_id = property == "id" || property.ends_with("_id");
            let of = |schema: &Value| schema["$ref"].as_str().is_some_and(|to| to.ends_with("Id"));
            assert!(
                !is_id || of(schema),
                "`{property}` of {name} does not say what an id looks like"
            );
        }
        let is_id = name.ends_with("Id");
        assert!(!is_id || schema["pattern"].is_string(), "{name} has no pattern");
    }
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
        {
            let to = parameter["schema"]["$ref"].as_str().unwrap_or_default();
            assert!(
                to.ends_with("Id") || to.ends_with("Key"),
                "{name}: `{}` does not say what an id looks like",
                parameter["name"]
            );
        }
    }
}

#[test]
fn no_description_speaks_of_rust() {
    for text in all(&document())
        .iter()
        .filter_map(|value| value["description"].as_str())
    {
        let speaks = ["[`", "::", "`Debug`", "`Option`", "struct"]
            .iter()
            .find(|word| text.contains(**word));
        assert_eq!(speaks, None, "say it for readers of the API: {text}");
    }
}

#[test]
fn no_two_functions_mean_different_things_by_one_schema() {
    let mut known: BTreeMap<String, (&str, Value)> = BTreeMap::new();
    for function in ROUTES {
        let Some(part) = function.openapi else { continue };
        let part: Value = serde_json::from_str(&part().to_json().unwrap()).unwrap();
        for (name, schema) in fields(&part["components"]["schemas"]) {
            let (first, meant) = known
                .entry(name.clone())
                .or_insert_with(|| (function.name, schema.clone()));
            assert_eq!(
                meant, schema,
                "`{name}` of `{first}` is not `{name}` of `{}`: give one another name",
                function.name
            );
        }
    }
}
