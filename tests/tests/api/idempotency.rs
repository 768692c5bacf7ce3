//! The same order sent again is the same order.

use jiff::SignedDuration;
use serde_json::json;

use crate::support::{World, again, app, balance, billed, items};

#[tokio::test]
async fn a_repeated_order_gets_the_first_answer_and_nothing_more_happens() {
    let app = app().await;
    let mei = app.person("mei").await;
    let body = json!({ "prompt": "a bowl", "count": 2, "ratio": "4:3" });
    let first = app.order(&mei, "key", body.clone()).await.expect(202);
    assert_eq!(first.header("idempotent-replayed"), "");
    let before = World::of(&app);
    // Spaces, the order of fields and the quotes around the key make no difference.
    let other = " { \"ratio\" : \"4:3\", \"count\":2,\n\"prompt\":\"a bowl\" }".to_owned();
    let headers = [("idempotency-key", "\"key\"")];
    for again in [
        app.order(&mei, "key", body).await,
        app.request("POST", "/v1/images", Some(&mei.token), &headers, Some(other))
            .await,
    ] {
        let again = again.expect(202);
        assert_eq!(
            (again.text.as_str(), again.header("idempotent-replayed")),
            (first.text.as_str(), "true")
        );
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert!(World::of(&app) == before);
    app.drain().await;
    assert_eq!(billed(&app).len(), 2);
    // Also when all is long done, the first answer is given.
    let late = app
        .order(&mei, "key", json!({ "prompt": "a bowl", "count": 2, "ratio": "4:3" }))
        .await
        .expect(202);
    assert_eq!(late.text, first.text);
}

#[tokio::test]
async fn a_key_used_for_another_body_is_refused_and_orders_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.order(&mei, "key", json!({ "prompt": "a bowl" })).await.expect(202);
    app.drain().await;
    let before = World::of(&app);
    for body in [json!({ "prompt": "a cup" }), json!({ "prompt": "a bowl", "count": 2 })] {
        let answer = app.order(&mei, "key", body).await;
        assert_eq!((answer.status, answer.problem()), (422, "idempotency-key-reused"));
    }
    assert!(World::of(&app) == before);
}

#[tokio::test]
async fn two_people_may_use_the_same_key() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    let one = app.order(&mei, "key", json!({ "prompt": "a bowl" })).await.expect(202);
    let two = app.order(&other, "key", json!({ "prompt": "a cup" })).await.expect(202);
    assert_ne!(one.json["images"][0]["id"], two.json["images"][0]["id"]);
    app.drain().await;
}

#[tokio::test]
async fn the_same_order_sent_many_times_at_once_is_taken_once() {
    let app = app().await;
    let mei = app.person("mei").await;
    let send = || app.order(&mei, "key", json!({ "prompt": "a bowl" }));
    let (one, two, three, four) = tokio::join!(send(), send(), send(), send());
    let answers = [one, two, three, four];
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 202 && answer.text == texts[0]),
        "{texts:?}"
    );
    let first_ones = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_empty())
        .count();
    assert_eq!(first_ones, 1);
    assert_eq!(balance(&app, &mei).await, (2, 1));
    app.drain().await;
    assert_eq!((billed(&app).len(), items(&app, "images").len()), (1, 1));
}

#[tokio::test]
async fn different_orders_at_once_never_take_more_than_there_is() {
    let app = app().await;
    let mei = app.person("mei").await;
    let send = |key: &'static str| app.order(&mei, key, json!({ "prompt": "a bowl", "count": 2 }));
    let (one, two, three, four) = tokio::join!(send("a"), send("b"), send("c"), send("d"));
    let answers = [one, two, three, four];
    let taken = answers.iter().filter(|answer| answer.status == 202).count();
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        assert!(
            ["insufficient-credits", "contended"].contains(&refused.problem()),
            "{}",
            refused.text
        );
    }
    assert_eq!((taken, balance(&app, &mei).await), (1, (1, 2)));
    app.drain().await;
    assert_eq!(billed(&app).len(), 2);
}

#[tokio::test]
async fn an_order_that_the_store_cannot_take_is_not_taken_and_may_be_sent_again() {
    let app = app().await;
    let mei = app.person("mei").await;
    // The function has started while the store was there.
    app.order(&mei, "key", json!({ "prompt": "" })).await.expect(422);
    let before = World::of(&app);
    app.stack.engines.close().await;
    let answer = app.order(&mei, "key", json!({ "prompt": "a bowl" })).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (503, "unavailable"),
        "{}",
        answer.text
    );
    assert_eq!(answer.json["retry_after"].to_string(), answer.header("retry-after"));
    assert!(World::of(&app) == before);
}

#[tokio::test]
async fn a_key_is_remembered_for_a_day() {
    let app = app().await;
    let mei = app.person("mei").await;
    let first = app.order(&mei, "key", json!({ "prompt": "a bowl" })).await.expect(202);
    app.drain().await;
    app.advance(SignedDuration::from_hours(23));
    app.drain().await;
    let mei = again(&app, &mei).await;
    let again = app.order(&mei, "key", json!({ "prompt": "a bowl" })).await.expect(202);
    assert_eq!(again.text, first.text);
    assert_eq!(balance(&app, &mei).await, (2, 0));
}
