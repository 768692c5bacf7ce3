//! A stack of its own, served on free ports, and somebody who has an account there.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::{Clock, Entropy};
use tempfile::TempDir;
use vitrine::client::Client;
use vitrine::stack::{Options, Stack};

use crate::program::{free_ports, run};

pub(crate) const EMAIL: &str = "mei@example.com";
pub(crate) const PASSWORD: &str = "a kiln of quiet glazes";

/// A stack on a clock that can be turned, whose schedules stand still, and somebody who has an account there.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) stack: Stack,
    pub(crate) client: Client,
    pub(crate) port: u16,
}

impl World {
    pub(crate) async fn begin() -> Self {
        let (port, folder, clock) = (
            free_ports(),
            tempfile::tempdir().unwrap(),
            Clock::offset(Arc::default()),
        );
        let stack = serving(port, &folder, &clock).await;
        let client = Client::new(stack.api_url(), stack.simulator_url()).unwrap();
        let mut world = Self {
            folder,
            clock,
            stack,
            client,
            port,
        };
        let policy = world.stack.policy_version().unwrap();
        let new = json!({ "email": EMAIL, "password": PASSWORD, "policy_version": policy });
        let waiting = world.ask("POST", "/v1/accounts", new).await;
        let proof = json!({ "email": EMAIL, "signup_id": waiting["signup_id"], "code": world.code().await });
        world.ask("POST", "/v1/accounts/verify", proof).await;
        world.client.sign_in_as(EMAIL, PASSWORD).await.unwrap();
        world
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.client.ask(method, path, Some(body)).await.unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
        answer.body
    }

    /// The code of the newest mail.
    async fn code(&self) -> String {
        self.stack.drain().await.unwrap();
        let mails = self.stack.simulators.mails(Some(EMAIL));
        mails.into_iter().find_map(|mail| mail.code).unwrap()
    }

    /// A request for a correction that waits for a person; its id.
    pub(crate) async fn correction(&self) -> String {
        let wanted = json!({ "email": EMAIL, "kind": "correction", "message": "My name is written wrong." });
        let asked = self.ask("POST", "/v1/privacy-requests", wanted).await;
        let id = asked["id"].as_str().unwrap().to_owned();
        let proof = json!({ "email": EMAIL, "code": self.code().await });
        self.ask("POST", &format!("/v1/privacy-requests/{id}/confirm"), proof)
            .await;
        self.stack.drain().await.unwrap();
        id
    }

    /// A picture that was painted: its id and its link.
    pub(crate) async fn painted(&self, prompt: &str) -> (String, String) {
        let order = self.client.order(prompt).await.unwrap();
        self.stack.drain().await.unwrap();
        let picture = self.client.picture(&order.id).await.unwrap();
        (picture.id, picture.download.unwrap().url)
    }

    pub(crate) fn ops(&self, arguments: &[&str]) -> std::process::Output {
        let port = self.port.to_string();
        run(self.folder.path(), &[&["ops"], arguments, &["--port", &port]].concat())
    }

    pub(crate) fn items(&self, table: &str) -> Vec<Value> {
        let name = &self.stack.template.table(table).unwrap().name;
        let request = serde_json::from_value(json!({ "TableName": name })).unwrap();
        let found = self.stack.engines.tables.database().scan(request).unwrap();
        serde_json::to_value(found).unwrap()["Items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// What operators did, each act as text; what they only looked at is left out.
    pub(crate) fn acts(&self) -> Vec<String> {
        let acts = self.items("audit").into_iter();
        let done = acts.filter(|act| act["reason"]["S"] != "a look");
        done.map(|act| act.to_string()).collect()
    }

    pub(crate) fn put_back(&self, table: &str, items: &[Value]) {
        let name = &self.stack.template.table(table).unwrap().name;
        for item in items {
            let request = serde_json::from_value(json!({ "TableName": name, "Item": item })).unwrap();
            self.stack.engines.tables.database().put_item(request).unwrap();
        }
    }

    /// Takes items away again, as no function of ours does it.
    pub(crate) fn removed(&self, table: &str, items: &[Value]) {
        let spec = self.stack.template.table(table).unwrap();
        let parts = [Some(&spec.partition), spec.sort.as_ref()];
        for item in items {
            let key = parts
                .into_iter()
                .flatten()
                .map(|part| (part.name.clone(), item[&part.name].clone()));
            let request = json!({ "TableName": spec.name, "Key": key.collect::<Value>() });
            let request = serde_json::from_value(request).unwrap();
            self.stack.engines.tables.database().delete_item(request).unwrap();
        }
    }

    /// Recovers a table into one of its own, as DynamoDB does it; its full name.
    pub(crate) fn copied(&self, table: &str) -> String {
        let spec = self.stack.template.table(table).unwrap();
        let name = format!("{}-then", spec.name);
        let parts = [Some(&spec.partition), spec.sort.as_ref()].into_iter().flatten();
        let parts: Vec<_> = parts.map(|part| part.name.as_str()).collect();
        let key = parts.iter().zip(["HASH", "RANGE"]);
        let creation = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": key.map(|(name, kind)| json!({ "AttributeName": name, "KeyType": kind })).collect::<Value>(),
            "AttributeDefinitions":
                parts.iter().map(|name| json!({ "AttributeName": name, "AttributeType": "S" })).collect::<Value>(),
        });
        let database = self.stack.engines.tables.database();
        database
            .create_table(serde_json::from_value(creation).unwrap())
            .unwrap();
        for item in self.items(table) {
            let request = serde_json::from_value(json!({ "TableName": name, "Item": item })).unwrap();
            database.put_item(request).unwrap();
        }
        name
    }

    /// Starts the stack anew, over what it has kept, so that every function reads its parameters again. The parameters are `older_s`
    /// seconds older then.
    pub(crate) async fn start_anew(self, older_s: i64) -> Self {
        let Self {
            folder,
            clock,
            stack,
            client,
            port,
        } = self;
        stack.close().await;
        let file = folder.path().join(".vitrine/parameters.json");
        let mut parameters: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for parameter in parameters.as_object_mut().unwrap().values_mut() {
            parameter["modified"] = json!(parameter["modified"].as_i64().unwrap() - older_s);
        }
        std::fs::write(&file, parameters.to_string()).unwrap();
        let stack = serving(port, &folder, &clock).await;
        Self {
            folder,
            clock,
            stack,
            client,
            port,
        }
    }
}

async fn serving(port: u16, folder: &TempDir, clock: &Clock) -> Stack {
    let options = Options {
        port,
        data: Some(folder.path().join(".vitrine")),
        ..Options::in_memory(clock.clone(), Entropy::system())
    };
    Stack::start(options).await.unwrap()
}
