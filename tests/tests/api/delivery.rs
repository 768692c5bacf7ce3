//! Queues deliver at least once, in any order, and never give up quietly.

use jiff::SignedDuration;
use serde_json::json;
use tests::Answer;
use vitrine::engine::objects::Fault as StoreFault;
use vitrine::sim::{Fault, Provider};

use crate::accounts::sign_up;
use crate::support::{again, app, asked, balance, billed, depth, image, objects, order, queue, until_visible};

const PAINT: &str = "images-paint";
const DEAD: &str = "images-paint-dead";

#[tokio::test]
async fn one_message_delivered_twice_at_once_is_one_paid_picture() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    app.stack.engines.pump_streams().unwrap();
    let paint = queue(&app, PAINT);
    let body = app.stack.engines.queues.peek(&paint).unwrap()[0].body.clone();
    for _ in 0..3 {
        app.stack.engines.queues.send(&paint, &body).unwrap();
    }
    let work = || app.stack.engines.work_once(&paint);
    let (one, two, three, four) = tokio::join!(work(), work(), work(), work());
    let taken: usize = [one, two, three, four]
        .into_iter()
        .map(|worked| worked.unwrap().taken)
        .sum();
    assert_eq!(taken, 4);
    while depth(&app, PAINT) != (0, 0) {
        until_visible(&app, PAINT);
        app.drain().await;
    }
    app.drain().await;
    let mei = again(&app, &mei).await;
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert_eq!((asked(&app), billed(&app).len(), objects(&app).len()), (1, 1, 1));
    assert_eq!(balance(&app, &mei).await, (2, 0));
    assert_eq!(depth(&app, DEAD), (0, 0));
}

#[tokio::test]
async fn a_message_that_comes_again_after_the_end_changes_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    app.stack.engines.pump_streams().unwrap();
    let paint = queue(&app, PAINT);
    let body = app.stack.engines.queues.peek(&paint).unwrap()[0].body.clone();
    app.drain().await;
    let before = image(&app, &mei, &id).await;
    app.stack.engines.queues.send(&paint, &body).unwrap();
    app.drain().await;
    assert_eq!(image(&app, &mei, &id).await, before);
    assert_eq!((depth(&app, PAINT), asked(&app)), ((0, 0), 1));
}

#[tokio::test]
async fn what_failed_comes_again_after_the_visibility_time_and_after_five_times_is_dead_and_can_be_brought_back() {
    let app = app().await;
    let mei = app.person("mei").await;
    let stores = [app.stack.engines.objects.book(), app.stack.engines.oss.book()];
    for book in stores {
        book.trouble(StoreFault::fail(Some("PutObject"), 10_000, 503, "SlowDown"));
    }
    let id = order(&app, &mei, "a bowl").await;
    for time in 1..=5 {
        let drained = app.drain().await;
        assert_eq!(drained.failed, 1, "time {time}");
        assert_eq!(depth(&app, PAINT), (0, 1), "time {time}");
        let message = app.stack.engines.queues.peek(&queue(&app, PAINT)).unwrap().remove(0);
        app.advance(message.visible.duration_since(app.now()) - SignedDuration::from_secs(1));
        assert_eq!(app.drain().await.failed, 0, "it came before its time");
        app.advance(SignedDuration::from_secs(1));
    }
    app.drain().await;
    assert_eq!((depth(&app, PAINT), depth(&app, DEAD)), ((0, 0), (1, 0)));
    for book in stores {
        book.calm();
    }
    app.stack.engines.queues.redrive(&queue(&app, DEAD)).unwrap();
    app.drain().await;
    let mei = again(&app, &mei).await;
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert_eq!((billed(&app).len(), objects(&app).len()), (1, 1));
    assert_eq!(balance(&app, &mei).await, (2, 0));
}

#[tokio::test]
async fn a_message_that_nobody_can_read_holds_up_no_other_and_ends_among_the_dead() {
    let app = app().await;
    let mei = app.person("mei").await;
    let poison = [
        "",
        "zqxkiln",
        "{}",
        "{\"account_id\":7,\"id\":null}",
        "{\"account_id\":\"acc_1\",\"id\":\"img_1\"}",
    ];
    for folder in [PAINT, "images-erase", "mail-send"] {
        for body in poison {
            app.stack.engines.queues.send(&queue(&app, folder), body).unwrap();
        }
    }
    let id = order(&app, &mei, "a bowl").await;
    sign_up(&app, "new@example.com", &[]).await.expect(202);
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert!(app.mail_to("new@example.com").is_some());
    for folder in [PAINT, "images-erase", "mail-send"] {
        while depth(&app, folder) != (0, 0) {
            until_visible(&app, folder);
            app.drain().await;
        }
        let dead = depth(&app, &format!("{folder}-dead"));
        assert_eq!(dead, (5, 0), "{folder}");
    }
    assert_eq!(objects(&app).len(), 1);
    crate::logs::tell_nothing();
}

