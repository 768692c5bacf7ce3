//! Stores and items compared: what is past its time goes whatever else failed, and what no picture names goes slowly.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::domain::Store;
use tests::TestApp;
use vitrine::engine::objects::{Fault, Objects};

use crate::support::{again, app, image, items, objects, order};
use crate::{logs, support};

const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn sweep(app: &TestApp) {
    app.stack.run_schedule("objects-sweep").await.unwrap();
}

fn key(number: usize) -> String {
    format!("p/{number:032x}.jpg")
}

fn bucket(app: &TestApp, store: Store) -> (&Objects, String) {
    match store {
        Store::Cos => (&app.stack.engines.objects, app.stack.bucket().unwrap()),
        Store::Oss => (&app.stack.engines.oss, app.stack.oss_bucket().unwrap()),
    }
}

/// Lays an object into a store that no picture names.
fn lay(app: &TestApp, store: Store, key: &str) {
    let (objects, bucket) = bucket(app, store);
    objects.place(&bucket, key, b"no picture of ours").unwrap();
}

fn files(app: &TestApp, store: Store) -> Vec<String> {
    app.stack.files(store).unwrap()
}

/// Lines of the log that raise this alarm about this.
fn alarms(alarm: &str, about: &str) -> usize {
    let wanted = format!("\"alarm\":\"{alarm}\"");
    let lines = logs::all();
    lines
        .lines()
        .filter(|line| line.contains(&wanted) && line.contains(about))
        .count()
}

#[tokio::test]
async fn a_picture_past_its_time_goes_although_nothing_else_removed_it() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    app.painted(&mei, "FORBIDDEN").await;
    app.advance(LIFE - HOUR);
    let mei = again(&app, &mei).await;
    let young = app.painted(&mei, "a jug").await;
    sweep(&app).await;
    assert_eq!(
        (items(&app, "images").len(), objects(&app).len()),
        (3, 2),
        "their time is not over"
    );

    app.advance(HOUR);
    sweep(&app).await;
    let left: Vec<_> = items(&app, "images")
        .into_iter()
        .map(|item| item["id"]["S"].clone())
        .collect();
    assert_eq!(left, [young["id"].clone()]);
    assert_eq!(objects(&app).len(), 1);
    app.drain().await;
    assert_eq!(
        objects(&app).len(),
        1,
        "what follows from the removal removes nothing else"
    );
}

#[tokio::test]
async fn what_is_past_its_time_and_never_ended_keeps_its_item_for_whoever_settles_it() {
    let mut app = app().await;
    let mei = app.person("mei").await;
    order(&app, &mei, "a bowl").await;
    app.advance(LIFE);
    sweep(&app).await;
    assert_eq!(items(&app, "images").len(), 1, "its credit is still held");
    app.leave_work();
}

#[tokio::test]
async fn an_object_that_no_picture_names_is_left_for_a_day_and_then_for_another_pass() {
    for store in [Store::Cos, Store::Oss] {
        let app = app().await;
        let mei = app.person("mei").await;
        let picture = app.painted(&mei, "a bowl").await;
        lay(&app, store, &key(1));
        let before = files(&app, store);
        for _ in 0..3 {
            app.advance(HOUR * 7);
            sweep(&app).await;
            assert_eq!(files(&app, store), before, "it is not a day old");
        }
        app.advance(HOUR * 3);
        sweep(&app).await;
        assert_eq!(files(&app, store), before, "one pass has missed it");
        app.advance(HOUR);
        sweep(&app).await;
        assert!(!files(&app, store).contains(&key(1)), "two passes have missed it");
        assert_eq!(objects(&app).len(), 1, "the picture that is named stays");
        let mei = again(&app, &mei).await;
        let url = image(&app, &mei, picture["id"].as_str().unwrap()).await["download"]["url"].clone();
        assert_eq!(
            app.http
                .get(url.as_str().unwrap())
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
            200
        );
    }
}

#[tokio::test]
async fn where_too_many_objects_are_named_by_nothing_none_is_deleted_and_an_alarm_is_raised_until_they_are_past_their_time()
 {
    let app = app().await;
    for number in 0..150 {
        lay(&app, Store::Cos, &key(number));
    }
    app.advance(DAY);
    for _ in 0..3 {
        sweep(&app).await;
        app.advance(HOUR);
    }
    assert_eq!(
        files(&app, Store::Cos).len(),
        150,
        "items are missing, so the objects are all that is left"
    );
    assert!(alarms("too_many_orphans", "\"orphans\":150") >= 3);
    app.advance(LIFE - DAY);
    sweep(&app).await;
    assert_eq!(
        files(&app, Store::Cos).len(),
        0,
        "the promise of thirty days stands above all"
    );
}

#[tokio::test]
async fn too_many_at_once_are_left_alone_although_the_pass_before_has_seen_few() {
    let app = app().await;
    let all = || (0..150).map(key);
    all().for_each(|key| lay(&app, Store::Cos, &key));
    app.advance(DAY);
    // All of them are marked; then they are away for a pass, and nothing is wrong.
    sweep(&app).await;
    let (objects, bucket) = bucket(&app, Store::Cos);
    all().for_each(|key| objects.lose(&bucket, &key).unwrap());
    sweep(&app).await;
    all().for_each(|key| lay(&app, Store::Cos, &key));
    app.advance(DAY);
    sweep(&app).await;
    assert_eq!(
        files(&app, Store::Cos).len(),
        150,
        "one pass deletes no more than are few"
    );
}

