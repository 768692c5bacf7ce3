//! Processes that are killed or too slow: what was under way fails, and the next event finds a new one.

use std::process::Command;

use serde_json::json;
use tests::TestApp;
use vitrine::sim::{Fault, Provider};

use crate::processes::{amended, describe};
use crate::support::{app, depth, order, queue, until_visible};

/// `kill -9`
fn kill(process: u32) {
    let killed = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}

/// The only process of a function.
fn the_process(app: &TestApp, folder: &str) -> u32 {
    let [process] = app.stack.processes(folder)[..] else {
        panic!("`{folder}` should have one process");
    };
    process
}

const BROKEN: &str = r#"{"message":"Internal Server Error"}"#;

#[tokio::test]
async fn a_request_whose_process_is_killed_is_answered_500_and_the_next_one_is_served() {
    let app = app().await;
    let mei = app.person("mei").await;
    assert_eq!(describe(&app, &mei).await, 200);
    let process = the_process(&app, "prompts-create");
    let mut held = app.stack.engines.calls.hold("prompts-create", "UpdateItem");
    let wanted = json!({ "description": "a bowl", "count": 1 });
    let (answer, ()) = tokio::join!(app.post(&mei, "/v1/prompts", wanted), async {
        held.reached().await;
        kill(process);
    });
    assert_eq!((answer.status, answer.text.as_str()), (500, BROKEN));
    assert_eq!(app.stack.processes("prompts-create"), [0; 0]);
    drop(held);
    assert_eq!(describe(&app, &mei).await, 200);
    assert_ne!(the_process(&app, "prompts-create"), process);
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_waits_is_replaced_without_anybody_noticing() {
    let app = app().await;
    app.ask("GET", "/v1/health", None).await.expect(200);
    let process = the_process(&app, "health-get");
    kill(process);
    // The system tells us of its end in its own time.
    while std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::task::yield_now().await;
    }
    app.ask("GET", "/v1/health", None).await.expect(200);
    assert_ne!(the_process(&app, "health-get"), process);
}

#[tokio::test]
async fn a_message_whose_process_is_killed_comes_again_and_is_worked_off_once() {
    let app = app().await;
    let never = Fault {
        delay_ms: 300_000,
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Resend, 1, never).unwrap();
    let policy = app.stack.policy_version().unwrap();
    let new = json!({ "email": "mei@example.com", "password": tests::PASSWORD, "policy_version": policy });
    app.ask("POST", "/v1/accounts", Some(new)).await.expect(202);
    app.stack.engines.pump_streams().unwrap();
    let name = queue(&app, "mail-send");
    let (worked, ()) = tokio::join!(app.stack.engines.work_once(&name), async {
        while app.stack.simulators.book().resend.requests_total == 0 {
            tokio::task::yield_now().await;
        }
        kill(the_process(&app, "mail-send"));
    });
    let worked = worked.unwrap();
    assert_eq!((worked.taken, worked.done, worked.failed), (1, 0, 1));
    assert_eq!(depth(&app, "mail-send"), (0, 1));
    until_visible(&app, "mail-send");
    app.drain().await;
    assert_eq!(
        (depth(&app, "mail-send"), app.stack.simulators.mails(None).len()),
        ((0, 0), 1)
    );
}

#[tokio::test]
async fn a_schedule_whose_process_is_killed_has_failed_and_runs_again() {
    let app = app().await;
    let mut held = app.stack.engines.calls.hold("settle-stale", "Query");
    let (ran, ()) = tokio::join!(app.stack.run_schedule("settle-stale"), async {
        held.reached().await;
        kill(the_process(&app, "settle-stale"));
    });
    let error = format!("{:#}", ran.unwrap_err());
    assert!(error.contains("ended in the middle of its work (signal: 9"), "{error}");
    app.stack.run_schedule("settle-stale").await.unwrap();
}

#[tokio::test]
async fn a_function_that_is_too_slow_is_ended_and_its_request_answered_500() {
    let app = amended(|template| {
        let mut functions = template.functions.iter_mut();
        let prompts = functions.find(|function| function.folder == "prompts-create");
        prompts.unwrap().timeout_s = 1;
    })
    .await;
    let mei = app.person("mei").await;
    let held = app.stack.engines.calls.hold("prompts-create", "UpdateItem");
    let wanted = json!({ "description": "a bowl", "count": 1 });
    let answer = app.post(&mei, "/v1/prompts", wanted).await;
    assert_eq!((answer.status, answer.text.as_str()), (500, BROKEN));
    assert_eq!(app.stack.processes("prompts-create"), [0; 0]);
    drop(held);
    assert_eq!(describe(&app, &mei).await, 200);
}

#[tokio::test]
async fn whoever_goes_away_does_not_end_the_work_that_was_begun() {
    let app = app().await;
    let mei = app.person("mei").await;
    let mut held = app.stack.engines.calls.hold("images-create", "TransactWriteItems");
    tokio::select! {
        id = order(&app, &mei, "a bowl") => panic!("{id} was ordered, and the call was held"),
        () = held.reached() => {}
    }
    // The connection is closed; the function goes on, as in Lambda.
    drop(held);
    let ordered = async {
        loop {
            let listed = app.get(&mei, "/v1/images").await.expect(200);
            if !listed.json["items"].as_array().is_none_or(Vec::is_empty) {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), ordered)
        .await
        .unwrap();
    app.drain().await;
}
