//! A picture is followed from its order to its end, and a mail from what caused it, by the one name that the answer carried.

use std::path::Path;
use std::process::Command;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{app, items};
use crate::{clients, logs};

/// The lines of one request, in their order: what each says, and of which function's kind.
fn lines_of(request: &str) -> Vec<Value> {
    let lines = logs::all();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["request_id"] == request).collect()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_order_is_followed_to_its_picture_and_to_its_erasure_by_the_name_that_was_answered() {
    logs::keep();
    let app = app().await;
    // An hour of its own, so that its requests have names which no other test's have: all write one log.
    app.advance(SignedDuration::from_hours(977));
    let mei = app.person("mei").await;
    let ordered = app
        .order(&mei, "order-1", json!({ "prompt": "a bowl" }))
        .await
        .expect(202);
    let (request, id) = (ordered.header("x-request-id"), &ordered.json["images"][0]["id"]);
    app.drain().await;
    let lines = lines_of(request);
    assert_eq!(messages(&lines), ["Answered", "Measured", "Worked off"], "{lines:#?}");
    assert_eq!(
        (&lines[0]["route"], &lines[0]["status"]),
        (&json!("/v1/images"), &json!(202))
    );
    assert_eq!((&lines[1]["image.id"], &lines[1]["PicturesReady"]), (id, &json!(1)));
    assert!(lines[2]["message.id"].is_string() && lines[2]["ms"].is_u64());

    let path = format!("/v1/images/{}", id.as_str().unwrap());
    app.request("DELETE", &path, Some(&mei.token), &[], None)
        .await
        .expect(204);
    app.drain().await;
    assert_eq!(messages(&lines_of(request)).last(), Some(&"Worked off"));
    assert_eq!(lines_of(request).len(), 4, "its files were erased by the same name");
}

#[tokio::test]
async fn a_picture_that_is_woken_and_one_that_fails_keep_the_name_of_their_order() {
    logs::keep();
    let app = app().await;
    app.advance(SignedDuration::from_hours(978));
    let mei = app.person("mei").await;
    let refused = app
        .order(&mei, "order-1", json!({ "prompt": "FORBIDDEN" }))
        .await
        .expect(202);
    app.drain().await;
    let lines = lines_of(refused.header("x-request-id"));
    assert!(lines.iter().any(|line| line["PicturesRefused"] == 1), "{lines:#?}");

    let lost = app
        .order(&mei, "order-2", json!({ "prompt": "a jug" }))
        .await
        .expect(202);
    let request = lost.header("x-request-id");
    // Its message gets lost, and settle-stale has another one sent.
    app.stack.engines.pump_streams().unwrap();
    let queue = crate::support::queue(&app, "images-paint");
    app.stack.engines.queues.purge(&queue).unwrap();
    app.advance(SignedDuration::from_mins(15));
    app.stack.run_schedule("settle-stale").await.unwrap();
    app.drain().await;
    let lines = lines_of(request);
    assert!(lines.iter().any(|line| line["PicturesReady"] == 1), "{lines:#?}");
}

#[tokio::test]
async fn a_mail_is_followed_from_the_request_that_caused_it() {
    logs::keep();
    let app = app().await;
    app.advance(SignedDuration::from_hours(979));
    let body = json!({ "email": "wei@example.com", "purpose": "reset_password" });
    let asked = app.ask("POST", "/v1/codes", Some(body)).await;
    let kept = items(&app, "outbox");
    assert!(!kept.is_empty(), "{}", asked.text);
    for item in &kept {
        assert_eq!(item["trace"]["S"], asked.header("x-request-id"));
    }
    app.drain().await;
    let mei = app.person("mei").await;
    let body = json!({ "email": mei.email, "purpose": "reset_password" });
    let asked = app.ask("POST", "/v1/codes", Some(body)).await;
    app.drain().await;
    let lines = lines_of(asked.header("x-request-id"));
    assert_eq!(messages(&lines), ["Answered", "Worked off"], "{lines:#?}");
}

/// What a function of `docs/logging.md` prints over what was logged here.
fn printed(call: &str) -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/logging.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, queries) = document.split_once("\n```sh\n").unwrap();
    let (queries, _) = queries.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    std::fs::write(&log, logs::all()).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-euc", &format!("{queries}\n{call}")]).env("LOG", &log);
    let run = bash.output().unwrap();
    assert!(run.status.success(), "{call}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[tokio::test]
async fn the_queries_of_the_document_show_what_it_says() {
    if !["bash", "jq"].into_iter().all(clients::is_there) {
        return;
    }
    logs::keep();
    let app = app().await;
    app.advance(SignedDuration::from_hours(980));
    let mei = app.person("mei").await;
    let ordered = app
        .order(&mei, "order-1", json!({ "prompt": "a bowl" }))
        .await
        .expect(202);
    app.ask("GET", "/v1/account/export", None).await.expect(401);
    app.drain().await;

    let shown = printed(&format!("follow {}", ordered.header("x-request-id")));
    let shown: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(messages(&shown), ["Answered", "Measured", "Worked off"]);
    let members: Vec<&String> = shown[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["message", "method", "ms", "route", "status", "time"]);
    assert!(printed("slowest").contains(" answers  /v1/images\n"));
    assert!(printed("refusals").contains("  401  GET /v1/account/export\n"));
    printed("troubles");
}
