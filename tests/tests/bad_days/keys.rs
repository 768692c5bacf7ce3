//! A company's key is changed while functions are running: the new one lies in the parameter store, and the company takes the old one
//! no more.
//!
//! Every function of a stack here has read its secrets before, and is not started anew.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::domain::Store;
use shared::domain::image::BackupReason;
use tests::day::{Day, Fate, PAINT, SEND, day};
use tests::{Person, TestApp};
use vitrine::engine::objects::Objects;
use vitrine::lab::Lab;
use vitrine::sim::{Fault, Provider, signature};

use crate::status;

/// The parameters of the companies that are known by one key.
const SINGLE: [&str; 4] = ["deepseek-key", "seedream-key", "dashscope-key", "resend-key"];

fn path(short: &str) -> String {
    format!("/vitrine/local/{short}")
}

/// Gives every company a key of its own, before any function has read one.
async fn begin() -> (TestApp, Person) {
    let app = TestApp::new().await;
    for short in SINGLE {
        app.stack
            .engines
            .parameters
            .put(&path(short), &format!("old-{short}"))
            .unwrap();
    }
    let mei = app.person("mei").await;
    (app, mei)
}

/// Changes a company's one key.
fn change(app: &TestApp, short: &str) {
    app.stack
        .engines
        .parameters
        .put(&path(short), &format!("new-{short}"))
        .unwrap();
    app.stack.simulators.revoke(&format!("old-{short}"));
}

/// Exchanges a role's key pair of a store.
fn exchange(app: &TestApp, objects: &Objects, short: &str) {
    let parameter = path(short);
    objects.exchange(&parameter, &format!("NEW{short}"), "another secret");
    let pair = json!({ "id": format!("NEW{short}"), "secret": "another secret" });
    app.stack.engines.parameters.put(&parameter, &pair.to_string()).unwrap();
}

async fn available(app: &TestApp, mei: &Person) -> i64 {
    app.get(mei, "/v1/credits").await.expect(200).json["available"]
        .as_i64()
        .unwrap()
}

/// Who wrote the prompts.
async fn writer(app: &TestApp, mei: &Person) -> Value {
    let wanted = json!({ "description": "a blue bowl", "count": 1 });
    app.post(mei, "/v1/prompts", wanted).await.expect(200).json["source"].clone()
}

