//! DeepSeek's contract.

use reqwest::Method;
use serde_json::{Value, json};
use vitrine::sim::{Fault, Provider};

use crate::{Bench, answer, failing};

fn chat(user: &str) -> Value {
    json!({
        "model": "deepseek-flash",
        "messages": [
            {"role": "system", "content": "Write exactly 2 image prompts. Answer in json, like {\"prompts\":[\"…\"]}."},
            {"role": "user", "content": user},
        ],
        "response_format": {"type": "json_object"}, "thinking": {"type": "disabled"}, "max_tokens": 2048, "stream": false,
    })
}

impl Bench {
    async fn chat(&self, body: &Value) -> (u16, Value) {
        let request = self
            .request(Method::POST, "/chat/completions")
            .bearer_auth("sk-good-key")
            .json(body);
        answer(request.send().await.unwrap()).await
    }
}

fn prompts(reply: &Value) -> Vec<String> {
    let content = reply["choices"][0]["message"]["content"].as_str().unwrap();
    serde_json::from_value(serde_json::from_str::<Value>(content).unwrap()["prompts"].clone()).unwrap()
}

#[tokio::test]
async fn a_description_becomes_as_many_prompts_as_were_asked_for() {
    let bench = Bench::new().await;
    let (status, reply) = bench.chat(&chat("a red mug")).await;
    assert_eq!(status, 200);
    assert_eq!(prompts(&reply).len(), 2);
    assert!(prompts(&reply).iter().all(|prompt| prompt.contains("a red mug")));
    assert_eq!(reply["object"], "chat.completion");
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    let usage = &reply["usage"];
    let sum = usage["prompt_cache_hit_tokens"].as_u64().unwrap() + usage["prompt_cache_miss_tokens"].as_u64().unwrap();
    assert_eq!(usage["prompt_tokens"], sum);
    assert_eq!(bench.simulators.book().deepseek.work[0].prompts, prompts(&reply));
}

#[tokio::test]
async fn a_chinese_description_is_answered_in_chinese() {
    let bench = Bench::new().await;
    let (_, reply) = bench.chat(&chat("手工青瓷茶杯，釉色温润")).await;
    let prompts = prompts(&reply);
    assert!(
        prompts
            .iter()
            .all(|prompt| prompt.contains("手工青瓷茶杯，釉色温润") && !prompt.contains(" photograph"))
    );
}

