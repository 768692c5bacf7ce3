//! `vitrine ops queue`: what was given up is seen, sent back and worked off, or thrown away.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use jiff::SignedDuration;
use ops::queues::Queue;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use vitrine::engine::objects::Fault;
use vitrine::engine::queues::Depth;
use vitrine::template::Template;

use crate::program::{bad, free_ports, good, line, run, text, vitrine};
use crate::world::{EMAIL, PASSWORD, World};

const PAINT: &str = "vitrine-local-images-paint";
const DEAD: &str = "vitrine-local-images-paint-dead";

/// What a pipe puts among the dead letters.
fn not_carried() -> String {
    json!({
        "context": {
            "partnerResourceArn": "arn:aws:pipes:us-east-1:000000000000:pipe/vitrine-local-images-paint",
            "condition": "RetryAttemptsExhausted",
        },
        "version": "1.0",
        "timestamp": "2026-11-22T09:30:00Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001234567891234-aaa1abcd",
            "startSequenceNumber": "100000000000000000001",
            "endSequenceNumber": "100000000000000000001",
            "approximateArrivalOfFirstRecord": "2026-11-22T09:00:00Z",
            "approximateArrivalOfLastRecord": "2026-11-22T09:00:00Z",
            "batchSize": 1,
            "streamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/vitrine-local-images/stream/1",
        },
    })
    .to_string()
}

/// A picture whose painter has failed five times, because no store took it.
async fn given_up(world: &World) -> String {
    let stores = [world.stack.engines.objects.book(), world.stack.engines.oss.book()];
    for book in stores {
        book.trouble(Fault::fail(Some("PutObject"), 10_000, 503, "SlowDown"));
    }
    let picture = world.client.order("a bowl").await.unwrap().id;
    for _ in 0..6 {
        world.stack.drain().await.unwrap();
        let queued = world.stack.engines.queues.peek(PAINT).unwrap();
        if let Some(message) = queued.first() {
            let wait = message.visible.duration_since(world.clock.now()) + SignedDuration::from_secs(1);
            assert!(world.clock.advance(wait));
        }
    }
    for book in stores {
        book.calm();
    }
    assert_eq!(depth(world), (1, 0));
    picture
}

/// How many dead letters of the painters can be seen, and how many are hidden.
fn depth(world: &World) -> (u64, u64) {
    let Depth { visible, hidden } = world.stack.engines.queues.depth(DEAD).unwrap();
    (visible, hidden)
}

#[test]
fn a_picture_that_was_given_up_is_shown_and_painted_once_its_message_is_sent_back() {
    let runtime = Runtime::new().unwrap();
    let mut world = runtime.block_on(World::begin());
    let picture = runtime.block_on(given_up(&world));

    let listed = good(&world.ops(&["queue", "list"]));
    let painters = line(&listed, "images-paint");
    assert!(
        painters.starts_with("0        0         1  1 by its worker, 0 otherwise; the oldest is of 20"),
        "{listed}"
    );
    assert_eq!(line(&listed, "mail-send"), "0        0         0");

    let letter = world.stack.engines.queues.peek(DEAD).unwrap().remove(0);
    for times in 7..9 {
        let shown = good(&world.ops(&["queue", "peek", "images-paint"]));
        assert_eq!(shown.lines().next(), Some(letter.id.as_str()));
        assert_eq!(line(&shown, "sent"), letter.sent.to_string());
        // Five times by the painter, once for the list, and now.
        assert_eq!(line(&shown, "received"), format!("{times} times, with this look"));
        assert_eq!(line(&shown, "given up by"), format!("the worker of `{PAINT}`"));
        assert!(
            line(&shown, "body").contains(&format!("\"id\":\"{picture}\"")),
            "{shown}"
        );
        assert_eq!(depth(&world), (1, 0), "a look hides nothing that it has let go");
    }
    assert!(world.acts().is_empty());

    let moved = good(&world.ops(&["queue", "redrive", "images-paint"]));
    assert!(
        moved.starts_with("1 dead letter of images-paint to send back (act_"),
        "{moved}"
    );
    assert!(moved.ends_with("\n1 message went back to images-paint\n"), "{moved}");
    assert_eq!(depth(&world), (0, 0));
    let acts = world.acts();
    assert_eq!(acts.len(), 1);
    assert!(
        acts[0].contains("queue redrive images-paint") && acts[0].contains("1 dead letter given up"),
        "{acts:?}"
    );
    assert!(!acts[0].contains(&picture), "{acts:?}");

    let painted = runtime.block_on(async {
        world.stack.drain().await.unwrap();
        world.client.sign_in_as(EMAIL, PASSWORD).await.unwrap();
        world.client.picture(&picture).await.unwrap()
    });
    assert_eq!(painted.state, "ready");
    let again = good(&world.ops(&["queue", "redrive", "images-paint"]));
    assert_eq!(again, "nothing lies among the dead letters of images-paint\n");
    assert_eq!(world.acts().len(), 1, "nothing was done, and nothing is written down");
    runtime.block_on(world.stack.close());
}

