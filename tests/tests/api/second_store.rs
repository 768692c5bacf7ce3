//! Pictures that lie in the second store, alone or as well.

use serde_json::{Value, json};
use shared::domain::Store;
use tests::{Person, TestApp};
use vitrine::engine::objects::Fault as StoreFault;

use crate::support::{again, app, clock, depth, items, objects, until_visible};

/// Copies every picture into the second store, and writes down that both have it.
fn copied(app: &TestApp) {
    let engines = &app.stack.engines;
    let (from, to) = (app.stack.bucket().unwrap(), app.stack.oss_bucket().unwrap());
    for key in app.stack.files(Store::Cos).unwrap() {
        let bytes = engines.objects.bytes(&from, &key).unwrap();
        engines.oss.place(&to, &key, &bytes).unwrap();
    }
    for mut item in items(app, "images") {
        item["stores"] = json!({ "SS": ["cos", "oss"] });
        let table = &app.stack.template.table("images").unwrap().name;
        let request = serde_json::from_value(json!({ "TableName": table, "Item": item })).unwrap();
        engines.tables.database().put_item(request).unwrap();
    }
}

/// A picture that the first store did not take.
async fn painted_into_the_second(app: &TestApp, person: &Person, prompt: &str) -> Value {
    let cos = app.stack.engines.objects.book();
    cos.trouble(StoreFault::fail(Some("PutObject"), 100, 503, "SlowDown"));
    let painted = app.painted(person, prompt).await;
    cos.calm();
    painted
}

fn host(picture: &Value) -> String {
    let link: http::Uri = picture["download"]["url"].as_str().unwrap().parse().unwrap();
    link.host().unwrap().to_owned()
}

#[tokio::test]
async fn a_picture_is_linked_to_the_store_that_took_it_and_not_to_one_that_was_asked_in_vain() {
    let app = app().await;
    let mei = app.person("mei").await;
    let first = app.painted(&mei, "a bowl").await;
    assert_eq!(host(&first), "vitrine-local-1250000000.cos.localhost");
    let second = painted_into_the_second(&app, &mei, "a jug").await;
    assert_eq!(host(&second), "vitrine-local.oss.localhost");
    let followed = app.http.get(second["download"]["url"].as_str().unwrap());
    let followed = followed.send().await.unwrap();
    assert_eq!(followed.status().as_u16(), 200);
    let key = &app.stack.files(Store::Oss).unwrap()[0];
    let kept = app.stack.engines.oss.bytes(&app.stack.oss_bucket().unwrap(), key);
    assert_eq!(followed.bytes().await.unwrap(), kept.unwrap());
}

#[tokio::test]
async fn a_deleted_picture_is_erased_in_every_store_that_may_have_it() {
    let app = app().await;
    let mei = app.person("mei").await;
    let painted = app.painted(&mei, "a bowl").await;
    copied(&app);
    assert_eq!(objects(&app).len(), 2);
    let path = format!("/v1/images/{}", painted["id"].as_str().unwrap());
    app.delete(&mei, &path).await.expect(204);
    app.drain().await;
    assert!(objects(&app).is_empty());
}

#[tokio::test]
async fn a_store_that_is_down_does_not_keep_the_picture_in_the_other() {
    for is_first_down in [true, false] {
        let app = app().await;
        let mei = app.person("mei").await;
        let painted = app.painted(&mei, "a bowl").await;
        copied(&app);
        let engines = &app.stack.engines;
        let (book, left, erased) = match is_first_down {
            true => (engines.objects.book(), Store::Cos, Store::Oss),
            false => (engines.oss.book(), Store::Oss, Store::Cos),
        };
        book.trouble(StoreFault::down());
        let path = format!("/v1/images/{}", painted["id"].as_str().unwrap());
        app.delete(&mei, &path).await.expect(204);
        app.drain().await;
        let count = |store| app.stack.files(store).unwrap().len();
        assert_eq!((count(left), count(erased)), (1, 0), "{left:?} is down");
        book.calm();
        until_visible(&app, "images-erase");
        app.drain().await;
        assert!(objects(&app).is_empty());
    }
}

#[tokio::test]
async fn without_a_second_store_what_lies_in_it_is_not_forgotten() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let app = TestApp::in_folder(folder.path(), clock.clone()).await;
    let mei = app.person("mei").await;
    let painted = painted_into_the_second(&app, &mei, "a bowl").await;
    app.close().await;

    let app = TestApp::in_folder_with(folder.path(), clock.clone(), &[("OssBucket", "")]).await;
    let mei = again(&app, &mei).await;
    let path = format!("/v1/images/{}", painted["id"].as_str().unwrap());
    let unreachable = app.get(&mei, &path).await;
    assert_eq!((unreachable.status, unreachable.problem()), (503, "unavailable"));
    app.delete(&mei, &path).await.expect(204);
    app.drain().await;
    assert_eq!(depth(&app, "images-erase"), (0, 1));
    app.close().await;

    // Brought back, it is erased by the message that waited.
    let app = TestApp::in_folder(folder.path(), clock).await;
    assert_eq!(app.stack.files(Store::Oss).unwrap().len(), 1);
    until_visible(&app, "images-erase");
    app.drain().await;
    assert!(app.stack.files(Store::Oss).unwrap().is_empty());
    app.close().await;
}