#[tokio::test]
async fn a_dead_letter_can_be_looked_at_and_sent_back() {
    let app = app().await;
    let (live, dead) = (queue(&app, "mail-send"), queue(&app, "mail-send-dead"));
    app.stack.engines.queues.send(&live, "{\"id\":\"no mail\"}").unwrap();
    app.drain().await;
    while depth(&app, "mail-send") != (0, 0) {
        until_visible(&app, "mail-send");
        app.drain().await;
    }
    let desk = format!("{}/_sim/queues", app.stack.simulator_url());
    let look = async |address: String| {
        Answer::read(app.http.get(address).send().await.unwrap())
            .await
            .expect(200)
            .json
    };
    let all = look(desk.clone()).await;
    let listed = all["queues"]
        .as_array()
        .unwrap()
        .iter()
        .find(|listed| listed["queue"] == dead.as_str())
        .unwrap();
    assert_eq!(listed["visible"], 1);
    let shown = look(format!("{desk}/{dead}")).await;
    assert_eq!(
        (
            &shown["messages"][0]["body"]["id"],
            shown["messages"].as_array().unwrap().len()
        ),
        (&"no mail".into(), 1)
    );

    let back = app.http.post(format!("{desk}/{dead}/redrive")).send().await.unwrap();
    assert_eq!(Answer::read(back).await.expect(200).json["moved"], 1);
    assert_eq!(
        (depth(&app, "mail-send"), depth(&app, "mail-send-dead")),
        ((1, 0), (0, 0))
    );
    let nowhere = app.http.get(format!("{desk}/no-such-queue")).send().await.unwrap();
    assert_eq!(nowhere.status().as_u16(), 404);
    app.drain().await;
    while depth(&app, "mail-send") != (0, 0) {
        until_visible(&app, "mail-send");
        app.drain().await;
    }
}

#[tokio::test]
async fn a_mail_that_cannot_go_now_goes_once_when_it_can() {
    let app = app().await;
    let fault = Fault {
        status: Some(503),
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Resend, 1_000, fault).unwrap();
    sign_up(&app, "mei@example.com", &[]).await.expect(202);
    assert!(app.mail_to("mei@example.com").is_none());
    app.stack.simulators.clear_faults();
    app.drain().await;
    assert!(app.mail_to("mei@example.com").is_none(), "it came before its time");
    until_visible(&app, "mail-send");
    app.drain().await;
    assert_eq!(app.stack.simulators.mails(Some("mei@example.com")).len(), 1);
}

#[tokio::test]
async fn a_mail_whose_receipt_was_lost_reaches_the_mailbox_once() {
    let app = app().await;
    let fault = Fault {
        reset: true,
        after_work: true,
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Resend, 1, fault).unwrap();
    sign_up(&app, "mei@example.com", &[]).await.expect(202);
    if depth(&app, "mail-send") != (0, 0) {
        until_visible(&app, "mail-send");
        app.drain().await;
    }
    assert_eq!(app.stack.simulators.mails(Some("mei@example.com")).len(), 1);
    assert_eq!(depth(&app, "mail-send"), (0, 0));
}

#[tokio::test]
async fn a_code_that_could_not_be_mailed_in_its_time_is_not_mailed_afterwards() {
    let app = app().await;
    let fault = Fault {
        status: Some(503),
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Resend, 1_000, fault).unwrap();
    sign_up(&app, "mei@example.com", &[]).await.expect(202);
    app.stack.simulators.clear_faults();
    app.advance(SignedDuration::from_mins(20));
    app.drain().await;
    assert!(app.mail_to("mei@example.com").is_none());
    assert_eq!(depth(&app, "mail-send"), (0, 0));
    let kept = crate::support::items(&app, "outbox");
    assert!(
        kept.iter()
            .all(|item| !json!(item).to_string().contains("mei@example.com")),
        "{kept:?}"
    );
}
