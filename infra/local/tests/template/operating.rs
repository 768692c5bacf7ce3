//! What operators rely on: deployments that turn back by themselves, schedules that come when they should, logs that tell of nobody,
//! and no setting that sets nothing.

use std::collections::BTreeSet;

use serde_json::Value;
use vitrine::engine::schedules::interval;
use vitrine::template::{Sources, Template, local_parameters};

fn local() -> Template {
    Template::local().unwrap()
}

/// All files of the template, by name, and the edge's.
fn files() -> Vec<(String, String)> {
    let sources = Sources::embedded();
    let root = ("template.yaml".to_owned(), sources.root);
    let edge = include_str!("../../../edge.yaml").to_owned();
    let mut files: Vec<_> = sources.nested.into_iter().chain([root]).collect();
    files.push(("infra/edge.yaml".to_owned(), edge));
    files
}

/// The names that a section of a template declares.
fn declared<'a>(text: &'a str, section: &str) -> Vec<&'a str> {
    let Some((_, after)) = text.split_once(&format!("\n{section}:\n")) else {
        return Vec::new();
    };
    let lines = after
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split_once(':'));
    names
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with([' ', '#']))
        .collect()
}

#[test]
fn every_parameter_and_every_condition_of_a_template_is_used_in_it() {
    for (file, text) in files() {
        for name in declared(&text, "Parameters") {
            let uses = [format!("!Ref {name}"), format!("${{{name}}}")];
            let used = uses.iter().any(|used| {
                let mut found = text.match_indices(used.as_str());
                found.any(|(at, _)| !text[at + used.len()..].starts_with(|next: char| next.is_alphanumeric()))
            });
            assert!(used, "{file}: the parameter {name} sets nothing");
        }
        for name in declared(&text, "Conditions") {
            let uses = [
                format!("!If [{name},"),
                format!("Condition: {name}"),
                format!("!Condition {name}"),
                format!("- {name}\n"),
            ];
            assert!(
                uses.iter().any(|used| text.contains(used.as_str())),
                "{file}: the condition {name} decides nothing"
            );
        }
    }
}

#[test]
fn every_function_is_called_by_an_alias_and_a_deployment_turns_back_by_alarms_that_are_there() {
    let template = local();
    let alarms: BTreeSet<String> = template
        .alarms
        .iter()
        .map(|alarm| format!("vitrine-local-{}", alarm.short))
        .collect();
    for function in &template.functions {
        let folder = &function.folder;
        assert_eq!(function.alias, "live", "{folder}");
        let by: BTreeSet<String> = function.turned_back_by.iter().cloned().collect();
        assert!(by.contains("vitrine-local-function-errors"), "{folder}");
        assert_eq!(
            by.contains("vitrine-local-api-errors"),
            !function.routes.is_empty(),
            "{folder}"
        );
        assert!(
            by.is_subset(&alarms),
            "{folder} is turned back by an alarm that is not there: {by:?}"
        );
    }
    let files = files();
    for (file, text) in files.iter().filter(|(file, _)| file != "infra/edge.yaml") {
        for function in template.functions.iter().map(|function| &function.logical_id) {
            for past in [format!("!GetAtt {function}.Arn"), format!("!Ref {function}\n")] {
                assert!(!text.contains(&past), "{file} calls {function} past its alias");
            }
        }
    }
    // One that is woken by an order of the moment, too.
    let leaving = &template.function("accounts-delete").unwrap().variables["ERASE_FUNCTION"];
    assert!(
        leaving.ends_with(":function:vitrine-local-accounts-erase:live"),
        "{leaving}"
    );
}

#[test]
fn a_schedule_has_a_rate_that_eventbridge_takes_and_the_time_zone_of_all_days_here() {
    for schedule in &local().schedules {
        assert!(interval(&schedule.expression).is_ok(), "{}", schedule.name);
        assert_eq!(schedule.time_zone, "UTC", "{}", schedule.name);
    }
    for wrong in [
        "rate(1 hours)",
        "rate(0 minutes)",
        "rate(5 Minutes)",
        "cron(0 * * * *)",
        "hourly",
    ] {
        assert!(interval(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_access_log_tells_nothing_of_whoever_asks() {
    const KNOWN: [&str; 8] = [
        "error.message",
        "integrationLatency",
        "requestId",
        "requestTime",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    ];
    let root = Sources::embedded().root;
    let (_, format) = root.split_once("        Format: >-\n").unwrap();
    let (format, _) = format.split_once("      #").unwrap();
    let line: Vec<&str> = format.lines().map(str::trim).collect();
    let line: Value = serde_json::from_str(&line.join(" ")).unwrap();
    for (name, value) in line.as_object().unwrap() {
        let field = value.as_str().unwrap().strip_prefix("$context.").unwrap();
        assert!(KNOWN.contains(&field), "{name} is {field}");
    }
}

#[test]
fn scripts_of_the_shop_may_send_every_header_that_the_api_knows_of_theirs_and_no_other_origin_is_named() {
    let cors = local().cors.unwrap();
    assert_eq!(cors.origins, ["http://localhost:3000"]);
    let document: Value = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|path| path.as_object().unwrap().values());
    for parameter in operations.flat_map(|operation| operation["parameters"].as_array().cloned().unwrap_or_default()) {
        if parameter["in"] == "header" {
            let name = parameter["name"].as_str().unwrap().to_lowercase();
            assert!(cors.headers.contains(&name), "{name}");
        }
    }
    let mut bare = local_parameters();
    bare.remove("ShopOrigin");
    let bare = Template::evaluate(&Sources::embedded(), &bare).unwrap();
    assert_eq!(bare.cors.unwrap().origins, ["http://127.0.0.1:8000"], "the API's own");
}

#[test]
fn with_a_certificate_the_api_has_its_own_name_and_is_told_by_the_edge_who_asks() {
    let hash = "5e".repeat(32);
    let mut parameters = local_parameters();
    for (name, value) in [
        ("PublicUrl", "https://api.example.com"),
        ("CertificateArn", "arn:aws:acm:us-west-2:000000000000:certificate/1"),
        ("EdgeSecretSha256", &hash),
    ] {
        parameters.insert(name.to_owned(), value.to_owned());
    }
    let template = Template::evaluate(&Sources::embedded(), &parameters).unwrap();
    for function in &template.functions {
        let told = function.variables.get("EDGE_SECRET_SHA256");
        let expected = (!function.routes.is_empty()).then_some(&hash);
        assert_eq!(told, expected, "{}", function.folder);
    }
}

#[test]
fn each_stage_of_the_settings_gives_the_template_what_it_needs_and_nothing_that_it_does_not_know() {
    let settings = include_str!("../../../../samconfig.toml");
    for stage in ["dev", "staging", "prod"] {
        let (_, section) = settings
            .split_once(&format!("\n[{stage}.deploy.parameters]\n"))
            .unwrap();
        let (section, _) = section.split_once("\n]").unwrap();
        let given = section
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
        let given = given.filter_map(|line| line.split_once('='));
        let given = given.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()));
        let template = Template::evaluate(&Sources::embedded(), &given.collect());
        let template = template.unwrap_or_else(|error| panic!("{stage}: {error}"));
        assert_eq!(template.stage, stage);
        assert_eq!(template.functions.len(), local().functions.len(), "{stage}");
    }
}
