//! A function that is not given what it needs does not start, and says in one line which variable it is about.

use std::collections::BTreeSet;

use shared::Platform;
use shared::config::Vars;
use vitrine::template::FunctionSpec;

use crate::host::{WHOLE, platform, platform_but, variables_read};

/// What may be left out by itself: then there is no CDN, and nothing before the API. (The second store is left out as a whole.)
const OPTIONAL: &[&str] = &["CDN_DOMAIN", "EDGE_SECRET_SHA256"];

/// What may be any text: names that are somebody else's to choose. Whether they are right shows when they are used.
const TEXTS: &[&str] = &[
    "ACCOUNTS_TABLE",
    "ANALYTICS_TABLE",
    "COS_REGION",
    "DASHSCOPE_MODEL",
    "DEEPSEEK_MODEL",
    "ERASE_FUNCTION",
    "ERASE_ROLE",
    "IDEMPOTENCY_TABLE",
    "IMAGES_TABLE",
    "LEDGER_TABLE",
    "LIMITS_TABLE",
    "MAIL_FROM",
    "ORDERS_TABLE",
    "OUTBOX_TABLE",
    "PAYPAL_BRAND",
    "PAYPAL_WEBHOOK_ID",
    "POLICY_VERSION",
    "PRIVACY_CONTACT",
    "PRIVACY_TABLE",
    "SCHEDULE_GROUP",
    "SEEDREAM_MODEL",
    "SESSIONS_TABLE",
];

/// Stands in every wrong value, and must not be repeated.
const MARK: &str = "zq";

/// A value that is no address, no number, no host, no list and no key, whatever is wanted.
const WRONG: &str = "zq {neither}: this\u{7}nor, that";

/// Why the function does not start, checked to be one line that names the variable and repeats no value; `None` if it starts.
fn refusal(function: &FunctionSpec, name: &str, vars: &Vars, platform: &Platform) -> Option<String> {
    let folder = &function.folder;
    let error = vitrine::functions::start(folder, vars, platform).unwrap().err()?;
    // As `main` prints it.
    let line = format!("{error:?}");
    assert!(
        line.lines().count() == 1 && !line.contains(MARK),
        "`{folder}`: {line:?}"
    );
    assert!(
        line.contains(name),
        "`{folder}` without a good {name} speaks of something else: {line}"
    );
    Some(line)
}

/// The function's variables with another value for one of them, or none.
fn with(function: &FunctionSpec, name: &str, value: Option<&str>) -> Vars {
    let mut variables = function.variables.clone();
    match value {
        Some(value) => drop(variables.insert(name.to_owned(), value.to_owned())),
        None => drop(variables.remove(name)),
    }
    Vars::from_pairs(variables)
}

/// The names of all variables of all functions that may have this value and the function starts all the same.
fn accepted(value: Option<&str>) -> BTreeSet<String> {
    let mut accepted = BTreeSet::new();
    for function in &WHOLE.functions {
        for name in variables_read(function) {
            // What it looks for and is not given it can do without.
            if function.variables.get(&name).is_none_or(String::is_empty) {
                continue;
            }
            let vars = with(function, &name, value);
            if refusal(function, &name, &vars, &platform(function)).is_none() {
                accepted.insert(name);
            }
        }
    }
    accepted
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn no_function_starts_without_a_variable_that_it_needs_and_each_names_it() {
    assert_eq!(accepted(None), names(OPTIONAL), "absent");
    assert_eq!(accepted(Some("  ")), names(OPTIONAL), "blank");
}

#[test]
fn no_function_starts_with_a_variable_that_cannot_be_read_and_each_names_it() {
    // The names of parameters are texts as well; what is not found under one is found missing.
    assert_eq!(accepted(Some(WRONG)), names(TEXTS));
}

#[test]
fn no_function_starts_without_a_good_secret_and_each_names_the_variable_and_not_the_secret() {
    for function in &WHOLE.functions {
        let vars = Vars::from_pairs(function.variables.clone());
        let read = variables_read(function)
            .into_iter()
            .filter(|name| name.ends_with("_PARAMETER"));
        for name in read.filter(|name| !function.variables[name].is_empty()) {
            for wrong in [None, Some(" \n"), Some(WRONG), Some("{\"zq\": \"zq\"}")] {
                let platform = platform_but(function, |variable, secret| match variable == name {
                    true => wrong.map(Into::into),
                    false => Some(secret),
                });
                let line = refusal(function, &name, &vars, &platform);
                let known = [
                    format!("the parameter named by {name} "),
                    format!("the variable {name} "),
                ];
                let line = line.unwrap_or_else(|| panic!("`{}` starts with {wrong:?} as {name}", function.folder));
                assert!(known.iter().any(|begins| line.starts_with(begins)), "{line}");
            }
        }
    }
}