#[test]
fn what_a_pipe_gave_up_is_told_goes_back_nowhere_and_can_be_thrown_away() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let queues = &world.stack.engines.queues;
    let id = queues.send(DEAD, &not_carried()).unwrap();
    let other = queues.send(DEAD, "by hand").unwrap();

    let shown = good(&world.ops(&["queue", "peek", "images-paint"]));
    assert!(
        shown.contains(
            "the pipe `vitrine-local-images-paint`, which could not carry a change of 2026-11-22T09:00:00Z (RetryAttemptsExhausted)"
        ),
        "{shown}"
    );
    assert!(shown.contains("nobody known: it came from no queue"), "{shown}");
    let listed = good(&world.ops(&["queue", "list"]));
    assert!(
        line(&listed, "images-paint").contains("0 by its worker, 2 otherwise"),
        "{listed}"
    );

    let moved = world.ops(&["queue", "redrive", "images-paint"]);
    let why = "0 messages went back to images-paint; what is left came from no queue and goes nowhere: look at it with `ops queue \
               peek images-paint`, and throw it away with `ops queue discard images-paint`";
    bad(&moved, why);
    assert_eq!(depth(&world), (2, 0));

    let discard = |id: &str| world.ops(&["queue", "discard", "images-paint", id, "--reason", "carried by hand"]);
    let told = good(&discard(&id));
    assert!(told.starts_with(&format!("{id} is thrown away (act_")), "{told}");
    bad(&discard(&id), &format!("there is no dead letter {id} of images-paint"));
    assert_eq!(depth(&world), (1, 0));
    assert_eq!(queues.peek(DEAD).unwrap()[0].id, other);
    let acts = world.acts();
    assert_eq!(acts.len(), 2, "a redrive and what was thrown away: {acts:?}");
    assert!(
        acts.iter()
            .any(|act| act.contains("queue discard images-paint") && act.contains(&format!("{id}: carried by hand"))),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}

#[test]
fn no_more_is_shown_than_is_wanted_and_nothing_is_said_to_be_nothing() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let nothing = "nothing lies among the dead letters of mail-send\n";
    assert_eq!(good(&world.ops(&["queue", "peek", "mail-send"])), nothing);
    assert_eq!(good(&world.ops(&["queue", "redrive", "mail-send"])), nothing);

    let ids: BTreeSet<String> = (0..12)
        .map(|number| world.stack.engines.queues.send(DEAD, &format!("{number}")).unwrap())
        .collect();
    let shown_of = |arguments: &[&str]| {
        let told = good(&world.ops(&[&["queue", "peek", "images-paint"], arguments].concat()));
        let shown = ids.iter().filter(|id| told.contains(*id)).count();
        (told, shown)
    };
    let (told, shown) = shown_of(&[]);
    assert_eq!(shown, 10);
    assert!(told.ends_with("\nand 2 more; --most shows them\n"), "{told}");
    let (told, shown) = shown_of(&["--most", "100"]);
    assert_eq!(shown, 12);
    assert!(!told.contains("more"), "{told}");
    assert_eq!(depth(&world), (12, 0));
    assert!(world.acts().is_empty());

    // Somebody else looks, for longer than this.
    let minute = std::time::Duration::from_secs(60);
    world.stack.engines.queues.receive_for(DEAD, 12, minute).unwrap();
    let told = good(&world.ops(&["queue", "peek", "images-paint"]));
    assert_eq!(
        told,
        "somebody else looks at 12 dead letters of images-paint just now; try again in a moment\n"
    );
    let why = "somebody looks at 12 dead letters of images-paint just now; try again in a moment";
    bad(&world.ops(&["queue", "redrive", "images-paint"]), why);
    assert!(world.acts().is_empty());
    runtime.block_on(world.stack.close());
}

#[test]
fn a_queue_that_is_none_is_refused_with_those_that_there_are_and_so_is_a_stack_that_does_not_serve() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_ports().to_string());
    for command in ["peek", "redrive"] {
        let wrong = run(
            folder.path(),
            &["ops", "queue", command, "images-paint-dead", "--port", &port],
        );
        assert_eq!(wrong.status.code(), Some(2));
        let told = text(&wrong.stderr);
        assert!(
            told.contains("there is no queue `images-paint-dead`; there are images-paint, images-erase, mail-send"),
            "{told}"
        );
        let silent = run(
            folder.path(),
            &["ops", "queue", command, "images-paint", "--port", &port],
        );
        assert_eq!(silent.status.code(), Some(1));
        let told = text(&silent.stderr);
        assert!(
            told.starts_with(&format!("vitrine: the local stack cannot be asked at port {port}")),
            "{told}"
        );
    }
}

