use std::sync::{Arc, Mutex};

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use serde_json::{Value, json};
use vitrine::engine::queues::Depth;
use vitrine::engine::workers::Handler;
use vitrine::engine::{Engines, Settings};

use crate::support::{ERASE, IMAGES, PAINT, clock, dynamodb, engines, settings, worker};

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

async fn order(engines: &Engines, id: &str, state: &str, expires_at: i64) {
    let put = dynamodb(engines, "operator").put_item().table_name(IMAGES);
    let put = put
        .item("account_id", s("acc"))
        .item("id", s(id))
        .item("state", s(state));
    let put = put
        .item("object_key", s(&format!("img/{id}.png")))
        .item("stores", AttributeValue::Ss(vec!["cos".into()]));
    let put = put.item("ordered", AttributeValue::N("1".into()));
    put.item("expires_at", AttributeValue::N(expires_at.to_string()))
        .send()
        .await
        .unwrap();
}

fn bodies(seen: &Mutex<Vec<SqsEvent>>) -> Vec<Value> {
    let seen = seen.lock().unwrap();
    let records = seen.iter().flat_map(|event| &event.records);
    records
        .map(|record| serde_json::from_str(record.body.as_ref().unwrap()).unwrap())
        .collect()
}

const LATER: i64 = 1_900_000_000;

#[tokio::test]
async fn a_queued_item_reaches_its_worker_as_keys_alone() {
    let engines = engines(&clock()).await;
    let (spec, handler, seen) = worker(PAINT);
    engines.workers.attach(spec, handler).unwrap();
    order(&engines, "one", "queued", LATER).await;
    order(&engines, "two", "draft", LATER).await;
    assert_eq!(engines.pending().unwrap(), 2);
    let drained = engines.drain().await.unwrap();
    assert_eq!((drained.records, drained.messages, drained.done), (2, 1, 1));
    assert_eq!(bodies(&seen), [json!({"account_id": "acc", "id": "one"})]);
    assert_eq!(engines.pending().unwrap(), 0);
}

