//! Usage: what is counted, for whom it is not, and how days become sums.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, TestApp};

use crate::support::{app, items, seedream};

const BROWSER: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/142.0");

async fn view(app: &TestApp, headers: &[(&str, &str)], body: &str) -> Answer {
    app.request("POST", "/v1/page-views", None, headers, Some(body.to_owned()))
        .await
}

async fn viewed(app: &TestApp, page: &str) {
    let answer = view(app, &[BROWSER], &json!({ "page": page }).to_string()).await;
    assert_eq!((answer.expect(204).text.as_str()), "");
}

/// The counters of one kind, summed over shards, and how many items there are.
fn counted(app: &TestApp, kind: &str) -> (Vec<(String, u64)>, usize) {
    let of_kind: Vec<Value> = items(app, "analytics")
        .into_iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with(kind))
        .collect();
    let mut sums = std::collections::BTreeMap::new();
    for item in &of_kind {
        let uses: u64 = item["uses"]["N"].as_str().unwrap().parse().unwrap();
        *sums.entry(item["sk"]["S"].as_str().unwrap().to_owned()).or_default() += uses;
    }
    (sums.into_iter().collect(), of_kind.len())
}

fn sums(app: &TestApp) -> Vec<Value> {
    let all = items(app, "analytics").into_iter();
    all.filter(|item| item["pk"]["S"] == "sum").collect()
}

#[tokio::test]
async fn views_are_counted_by_day_and_page_and_whatever_is_not_known_is_one_page() {
    let app = app().await;
    for page in [
        "/",
        "/",
        "/pricing",
        "/account/acc_01kb0v1cqhe8svdnq7tqw8vz6n",
        "/?utm=spring",
    ] {
        viewed(&app, page).await;
    }
    for n in 0..200 {
        viewed(&app, &format!("/invented/{n}")).await;
    }
    let (counts, items) = counted(&app, "views#2026-11-22#");
    assert_eq!(
        counts,
        [
            ("/".to_owned(), 2),
            ("/pricing".to_owned(), 1),
            ("other".to_owned(), 202)
        ]
    );
    assert!(
        (10..=13).contains(&items),
        "202 views of one page lie in {items} counters"
    );
}

#[tokio::test]
async fn whoever_does_not_want_to_be_counted_is_not_and_neither_are_programs_or_nonsense() {
    let app = app().await;
    let good = json!({ "page": "/" }).to_string();
    let big = "x".repeat(1 << 20);
    let bot = ("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)");
    for (headers, body) in [
        (vec![BROWSER, ("sec-gpc", "1")], good.as_str()),
        (vec![BROWSER, ("dnt", "1")], &good),
        (vec![bot], &good),
        (vec![("user-agent", "curl/8.5")], &good),
        (vec![("user-agent", "")], &good),
        (vec![BROWSER], "not json"),
        (vec![BROWSER], "{}"),
        (vec![BROWSER], r#"{"page":"/","who":"mei"}"#),
        (vec![BROWSER], r#"{"page":["/"]}"#),
        (vec![BROWSER], ""),
        (vec![BROWSER], &big),
    ] {
        assert_eq!(view(&app, &headers, body).await.expect(204).text, "");
    }
    assert_eq!(items(&app, "analytics"), Vec::<Value>::new());
    // As a beacon sends it, and with a mind that has been changed.
    view(
        &app,
        &[BROWSER, ("content-type", "text/plain;charset=UTF-8"), ("dnt", "0")],
        &good,
    )
    .await
    .expect(204);
    assert_eq!(counted(&app, "views#").0, [("/".to_owned(), 1)]);
}

#[tokio::test]
async fn pictures_are_counted_by_model_and_outcome_once_each() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    app.painted(&mei, "a FORBIDDEN bowl").await;
    let quota = vitrine::sim::Fault {
        error: Some("QuotaExceeded".to_owned()),
        ..vitrine::sim::Fault::default()
    };
    seedream(&app, 2, quota);
    app.painted(&mei, "a cup").await;
    let (counts, _) = counted(&app, "generations#2026-11-22#");
    assert_eq!(
        counts,
        [
            ("doubao-seedream-5-0-260128 ready".to_owned(), 1),
            ("qwen-image-plus ready".to_owned(), 1),
            ("seedream refused".to_owned(), 1),
        ]
    );
}

#[tokio::test]
async fn a_day_is_summed_up_once_a_day_after_its_end_and_its_counters_leave() {
    let app = app().await;
    for page in ["/", "/", "/pricing"] {
        viewed(&app, page).await;
    }
    let run = async || app.stack.run_schedule("stats-rollup").await.unwrap();
    // It is nine in the morning: the day ends in fifteen hours, and settles a day later.
    app.advance(SignedDuration::from_hours(38));
    run().await;
    assert_eq!(sums(&app), Vec::<Value>::new());
    app.advance(SignedDuration::from_hours(1));
    viewed(&app, "/").await;
    run().await;
    run().await;
    let [sum] = sums(&app).try_into().unwrap();
    assert_eq!(
        (
            &sum["sk"]["S"],
            &sum["views"]["M"]["/"]["N"],
            &sum["views"]["M"]["/pricing"]["N"]
        ),
        (&json!("2026-11-22"), &json!("2"), &json!("1"))
    );
    app.advance(SignedDuration::from_hours(15 * 24));
    app.drain().await;
    run().await;
    assert_eq!(counted(&app, "views#").1, 0, "the counters have left");
    assert_eq!(
        sums(&app).len(),
        1,
        "a day without counters has no sum, and one that was summed up keeps it"
    );
}

#[tokio::test]
async fn a_run_that_was_missed_for_days_is_made_good() {
    let app = app().await;
    viewed(&app, "/").await;
    app.advance(SignedDuration::from_hours(24));
    viewed(&app, "/").await;
    viewed(&app, "/").await;
    app.advance(SignedDuration::from_hours(9 * 24));
    app.stack.run_schedule("stats-rollup").await.unwrap();
    let views: Vec<_> = sums(&app)
        .iter()
        .map(|sum| sum["views"]["M"]["/"]["N"].clone())
        .collect();
    assert_eq!(views, [json!("1"), json!("2")]);
}