#[test]
fn the_queues_are_those_of_the_template() {
    let template = Template::local().unwrap();
    let known: BTreeMap<String, String> = Queue::ALL
        .map(|queue| (queue.in_stage("local"), queue.dead_in_stage("local")))
        .into();
    let name = |short: &str| template.queue(short).unwrap().name.clone();
    let declared = template.queues.iter();
    let declared = declared.filter_map(|queue| Some((queue.name.clone(), name(&queue.dead_letters.as_ref()?.queue))));
    assert_eq!(known, declared.collect());
}

/// An SQS whose moves take their time: it tells of one task after the other, each time it is asked. What it was asked for is written down.
async fn slow_queues(tasks: &[Value]) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let tasks = Arc::new(Mutex::new(tasks.iter().rev().cloned().collect::<Vec<_>>()));
    let seen = Arc::clone(&asked);
    let answer = move |headers: HeaderMap| async move {
        let target = headers["x-amz-target"].to_str().unwrap().to_owned();
        let answer = match target.as_str() {
            "AmazonSQS.GetQueueUrl" => json!({ "QueueUrl": "http://localhost/1/dead" }),
            "AmazonSQS.GetQueueAttributes" => {
                json!({ "Attributes": { "ApproximateNumberOfMessages": "3", "QueueArn": "arn:aws:sqs:us-east-1:1:dead" } })
            }
            "AmazonSQS.StartMessageMoveTask" => json!({ "TaskHandle": "a task" }),
            "AmazonSQS.ListMessageMoveTasks" => json!({ "Results": [tasks.lock().unwrap().pop().unwrap()] }),
            other => panic!("nobody asks for {other}"),
        };
        seen.lock().unwrap().push(target.replace("AmazonSQS.", ""));
        Json(answer)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(axum::serve(listener, router).into_future())
    });
    (url, asked)
}

/// Redrives in a deployed stage: the tables are the local ones, the queues those at `queues`.
fn redrive(world: &World, queues: &str) -> Output {
    let engine = world.stack.engines.dynamodb_url();
    vitrine(
        world.folder.path(),
        &["ops", "queue", "redrive", "images-paint", "--stage", "local"],
    )
    .env("AWS_REGION", "us-east-1")
    .env("AWS_ACCESS_KEY_ID", "operator")
    .env("AWS_SECRET_ACCESS_KEY", "operator")
    .env("AWS_ENDPOINT_URL_DYNAMODB", engine)
    .env("AWS_ENDPOINT_URL_SQS", queues)
    .output()
    .unwrap()
}

fn task(status: &str, moved: u64, started: u64) -> Value {
    json!({
        "Status": status,
        "SourceArn": "arn:aws:sqs:us-east-1:1:dead",
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": 3,
        "StartedTimestamp": started,
    })
}

#[test]
fn a_move_is_followed_to_its_end_also_by_whoever_was_interrupted() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let earlier = task("COMPLETED", 9, 1);
    // SQS lists the new one a moment late.
    let (url, asked) = runtime.block_on(slow_queues(&[
        earlier.clone(),
        earlier,
        task("RUNNING", 0, 2),
        task("RUNNING", 2, 2),
        task("COMPLETED", 3, 2),
    ]));
    let told = good(&redrive(&world, &url));
    let lines: Vec<_> = told.lines().collect();
    assert!(
        lines[0].starts_with("3 dead letters of images-paint to send back (act_"),
        "{told}"
    );
    assert_eq!(
        lines[1..],
        ["0 of 3 moved", "2 of 3 moved", "3 messages went back to images-paint"]
    );
    assert!(asked.lock().unwrap().contains(&"StartMessageMoveTask".to_owned()));
    assert_eq!(world.acts().len(), 1);

    let under_way = [task("RUNNING", 1, 3), task("RUNNING", 2, 3), task("FAILED", 2, 3)];
    let (url, asked) = runtime.block_on(slow_queues(&under_way));
    let followed = redrive(&world, &url);
    let told = bad(
        &followed,
        "2 messages went back to images-paint, then SQS stopped: FAILED",
    );
    assert_eq!(
        told,
        "a move of the dead letters of images-paint is under way already\n2 of 3 moved\n"
    );
    assert!(!asked.lock().unwrap().contains(&"StartMessageMoveTask".to_owned()));
    assert_eq!(world.acts().len(), 1, "it was written down when it was begun");
    runtime.block_on(world.stack.close());
}
