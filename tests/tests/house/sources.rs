//! What no source may do.

use std::path::{Path, PathBuf};

use crate::host::{LOCAL, read, root};

/// Rust files that are longer than others may be, and why.
const LONG: &[(&str, &str)] = &[];

const LONGEST: usize = 500;

/// What the domain may not know, as the first part of a path or after `crate::`.
const FOREIGN: &[&str] = &[
    "axum",
    "http",
    "hyper",
    "lambda_http",
    "lambda_runtime",
    "reqwest",
    "serde_dynamo",
    "tokio",
    "tower",
];
const UPSTAIRS: &[&str] = &[
    "auth",
    "aws",
    "flows",
    "http",
    "objects",
    "outbound",
    "platform",
    "providers",
    "schedule",
    "secrets",
    "store",
    "worker",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every Rust file under these folders of the project, by its name from the root.
pub(crate) fn files_under(folders: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        rust_files(&root().join(folder), &mut found);
    }
    let root = root();
    let names = found
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

pub(crate) fn code_lines(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
}

/// Every path in `source`, such as `crate::ids::Id`, and every name in a `use` without one.
fn paths(source: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let mut found = Vec::new();
    for line in code_lines(source) {
        let is_use = line.starts_with("use ") || line.starts_with("pub use ");
        let words = line.split(|letter| !is_part(letter)).filter(|word| !word.is_empty());
        let named = words.filter(|word| is_use || word.contains("::"));
        found.extend(named.map(|word| word.trim_start_matches("::").to_owned()));
    }
    found
}

fn is_foreign(path: &str) -> bool {
    let mut steps = path.split("::");
    match steps.next() {
        Some("crate") => steps.next().is_some_and(|step| UPSTAIRS.contains(&step)),
        Some(first) => FOREIGN.contains(&first) || first.starts_with("aws_"),
        None => false,
    }
}

#[test]
fn a_path_of_another_floor_is_seen_however_it_is_written() {
    for (line, foreign) in [
        ("use axum::Router;", true),
        ("use ::tokio;", true),
        ("use {serde::Serialize, reqwest as web};", true),
        ("fn f(db: &aws_sdk_dynamodb::Client) {}", true),
        ("use crate::store::Db;", true),
        ("use crate::{Clock, Ids};", false),
        ("use utoipa::ToSchema;", false),
        ("// axum::Router would be wrong here", false),
    ] {
        assert_eq!(paths(line).iter().any(|path| is_foreign(path)), foreign, "{line}");
    }
}

#[test]
fn the_domain_knows_neither_the_cloud_nor_the_web() {
    let mut found = Vec::new();
    for file in files_under(&["shared/src/domain"]) {
        let foreign = paths(&read(&file)).into_iter().filter(|path| is_foreign(path));
        found.extend(foreign.map(|path| format!("{file} uses {path}")));
    }
    assert_eq!(found, [""; 0], "the domain is the lowest floor");
}

#[test]
fn a_main_composes_and_does_nothing_else() {
    for function in &LOCAL.functions {
        let file = format!("functions/{}/src/main.rs", function.folder);
        let source = read(&file);
        let lines = code_lines(&source).count();
        assert!(
            lines <= 8,
            "{file} has {lines} lines of code; what needs more than 8 belongs to the library"
        );
        for word in ["if ", "match ", "loop", "while ", "for "] {
            let branch = code_lines(&source).find(|line| line.contains(word));
            assert_eq!(branch, None, "{file} decides something, and no test runs it");
        }
    }
}

#[test]
fn every_source_of_a_function_says_first_what_it_is_for() {
    for file in files_under(&["functions"]) {
        assert!(read(&file).starts_with("//! "), "{file} must open with `//!`");
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let long: Vec<String> = files_under(&["functions", "infra", "shared", "tests"])
        .into_iter()
        .filter(|file| read(file).lines().count() > LONGEST)
        .collect();
    for file in &long {
        assert!(
            LONG.iter().any(|(named, _)| named == file),
            "{file} has more than {LONGEST} lines: split it by subject, or name it in tests/house/sources.rs with the reason"
        );
    }
    for (file, reason) in LONG {
        assert!(
            long.iter().any(|name| name == file),
            "{file} is short again; forget that it was long because of {reason}"
        );
    }
}
