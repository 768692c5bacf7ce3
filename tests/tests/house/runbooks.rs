//! What a runbook asks the log for is in the log.

use shared::schedule::Due;
use vitrine::template::ScheduleSpec;

use crate::host::{LOCAL, read, root};
use crate::sources::{code_lines, files_under};

/// What every line has, or CloudWatch gives it.
const ALWAYS: [&str; 4] = ["level", "message", "target", "time"];

/// The fields that the queries of a page show.
fn shown(page: &str) -> Vec<String> {
    let queries = page
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("fields "));
    let fields = queries.flat_map(|query| query.split('|').next().unwrap_or_default().split(','));
    let fields = fields.map(|field| field.trim().to_owned());
    fields.filter(|field| !field.starts_with('@')).collect()
}

/// Whether a line of code gives a field of this name to a span, an event or a metric.
fn gives(line: &str, field: &str) -> bool {
    let event = format!("{field} = ");
    let begins = line.starts_with(&event) && !line.starts_with("let ");
    let inside = ["(", ", ", "\""]
        .iter()
        .any(|before| line.contains(&format!("{before}{event}")));
    begins || inside || line == format!("{field},") || line.contains(&format!("!({field}"))
}

#[test]
fn a_runbooks_query_shows_fields_that_lines_have() {
    let sources: Vec<String> = files_under(&["shared/src", "functions"])
        .iter()
        .map(|file| read(file))
        .collect();
    let lines: Vec<&str> = sources.iter().flat_map(|source| code_lines(source)).collect();
    let pages = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let pages = pages.map(|page| format!("docs/runbooks/{}", page.unwrap().file_name().to_str().unwrap()));
    let mut asked = 0;
    for page in pages.chain(["docs/logging.md".to_owned()]) {
        for field in shown(&read(&page)) {
            asked += 1;
            let known = ALWAYS.contains(&field.as_str()) || lines.iter().any(|line| gives(line, &field));
            assert!(known, "{page} asks for `{field}`, which no line of the log has");
        }
    }
    assert!(asked > 20, "only {asked} fields are asked for");
}

#[test]
fn a_runbook_wakes_a_function_by_its_alias_with_what_the_clock_would_hand_it() {
    let page = read("docs/runbooks/schedule-failed.md");
    let command = page.lines().find(|line| line.contains("aws lambda invoke")).unwrap();
    let (_, payload) = command.split_once("--payload '").unwrap();
    let (payload, _) = payload.split_once('\'').unwrap();
    serde_json::from_str::<Due>(payload).unwrap();
    let woken = |schedule: &ScheduleSpec| command.contains(&format!(" vitrine-prod-{}:live ", schedule.function));
    assert!(LOCAL.schedules.iter().any(woken), "{command}");
    for schedule in &LOCAL.schedules {
        let row = format!("| `{}` |", schedule.function);
        assert!(
            page.contains(&row),
            "the page does not say what waits for {}",
            schedule.function
        );
    }
}

#[test]
fn a_field_that_no_line_has_is_seen() {
    assert_eq!(
        shown("    fields @timestamp, function, image.id | limit 1"),
        ["function", "image.id"]
    );
    assert!(gives(r#"tracing::warn!(image.id = %id, "Gone")"#, "image.id"));
    assert!(!gives("let function = name;", "function"));
}
