//! Which table is taken for a copy of another, by what DynamoDB says of one that it has recovered.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::store::Recovery;
use shared::{Clock, Entropy, Ids, Platform};

const TABLE: &str = "vitrine-prod-ledger";

/// DynamoDB as far as it describes tables: a copy that is done, one that is not, one of another stage, and the table.
async fn described(body: String) -> impl IntoResponse {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let name = asked["TableName"].as_str().unwrap();
    let summary = |source: &str, in_progress: bool| {
        json!({
            "RestoreDateTime": 1_795_338_000, "RestoreInProgress": in_progress,
            "SourceTableArn": format!("arn:aws:dynamodb:us-west-2:123456789012:table/{source}"),
        })
    };
    let summary = match name {
        "ledger-then" => summary(TABLE, false),
        "ledger-coming" => summary(TABLE, true),
        "vitrine-prod-ledger-of-dev" => summary("vitrine-dev-ledger", false),
        _ => Value::Null,
    };
    let key = [("pk", "HASH"), ("sk", "RANGE")].map(|(name, kind)| json!({ "AttributeName": name, "KeyType": kind }));
    let table = json!({ "Table": { "TableName": name, "KeySchema": key, "RestoreSummary": summary } });
    ([(CONTENT_TYPE, "application/x-amz-json-1.0")], table.to_string())
}

/// What is said of `copy` as a copy of the ledger; nothing if it is one.
async fn said_of(copy: &str) -> Option<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = axum::serve(listener, Router::new().route("/", post(described)));
    let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
    let ids = Ids::new(clock.clone(), entropy.clone());
    let runtime = Runtime::local("operator", Some(url.parse().unwrap()));
    let platform = Platform::with_secrets(runtime, clock, ids, entropy, Secrets::default());
    let db = platform.db();
    tokio::select! {
        recovery = Recovery::of(&db, TABLE, copy) => recovery.err().map(|error| error.to_string()),
        served = serving.into_future() => panic!("nobody describes tables any more: {served:?}"),
    }
}

#[tokio::test]
async fn a_copy_is_one_if_dynamodb_has_recovered_it_from_the_table_and_is_done() {
    assert_eq!(said_of("ledger-then").await, None);
    let coming = said_of("ledger-coming").await;
    assert_eq!(coming.as_deref(), Some("`ledger-coming` is still being recovered"));
    // Its name says so, DynamoDB knows better.
    let other = said_of("vitrine-prod-ledger-of-dev").await;
    assert_eq!(
        other.as_deref(),
        Some("`vitrine-prod-ledger-of-dev` was not recovered from `vitrine-prod-ledger`")
    );
    let itself = said_of(TABLE).await;
    assert!(itself.is_some(), "the table itself is taken for a copy of it");
}
