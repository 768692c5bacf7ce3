//! Pictures that their owner does not want any more.

use serde_json::json;
use vitrine::engine::objects::Fault as StoreFault;

use crate::support::{again, app, asked, balance, billed, depth, image, items, objects, order, until_visible};

#[tokio::test]
async fn a_deleted_picture_is_gone_at_once_and_its_object_follows() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let path = format!("/v1/images/{}", picture["id"].as_str().unwrap());
    let deleted = app.delete(&mei, &path).await.expect(204);
    assert_eq!(deleted.text, "");
    app.get(&mei, &path).await.expect(404);
    assert_eq!(app.get(&mei, "/v1/images").await.expect(200).json["items"], json!([]));
    let twice = app.delete(&mei, &path).await;
    assert_eq!((twice.status, twice.problem()), (404, "not-found"));
    assert_eq!(objects(&app).len(), 1);
    app.drain().await;
    assert_eq!((objects(&app).len(), items(&app, "images").len()), (0, 0));
    let link = app
        .http
        .get(picture["download"]["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(link.status().as_u16(), 404, "its link still leads somewhere");
    assert_eq!(balance(&app, &mei).await, (2, 0), "what was painted is spent");
}

#[tokio::test]
async fn a_picture_deleted_before_it_was_begun_is_never_painted() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    let path = format!("/v1/images/{id}");
    for _ in 0..2 {
        app.delete(&mei, &path).await.expect(202);
    }
    assert_eq!(image(&app, &mei, &id).await["deleting"], true);
    app.drain().await;
    app.get(&mei, &path).await.expect(404);
    app.delete(&mei, &path).await.expect(404);
    assert_eq!(
        (asked(&app), objects(&app).len(), items(&app, "images").len()),
        (0, 0, 0)
    );
    assert_eq!(balance(&app, &mei).await, (3, 0));
}

#[tokio::test]
async fn a_picture_deleted_while_it_is_stored_is_settled_and_leaves_no_object() {
    let app = app().await;
    let mei = app.person("mei").await;
    let book = app.stack.engines.objects.book();
    let second = app.stack.engines.oss.book();
    // The object arrives, but nobody hears of it; and the other store takes none.
    book.trouble(StoreFault::lose_reply(Some("PutObject"), 1_000));
    second.trouble(StoreFault::fail(Some("PutObject"), 1_000, 503, "SlowDown"));
    let id = order(&app, &mei, "a bowl").await;
    app.drain().await;
    assert_eq!((objects(&app).len(), depth(&app, "images-paint")), (1, (0, 1)));
    app.delete(&mei, &format!("/v1/images/{id}")).await.expect(202);
    book.calm();
    second.calm();
    until_visible(&app, "images-paint");
    app.drain().await;
    let mei = again(&app, &mei).await;
    app.get(&mei, &format!("/v1/images/{id}")).await.expect(404);
    assert_eq!(
        (billed(&app).len(), objects(&app).len(), items(&app, "images").len()),
        (1, 0, 0)
    );
    let (available, held) = balance(&app, &mei).await;
    assert_eq!(
        (available, held),
        (2, 0),
        "a painted picture is settled although nobody wants it"
    );
}

#[tokio::test]
async fn a_failed_and_a_refused_picture_can_be_deleted_too() {
    let app = app().await;
    let mei = app.person("mei").await;
    let refused = app.painted(&mei, "FORBIDDEN bowl").await;
    app.delete(&mei, &format!("/v1/images/{}", refused["id"].as_str().unwrap()))
        .await
        .expect(204);
    app.drain().await;
    assert!(items(&app, "images").is_empty());
}

#[tokio::test]
async fn an_object_that_cannot_be_erased_now_is_erased_later() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let book = app.stack.engines.objects.book();
    book.trouble(StoreFault::fail(None, 1_000, 503, "SlowDown"));
    app.delete(&mei, &format!("/v1/images/{}", picture["id"].as_str().unwrap()))
        .await
        .expect(204);
    app.drain().await;
    assert_eq!(objects(&app).len(), 1);
    book.calm();
    until_visible(&app, "images-erase");
    app.drain().await;
    assert!(objects(&app).is_empty());
}
