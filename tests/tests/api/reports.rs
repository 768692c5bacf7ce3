//! Reports of pictures, by anybody.

use std::net::IpAddr;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, TestApp};

use crate::support::{app, items};

async fn report(app: &TestApp, picture: &str, source: &str) -> Answer {
    app.stack.see_from(source.parse::<IpAddr>().unwrap());
    let body = json!({ "picture": picture, "reason": "likeness", "message": "That is my face." });
    app.ask("POST", "/v1/reports", Some(body)).await
}

fn reports(app: &TestApp) -> Vec<Value> {
    let items = items(app, "privacy").into_iter();
    items
        .filter(|item| item["id"]["S"].as_str().unwrap().starts_with("rep_"))
        .collect()
}

#[tokio::test]
async fn a_picture_is_reported_by_its_link_of_which_the_objects_key_alone_is_kept() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let link = picture["download"]["url"].as_str().unwrap();
    let answer = report(&app, link, "203.0.113.7").await.expect(202);
    let kept = reports(&app);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["id"]["S"], answer.json["id"]);
    let key = kept[0]["picture"]["S"].as_str().unwrap();
    assert!(key.starts_with("p/") && link.contains(key), "{key} of {link}");
    assert_eq!(
        (kept[0]["reason"]["S"].as_str(), kept[0]["message"]["S"].as_str()),
        (Some("likeness"), Some("That is my face."))
    );
    assert!(!kept[0].to_string().contains("203.0.113"), "{}", kept[0]);
}

#[tokio::test]
async fn whether_there_is_such_a_picture_is_not_told_and_one_past_its_time_is_said_to_be_gone() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let id = picture["id"].as_str().unwrap();
    let there = report(&app, id, "203.0.113.7").await.expect(202);
    let nowhere = "p/0123456789abcdef0123456789abcdef.jpg";
    let absent = report(&app, nowhere, "203.0.113.7").await.expect(202);
    let names = |answer: &Answer| answer.json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&there), names(&absent));
    app.advance(SignedDuration::from_hours(30 * 24));
    let gone = report(&app, id, "203.0.113.7").await.expect(410);
    assert_eq!(gone.problem(), "gone");
    app.drain().await;
}

#[tokio::test]
async fn what_names_no_picture_and_a_reason_of_our_own_making_are_refused_with_the_fields_name() {
    let app = app().await;
    for (body, field) in [
        (
            json!({ "picture": "https://example.com/lamp.jpg", "reason": "other" }),
            "picture",
        ),
        (
            json!({ "picture": "img_01kb0v1cqhe8svdnq7tqw8vz6n", "reason": "dull" }),
            "reason",
        ),
        (json!({ "reason": "other" }), "picture"),
        (
            json!({ "picture": "img_01kb0v1cqhe8svdnq7tqw8vz6n", "reason": "other", "message": " " }),
            "message",
        ),
    ] {
        let answer = app.ask("POST", "/v1/reports", Some(body.clone())).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text);
        assert!(answer.text.contains(field), "{body}: {}", answer.text);
    }
    assert_eq!(reports(&app).len(), 0);
}

#[tokio::test]
async fn one_source_reports_ten_times_in_half_an_hour_and_others_are_heard_meanwhile() {
    let app = app().await;
    let picture = "p/0123456789abcdef0123456789abcdef.jpg";
    for left in (0..10).rev() {
        let answer = report(&app, picture, "203.0.113.7").await.expect(202);
        let limits = answer.header("ratelimit").to_owned();
        assert!(limits.contains(&format!("\"reports-source\";r={left};")), "{limits}");
    }
    let refused = report(&app, picture, "203.0.113.99").await.expect(429);
    assert!(!refused.header("retry-after").is_empty());
    report(&app, picture, "198.51.100.7").await.expect(202);
    assert_eq!(reports(&app).len(), 11);
    app.advance(SignedDuration::from_mins(30));
    report(&app, picture, "203.0.113.7").await.expect(202);
}

#[tokio::test]
async fn a_report_that_nobody_closes_is_gone_after_thirty_days() {
    let app = app().await;
    report(&app, "p/0123456789abcdef0123456789abcdef.jpg", "203.0.113.7")
        .await
        .expect(202);
    app.advance(SignedDuration::from_hours(30 * 24) + SignedDuration::from_secs(1));
    app.drain().await;
    assert_eq!(reports(&app).len(), 0);
}
