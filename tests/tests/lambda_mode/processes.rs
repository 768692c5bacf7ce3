//! What a process is given, how many there are, and what is left of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tests::{Person, TestApp};
use vitrine::lambda::workshop::Workshop;

use crate::support::{app, order};
use crate::{host, logs};

/// What belongs to the runtime, beside a function's own variables.
const OF_THE_RUNTIME: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SCHEDULER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "LAMBDA_TASK_ROOT",
    "TZ",
    "VITRINE_CLOCK_FILE",
    "_HANDLER",
];

/// A stack with a template that says something else.
pub(crate) async fn amended(amend: fn(&mut vitrine::template::Template)) -> TestApp {
    logs::keep();
    host();
    TestApp::amended(amend).await
}

/// Has prompts written, and gives the status.
pub(crate) async fn describe(app: &TestApp, person: &Person) -> u16 {
    let wanted = json!({ "description": "a bowl", "count": 1 });
    app.post(person, "/v1/prompts", wanted).await.status
}

/// What the system tells of a process.
fn proc(process: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}"))
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_process_has_its_functions_variables_and_those_of_the_runtime_and_no_other() {
    let app = app().await;
    let mei = app.person("mei").await;
    order(&app, &mei, "a bowl").await;
    app.drain().await;
    for folder in ["images-create", "images-paint", "mail-send", "sessions-create"] {
        if folder == "sessions-create" {
            app.sign_in(&mei).await;
        }
        let [process] = app.stack.processes(folder)[..] else {
            panic!("`{folder}` should have one process");
        };
        let environment = std::fs::read(proc(process).join("environ")).unwrap();
        let given: BTreeSet<&str> = environment
            .split(|byte| *byte == 0)
            .filter(|variable| !variable.is_empty())
            .map(|variable| std::str::from_utf8(variable).unwrap().split_once('=').unwrap().0)
            .collect();
        let own = &app.stack.template.function(folder).unwrap().variables;
        let wanted: BTreeSet<&str> = own.keys().map(String::as_str).chain(OF_THE_RUNTIME).collect();
        assert_eq!(given, wanted, "{folder}");
    }
}

#[tokio::test]
async fn one_process_takes_one_event_after_the_other_and_a_second_one_what_comes_meanwhile() {
    let app = app().await;
    let mei = app.person("mei").await;
    for _ in 0..3 {
        assert_eq!(describe(&app, &mei).await, 200);
    }
    let first = app.stack.processes("prompts-create");
    assert_eq!(first.len(), 1, "one after the other needs one");
    let mut held = app.stack.engines.calls.hold("prompts-create", "UpdateItem");
    let (held_up, meanwhile) = tokio::join!(describe(&app, &mei), async {
        held.reached().await;
        let meanwhile = describe(&app, &mei).await;
        drop(held);
        meanwhile
    });
    assert_eq!((held_up, meanwhile), (200, 200));
    let both = app.stack.processes("prompts-create");
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first[0]);
}

