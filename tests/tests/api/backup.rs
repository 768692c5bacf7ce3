//! The backup as the seller sees it: when it paints, what it is shown, and what the order says about it.

use serde_json::json;
use tests::TestApp;
use vitrine::sim::Fault;

use crate::support::{app, balance, billed, image, order, seedream};

fn out() -> Fault {
    Fault {
        status: Some(503),
        ..Fault::default()
    }
}

fn painted_by_backup(app: &TestApp) -> Vec<String> {
    let work = app.stack.simulators.book().dashscope.work;
    work.into_iter().map(|painted| painted.prompt).collect()
}

#[tokio::test]
async fn a_picture_of_the_backup_says_who_drew_it_and_why() {
    let app = app().await;
    let mei = app.person("mei").await;
    seedream(&app, 2, out());
    let id = order(&app, &mei, "a bowl").await;
    app.drain().await;
    let picture = image(&app, &mei, &id).await;
    assert_eq!(picture["state"], "ready");
    assert_eq!(picture["model"], "qwen-image-plus");
    assert_eq!(picture["backup_reason"], "primary_failed");
    assert_eq!(picture["requested"], json!({ "width": 1328, "height": 1328 }));
    assert_eq!(picture["delivered"], picture["requested"]);
    assert_eq!(painted_by_backup(&app), ["a bowl"]);
    assert_eq!((billed(&app).len(), balance(&app, &mei).await), (0, (2, 0)));
    let link = picture["download"]["url"].as_str().unwrap();
    let file = app.http.get(link).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/png");
}

#[tokio::test]
async fn an_order_that_wants_no_other_model_gets_none() {
    let app = app().await;
    let mei = app.person("mei").await;
    seedream(&app, 2, out());
    let wanted = json!({ "prompt": "a bowl", "fallback": "never" });
    let ordered = app.order(&mei, "never", wanted).await.expect(202);
    app.drain().await;
    let id = ordered.json["images"][0]["id"].as_str().unwrap();
    let picture = image(&app, &mei, id).await;
    assert_eq!(picture["reason"]["code"], "model_unavailable");
    assert!(picture.get("backup_reason").is_none());
    assert!(painted_by_backup(&app).is_empty());
    assert_eq!(balance(&app, &mei).await, (3, 0));
}

#[tokio::test]
async fn while_the_primary_is_well_the_backup_is_asked_for_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    app.painted(&mei, "FORBIDDEN bowl").await;
    assert_eq!(app.stack.simulators.book().dashscope.requests_total, 0);
}

#[tokio::test]
async fn a_day_whose_budget_is_spent_takes_no_orders_and_says_until_when() {
    let folder = tempfile::tempdir().unwrap();
    let clock = crate::support::clock();
    // One picture of Seedream's fits, and no second.
    let mut app = TestApp::in_folder_with(folder.path(), clock, &[("PaintBudgetFen", "22")]).await;
    let mei = app.person("mei").await;
    let first = app.painted(&mei, "a bowl").await;
    assert_eq!(first["state"], "ready");
    let refused = app
        .order(&mei, "second", json!({ "prompt": "a jug" }))
        .await
        .expect(503);
    assert_eq!(refused.problem(), "painting-paused");
    // It is nine in the morning.
    assert_eq!(refused.header("retry-after"), (15 * 60 * 60).to_string());
    assert_eq!(balance(&app, &mei).await, (2, 0));
    app.advance(jiff::SignedDuration::from_hours(15));
    let mei = app.sign_in(&mei).await;
    assert_eq!(app.painted(&mei, "a jug").await["state"], "ready");
    app.leave_work();
}

#[tokio::test]
async fn the_two_models_share_a_budget_and_nothing_is_taken_for_what_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = crate::support::clock();
    let mut app = TestApp::in_folder_with(folder.path(), clock, &[("PaintBudgetFen", "42")]).await;
    let mei = app.person("mei").await;
    seedream(&app, 2, out());
    assert_eq!(app.painted(&mei, "a bowl").await["model"], "qwen-image-plus");
    assert_eq!(app.stack.simulators.faults().len(), 0);
    assert_eq!(app.painted(&mei, "a jug").await["state"], "ready");
    let refused = app.order(&mei, "third", json!({ "prompt": "a cup" })).await.expect(503);
    assert_eq!(refused.problem(), "painting-paused");
    app.leave_work();
}
