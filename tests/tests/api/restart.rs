//! A stack with a folder goes on where it ended, whether it was closed or killed.

use serde_json::json;
use tests::TestApp;

use crate::accounts::{code, sign_up, verify};
use crate::support::{World, again, balance, billed, clock, depth, image, items, objects, order};

#[tokio::test]
async fn nothing_is_lost_when_a_stack_is_closed_and_started_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let app = TestApp::in_folder(folder.path(), clock.clone()).await;
    let mei = app.person("mei").await;
    let ready = app.painted(&mei, "a bowl").await;
    let waiting = sign_up(&app, "new@example.com", &[]).await.expect(202);
    // In the queue, but not worked off.
    let queued = order(&app, &mei, "a cup").await;
    app.stack.engines.pump_streams().unwrap();
    // Not even in the queue.
    let ordered = order(&app, &mei, "a vase").await;
    let (tables, bills) = (World::of(&app), billed(&app).len());
    app.close().await;

    let app = TestApp::in_folder(folder.path(), clock.clone()).await;
    assert!(World::of(&app) == tables, "the folder holds something else than before");
    assert_eq!((depth(&app, "images-paint"), billed(&app).len()), ((1, 0), bills));
    assert_eq!(app.stack.simulators.mails(None).len(), 2);
    let mei = again(&app, &mei).await;
    assert_eq!(balance(&app, &mei).await, (0, 2));
    app.drain().await;
    for id in [&queued, &ordered] {
        assert_eq!(image(&app, &mei, id).await["state"], "ready");
    }
    let first = image(&app, &mei, ready["id"].as_str().unwrap()).await;
    let link = app
        .http
        .get(first["download"]["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(link.status().as_u16(), 200);
    assert_eq!((objects(&app).len(), balance(&app, &mei).await), (3, (0, 0)));
    // The code mailed before is good after.
    verify(&app, "new@example.com", &waiting, &code(&app, "new@example.com"))
        .await
        .expect(201);
    app.close().await;
}

#[tokio::test]
async fn nothing_that_was_answered_is_lost_when_a_stack_is_dropped_in_mid_work() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut app = TestApp::in_folder(folder.path(), clock.clone()).await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    app.leave_work();
    drop(app);

    let app = TestApp::in_folder(folder.path(), clock).await;
    let mei = again(&app, &mei).await;
    assert_eq!(
        (image(&app, &mei, &id).await["state"].clone(), balance(&app, &mei).await),
        (json!("queued"), (2, 1))
    );
    app.drain().await;
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert_eq!((billed(&app).len(), items(&app, "images").len()), (1, 1));
    app.close().await;
}
