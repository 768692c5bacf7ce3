use secrecy::ExposeSecret;
use shared::config::Vars;
use shared::platform::Runtime;
use shared::{Clock, Entropy, Ids, Platform};

use crate::server::{Reply, Server};

async fn platform(server: &Server, vars: &Vars) -> Result<Platform, shared::config::ConfigError> {
    let runtime = Runtime::local("images-paint", Some(server.url("/")));
    let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
    let ids = Ids::new(clock.clone(), entropy.clone());
    Platform::new(runtime, clock, ids, entropy, vars).await
}

fn parameters(names: &[&str]) -> Reply {
    let found: Vec<_> = names
        .iter()
        .map(|name| serde_json::json!({"Name": name, "Value": format!("value of {name}"), "Type": "SecureString"}))
        .collect();
    Reply::json(200, &serde_json::json!({ "Parameters": found }).to_string())
}

#[tokio::test]
async fn all_secrets_come_in_one_call_that_names_the_function() {
    let vars = Vars::from_pairs([
        ("SEEDREAM_KEY_PARAMETER", "/vitrine/test/seedream-key"),
        ("COS_KEYS_PARAMETER", "/vitrine/test/cos-painter"),
        ("CDN_KEY_PARAMETER", " "),
    ]);
    let names = ["/vitrine/test/cos-painter", "/vitrine/test/seedream-key"];
    let server = Server::playing([parameters(&names)]);
    let platform = platform(&server, &vars).await.unwrap();
    let key = platform.secrets.text(&vars, "SEEDREAM_KEY_PARAMETER").unwrap();
    assert_eq!(key.expose_secret(), "value of /vitrine/test/seedream-key");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("x-amz-target"), Some("AmazonSSM.GetParameters"));
    assert_eq!(
        requests[0].json(),
        serde_json::json!({"Names": names, "WithDecryption": true})
    );
    let authorization = requests[0].header("authorization").unwrap();
    assert!(authorization.contains("Credential=images-paint/"), "{authorization}");
}

#[tokio::test]
async fn eleven_secrets_take_two_calls() {
    let names: Vec<_> = (10..21)
        .map(|n| (format!("V{n}_PARAMETER"), format!("/p/{n}")))
        .collect();
    let vars = Vars::from_pairs(names);
    let server = Server::playing([parameters(&["/p/10"]), parameters(&[])]);
    platform(&server, &vars).await.unwrap();
    let mut asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.json()["Names"].as_array().unwrap().len())
        .collect();
    asked.sort_unstable();
    assert_eq!(asked, [1, 10]);
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_by_its_variable() {
    let vars = Vars::from_pairs([("HASH_KEY_PARAMETER", "/vitrine/test/hash-key")]);
    let server = Server::playing([parameters(&[])]);
    let platform = platform(&server, &vars).await.unwrap();
    assert_eq!(
        platform
            .secrets
            .text(&vars, "HASH_KEY_PARAMETER")
            .unwrap_err()
            .to_string(),
        "the parameter named by HASH_KEY_PARAMETER is not in the parameter store"
    );
}

#[tokio::test]
async fn nobody_is_asked_for_secrets_that_nobody_needs() {
    let server = Server::playing([]);
    platform(&server, &Vars::from_pairs([("IMAGES_TABLE", "t")]))
        .await
        .unwrap();
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn opening_leaves_a_connection_that_the_first_query_uses() {
    let server = Server::playing([
        Reply::new(200, &[], b"healthy: dynamodb"),
        Reply::json(200, r#"{"Item":{"id":{"S":"a"}}}"#),
    ]);
    let platform = platform(&server, &Vars::from_pairs([("A", "b")])).await.unwrap();
    platform.open().await;
    let found = platform
        .dynamodb()
        .get_item()
        .table_name("t")
        .key("id", aws_sdk_dynamodb::types::AttributeValue::S("a".to_owned()))
        .send()
        .await
        .unwrap();
    assert!(found.item.is_some());
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET / HTTP/1.1", "POST / HTTP/1.1"]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn opening_a_connection_to_nobody_is_no_failure() {
    let server = Server::playing([Reply::CloseUnread]);
    let platform = platform(&server, &Vars::from_pairs([("A", "b")])).await.unwrap();
    platform.open().await;
}

#[tokio::test]
async fn a_lost_answer_of_the_database_is_asked_for_again() {
    let server = Server::playing([Reply::CloseAfterReading, Reply::json(200, "{}")]);
    let platform = platform(&server, &Vars::from_pairs([("A", "b")])).await.unwrap();
    let answer = platform.dynamodb().list_tables().send().await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(server.requests().len(), 2);
}
