//! Pictures that do not come out well: refused, failed, lost. Never paid twice, never a credit lost.

use jiff::SignedDuration;
use serde_json::json;
use tests::TestApp;
use vitrine::engine::objects::Fault as StoreFault;
use vitrine::sim::Fault;

use crate::support::{app, asked, balance, billed, depth, image, objects, order, queue, seedream, until_visible};

const PAINT: &str = "images-paint";

fn status(status: u16) -> Fault {
    Fault {
        status: Some(status),
        ..Fault::default()
    }
}

/// Orders one picture into a fault; gives its state, its reason and its credit, and what Seedream was asked and billed.
/// The backup may not paint it; what that one is asked is told by `backup.rs`.
async fn fate(app: &TestApp, name: &str, next: u32, fault: Fault) -> ([String; 3], u64, usize) {
    let somebody = app.person(name).await;
    // Whatever happened to others is long ago.
    app.advance(SignedDuration::from_mins(10));
    let (asked_before, billed_before) = (asked(app), billed(app).len());
    seedream(app, next, fault);
    let order = json!({ "prompt": "a bowl", "fallback": "never" });
    let ordered = app.order(&somebody, &format!("order-{name}"), order).await.expect(202);
    let id = ordered.json["images"][0]["id"].as_str().unwrap().to_owned();
    app.drain().await;
    app.stack.simulators.clear_faults();
    let picture = image(app, &somebody, &id).await;
    let credit = picture["credit"].as_str().unwrap();
    let left = if credit == "spent" { (2, 0) } else { (3, 0) };
    assert_eq!(balance(app, &somebody).await, left, "{name}: {picture}");
    assert_eq!(picture["download"].is_null(), credit != "spent", "{name}: {picture}");
    assert_eq!(depth(app, PAINT), (0, 0), "{name} is still in the queue");
    let reason = picture["reason"]["code"].as_str().unwrap_or_default();
    let fate = [picture["state"].as_str().unwrap(), reason, credit].map(str::to_owned);
    (fate, asked(app) - asked_before, billed(app).len() - billed_before)
}

#[tokio::test]
async fn what_surely_cost_nothing_is_asked_for_once_more() {
    let app = app().await;
    for (name, fault) in [
        ("busy", status(429)),
        ("broken", status(500)),
        ("away", status(503)),
        (
            "error-within",
            Fault {
                error_in_ok: true,
                ..Fault::default()
            },
        ),
        (
            "nothing-within",
            Fault {
                no_image: true,
                ..Fault::default()
            },
        ),
    ] {
        let (fate, asked, billed) = fate(&app, name, 1, fault).await;
        assert_eq!(fate, ["ready", "", "spent"], "{name}");
        assert_eq!((asked, billed), (2, 1), "{name}");
    }
}

#[tokio::test]
async fn a_model_that_stays_away_fails_the_picture_and_gives_the_credit_back() {
    let app = app().await;
    for (name, fault, times) in [
        ("busy", status(429), 2),
        ("broken", status(500), 2),
        (
            "error-within",
            Fault {
                error_in_ok: true,
                ..Fault::default()
            },
            2,
        ),
        (
            "nothing-within",
            Fault {
                no_image: true,
                ..Fault::default()
            },
            2,
        ),
        ("wrong-key", status(401), 1),
        (
            "closed",
            Fault {
                error: Some("ModelNotOpen".to_owned()),
                ..Fault::default()
            },
            1,
        ),
        (
            "quota",
            Fault {
                error: Some("QuotaExceeded".to_owned()),
                ..Fault::default()
            },
            1,
        ),
    ] {
        let (fate, asked, billed) = fate(&app, name, 2, fault).await;
        assert_eq!(fate, ["failed", "model_unavailable", "released"], "{name}");
        assert_eq!((asked, billed), (times, 0), "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_paid_once_and_never_asked_for_again() {
    let app = app().await;
    for (name, fault) in [
        (
            "reset",
            Fault {
                reset: true,
                after_work: true,
                ..Fault::default()
            },
        ),
        (
            "gateway",
            Fault {
                after_work: true,
                ..status(504)
            },
        ),
        (
            "bad-gateway",
            Fault {
                after_work: true,
                ..status(502)
            },
        ),
        (
            "malformed",
            Fault {
                malformed: true,
                ..Fault::default()
            },
        ),
    ] {
        let (fate, asked, billed) = fate(&app, name, 1, fault).await;
        assert_eq!(fate, ["failed", "outcome_unknown", "released"], "{name}");
        assert_eq!((asked, billed), (1, 1), "{name}");
    }
    assert!(objects(&app).is_empty());
}

#[tokio::test]
async fn a_result_that_cannot_be_fetched_fails_the_picture_and_gives_the_credit_back() {
    let app = app().await;
    let (fate, asked, billed) = fate(
        &app,
        "lost",
        1,
        Fault {
            dead_link: true,
            ..Fault::default()
        },
    )
    .await;
    assert_eq!(fate, ["failed", "result_lost", "released"]);
    assert_eq!((asked, billed), (1, 1));
}

#[tokio::test]
async fn refused_words_and_a_refused_picture_give_the_credit_back_and_cost_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "FORBIDDEN bowl").await;
    assert_eq!(
        (&picture["state"], &picture["credit"]),
        (&json!("refused"), &json!("released"))
    );
    assert_eq!(picture["reason"]["code"], "prompt_refused");
    assert_eq!((asked(&app), billed(&app).len()), (1, 0));
    assert_eq!(balance(&app, &mei).await, (3, 0));
    let fault = Fault {
        error: Some("OutputImageSensitiveContentDetected".to_owned()),
        ..Fault::default()
    };
    let (fate, asked, billed) = fate(&app, "seen", 1, fault).await;
    assert_eq!(fate, ["refused", "picture_refused", "released"]);
    assert_eq!((asked, billed), (1, 0));
}

