use std::time::Duration;

use serde_json::{Value, json};
use shared::config::ConfigError;
use shared::domain::{Description, PromptCount};
use shared::providers::deepseek::DeepSeek;
use shared::providers::{PromptError, PromptWriter as _, Written, WrittenBy};

use crate::server::{Reply, Server, closed_port};
use crate::{platform_with, vars};

const LAMP: &str = "Walnut desk lamp, brass neck";

fn client(url: &str) -> Result<DeepSeek, ConfigError> {
    let vars = vars(
        &[("DEEPSEEK_MODEL", "deepseek-flash"), ("DEEPSEEK_KEY_PARAMETER", "/k")],
        &[("DEEPSEEK_URL", url)],
    );
    let client = DeepSeek::new(&vars, &platform_with(&[("/k", "sk-good")]))?;
    Ok(client.pausing(Duration::from_millis(1)))
}

async fn asked(script: Vec<Reply>, count: u8) -> (Result<Written, PromptError>, Vec<Value>) {
    let server = Server::playing(script);
    let description: Description = LAMP.parse().unwrap();
    let count = PromptCount::try_from(count).unwrap();
    let client = client(&server.origin()).unwrap();
    let written = client.write(&description, count, Duration::from_secs(20)).await;
    (
        written,
        server.requests().iter().map(|request| request.json()).collect(),
    )
}

fn completion(finish: &str, content: &str) -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish});
    Reply::json(
        200,
        &json!({"model": "deepseek-flash-1017", "choices": [choice]}).to_string(),
    )
}

fn prompts(prompts: &[&str]) -> Reply {
    completion("stop", &json!({ "prompts": prompts }).to_string())
}

fn failure(status: u16, message: &str) -> Reply {
    let error = json!({"message": message, "type": "invalid_request_error", "code": "invalid_request_error"});
    Reply::json(status, &json!({ "error": error }).to_string())
}

fn texts(written: Written) -> Vec<String> {
    written.prompts.into_iter().map(String::from).collect()
}