#[tokio::test]
async fn a_function_at_its_reserved_concurrency_answers_503_and_has_no_more_processes() {
    let app = amended(|template| {
        let mut functions = template.functions.iter_mut();
        let prompts = functions.find(|function| function.folder == "prompts-create");
        prompts.unwrap().reserved_concurrency = Some(2);
    })
    .await;
    let mei = app.person("mei").await;
    let calls = &app.stack.engines.calls;
    let (mut one, mut two) = (
        calls.hold("prompts-create", "UpdateItem"),
        calls.hold("prompts-create", "UpdateItem"),
    );
    let (first, second, third) = tokio::join!(describe(&app, &mei), describe(&app, &mei), async {
        one.reached().await;
        two.reached().await;
        let wanted = json!({ "description": "a bowl", "count": 1 });
        let third = app.post(&mei, "/v1/prompts", wanted).await.expect(503);
        drop((one, two));
        third
    });
    assert_eq!((first, second), (200, 200));
    assert_eq!(third.text, r#"{"message":"Service Unavailable"}"#);
    assert_eq!(app.stack.processes("prompts-create").len(), 2);
}

#[tokio::test]
async fn a_function_that_cannot_start_answers_500_and_its_own_words_name_the_variable() {
    let app = amended(|template| {
        let mut functions = template.functions.iter_mut();
        let accounts = functions.find(|function| function.folder == "accounts-get");
        accounts.unwrap().variables.remove("ACCOUNTS_TABLE");
    })
    .await;
    let mei = app.person("mei").await;
    for _ in 0..2 {
        let answer = app.get(&mei, "/v1/account").await.expect(500);
        assert_eq!(answer.text, r#"{"message":"Internal Server Error"}"#);
    }
    let log = logs::all();
    let line = log
        .lines()
        .find(|line| line.contains("Function `accounts-get` did not start"));
    let words = "the variable ACCOUNTS_TABLE is not set";
    assert!(line.is_some_and(|line| line.contains(words)), "{line:?}");
    assert_eq!(app.stack.processes("accounts-get"), [0; 0]);
    app.get(&mei, "/v1/credits").await.expect(200);
}

/// A function that is run as Lambda would, and cannot start; what it says on standard error.
async fn cannot_start(app: &TestApp, folder: &str, changed: &[(&str, &str)]) -> String {
    let workshop = Workshop::open(Arc::new(|_| {})).unwrap();
    let program = workshop.program(folder).await.unwrap();
    let engine = app.stack.engines.dynamodb_url();
    let of_the_runtime = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", folder),
        ("AWS_SECRET_ACCESS_KEY", folder),
        ("AWS_ENDPOINT_URL_DYNAMODB", &engine),
        ("AWS_ENDPOINT_URL_SSM", &engine),
        // Nobody listens there, and nobody gets so far.
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
    ];
    let own = app.stack.template.function(folder).unwrap().variables.iter();
    let mut command = tokio::process::Command::new(program);
    command
        .env_clear()
        .envs(own)
        .envs(of_the_runtime)
        .envs(changed.iter().copied());
    let output = command.output().await.unwrap();
    assert!(!output.status.success(), "`{folder}` ends as if all were well");
    assert_eq!(output.status.code(), Some(1), "`{folder}`: {:?}", output.status);
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_function_that_cannot_start_ends_with_an_error_and_one_line() {
    let app = app().await;
    let blank = cannot_start(&app, "accounts-get", &[("ACCOUNTS_TABLE", " ")]).await;
    assert_eq!(blank, "Error: the variable ACCOUNTS_TABLE is not set\n");
    let malformed = cannot_start(&app, "images-paint", &[("SEEDREAM_WATERMARK", "perhaps")]).await;
    assert_eq!(
        malformed,
        "Error: the variable SEEDREAM_WATERMARK must be true or false\n"
    );
    app.stack
        .engines
        .parameters
        .put("/vitrine/local/token-keys", "{not: json}")
        .unwrap();
    let parameter = cannot_start(&app, "accounts-get", &[]).await;
    assert_eq!(
        parameter,
        "Error: the parameter named by TOKEN_KEYS_PARAMETER is not the JSON document it should be\n"
    );
}

#[tokio::test]
async fn functions_that_are_replaced_start_anew() {
    let app = app().await;
    app.ask("GET", "/v1/health", None).await.expect(200);
    let before = app.stack.processes("health-get");
    app.stack.replace_functions();
    assert_eq!(app.stack.processes("health-get"), [0; 0]);
    app.ask("GET", "/v1/health", None).await.expect(200);
    assert_ne!(app.stack.processes("health-get"), before);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn no_process_outlives_its_stack() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.get(&mei, "/v1/credits").await.expect(200);
    let folders = ["accounts-create", "accounts-verify", "mail-send", "credits-list"];
    let processes: Vec<u32> = folders.iter().flat_map(|folder| app.stack.processes(folder)).collect();
    assert_eq!(processes.len(), folders.len());
    assert!(processes.iter().all(|process| proc(*process).exists()));
    app.close().await;
    assert!(!processes.iter().any(|process| proc(*process).exists()));
}