#[tokio::test]
async fn a_message_looks_as_lambda_shows_it() {
    let engines = engines(&clock()).await;
    let (spec, handler, seen) = worker(PAINT);
    engines.workers.attach(spec, handler).unwrap();
    engines.queues.send(PAINT, "hello").unwrap();
    engines.drain().await.unwrap();
    let event = serde_json::to_value(&seen.lock().unwrap()[0]).unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["md5OfBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(
        record["eventSourceARN"],
        format!("arn:aws:sqs:us-east-1:000000000000:{PAINT}")
    );
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(record["attributes"]["SentTimestamp"], "1795338000000");
    assert_eq!(record["messageId"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn only_the_messages_that_failed_come_again_and_only_after_the_visibility_time() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (spec, handler, seen) = worker(PAINT);
    engines.workers.attach(spec, handler).unwrap();
    engines.queues.send(PAINT, r#""fine""#).unwrap();
    engines.queues.send(PAINT, r#""fail""#).unwrap();
    let drained = engines.drain().await.unwrap();
    assert_eq!((drained.done, drained.failed), (1, 1));
    assert_eq!(engines.queues.depth(PAINT).unwrap(), Depth { visible: 0, hidden: 1 });
    clock.advance(SignedDuration::from_secs(359));
    assert_eq!(engines.drain().await.unwrap().calls, 0);
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(engines.drain().await.unwrap().failed, 1);
    assert_eq!(bodies(&seen), [json!("fine"), json!("fail"), json!("fail")]);
}

#[tokio::test]
async fn what_fails_too_often_lies_in_the_dead_letter_queue_until_it_is_sent_back() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (spec, handler, seen) = worker(PAINT);
    engines.workers.attach(spec, handler).unwrap();
    let id = engines.queues.send(PAINT, r#""fail""#).unwrap();
    for _ in 0..3 {
        engines.drain().await.unwrap();
        clock.advance(SignedDuration::from_secs(360));
    }
    assert_eq!(seen.lock().unwrap().len(), 2);
    let dead = format!("{PAINT}-dead");
    let found = engines.queues.peek(&dead).unwrap();
    assert_eq!((found.len(), &found[0].id), (1, &id));
    assert_eq!(engines.queues.redrive(&dead).unwrap(), 1);
    assert_eq!(engines.drain().await.unwrap().failed, 1);
    assert!(engines.queues.peek(&dead).unwrap().is_empty());
}

#[tokio::test]
async fn a_worker_that_crashes_or_names_strangers_gets_its_whole_batch_again() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (spec, _, _) = worker(PAINT);
    let crash: Handler = Arc::new(|_| Box::pin(async { anyhow::bail!("crashed") }));
    engines.workers.attach(spec.clone(), crash).unwrap();
    engines.queues.send(PAINT, "a").unwrap();
    engines.queues.send(PAINT, "b").unwrap();
    assert_eq!(engines.work_once(PAINT).await.unwrap().failed, 2);
    clock.advance(SignedDuration::from_secs(360));
    let stranger = json!({"batchItemFailures": [{"itemIdentifier": "no"}]});
    engines.workers.attach(spec, answering(stranger)).unwrap();
    assert_eq!(engines.work_once(PAINT).await.unwrap().failed, 2);
}

/// A worker that answers the same, whatever it is given.
fn answering(answer: Value) -> Handler {
    Arc::new(move |_| {
        let answer = answer.clone();
        Box::pin(async move { Ok(answer) })
    })
}

#[tokio::test]
async fn an_answer_without_failures_is_a_batch_that_is_done_and_one_that_tells_nothing_is_not() {
    let clock = clock();
    let engines = engines(&clock).await;
    for (answer, failed) in [
        (json!({"batchItemFailures": []}), 0),
        (json!({"batchItemFailures": null}), 0),
        (json!({}), 0),
        (Value::Null, 0),
        (json!(""), 0),
        (json!("done"), 1),
        (json!({"batchItemFailures": [{"itemIdentifier": null}]}), 1),
        (json!({"batchItemFailures": [{"itemIdentifier": ""}]}), 1),
        (json!({"batchItemFailures": [{"id": "no"}]}), 1),
    ] {
        let (spec, _, _) = worker(PAINT);
        engines.workers.attach(spec, answering(answer.clone())).unwrap();
        engines.queues.send(PAINT, "a").unwrap();
        let worked = engines.work_once(PAINT).await.unwrap();
        assert_eq!((worked.taken, worked.failed), (1, failed), "{answer}");
    }
}

#[tokio::test]
async fn what_time_removes_reaches_the_eraser_marked_as_the_services_doing() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (spec, handler, seen) = worker(ERASE);
    engines.workers.attach(spec, handler).unwrap();
    let now = clock.now().as_second();
    order(&engines, "old", "ready", now + 60).await;
    order(&engines, "young", "ready", now + 600).await;
    assert_eq!(engines.run_expiry().unwrap(), 0);
    clock.advance(SignedDuration::from_secs(61));
    assert_eq!(engines.run_expiry().unwrap(), 1);
    let delete = dynamodb(&engines, "operator").delete_item().table_name(IMAGES);
    delete
        .key("account_id", s("acc"))
        .key("id", s("young"))
        .send()
        .await
        .unwrap();
    engines.drain().await.unwrap();
    let told = |id: &str, by: Value| {
        json!({
            "id": id, "object_key": format!("img/{id}.png"), "stores": ["cos"], "by": by, "region": "us-east-1",
        })
    };
    assert_eq!(
        bodies(&seen),
        [told("old", json!("dynamodb.amazonaws.com")), told("young", Value::Null)]
    );
}

#[tokio::test]
async fn an_item_made_anew_and_deleted_by_hand_is_not_times_doing() {
    let clock = clock();
    let engines = engines(&clock).await;
    let (spec, handler, seen) = worker(ERASE);
    engines.workers.attach(spec, handler).unwrap();
    order(&engines, "one", "ready", clock.now().as_second()).await;
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(engines.run_expiry().unwrap(), 1);
    order(&engines, "one", "ready", LATER).await;
    let delete = dynamodb(&engines, "operator").delete_item().table_name(IMAGES);
    delete
        .key("account_id", s("acc"))
        .key("id", s("one"))
        .send()
        .await
        .unwrap();
    engines.drain().await.unwrap();
    let by: Vec<_> = bodies(&seen).iter().map(|body| body["by"].clone()).collect();
    assert_eq!(by, [json!("dynamodb.amazonaws.com"), Value::Null]);
}

#[tokio::test]
async fn a_worker_that_panics_fails_its_batch_and_no_more() {
    let engines = engines(&clock()).await;
    let (spec, _, _) = worker(PAINT);
    engines
        .workers
        .attach(spec, Arc::new(|_| Box::pin(async { panic!("on purpose") })))
        .unwrap();
    engines.queues.send(PAINT, "a").unwrap();
    assert_eq!(engines.drain().await.unwrap().failed, 1);
}

#[tokio::test]
async fn a_restart_loses_nothing_and_repeats_nothing() {
    let (clock, folder) = (clock(), tempfile::TempDir::new().unwrap());
    let start = async || Engines::start(settings(&clock, Some(folder.path()))).await.unwrap();
    let engines = start().await;
    order(&engines, "one", "queued", LATER).await;
    assert_eq!(engines.pump_streams().unwrap().messages, 1);
    order(&engines, "two", "queued", LATER).await;
    engines.parameters.put("/vitrine/local/a", "1").unwrap();
    engines.close().await;

    let engines = start().await;
    assert_eq!(engines.parameters.get("/vitrine/local/a").as_deref(), Some("1"));
    assert_eq!(engines.queues.peek(PAINT).unwrap().len(), 1);
    let (spec, handler, seen) = worker(PAINT);
    engines.workers.attach(spec, handler).unwrap();
    engines.drain().await.unwrap();
    let ids: Vec<_> = bodies(&seen).iter().map(|body| body["id"].clone()).collect();
    assert_eq!(ids, ["one", "two"]);
    order(&engines, "three", "queued", LATER).await;
    assert_eq!(
        engines.pump_streams().unwrap().records,
        1,
        "a trimmed stream forgot where it was"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("parameters.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn left_to_themselves_the_engines_deliver() {
    let engines = engines(&shared::Clock::system()).await;
    let (spec, _, _) = worker(PAINT);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let handler: Handler = Arc::new(move |event| {
        sender.send(event["Records"].as_array().unwrap().len()).unwrap();
        Box::pin(async { Ok(json!({"batchItemFailures": []})) })
    });
    engines.workers.attach(spec, handler).unwrap();
    engines.run_in_background();
    order(&engines, "one", "queued", LATER).await;
    assert_eq!(receiver.recv().await, Some(1));
    engines.close().await;
}

#[tokio::test]
async fn a_pipe_that_could_never_work_is_refused_at_the_start() {
    let spoil = |change: fn(&mut Settings)| {
        let mut settings = settings(&clock(), None);
        change(&mut settings);
        Engines::start(settings)
    };
    assert!(
        spoil(|s| s.pipes[0].filters = vec![json!({"eventName": "INSERT"})])
            .await
            .is_err()
    );
    assert!(
        spoil(|s| s.pipes[0].filters = vec![json!({"eventName": [{"exits": true}]})])
            .await
            .is_err()
    );
    assert!(
        spoil(|s| s.pipes[0].input = Some("{\"id\": <$.a".into()))
            .await
            .is_err()
    );
    assert!(spoil(|s| s.pipes[0].queue = "no-such-queue".into()).await.is_err());
    assert!(spoil(|s| s.tables[0].stream = None).await.is_err());
}
