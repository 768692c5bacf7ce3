//! What a table's stream tells, which the pipes' filters are written for.

use serde_json::{Value, json};
use shared::domain::image::{Failure, LIFE};
use shared::store::Guard;
use shared::store::images::Ending;

use crate::World;

impl World {
    /// One request in the database's own words; neither engine looks at the signature.
    pub(crate) async fn raw(&self, target: &str, body: Value) -> (u16, Value) {
        let authorization = "AWS4-HMAC-SHA256 Credential=operator/20330303/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let request = vitrine::client::http().unwrap();
        let answer = request
            .post(self.url.clone())
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", authorization)
            .header("x-amz-date", "20330303T090000Z")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    async fn stream(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.raw(&format!("DynamoDBStreams_20120810.{operation}"), body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// Every record of a table's stream, from its beginning.
    pub(crate) async fn records(&self, table: &str) -> Vec<Value> {
        let streams = self
            .stream("ListStreams", json!({"TableName": self.table(table)}))
            .await;
        let arn = &streams["Streams"][0]["StreamArn"];
        let described = self.stream("DescribeStream", json!({ "StreamArn": arn })).await;
        let mut records = Vec::new();
        for shard in described["StreamDescription"]["Shards"].as_array().unwrap() {
            let from = json!({
                "StreamArn": arn,
                "ShardId": shard["ShardId"],
                "ShardIteratorType": "TRIM_HORIZON",
            });
            let iterator = self.stream("GetShardIterator", from).await;
            let read = json!({"ShardIterator": iterator["ShardIterator"]});
            let page = self.stream("GetRecords", read).await;
            records.extend(page["Records"].as_array().unwrap().clone());
        }
        records
    }
}

#[tokio::test]
async fn a_stream_tells_in_order_what_was_before_and_what_is_after() {
    let world = World::with(&["images"]).await;
    let images = world.images();
    let image = world.ordered(world.ids.next()).await;
    let claimed = world.take(&image).await;
    assert!(images.wake(&claimed, world.now()).await.unwrap());
    let end = images.ending_write(&claimed, Ending::Failed(Failure::NotStored), None, world.now());
    assert_eq!(world.commit([end.unwrap()]).await, []);
    world.advance(LIFE);
    assert!(images.remove_past_its_time((&image).into(), world.now()).await.unwrap());

    let records = world.records("images").await;
    let state = |record: &Value, image: &str| record["dynamodb"][image]["state"]["S"].as_str().map(str::to_owned);
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            let name = record["eventName"].as_str().unwrap();
            (name, state(record, "OldImage"), state(record, "NewImage"))
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            ("INSERT", None, text("queued")),
            ("MODIFY", text("queued"), text("claimed")),
            ("MODIFY", text("claimed"), text("claimed")),
            ("MODIFY", text("claimed"), text("failed")),
            ("REMOVE", text("failed"), None),
        ]
    );
    for record in &records {
        let part = &record["dynamodb"];
        assert_eq!(part["Keys"]["id"]["S"], json!(image.id.to_string()));
        assert_eq!(part["Keys"]["account_id"]["S"], json!(image.account.to_string()));
        assert_eq!(part["StreamViewType"], "NEW_AND_OLD_IMAGES");
        assert_eq!(record["eventSource"], "aws:dynamodb");
    }
    // By this attribute the pipe calls a worker, and numbers are texts as everywhere.
    assert!(records[2]["dynamodb"]["NewImage"]["wake"]["N"].is_string());
    let numbers: Vec<u128> = records
        .iter()
        .map(|record| record["dynamodb"]["SequenceNumber"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test]
async fn what_was_refused_leaves_no_record() {
    let world = World::with(&["outbox"]).await;
    let mail = world.mail().await;
    assert_eq!(
        world.commit([world.outbox().mail_write(&mail).unwrap()]).await,
        [Guard::New]
    );
    world.outbox().wake(world.ids.next(), world.now()).await.unwrap();
    world.outbox().wake(mail.id, world.now()).await.unwrap();
    let records = world.records("outbox").await;
    let names: Vec<_> = records
        .iter()
        .map(|record| record["eventName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["INSERT", "MODIFY"]);
}
