//! What a page leads to is there.

use std::path::{Path, PathBuf};

use crate::host::root;

/// The folders whose files pages name from the root.
const FOLDERS: [&str; 6] = [".ci/", "docs/", "functions/", "infra/", "shared/", "tests/"];

/// Every page under a folder, hidden ones and build products left out.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// Where the links of a page lead, without those that leave the project.
fn links(text: &str) -> Vec<&str> {
    let after = text.split("](").skip(1);
    let targets = after.filter_map(|rest| rest.split([')', '#']).next());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// `a{b,c}d` as `abd` and `acd`.
fn spelled_out(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.to_owned()];
    };
    let (choices, after) = rest.split_once('}').unwrap_or((rest, ""));
    let each = choices.split(',').map(|choice| format!("{before}{choice}{after}"));
    each.flat_map(|path| spelled_out(&path)).collect()
}

/// The files and folders that a page names in code: those that are a path and nothing else.
fn named(text: &str) -> Vec<String> {
    let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_./{},-".contains(char);
    code.filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder)) && code.chars().all(is_part))
        .flat_map(spelled_out)
        .collect()
}

#[test]
fn every_link_and_every_path_of_a_page_leads_to_what_is_there() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    let mut followed = (0, 0);
    for page in found {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            followed.0 += 1;
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{}: the link to {link} leads nowhere", page.display());
        }
        for path in named(&text) {
            followed.1 += 1;
            assert!(
                root().join(&path).exists(),
                "{} names {path}, which is not there",
                page.display()
            );
        }
    }
    assert!(followed.0 > 100 && followed.1 > 100, "{followed:?}");
}

#[test]
fn what_leads_nowhere_is_seen() {
    assert_eq!(
        links("[a](b.md) and [c](d.md#e), [f](https://g) [h](#i)"),
        ["b.md", "d.md"]
    );
    assert_eq!(
        named("in `docs/a.md`, `infra/{b,c}.yaml`; not `docs/<d>.md`, `cargo run` or `e/f`"),
        ["docs/a.md", "infra/b.yaml", "infra/c.yaml"]
    );
}