#[tokio::test]
async fn objects_that_are_none_of_ours_are_left_alone() {
    let app = app().await;
    lay(&app, Store::Cos, "backup/of-somebody.tar");
    app.advance(LIFE + DAY);
    for _ in 0..2 {
        sweep(&app).await;
    }
    assert_eq!(files(&app, Store::Cos), ["backup/of-somebody.tar"]);
}

#[tokio::test]
async fn a_picture_that_is_ready_and_in_no_store_is_told_once_a_pass_and_left_as_it_is() {
    let app = app().await;
    let mei = app.person("mei").await;
    let (lost, kept) = (app.painted(&mei, "a bowl").await, app.painted(&mei, "a jug").await);
    let (id, kept) = (lost["id"].as_str().unwrap(), kept["id"].as_str().unwrap());
    let item = items(&app, "images")
        .into_iter()
        .find(|item| item["id"]["S"] == id)
        .unwrap();
    let (store, bucket) = bucket(&app, Store::Cos);
    store.lose(&bucket, item["object_key"]["S"].as_str().unwrap()).unwrap();
    sweep(&app).await;
    assert_eq!((alarms("lost_picture", id), alarms("lost_picture", kept)), (1, 0));
    assert_eq!(image(&app, &mei, id).await["state"], "ready");

    // A store that does not answer is no proof.
    store
        .book()
        .trouble(Fault::fail(Some("HeadObject"), 100, 503, "SlowDown"));
    sweep(&app).await;
    assert_eq!((alarms("lost_picture", id), alarms("lost_picture", kept)), (1, 0));
}

#[tokio::test]
async fn a_store_that_is_down_fails_the_run_and_keeps_nothing_else_from_being_done() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "FORBIDDEN").await;
    lay(&app, Store::Cos, &key(1));
    lay(&app, Store::Oss, &key(2));
    app.advance(LIFE);
    let (cos, _) = bucket(&app, Store::Cos);
    cos.book().trouble(Fault::fail(None, 100, 503, "SlowDown"));
    let failed = app.stack.run_schedule("objects-sweep").await.unwrap_err();
    assert!(format!("{failed:#}").contains("cannot be listed"), "{failed:#}");
    assert_eq!((items(&app, "images").len(), files(&app, Store::Oss).len()), (0, 0));
    assert_eq!(files(&app, Store::Cos).len(), 1);
    cos.book().calm();
    sweep(&app).await;
    assert_eq!(files(&app, Store::Cos).len(), 0);
    app.drain().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_deleted_keeps_its_item_until_it_can() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    app.advance(LIFE);
    let (cos, _) = bucket(&app, Store::Cos);
    cos.book()
        .trouble(Fault::fail(Some("DeleteObject"), 100, 403, "AccessDenied"));
    app.stack.run_schedule("objects-sweep").await.unwrap_err();
    assert_eq!(
        items(&app, "images").len(),
        1,
        "the item is all that tells where the object is"
    );
    cos.book().calm();
    sweep(&app).await;
    assert_eq!((items(&app, "images").len(), objects(&app).len()), (0, 0));
    app.drain().await;
}

#[tokio::test]
async fn a_walk_goes_on_where_the_last_run_stopped_and_then_begins_anew() {
    let app = app().await;
    let mei = app.person("mei").await;
    let (first, second) = (
        app.painted(&mei, "FORBIDDEN").await,
        app.painted(&mei, "FORBIDDEN").await,
    );
    app.advance(LIFE);
    let cursor = json!({ "account_id": mei.account, "id": first["id"] }).to_string();
    remember(&app, "sweep#expired", &cursor);
    remember(&app, "sweep#cos", "a place that the store has forgotten");
    sweep(&app).await;
    let left: Vec<_> = items(&app, "images")
        .into_iter()
        .map(|item| item["id"]["S"].clone())
        .collect();
    assert_eq!(left, [first["id"].clone()], "{} was past the place", second["id"]);
    sweep(&app).await;
    assert!(items(&app, "images").is_empty());
    app.drain().await;
}

/// Lets a walk have stopped at a place.
fn remember(app: &TestApp, walk: &str, cursor: &str) {
    let zero = json!({ "M": { "objects": { "N": "0" }, "orphans": { "N": "0" } } });
    let item = json!({
        "pk": { "S": walk }, "pass": { "N": "4" }, "version": { "N": "9" }, "cursor": { "S": cursor },
        "seen": zero, "before": zero,
    });
    let table = &app.stack.template.table("limits").unwrap().name;
    let put = serde_json::from_value(json!({ "TableName": table, "Item": item })).unwrap();
    app.stack.engines.tables.database().put_item(put).unwrap();
    let kept: Vec<Value> = support::items(app, "limits");
    assert!(kept.iter().any(|item| item["cursor"]["S"] == cursor));
}
