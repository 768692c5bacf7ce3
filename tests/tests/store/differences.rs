//! Where the two engines and the real database are not alike, each established by asking. `docs/engines.md` is the list.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use futures::future::join_all;
use serde_json::json;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::{Platform, store::images::ImageKey};

use crate::World;
use crate::engine::{item, key, n, put};
use crate::world::Engine;

/// What is asked of an engine.
#[derive(Debug, Clone, Copy)]
enum Question {
    Health,
    Stranger,
    Status,
    ScanOrder,
    Region,
    RecordTime,
    Conflicts,
    IndexLag,
    Twice,
    Unchanged,
    Words,
}

/// A question, in words, and the answers.
struct Row {
    question: Question,
    what: &'static str,
    embedded: &'static str,
    dynamodb_local: &'static str,
    /// By its documentation; nothing here asks it.
    aws: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        question: Question::Conflicts,
        what: "A hundred transactions on one item at once",
        embedded: "all go through",
        dynamodb_local: "all go through",
        aws: "some may be cancelled with `TransactionConflict`",
    },
    Row {
        question: Question::IndexLag,
        what: "An index, right after the write",
        embedded: "has it",
        dynamodb_local: "has it",
        aws: "has it a little later",
    },
    Row {
        question: Question::Stranger,
        what: "A caller that nobody has allowed anything",
        embedded: "`AccessDeniedException`",
        dynamodb_local: "may do everything",
        aws: "`AccessDeniedException`, or `UnrecognizedClientException` for an unknown key",
    },
    Row {
        question: Question::Health,
        what: "`GET /`, by which a function opens its connection",
        embedded: "200",
        dynamodb_local: "400",
        aws: "200",
    },
    Row {
        question: Question::Status,
        what: "A table, in the answer to its creation",
        embedded: "`CREATING`",
        dynamodb_local: "`ACTIVE`",
        aws: "`CREATING`",
    },
    Row {
        question: Question::ScanOrder,
        what: "The order of a scan",
        embedded: "by key",
        dynamodb_local: "by none that means anything",
        aws: "by none that means anything",
    },
    Row {
        question: Question::Region,
        what: "The region in ARNs and stream records",
        embedded: "`dynoxide`",
        dynamodb_local: "`ddblocal`",
        aws: "the region",
    },
    Row {
        question: Question::RecordTime,
        what: "The time of a stream record",
        embedded: "our clock's",
        dynamodb_local: "the machine's, to the minute",
        aws: "the moment, to the second",
    },
    Row {
        question: Question::Unchanged,
        what: "A write that leaves the item as it was, in the stream",
        embedded: "a record",
        dynamodb_local: "nothing",
        aws: "nothing",
    },
    Row {
        question: Question::Twice,
        what: "One item twice in a transaction, each time on the condition that it is new",
        embedded: "`ValidationException`",
        dynamodb_local: "`TransactionCanceledException`",
        aws: "`ValidationException`",
    },
    Row {
        question: Question::Words,
        what: "The words of a refusal, for instance of reading an index consistently",
        embedded: "`Consistent reads are not supported on global secondary indexes`",
        dynamodb_local: "`Consistent read cannot be true when querying a GSI`",
        aws: "its own; we read codes and never words",
    },
];

async fn answer(world: &World, question: Question) -> String {
    match question {
        Question::Health => {
            let client = vitrine::client::http().unwrap();
            let answer = client.get(world.url.clone()).send().await.unwrap();
            answer.status().as_u16().to_string()
        }
        Question::Stranger => stranger(world).await,
        Question::Status => status(world).await,
        Question::ScanOrder => scan_order(world).await,
        Question::Region => format!("`{}`", one_record(world).await["awsRegion"].as_str().unwrap()),
        Question::RecordTime => record_time(world).await,
        Question::Conflicts => conflicts(world).await,
        Question::IndexLag => {
            let image = world.ordered(world.ids.next()).await;
            world.advance(jiff::SignedDuration::from_mins(10));
            let due = world.images().due(world.now(), 100).await.unwrap();
            let has = due.contains(&ImageKey::from(&image));
            if has { "has it" } else { "has it a little later" }.to_owned()
        }
        Question::Twice => {
            let write = || put(world, item("twice", n("1")));
            let sent = world.client.transact_write_items().transact_items(write());
            let error = sent.transact_items(write()).send().await.unwrap_err();
            format!("`{}`", error.code().unwrap())
        }
        Question::Unchanged => unchanged(world).await,
        Question::Words => {
            let query = json!({
                "TableName": world.table("images"),
                "IndexName": "object",
                "ConsistentRead": true,
                "KeyConditionExpression": "object_key = :key",
                "ExpressionAttributeValues": {":key": {"S": "p/1.jpg"}},
            });
            let (_, refusal) = world.raw("DynamoDB_20120810.Query", query).await;
            let words = refusal["message"].as_str().or(refusal["Message"].as_str());
            format!("`{}`", words.unwrap())
        }
    }
}

