//! A function is given what its source reads and allowed what its source uses, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use shared::grants::{Grant, ScheduleAction};
use vitrine::template::{FunctionSpec, Template};

use crate::host::{BARE, LOCAL, WHOLE, registry, variables_read};

/// What SQS must allow for Lambda to take messages on a function's behalf.
const TAKING: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

type Allowed = BTreeSet<(String, String)>;

/// What the source asks for, as actions and resources.
fn granted(grants: &[Grant]) -> Allowed {
    let pairs = grants.iter().flat_map(|grant| match grant {
        Grant::Table(table, actions) => actions
            .iter()
            .map(|action| (action.iam().to_owned(), format!("table {table}")))
            .collect(),
        Grant::Index(table, index, actions) => actions
            .iter()
            .map(|action| (action.iam().to_owned(), format!("index {index} of table {table}")))
            .collect(),
        Grant::Schedules(group, actions) => schedules(group, actions),
        Grant::Parameter(name) => vec![("ssm:GetParameters".to_owned(), format!("parameter {name}"))],
        Grant::Queue(queue) => TAKING
            .map(|action| (action.to_owned(), format!("queue {queue}")))
            .to_vec(),
        // The buckets are no resources of AWS: their roles' key pairs say what may be done.
        Grant::Bucket(_) => Vec::new(),
    });
    pairs.collect()
}

/// Whoever creates a schedule passes the role on with which it wakes.
fn schedules(group: &str, actions: &[ScheduleAction]) -> Vec<(String, String)> {
    let of_group = actions
        .iter()
        .map(|action| (action.iam().to_owned(), format!("schedules of {group}")));
    let passes = actions.contains(&ScheduleAction::CreateSchedule);
    let role = group[..1].to_uppercase() + &group[1..] + "Role";
    let role = passes.then(|| ("iam:PassRole".to_owned(), format!("role {role}")));
    of_group.chain(role).collect()
}

/// What the template's policies allow.
fn allowed(function: &FunctionSpec) -> Allowed {
    let mut pairs = Allowed::new();
    for statement in &function.statements {
        for resource in &statement.resources {
            for action in &statement.actions {
                let pair = (action.clone(), resource.to_string());
                let folder = &function.folder;
                assert!(
                    pairs.insert(pair.clone()),
                    "the policy of `{folder}` says twice: {pair:?}"
                );
            }
        }
    }
    pairs
}

fn differences(template: &Template) -> Vec<String> {
    let registry = registry();
    let mut found = Vec::new();
    for function in &template.functions {
        let folder = function.folder.as_str();
        let (granted, allowed) = (granted(registry[folder]), allowed(function));
        for (action, resource) in granted.difference(&allowed) {
            found.push(format!(
                "`{folder}` uses {action} on {resource}, and its policy does not allow it"
            ));
        }
        for (action, resource) in allowed.difference(&granted) {
            found.push(format!(
                "the policy of `{folder}` allows {action} on {resource}, and its GRANTS do not ask for it"
            ));
        }
    }
    found
}

#[test]
fn a_policy_allows_what_the_functions_grants_say_and_nothing_else() {
    assert_eq!(differences(&WHOLE), [""; 0]);
}

#[test]
fn what_is_not_configured_is_not_allowed_either() {
    // Without a CDN and a second store nobody may read their keys, although the sources would use them.
    let missing = [
        ("accounts-erase", "oss-eraser"),
        ("accounts-export", "cdn-key"),
        ("accounts-export", "oss-reader"),
        ("images-erase", "oss-eraser"),
        ("images-get", "cdn-key"),
        ("images-get", "oss-reader"),
        ("images-paint", "oss-painter"),
        ("objects-sweep", "oss-sweeper"),
        ("privacy-exports-get", "cdn-key"),
        ("privacy-exports-get", "oss-reader"),
    ];
    let missing = missing.map(|(folder, parameter)| {
        format!("`{folder}` uses ssm:GetParameters on parameter {parameter}, and its policy does not allow it")
    });
    let mut found = differences(&BARE);
    found.sort();
    assert_eq!(found, missing);
}

#[test]
fn a_function_is_given_the_variables_that_it_reads_and_no_other() {
    for template in [&*BARE, &*LOCAL, &*WHOLE] {
        for function in &template.functions {
            let given: BTreeSet<String> = function.variables.keys().cloned().collect();
            let read = variables_read(function);
            let (useless, missing): (Vec<_>, Vec<_>) =
                (given.difference(&read).collect(), read.difference(&given).collect());
            assert!(
                useless.is_empty() && missing.is_empty(),
                "`{}` is given {useless:?} and does not read them; it reads {missing:?} and is not given them",
                function.folder
            );
        }
    }
}

#[test]
fn a_function_may_read_the_parameters_that_its_variables_name_and_no_other() {
    for function in &WHOLE.functions {
        let prefix = format!("/vitrine/{}/", WHOLE.stage);
        let named: BTreeSet<String> = function
            .variables
            .iter()
            .filter(|(name, value)| name.ends_with("_PARAMETER") && !value.is_empty())
            .map(|(name, value)| {
                let short = value.strip_prefix(&prefix);
                let short =
                    short.unwrap_or_else(|| panic!("`{}`: {name} is `{value}`, not under {prefix}", function.folder));
                format!("parameter {short}")
            })
            .collect();
        let readable: BTreeSet<String> = allowed(function)
            .into_iter()
            .filter(|(action, _)| action == "ssm:GetParameters")
            .map(|(_, resource)| resource)
            .collect();
        assert_eq!(
            named, readable,
            "parameters of `{}`: named by variables, and readable",
            function.folder
        );
    }
}

#[test]
fn a_function_is_given_the_tables_and_the_buckets_that_it_may_touch_and_no_other() {
    let registry = registry();
    for function in &WHOLE.functions {
        let grants = registry[function.folder.as_str()];
        let granted: BTreeMap<String, String> = grants
            .iter()
            .filter_map(|grant| match grant {
                Grant::Table(table, _) | Grant::Index(table, ..) => Some((
                    format!("{}_TABLE", table.to_uppercase().replace('-', "_")),
                    format!("vitrine-{}-{table}", WHOLE.stage),
                )),
                Grant::Parameter(_) | Grant::Queue(_) | Grant::Bucket(_) | Grant::Schedules(..) => None,
            })
            .collect();
        let given: BTreeMap<String, String> = function
            .variables
            .iter()
            .filter(|(name, _)| name.ends_with("_TABLE"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        assert_eq!(
            given, granted,
            "tables of `{}`: given, and in its GRANTS",
            function.folder
        );
        let has_bucket = grants.iter().any(|grant| matches!(grant, Grant::Bucket(_)));
        for name in ["COS_BUCKET", "OSS_BUCKET"] {
            assert_eq!(
                function.variables.contains_key(name),
                has_bucket,
                "`{}` is given {name}, or grants itself the buckets, without the other",
                function.folder
            );
        }
    }
}