#[tokio::test]
async fn the_painter_is_shown_the_prompt_and_nothing_of_its_author() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let book = app.stack.simulators.book().seedream;
    let seen = serde_json::to_string(&book.requests[0]).unwrap();
    assert_eq!(book.requests[0].body["prompt"], "a bowl");
    let id = picture["id"].as_str().unwrap();
    for secret in ["mei", "@example.com", &mei.account, id, "acc_", "img_", "ses_", "req_"] {
        assert!(!seen.contains(secret), "Seedream was shown `{secret}`: {seen}");
    }
}

#[tokio::test]
async fn a_worker_that_dies_at_the_model_leaves_one_paid_call_and_no_second() {
    let app = app().await;
    let mei = app.person("mei").await;
    let fault = Fault {
        delay_ms: 60_000,
        after_work: true,
        ..Fault::default()
    };
    seedream(&app, 1, fault);
    let id = order(&app, &mei, "a bowl").await;
    app.stack.engines.pump_streams().unwrap();
    let paint = queue(&app, PAINT);
    tokio::select! {
        worked = app.stack.engines.work_once(&paint) => panic!("the worker came back: {worked:?}"),
        () = async { while billed(&app).is_empty() { tokio::task::yield_now().await; } } => {}
    }
    assert_eq!(image(&app, &mei, &id).await["state"], "painting");
    assert_eq!(balance(&app, &mei).await, (2, 1));
    app.drain().await;
    assert_eq!(
        image(&app, &mei, &id).await["state"],
        "painting",
        "somebody took it while it was hidden"
    );
    until_visible(&app, PAINT);
    app.drain().await;
    let mei = crate::support::again(&app, &mei).await;
    let picture = image(&app, &mei, &id).await;
    assert_eq!(
        (&picture["state"], &picture["reason"]["code"]),
        (&json!("failed"), &json!("outcome_unknown"))
    );
    assert_eq!((asked(&app), billed(&app).len()), (1, 1));
    assert_eq!(balance(&app, &mei).await, (3, 0));
}

#[tokio::test]
async fn a_picture_that_cannot_be_stored_now_is_stored_later_and_not_painted_again() {
    let app = app().await;
    let mei = app.person("mei").await;
    let stores = [app.stack.engines.objects.book(), app.stack.engines.oss.book()];
    for book in stores {
        book.trouble(StoreFault::fail(Some("PutObject"), 1_000, 503, "SlowDown"));
    }
    let id = order(&app, &mei, "a bowl").await;
    app.drain().await;
    assert_eq!(image(&app, &mei, &id).await["state"], "painting");
    assert_eq!((depth(&app, PAINT), balance(&app, &mei).await), ((0, 1), (2, 1)));
    for book in stores {
        book.calm();
    }
    until_visible(&app, PAINT);
    app.drain().await;
    let mei = crate::support::again(&app, &mei).await;
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert_eq!((billed(&app).len(), objects(&app).len()), (1, 1));
    assert_eq!(balance(&app, &mei).await, (2, 0));
}

#[tokio::test]
async fn a_stored_picture_whose_receipt_was_lost_is_one_object_and_one_picture() {
    let app = app().await;
    let mei = app.person("mei").await;
    let book = app.stack.engines.objects.book();
    book.trouble(StoreFault::lose_reply(Some("PutObject"), 1));
    let id = order(&app, &mei, "a bowl").await;
    app.drain().await;
    if depth(&app, PAINT) != (0, 0) {
        until_visible(&app, PAINT);
        app.drain().await;
    }
    let mei = crate::support::again(&app, &mei).await;
    assert_eq!(image(&app, &mei, &id).await["state"], "ready");
    assert_eq!((billed(&app).len(), objects(&app).len()), (1, 1));
}
