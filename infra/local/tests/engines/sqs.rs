//! The queues as operators ask them, with Amazon's own client.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry as Hiding, ListMessageMoveTasksResultEntry, MessageSystemAttributeName,
    QueueAttributeName,
};
use jiff::SignedDuration;
use vitrine::engine::Engines;
use vitrine::engine::grants::OPERATOR;
use vitrine::engine::queues::Depth;
use vitrine::engine::workers::Handler;

use crate::support::{PAINT, clock, engines, sqs};

const DEAD: &str = "vitrine-local-images-paint-dead";
const DEAD_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:vitrine-local-images-paint-dead";

/// Lets a message of the painters be received twice in vain, and so die.
async fn given_up(engines: &Engines, clock: &shared::Clock) -> String {
    let id = engines.queues.send(PAINT, r#"{"id":"img_1"}"#).unwrap();
    for _ in 0..3 {
        engines.queues.receive(PAINT, 10).unwrap();
        clock.advance(SignedDuration::from_secs(360));
    }
    assert_eq!(engines.queues.depth(DEAD).unwrap().visible, 1);
    id
}

async fn url(client: &Client, queue: &str) -> String {
    let found = client.get_queue_url().queue_name(queue).send().await.unwrap();
    found.queue_url.unwrap()
}

async fn newest_move(client: &Client) -> ListMessageMoveTasksResultEntry {
    let moves = client.list_message_move_tasks().source_arn(DEAD_ARN).send().await;
    moves.unwrap().results.unwrap().remove(0)
}

#[tokio::test]
async fn a_dead_letter_tells_where_it_came_from_and_is_hidden_for_as_long_as_its_reader_says() {
    let clock = clock();
    let engines = engines(&clock).await;
    let id = given_up(&engines, &clock).await;
    let client = sqs(&engines, OPERATOR);
    let dead = url(&client, DEAD).await;
    assert_eq!(dead, format!("{}/000000000000/{DEAD}", engines.dynamodb_url()));

    let told = client.get_queue_attributes().queue_url(&dead);
    let told = told.attribute_names(QueueAttributeName::All).send().await.unwrap();
    let told = told.attributes.unwrap();
    assert_eq!(told[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(told[&QueueAttributeName::QueueArn], DEAD_ARN);
    assert!(!told.contains_key(&QueueAttributeName::RedrivePolicy));

    let asked = client.receive_message().queue_url(&dead).visibility_timeout(20);
    let asked = asked.message_system_attribute_names(MessageSystemAttributeName::All);
    let mut seen = asked.send().await.unwrap().messages.unwrap();
    let seen = seen.remove(0);
    assert_eq!(seen.message_id.as_deref(), Some(id.as_str()));
    assert_eq!(seen.body.as_deref(), Some(r#"{"id":"img_1"}"#));
    assert_eq!(seen.md5_of_body.as_deref(), Some("3b6cb46dafe6684e3ccf4d7c53c56e5f"));
    let told = seen.attributes.unwrap();
    assert_eq!(told[&MessageSystemAttributeName::SentTimestamp], "1795338000000");
    // Twice by its worker, once by whoever looks.
    assert_eq!(told[&MessageSystemAttributeName::ApproximateReceiveCount], "3");
    assert_eq!(
        told[&MessageSystemAttributeName::DeadLetterQueueSourceArn],
        format!("arn:aws:sqs:us-east-1:000000000000:{PAINT}")
    );

    assert_eq!(engines.queues.depth(DEAD).unwrap(), Depth { visible: 0, hidden: 1 });
    let none = client.receive_message().queue_url(&dead).send().await.unwrap();
    assert_eq!(none.messages, None);
    let entry = |receipt: &str| Hiding::builder().id("a").receipt_handle(receipt).visibility_timeout(0);
    let let_go = client.change_message_visibility_batch().queue_url(&dead);
    let entries = vec![
        entry(&seen.receipt_handle.unwrap()).build().unwrap(),
        entry("another").build().unwrap(),
    ];
    let let_go = let_go.set_entries(Some(entries)).send().await.unwrap();
    assert_eq!((let_go.successful.len(), let_go.failed.len()), (1, 1));
    assert_eq!(engines.queues.depth(DEAD).unwrap(), Depth { visible: 1, hidden: 0 });

    let again = client
        .receive_message()
        .queue_url(&dead)
        .visibility_timeout(0)
        .send()
        .await;
    let again = again.unwrap().messages.unwrap().remove(0);
    assert_eq!(again.attributes, None, "nobody has asked for attributes");
    let deletion = client.delete_message().queue_url(&dead);
    deletion
        .receipt_handle(again.receipt_handle.unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(engines.queues.depth(DEAD).unwrap(), Depth::default());
}

#[tokio::test]
async fn a_dead_letter_goes_back_as_a_new_message_and_what_came_from_no_queue_fails_the_move() {
    let clock = clock();
    let engines = engines(&clock).await;
    let id = given_up(&engines, &clock).await;
    let client = sqs(&engines, OPERATOR);
    let start = || client.start_message_move_task().source_arn(DEAD_ARN).send();
    start().await.unwrap();
    let done = newest_move(&client).await;
    assert_eq!((done.status(), done.failure_reason()), (Some("COMPLETED"), None));
    assert_eq!(
        (
            done.approximate_number_of_messages_moved,
            done.approximate_number_of_messages_to_move
        ),
        (1, Some(1))
    );
    assert_eq!(done.started_timestamp, clock.now().as_millisecond());
    let back = engines.queues.peek(PAINT).unwrap().remove(0);
    assert_ne!(back.id, id);
    assert_eq!((back.sent, back.receives, back.source), (clock.now(), 0, None));

    engines.queues.send(DEAD, "by hand").unwrap();
    start().await.unwrap();
    let failed = newest_move(&client).await;
    assert_eq!(failed.status(), Some("FAILED"));
    assert_eq!(failed.failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(engines.queues.depth(DEAD).unwrap().visible, 1);

    let dead = url(&client, DEAD).await;
    let sources = client
        .list_dead_letter_source_queues()
        .queue_url(dead)
        .send()
        .await
        .unwrap();
    assert_eq!(sources.queue_urls, [url(&client, PAINT).await]);
}

#[tokio::test]
async fn a_worker_is_called_for_what_went_back() {
    let clock = clock();
    let engines = engines(&clock).await;
    given_up(&engines, &clock).await;
    let done: Handler = std::sync::Arc::new(|_| Box::pin(async { Ok(serde_json::json!({})) }));
    let (spec, ..) = crate::support::worker(PAINT);
    engines.workers.attach(spec, done).unwrap();
    let client = sqs(&engines, OPERATOR);
    client
        .start_message_move_task()
        .source_arn(DEAD_ARN)
        .send()
        .await
        .unwrap();
    assert_eq!(engines.drain().await.unwrap().done, 1);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_the_services_own_words() {
    let engines = engines(&clock()).await;
    let client = sqs(&engines, OPERATOR);
    let absent = client.get_queue_url().queue_name("vitrine-local-no-such").send().await;
    assert!(absent.unwrap_err().into_service_error().is_queue_does_not_exist());
    let none = "arn:aws:sqs:us-east-1:000000000000:none";
    let absent = client.start_message_move_task().source_arn(none).send().await;
    assert!(
        absent
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );

    let alive = format!("arn:aws:sqs:us-east-1:000000000000:{PAINT}");
    let error = client
        .start_message_move_task()
        .source_arn(alive)
        .send()
        .await
        .unwrap_err();
    let error = error.into_service_error();
    assert_eq!(error.code(), Some("InvalidParameterValue"));
    assert_eq!(
        error.message(),
        Some("Source queue must be configured as a Dead Letter Queue.")
    );
    let elsewhere = client.start_message_move_task().source_arn(DEAD_ARN);
    let error = elsewhere
        .destination_arn(none)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_unsupported_operation(), "{error:?}");

    let dead = url(&client, DEAD).await;
    let many = client
        .receive_message()
        .queue_url(&dead)
        .max_number_of_messages(11)
        .send();
    let error = many.await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidParameterValue"));
    let sent = client
        .send_message()
        .queue_url(&dead)
        .message_body("hello")
        .send()
        .await;
    let error = sent.unwrap_err().into_service_error();
    assert_eq!(error.message(), Some("SendMessage is not served here"));
}

#[tokio::test]
async fn nobody_but_the_operator_looks_into_a_queue_or_moves_anything() {
    let engines = engines(&clock()).await;
    let dead = url(&sqs(&engines, OPERATOR), DEAD).await;
    let painter = sqs(&engines, "images-paint");
    let looked = painter.receive_message().queue_url(&dead).send().await.unwrap_err();
    let error = looked.into_service_error();
    assert_eq!(error.code(), Some("AccessDenied"));
    assert!(
        error
            .message()
            .unwrap()
            .contains("is not authorized to perform: sqs:ReceiveMessage on resource: arn:aws:sqs:")
    );
    let moved = painter.start_message_move_task().source_arn(DEAD_ARN).send().await;
    assert_eq!(moved.unwrap_err().into_service_error().code(), Some("AccessDenied"));
    let hidden = Hiding::builder().id("a").receipt_handle("b").build().unwrap();
    let hidden = painter
        .change_message_visibility_batch()
        .queue_url(dead)
        .entries(hidden)
        .send()
        .await;
    let error = hidden.unwrap_err().into_service_error();
    assert!(
        error.message().unwrap().contains("sqs:ChangeMessageVisibility on"),
        "{error:?}"
    );
}
