//! The policy as it is served: the same clauses for people and for programs, in both languages.

use serde_json::Value;
use tests::{Answer, TestApp};

use crate::support::app;

async fn policy(app: &TestApp, accept: &str, language: &str) -> Answer {
    let headers = [("accept", accept), ("accept-language", language)];
    app.request("GET", "/privacy", None, &headers, None).await.expect(200)
}

fn numbers(policy: &Value) -> Vec<&str> {
    let clauses = policy["clauses"].as_array().unwrap();
    clauses
        .iter()
        .map(|clause| clause["number"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_policy_has_the_same_clauses_and_leftovers_in_both_languages() {
    let app = app().await;
    let english = policy(&app, "application/json", "en").await;
    let chinese = policy(&app, "application/json", "zh-CN").await;
    let expected: Vec<String> = (1..=18).map(|number| format!("P{number}")).collect();
    assert_eq!(
        (numbers(&english.json), numbers(&chinese.json)),
        (expected.iter().map(String::as_str).collect(), numbers(&english.json))
    );
    assert_eq!(
        (english.header("content-language"), chinese.header("content-language")),
        ("en", "zh-CN")
    );
    assert_eq!(english.header("vary"), "accept, accept-language");
    for answer in [&english, &chinese] {
        let policy = &answer.json;
        assert_eq!(policy["version"], app.stack.policy_version().unwrap());
        assert_eq!(policy["contact"], "privacy@vitrine.localhost");
        assert_eq!(
            policy["lives_on"].as_array().unwrap().len(),
            english.json["lives_on"].as_array().unwrap().len()
        );
        for clause in policy["clauses"].as_array().unwrap() {
            let texts = ["title", "text"].map(|name| clause[name].as_str().unwrap());
            assert!(
                texts.iter().all(|text| !text.is_empty() && !text.contains("**")),
                "{clause}"
            );
        }
        for row in policy["lives_on"].as_array().unwrap() {
            assert!(
                ["what", "holds", "ends"]
                    .iter()
                    .all(|name| !row[name].as_str().unwrap().is_empty()),
                "{row}"
            );
        }
    }
    assert_eq!(english.json["clauses"][1]["title"], "Pictures live for thirty days");
    assert_eq!(
        english.json["clauses"][7]["text"]
            .as_str()
            .unwrap()
            .find("DeepSeek receives the description"),
        Some(0)
    );
}

#[tokio::test]
async fn a_browser_gets_a_page_that_loads_nothing_and_leaves_the_operators_notes_out() {
    let app = app().await;
    for (language, words) in [
        ("en", ["Pictures live for thirty days", "Contact for privacy"]),
        ("zh", ["图片保存三十天", "隐私联系方式"]),
    ] {
        let page = policy(&app, "text/html", language).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        for word in words.into_iter().chain(["privacy@vitrine.localhost", "P18", "<table>"]) {
            assert!(page.text.contains(word), "`{word}` is missing");
        }
        for not_shown in ["Today tests prove", "operators:", "<script", "http://", "https://"] {
            assert!(!page.text.contains(not_shown), "`{not_shown}` is shown");
        }
        let tag = page.header("etag").to_owned();
        let headers = [
            ("accept", "text/html"),
            ("accept-language", language),
            ("if-none-match", tag.as_str()),
        ];
        app.request("GET", "/privacy", None, &headers, None).await.expect(304);
    }
}