/// The status that a picture's link answers with.
async fn followed(app: &TestApp, mei: &Person, picture: &Value) -> u16 {
    let id = picture["id"].as_str().unwrap();
    let shown = app.get(mei, &format!("/v1/images/{id}")).await.expect(200).json;
    let link = shown["download"]["url"].as_str().unwrap();
    app.http.get(link).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn prompts_are_written_by_the_model_in_the_very_request_that_finds_the_key_changed() {
    let (app, mei) = begin().await;
    let by_model = writer(&app, &mei).await;
    change(&app, "deepseek-key");
    assert_eq!(writer(&app, &mei).await, by_model);
    let asked = app.stack.simulators.book().deepseek.requests_total;
    assert_eq!(asked, 3, "one, one refused, one");
    assert_eq!(writer(&app, &mei).await, by_model);
    assert_eq!(
        app.stack.simulators.book().deepseek.requests_total,
        asked + 1,
        "the new key is kept"
    );
}

#[tokio::test]
async fn a_picture_is_painted_by_seedream_in_the_very_job_that_finds_the_key_changed() {
    let (app, mei) = begin().await;
    app.painted(&mei, "a bowl").await;
    change(&app, "seedream-key");
    let picture = app.painted(&mei, "a jug").await;
    assert_eq!(picture["state"], "ready");
    let books = app.stack.simulators.book();
    assert_eq!((books.seedream.work.len(), books.dashscope.work.len()), (2, 0));
    assert_eq!(available(&app, &mei).await, 1);
}

#[tokio::test]
async fn a_mail_goes_out_with_the_new_key_and_once() {
    let (app, _) = begin().await;
    change(&app, "resend-key");
    app.person("jun").await;
    assert_eq!(app.stack.simulators.mails(Some("jun@example.com")).len(), 1);
}

#[tokio::test]
async fn money_is_taken_with_new_credentials_once_the_old_ones_are_refused() {
    let (app, mei) = begin().await;
    let buy = async |key: &str| {
        let (body, headers) = (json!({ "pack": "credits-20" }).to_string(), [("idempotency-key", key)]);
        let ordered = app
            .request("POST", "/v1/orders", Some(&mei.token), &headers, Some(body))
            .await;
        let order = ordered.expect(201).json["id"].as_str().unwrap().to_owned();
        app.stack
            .simulators
            .paypal()
            .act(&order, &tests::shop::APPROVE)
            .unwrap();
        order
    };
    let capture = async |order: &str| {
        let path = format!("/v1/orders/{order}/capture");
        app.post(&mei, &path, json!({})).await.expect(200).json["state"].clone()
    };
    let first = buy("first").await;
    assert_eq!(capture(&first).await, "completed");
    let second = buy("second").await;

    let app_of_ours = json!({ "client_id": "another", "client_secret": "secret" });
    app.stack
        .engines
        .parameters
        .put(&path("paypal-credentials"), &app_of_ours.to_string())
        .unwrap();
    app.stack.simulators.revoke("simulated:simulated");
    app.stack.simulators.paypal().forget_tokens();
    assert_eq!(capture(&second).await, "completed");
    let third = buy("third").await;
    assert_eq!(capture(&third).await, "completed");
    app.drain().await;
    assert_eq!(available(&app, &mei).await, 63);
    assert_eq!(app.stack.simulators.book().paypal.work.len(), 3, "each is paid once");
}

#[tokio::test]
async fn pictures_are_stored_shown_deleted_and_swept_with_new_key_pairs() {
    let (app, mei) = begin().await;
    let (cos, oss) = (&app.stack.engines.objects, &app.stack.engines.oss);
    let first = app.painted(&mei, "a bowl").await;
    assert_eq!(followed(&app, &mei, &first).await, 200);
    app.stack.run_schedule("objects-sweep").await.unwrap();
    for (objects, store) in [(cos, "cos"), (oss, "oss")] {
        for role in ["painter", "reader", "eraser", "sweeper"] {
            exchange(&app, objects, &format!("{store}-{role}"));
        }
    }
    let second = app.painted(&mei, "a jug").await;
    let files = || [Store::Cos, Store::Oss].map(|store| app.stack.files(store).unwrap().len());
    assert_eq!(
        (&second["state"], files()),
        (&json!("ready"), [2, 0]),
        "it lies in the first store"
    );

    // Nobody tells us that a link is dead, so the pair for links is looked at every five minutes.
    app.advance(SignedDuration::from_mins(5));
    for picture in [&first, &second] {
        assert_eq!(followed(&app, &mei, picture).await, 200);
        let id = picture["id"].as_str().unwrap();
        app.delete(&mei, &format!("/v1/images/{id}")).await.expect(204);
    }
    app.drain().await;
    assert_eq!(files(), [0, 0]);
    app.advance(SignedDuration::from_hours(1));
    app.stack.run_schedule("objects-sweep").await.unwrap();
}

#[tokio::test]
async fn the_second_store_takes_a_picture_with_its_new_key_pair() {
    let (app, mei) = begin().await;
    app.painted(&mei, "a bowl").await;
    exchange(&app, &app.stack.engines.oss, "oss-painter");
    let down = vitrine::engine::objects::Fault::fail(Some("PutObject"), 1_000, 503, "SlowDown");
    app.stack.engines.objects.book().trouble(down);
    let picture = app.painted(&mei, "a jug").await;
    assert_eq!(
        (picture["state"].as_str(), app.stack.files(Store::Oss).unwrap().len()),
        (Some("ready"), 1)
    );
}

#[tokio::test]
async fn an_event_that_is_signed_with_the_new_secret_is_believed_and_one_with_the_old_no_more() {
    let (app, mei) = begin().await;
    let old = app
        .stack
        .engines
        .parameters
        .get(&path("resend-webhook-secret"))
        .unwrap();
    let new = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
    let told = async |id: &str, secret: &str| {
        let event = json!({
            "type": "email.bounced", "created_at": app.now(),
            "data": { "to": [mei.email], "bounce": { "type": "Permanent" } },
        });
        let (body, at) = (event.to_string(), app.now().as_second());
        let signed = signature(secret, id, at, body.as_bytes()).unwrap();
        let at = at.to_string();
        let headers = [
            ("svix-id", id),
            ("svix-timestamp", at.as_str()),
            ("svix-signature", signed.as_str()),
        ];
        app.request("POST", "/v1/webhooks/resend", None, &headers, Some(body))
            .await
            .status
    };
    assert_eq!(told("msg_1", &old).await, 204);
    app.stack
        .engines
        .parameters
        .put(&path("resend-webhook-secret"), &new)
        .unwrap();
    assert_eq!(told("msg_2", &old).await, 204, "nobody has shown the new one yet");
    assert_eq!(told("msg_3", &new).await, 204);
    assert_eq!(told("msg_4", &old).await, 401);
}

/// A day on which every company has a key of its own.
#[track_caller]
fn on<T>(live: impl AsyncFnOnce(&Day) -> T) -> T {
    day(async |day: &Day| {
        for short in SINGLE {
            day.lab
                .engines
                .parameters
                .put(&path(short), &format!("old-{short}"))
                .unwrap();
        }
        live(day).await
    })
}

fn put_new(lab: &Lab, short: &str) {
    lab.engines
        .parameters
        .put(&path(short), &format!("new-{short}"))
        .unwrap();
}

/// How often the function has asked the parameter store.
fn looked(lab: &Lab, function: &str) -> usize {
    let lines = lab.journal.lines();
    lines
        .lines()
        .filter(|line| line.contains(function) && line.contains("GetParameters"))
        .count()
}

#[test]
fn a_key_that_is_refused_before_there_is_another_costs_no_credit_and_is_looked_for_once_a_minute() {
    on(async |day: &Day| {
        assert_eq!(day.fate("cup").await, Fate::of("Ready", 1, 0, 1));
        let before = looked(&day.lab, PAINT);
        day.lab.simulators.revoke("old-seedream-key");
        for prompt in ["bowl", "jug", "vase"] {
            let key = day.order(prompt).await;
            day.lab.drain().await.unwrap();
            assert_eq!(
                day.image(key).await.state,
                shared::domain::State::Ready,
                "the backup paints"
            );
        }
        assert_eq!(looked(&day.lab, PAINT) - before, 1, "three pictures, one look");
        put_new(&day.lab, "seedream-key");
        day.minutes(2).await;
        let key = day.order("plate").await;
        day.lab.drain().await.unwrap();
        assert_eq!(day.fate_of(key, "plate").await, Fate::of("Ready", 1, 0, 1));
        assert_eq!(day.image(key).await.backup_because(), None::<BackupReason>);
    });
}

#[test]
fn a_task_under_way_at_the_backup_is_followed_with_the_new_key() {
    on(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(500));
        day.fault(Provider::Seedream, 1, status(500));
        let slow = Fault {
            task_s: 40,
            ..Fault::default()
        };
        day.fault(Provider::Dashscope, 1, slow);
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        let changed = async {
            while day.lab.books().dashscope.requests.len() < 3 {
                day.lab.advance(SignedDuration::from_millis(500)).await;
            }
            put_new(&day.lab, "dashscope-key");
            day.lab.simulators.revoke("old-dashscope-key");
        };
        let (worked, ()) = tokio::join!(day.lab.work(PAINT), changed);
        assert_eq!(worked.unwrap().done, 1);
        assert_eq!(day.fate_of(key, "bowl").await.state, "Ready");
        assert_eq!(
            (day.image(key).await.attempt, day.lab.books().dashscope.work.len()),
            (1, 1)
        );
    });
}

#[test]
fn a_mail_waits_while_its_key_is_refused_and_there_is_no_other() {
    on(async |day: &Day| {
        day.lab.mail(&day.seller).await.unwrap();
        day.lab.drain().await.unwrap();
        day.lab.simulators.revoke("old-resend-key");
        day.lab.mail(&day.seller).await.unwrap();
        day.lab.drain().await.unwrap();
        assert_eq!(day.lab.books().resend.work.len(), 1, "the second is not sent");
        put_new(&day.lab, "resend-key");
        day.lab.live_on().await.unwrap();
        assert_eq!(day.lab.books().resend.work.len(), 2);
        assert!(day.lab.messages(&format!("{SEND}-dead")).unwrap().is_empty());
    });
}