async fn stranger(world: &World) -> String {
    let runtime = Runtime::local("nobody", Some(world.url.clone()));
    let (clock, ids, entropy) = (world.clock.clone(), world.ids.clone(), world.entropy.clone());
    let client = Platform::with_secrets(runtime, clock, ids, entropy, Secrets::default()).dynamodb();
    match client.scan().table_name(world.table("ledger")).send().await {
        Ok(_) => "may do everything".to_owned(),
        Err(error) => format!("`{}`", error.code().unwrap()),
    }
}

async fn status(world: &World) -> String {
    let create = json!({
        "TableName": format!("{}-second", world.table("ledger")),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    let (_, created) = world.raw("DynamoDB_20120810.CreateTable", create).await;
    format!("`{}`", created["TableDescription"]["TableStatus"].as_str().unwrap())
}

async fn scan_order(world: &World) -> String {
    for number in 0..20 {
        let put = world.client.put_item().table_name(world.table("ledger"));
        put.set_item(Some(key(&format!("scanned-{number:02}"), "x")))
            .send()
            .await
            .unwrap();
    }
    let keys: Vec<_> = world
        .items("ledger")
        .await
        .iter()
        .map(|item| item["pk"].as_s().unwrap().clone())
        .filter(|pk| pk.starts_with("scanned"))
        .collect();
    if keys.is_sorted() {
        "by key"
    } else {
        "by none that means anything"
    }
    .to_owned()
}

async fn one_record(world: &World) -> serde_json::Value {
    world.ordered(world.ids.next()).await;
    world.records("images").await.remove(0)
}

async fn record_time(world: &World) -> String {
    let at = one_record(world).await["dynamodb"]["ApproximateCreationDateTime"].clone();
    let at = at
        .as_i64()
        .or_else(|| at.to_string().trim_end_matches(".0").parse().ok())
        .unwrap();
    let ours = crate::world::START.parse::<jiff::Timestamp>().unwrap().as_second();
    match at {
        _ if (ours..ours + 86_400).contains(&at) => "our clock's",
        _ if at % 60 == 0 => "the machine's, to the minute",
        _ => "the machine's",
    }
    .to_owned()
}

async fn unchanged(world: &World) -> String {
    let image = world.ordered(world.ids.next()).await;
    for _ in 0..2 {
        let mark = world.images().deletion_mark_write(&image).unwrap();
        assert_eq!(world.commit([mark]).await, []);
    }
    let records = world.records("images").await;
    let id = json!(image.id.to_string());
    let of_it = records
        .iter()
        .filter(|record| record["dynamodb"]["Keys"]["id"]["S"] == id);
    match of_it.count() {
        2 => "nothing",
        3 => "a record",
        _ => "neither one nor none",
    }
    .to_owned()
}

async fn conflicts(world: &World) -> String {
    let writes = (0..100).map(|_| async {
        let update = Update::builder()
            .table_name(world.table("ledger"))
            .set_key(Some(key("a", "contended")));
        let update = update
            .update_expression("ADD v :v")
            .expression_attribute_values(":v", n("1"));
        let write = TransactWriteItem::builder().update(update.build().unwrap()).build();
        world.client.transact_write_items().transact_items(write).send().await
    });
    let cancelled = join_all(writes).await.into_iter().filter_map(Result::err).map(|error| {
        let error = error.into_service_error();
        assert!(error.is_transaction_canceled_exception(), "{error:?}");
    });
    match cancelled.count() {
        0 => "all go through".to_owned(),
        _ => "some are cancelled".to_owned(),
    }
}

#[tokio::test]
async fn the_engine_is_as_the_list_of_differences_says() {
    let world = World::with(&["images", "ledger"]).await;
    let mut wrong = Vec::new();
    for row in ROWS {
        let expected = match world.engine {
            Engine::Embedded => row.embedded,
            Engine::DynamodbLocal => row.dynamodb_local,
        };
        let found = answer(&world, row.question).await;
        if found != expected {
            wrong.push(format!("{}: {found}, and the list says {expected}", row.what));
        }
    }
    assert!(wrong.is_empty(), "{:?}: {wrong:#?}", world.engine);
}

#[test]
fn the_list_in_the_documents_is_the_one_that_is_tested() {
    const BEGIN: &str = "<!-- differences: begin -->\n";
    const END: &str = "<!-- differences: end -->\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/engines.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let mut table = "| | Embedded | DynamoDB Local | AWS, by its documents |\n|---|---|---|---|\n".to_owned();
    for row in ROWS {
        let Row {
            what,
            embedded,
            dynamodb_local,
            aws,
            ..
        } = row;
        table.push_str(&format!("| {what} | {embedded} | {dynamodb_local} | {aws} |\n"));
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(
        shown == table,
        "the table in docs/engines.md is not the list. Rewrite it with\n    \
         UPDATE_SNAPSHOTS=1 cargo test -p tests --test store differences\nand read the difference"
    );
}