#[tokio::test]
async fn the_description_is_all_that_is_told_about_anyone() {
    let server = Server::playing([prompts(&["one", "two"])]);
    let client = client(&server.origin()).unwrap();
    let description: Description = LAMP.parse().unwrap();
    let count = PromptCount::try_from(2).unwrap();
    let written = client
        .write(&description, count, Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(written.source, WrittenBy::Model("deepseek-flash-1017".to_owned()));
    assert_eq!(texts(written), ["one", "two"]);
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /chat/completions HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer sk-good"));
    let mut body = request.json();
    let system = body["messages"][0]["content"].take();
    assert!(system.as_str().unwrap().ends_with("Number of prompts to write: 2"));
    assert_eq!(
        body,
        json!({
            "model": "deepseek-flash",
            "messages": [{"role": "system", "content": null}, {"role": "user", "content": LAMP}],
            "response_format": {"type": "json_object"},
            "thinking": {"type": "disabled"},
            "max_tokens": 1536,
            "stream": false,
        })
    );
}

#[tokio::test]
async fn prompts_are_trimmed_clipped_different_and_as_many_as_asked_for() {
    let long = "lamp ".repeat(300);
    let (written, _) = asked(vec![prompts(&["  a lamp ", "A LAMP", "", &long, "third", "fourth"])], 3).await;
    let texts = texts(written.unwrap());
    assert_eq!((texts[0].as_str(), texts[2].as_str()), ("a lamp", "third"));
    assert_eq!(texts[1], "lamp ".repeat(160).trim_end());
}

#[tokio::test]
async fn what_is_no_answer_yet_is_asked_for_again() {
    for (name, first) in [
        ("blank", completion("stop", "      ")),
        ("too few", prompts(&["one", "ONE "])),
        ("not the form", completion("stop", r#"{"ideas":[]}"#)),
        ("interrupted", completion("insufficient_system_resource", "{")),
        ("aborted", completion("aborted", "")),
        ("no choice", Reply::json(200, r#"{"choices":[]}"#)),
        ("broken", Reply::CutShort),
        ("no body", Reply::json(200, "\n\n\n")),
        ("busy", failure(429, "slow down")),
        ("broken server", failure(500, "oops")),
        ("overloaded", failure(503, "oops")),
        ("lost", Reply::CloseAfterReading),
    ] {
        let (written, requests) = asked(vec![first, prompts(&["one", "two"])], 2).await;
        assert!(written.is_ok(), "{name}: {written:?}");
        assert_eq!(requests.len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_cut_answer_is_given_more_room() {
    let (written, requests) = asked(vec![completion("length", r#"{"prompts":["#), prompts(&["one"])], 1).await;
    assert!(written.is_ok());
    let rooms: Vec<_> = requests
        .iter()
        .map(|request| request["max_tokens"].as_u64().unwrap())
        .collect();
    assert_eq!(rooms[1], rooms[0] * 2);
}

#[tokio::test]
async fn blank_lines_that_keep_the_connection_alive_are_no_answer_and_no_fault() {
    let body = json!({"choices": [{"message": {"content": "{\"prompts\":[\"one\"]}"}, "finish_reason": "stop"}]});
    let (written, _) = asked(vec![Reply::json(200, &format!("\n\n\r\n{body}"))], 1).await;
    // A reply that does not name its model is the configured one's.
    assert_eq!(written.unwrap().source, WrittenBy::Model("deepseek-flash".to_owned()));
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_nobody_asks_again() {
    for reply in [failure(400, "Content Exists Risk"), completion("content_filter", "")] {
        let (written, requests) = asked(vec![reply], 1).await;
        assert!(matches!(written, Err(PromptError::Refused)), "{written:?}");
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn what_only_the_operator_can_mend_calls_the_operator_at_once() {
    for (status, message) in [
        (400, "Model Not Exist"),
        (400, "Prompt must contain the word 'json' in some form"),
        (401, "Authentication Fails, Your api key: ****abcd is invalid"),
        (402, "Insufficient Balance"),
        (404, "no"),
        (422, "no"),
    ] {
        let (written, requests) = asked(vec![failure(status, message)], 1).await;
        let error = written.unwrap_err();
        assert!(
            matches!(error, PromptError::Unavailable { alarm: true, .. }),
            "{status} {error:?}"
        );
        assert!(!error.to_string().contains("abcd"), "{error}");
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn after_two_repetitions_it_gives_up() {
    let (written, requests) = asked(
        vec![failure(429, "slow"), failure(429, "slow"), failure(429, "slow")],
        1,
    )
    .await;
    assert!(matches!(written, Err(PromptError::Busy { after: None })), "{written:?}");
    assert_eq!(requests.len(), 3);
    let (written, _) = asked(vec![failure(503, "x"), failure(503, "x"), failure(503, "x")], 1).await;
    assert!(
        matches!(written, Err(PromptError::Unavailable { alarm: false, .. })),
        "{written:?}"
    );
}

#[tokio::test]
async fn a_wait_longer_than_there_is_time_is_passed_on_and_not_waited_for() {
    let reply = Reply::new(429, &[("retry-after", "60")], b"");
    let (written, requests) = asked(vec![reply], 1).await;
    let expected = Some(Duration::from_secs(60));
    assert!(matches!(written, Err(PromptError::Busy { after }) if after == expected));
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn the_deadline_is_for_all_attempts_together() {
    let server = Server::playing([failure(500, "x"), Reply::Trickle, prompts(&["late"])]);
    let client = client(&server.origin()).unwrap();
    let within = Duration::from_millis(250);
    let written = client
        .write(&LAMP.parse().unwrap(), PromptCount::default(), within)
        .await;
    assert!(
        matches!(
            written,
            Err(PromptError::Unavailable {
                alarm: false,
                cause: Some(_),
                ..
            })
        ),
        "{written:?}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn nobody_at_home_is_an_outage() {
    let client = client(&format!("http://127.0.0.1:{}", closed_port())).unwrap();
    let written = client
        .write(&LAMP.parse().unwrap(), PromptCount::default(), Duration::from_secs(9))
        .await;
    assert!(
        matches!(written, Err(PromptError::Unavailable { alarm: false, .. })),
        "{written:?}"
    );
}

#[test]
fn a_strangers_address_stops_the_start() {
    for url in [
        "https://api.deepseek.com.example",
        "https://example.com",
        "http://api.deepseek.com",
    ] {
        let error = client(url).unwrap_err().to_string();
        assert!(error.starts_with("the variable DEEPSEEK_URL must be"), "{error}");
    }
    assert!(client("https://api.deepseek.com").is_ok());
}