#[tokio::test]
async fn every_refusal_has_the_status_and_words_of_the_contract() {
    let bench = Bench::new().await;
    let with = |name: &str, value: Value| {
        let mut body = chat("a red mug");
        body[name] = value;
        body
    };
    let no_json = json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "a red mug"}]);
    for (body, status, kind, message) in [
        (
            with("model", json!("no-such-model")),
            400,
            "invalid_request_error",
            "Model Not Exist",
        ),
        (
            with("model", json!("deepseek-chat")),
            400,
            "invalid_request_error",
            "Model Not Exist",
        ),
        (
            with("messages", no_json),
            400,
            "invalid_request_error",
            "Prompt must contain the word 'json'",
        ),
        (with("messages", Value::Null), 400, "invalid_request_error", "messages"),
        (
            with("response_format", json!({"type": "json_schema"})),
            400,
            "invalid_request_error",
            "response_format",
        ),
        (chat("FORBIDDEN"), 400, "invalid_request_error", "Content Exists Risk"),
        (chat("NOBALANCE"), 402, "unknown_error", "Insufficient Balance"),
        (chat("RATELIMIT"), 429, "rate_limit_error", "Rate limit"),
        (
            with("temperature", json!(2.5)),
            422,
            "invalid_request_error",
            "temperature",
        ),
        (with("max_tokens", json!(0)), 422, "invalid_request_error", "max_tokens"),
        (
            with("user_id", json!("u".repeat(513))),
            422,
            "invalid_request_error",
            "user_id",
        ),
    ] {
        let (got, reply) = bench.chat(&body).await;
        let error = &reply["error"];
        assert_eq!((got, error["type"].as_str().unwrap()), (status, kind), "{message}");
        assert!(error["message"].as_str().unwrap().contains(message), "{reply}");
        assert_eq!(error["code"], "invalid_request_error");
        assert!(error.get("param").unwrap().is_null());
    }
    for status in [500, 503] {
        bench.fault(Provider::Deepseek, failing(status));
        assert_eq!(bench.chat(&chat("a red mug")).await.0, status);
    }
    assert!(bench.simulators.book().deepseek.work.is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_quoted_by_its_last_four_characters() {
    let bench = Bench::new().await;
    let request = bench
        .request(Method::POST, "/v1/chat/completions")
        .bearer_auth("sk-bad-1234")
        .json(&chat("mug"));
    let (status, reply) = answer(request.send().await.unwrap()).await;
    assert_eq!(status, 401);
    assert_eq!(
        reply["error"]["message"],
        "Authentication Fails, Your api key: ****1234 is invalid"
    );
    assert_eq!(reply["error"]["type"], "authentication_error");
    assert_eq!(reply["error"]["code"], "invalid_request_error");
    assert_eq!(bench.get("/models").await.0, 401);
}

#[tokio::test]
async fn explicit_nulls_count_as_absent() {
    let bench = Bench::new().await;
    let mut body = chat("a red mug");
    for name in ["temperature", "top_p", "stop", "user_id", "stream_options"] {
        body[name] = Value::Null;
    }
    assert_eq!(bench.chat(&body).await.0, 200);
}

#[tokio::test]
async fn thinking_is_on_by_default_and_eats_a_small_allowance() {
    let bench = Bench::new().await;
    let mut body = chat("a red mug");
    body["thinking"] = Value::Null;
    body["max_tokens"] = json!(200);
    let (_, reply) = bench.chat(&body).await;
    assert_eq!(reply["choices"][0]["message"]["content"], "");
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    assert!(reply["choices"][0]["message"]["reasoning_content"].is_string());
}

#[tokio::test]
async fn content_can_be_blank_truncated_or_filtered() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Deepseek,
        Fault {
            blank_content: true,
            ..Fault::default()
        },
    );
    let (_, reply) = bench.chat(&chat("a red mug")).await;
    assert!(
        reply["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .trim()
            .is_empty()
    );
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");

    bench.fault(
        Provider::Deepseek,
        Fault {
            truncated: true,
            ..Fault::default()
        },
    );
    let (_, reply) = bench.chat(&chat("a red mug")).await;
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    assert!(serde_json::from_str::<Value>(reply["choices"][0]["message"]["content"].as_str().unwrap()).is_err());

    bench.fault(
        Provider::Deepseek,
        Fault {
            finish_reason: Some("content_filter".to_owned()),
            ..Fault::default()
        },
    );
    assert_eq!(
        bench.chat(&chat("a red mug")).await.1["choices"][0]["finish_reason"],
        "content_filter"
    );
}

#[tokio::test]
async fn keep_alive_lines_come_before_the_body() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Deepseek,
        Fault {
            keep_alive_blanks: 3,
            ..Fault::default()
        },
    );
    let request = bench
        .request(Method::POST, "/chat/completions")
        .bearer_auth("sk-good")
        .json(&chat("a red mug"));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("\n\n\n{"));
}

#[tokio::test]
async fn a_stream_ends_with_usage_and_done() {
    let bench = Bench::new().await;
    let mut body = chat("a red mug");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let (_, text) = bench.chat(&body).await;
    let text = text.as_str().unwrap();
    assert!(text.starts_with(": keep-alive\n\ndata: {"));
    assert!(text.contains("\"finish_reason\":\"stop\"") && text.contains("\"total_tokens\""));
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn models_and_balance_are_told_to_a_good_key() {
    let bench = Bench::new().await;
    for (path, field) in [("/models", "data"), ("/user/balance", "balance_infos")] {
        let request = bench.request(Method::GET, path).bearer_auth("sk-good");
        let (status, reply) = answer(request.send().await.unwrap()).await;
        assert_eq!(status, 200);
        assert!(!reply[field].as_array().unwrap().is_empty());
    }
}
