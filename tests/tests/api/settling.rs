//! What is stuck comes to an end by the schedule `settle-stale`, be it a picture or a mail.

use jiff::SignedDuration;
use serde_json::json;
use tests::TestApp;
use vitrine::sim::{Fault, Provider};

use crate::accounts::sign_up;
use crate::support::{again, app, balance, depth, image, items, order, queue};

async fn settle(app: &TestApp) {
    app.stack.run_schedule("settle-stale").await.unwrap();
    app.drain().await;
}

/// Loses every message of a queue.
fn lose(app: &TestApp, folder: &str) {
    app.stack.engines.pump_streams().unwrap();
    app.stack.engines.queues.purge(&queue(app, folder)).unwrap();
}

#[tokio::test]
async fn a_picture_whose_message_is_lost_is_painted_ten_minutes_later() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    lose(&app, "images-paint");
    app.advance(SignedDuration::from_mins(9));
    settle(&app).await;
    assert_eq!(image(&app, &mei, &id).await["state"], "queued");
    app.advance(SignedDuration::from_mins(2));
    settle(&app).await;
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert_eq!(
        (balance(&app, &mei).await, depth(&app, "images-paint")),
        ((2, 0), (0, 0))
    );
}

#[tokio::test]
async fn a_picture_that_no_worker_takes_for_two_hours_fails_and_gives_its_credit_back() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    for _ in 0..9 {
        lose(&app, "images-paint");
        app.advance(SignedDuration::from_mins(15));
        app.stack.run_schedule("settle-stale").await.unwrap();
    }
    let mei = again(&app, &mei).await;
    let picture = image(&app, &mei, &id).await;
    assert_eq!(picture["reason"]["code"], "model_unavailable");
    assert_eq!(balance(&app, &mei).await, (3, 0));
    app.drain().await;
}

#[tokio::test]
async fn a_mail_whose_message_is_lost_goes_out_ten_minutes_later_and_once() {
    let app = app().await;
    let waiting = sign_up(&app, "mei@example.com", &[]).await.expect(202);
    // Its mail has gone out; the next one is lost on its way.
    let before = app.stack.simulators.book().resend.work.len();
    let signup = &waiting.json["signup_id"];
    let code = json!({ "purpose": "verify_email", "email": "mei@example.com", "signup_id": signup });
    app.ask("POST", "/v1/codes", Some(code)).await.expect(202);
    lose(&app, "mail-send");
    app.advance(SignedDuration::from_mins(9));
    settle(&app).await;
    assert_eq!(app.stack.simulators.book().resend.work.len(), before);
    app.advance(SignedDuration::from_mins(2));
    settle(&app).await;
    settle(&app).await;
    assert_eq!(app.stack.simulators.book().resend.work.len(), before + 1);
}

#[tokio::test]
async fn a_mail_that_cannot_go_in_its_time_is_given_up_and_says_nothing_any_more() {
    let app = app().await;
    let down = Fault {
        status: Some(503),
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Resend, 1_000, down).unwrap();
    sign_up(&app, "mei@example.com", &[]).await.expect(202);
    lose(&app, "mail-send");
    app.advance(SignedDuration::from_mins(16));
    settle(&app).await;
    let mail = items(&app, "outbox").remove(0);
    assert_eq!(mail["state"]["S"], "undelivered");
    for gone in ["to", "subject", "text", "html", "pending", "due_at"] {
        assert!(mail[gone].is_null(), "{gone}: {mail}");
    }
}
