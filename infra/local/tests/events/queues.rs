use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::SignedDuration;
use vitrine::engine::spec::WorkerSpec;
use vitrine::engine::workers::typed;
use vitrine::lambda::events::sqs::sqs_event;

use crate::compare::assert_same;
use crate::support::{clock, engines, fixture, picture, put};

const PAINT: &str = "vitrine-local-images-paint";

#[test]
fn a_batch_that_a_pipe_filled_looks_as_lambda_hands_it_over() {
    let clock = clock();
    let engines = engines(&clock);
    put(&engines, &picture("img_lamp", "queued"));
    put(&engines, &picture("img_vase", "queued"));
    engines.pump_streams().unwrap();
    clock.advance(SignedDuration::from_millis(1_500));
    let messages = engines.queues.receive(PAINT, 10).unwrap();
    assert_same(&sqs_event(&messages), &fixture("sqs-batch"), &[]);
}

#[test]
fn a_message_that_comes_again_counts_and_remembers_when_it_first_came() {
    let clock = clock();
    let engines = engines(&clock);
    engines.queues.send(PAINT, "{}").unwrap();
    let first = sqs_event(&engines.queues.receive(PAINT, 1).unwrap());
    clock.advance(SignedDuration::from_mins(6));
    let mut expected = first.clone();
    let again = sqs_event(&engines.queues.receive(PAINT, 1).unwrap());
    expected["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2".into();
    expected["Records"][0]["receiptHandle"] = again["Records"][0]["receiptHandle"].clone();
    assert_ne!(
        again["Records"][0]["receiptHandle"],
        first["Records"][0]["receiptHandle"]
    );
    assert_same(&again, &expected, &[]);
}

#[tokio::test]
async fn a_worker_is_handed_that_event_and_its_library_reads_every_member() {
    let clock = clock();
    let engines = engines(&clock);
    let seen = Arc::new(Mutex::new(None));
    let book = Arc::clone(&seen);
    let spec = WorkerSpec {
        function: "images-paint".into(),
        queue: PAINT.into(),
        batch_size: 10,
        max_concurrency: 1,
        reports_failures: true,
        timeout: Some(Duration::from_secs(60)),
    };
    let handler = typed(move |event| {
        *book.lock().unwrap() = Some(event);
        async { Ok(SqsBatchResponse::default()) }
    });
    engines.workers.attach(spec, handler).unwrap();
    put(&engines, &picture("img_lamp", "queued"));
    put(&engines, &picture("img_vase", "queued"));
    engines.pump_streams().unwrap();
    clock.advance(SignedDuration::from_millis(1_500));
    engines.work_once(PAINT).await.unwrap();
    let expected: SqsEvent = serde_json::from_value(fixture("sqs-batch")).unwrap();
    assert_eq!(seen.lock().unwrap().take(), Some(expected.clone()));

    let [lamp, vase] = &expected.records[..] else {
        panic!("two records");
    };
    assert_eq!(
        lamp.body.as_deref(),
        Some(r#"{"account_id":"acc_linen","id":"img_lamp","trace":null}"#),
        "of an item that names no request"
    );
    assert_ne!(lamp.message_id, vase.message_id);
    let told = [
        &lamp.receipt_handle,
        &lamp.md5_of_body,
        &lamp.event_source_arn,
        &lamp.event_source,
        &lamp.aws_region,
    ];
    assert!(told.into_iter().all(Option::is_some));
    assert_eq!(lamp.attributes.len(), 4);
}
