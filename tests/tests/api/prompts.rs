//! Prompts from a description.

use serde_json::{Value, json};
use tests::TestApp;
use vitrine::sim::{Fault, Provider};

use crate::support::{app, balance};

fn written(answer: &Value) -> Vec<String> {
    let prompts = answer["prompts"].as_array().unwrap();
    prompts
        .iter()
        .map(|prompt| prompt.as_str().unwrap().to_owned())
        .collect()
}

fn deepseek(app: &TestApp, next: u32, fault: Fault) {
    app.stack.simulators.fault(Provider::Deepseek, next, fault).unwrap();
}

#[tokio::test]
async fn as_many_different_prompts_are_written_as_were_asked_for() {
    let app = app().await;
    let mei = app.person("mei").await;
    for (body, count) in [
        (json!({ "description": "a stoneware mug" }), 3),
        (json!({ "description": "a stoneware mug", "count": 1 }), 1),
        (json!({ "description": "a set of 6 cups", "count": 4 }), 4),
    ] {
        let answer = app.post(&mei, "/v1/prompts", body).await.expect(200);
        let mut prompts = written(&answer.json);
        prompts.sort();
        prompts.dedup();
        assert_eq!(prompts.len(), count);
        assert_eq!(answer.json["written_by"]["kind"], "model");
        assert!(
            answer.json["written_by"]["model"]
                .as_str()
                .is_some_and(|model| model.starts_with("deepseek"))
        );
    }
    assert_eq!(balance(&app, &mei).await, (3, 0), "prompts are free");
}

#[tokio::test]
async fn chinese_in_is_chinese_out_from_the_model_and_from_the_stand_in() {
    let app = app().await;
    let mei = app.person("mei").await;
    let body = json!({ "description": "手工陶瓷杯，斑点釉，晨光" });
    let by_model = app.post(&mei, "/v1/prompts", body.clone()).await.expect(200);
    deepseek(
        &app,
        20,
        Fault {
            status: Some(503),
            ..Fault::default()
        },
    );
    let by_template = app.post(&mei, "/v1/prompts", body).await.expect(200);
    for answer in [by_model, by_template] {
        for prompt in written(&answer.json) {
            assert!(
                prompt.contains("手工陶瓷杯") && !prompt.chars().any(|c| c.is_ascii_alphabetic()),
                "{prompt}"
            );
        }
    }
}

#[tokio::test]
async fn our_own_sentences_stand_in_for_a_writer_that_is_down_and_say_so() {
    let app = app().await;
    let mei = app.person("mei").await;
    for (name, fault) in [
        (
            "503",
            Fault {
                status: Some(503),
                ..Fault::default()
            },
        ),
        (
            "401",
            Fault {
                status: Some(401),
                ..Fault::default()
            },
        ),
        (
            "402",
            Fault {
                status: Some(402),
                ..Fault::default()
            },
        ),
        (
            "reset",
            Fault {
                reset: true,
                ..Fault::default()
            },
        ),
        (
            "cut off",
            Fault {
                truncated: true,
                ..Fault::default()
            },
        ),
        (
            "blank",
            Fault {
                blank_content: true,
                ..Fault::default()
            },
        ),
        (
            "malformed",
            Fault {
                malformed: true,
                ..Fault::default()
            },
        ),
    ] {
        deepseek(&app, 20, fault);
        let body = json!({ "description": "a stoneware mug", "count": 4 });
        let answer = app.post(&mei, "/v1/prompts", body).await.expect(200);
        app.stack.simulators.clear_faults();
        assert_eq!(answer.json["written_by"], json!({ "kind": "template" }), "{name}");
        let prompts = written(&answer.json);
        assert_eq!(prompts.len(), 4, "{name}");
        assert!(
            prompts.iter().all(|prompt| prompt.contains("a stoneware mug")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_blank_cut_or_late_once_is_asked_for_again() {
    let app = app().await;
    let mei = app.person("mei").await;
    for (name, fault, calls) in [
        (
            "blank",
            Fault {
                blank_content: true,
                ..Fault::default()
            },
            2,
        ),
        (
            "cut off",
            Fault {
                truncated: true,
                ..Fault::default()
            },
            2,
        ),
        (
            "503",
            Fault {
                status: Some(503),
                ..Fault::default()
            },
            2,
        ),
        (
            "kept waiting with blank lines",
            Fault {
                keep_alive_blanks: 50,
                ..Fault::default()
            },
            1,
        ),
    ] {
        let before = app.stack.simulators.book().deepseek.requests_total;
        deepseek(&app, 1, fault);
        let body = json!({ "description": "a stoneware mug" });
        let answer = app.post(&mei, "/v1/prompts", body).await.expect(200);
        assert_eq!(answer.json["written_by"]["kind"], "model", "{name}");
        assert_eq!(
            app.stack.simulators.book().deepseek.requests_total,
            before + calls,
            "{name}"
        );
    }
}

#[tokio::test]
async fn refused_words_are_told_as_refused_and_nothing_stands_in() {
    let app = app().await;
    let mei = app.person("mei").await;
    let body = json!({ "description": "FORBIDDEN mug" });
    let answer = app.post(&mei, "/v1/prompts", body).await;
    assert_eq!((answer.status, answer.problem()), (422, "refused-by-moderation"));
    assert!(
        answer.json["prompts"].is_null() && !answer.text.contains("mug"),
        "{}",
        answer.text
    );
    assert_eq!(
        app.stack.simulators.book().deepseek.requests_total,
        1,
        "a refusal was asked for again"
    );
}

#[tokio::test]
async fn the_writer_is_shown_the_description_and_nothing_of_its_author() {
    let app = app().await;
    let mei = app.person("mei").await;
    let body = json!({ "description": "  a stoneware mug\nwith a lid " });
    app.post(&mei, "/v1/prompts", body).await.expect(200);
    let book = app.stack.simulators.book().deepseek;
    let request = &book.requests[0];
    let messages = request.body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(
        messages[1],
        json!({ "role": "user", "content": "a stoneware mug\nwith a lid" })
    );
    let seen = serde_json::to_string(request).unwrap();
    let session = mei.token.split('.').nth(1).unwrap();
    for secret in ["mei", "@example.com", &mei.account, session, "acc_", "ses_", "req_"] {
        assert!(!seen.contains(secret), "DeepSeek was shown `{secret}`: {seen}");
    }
}
