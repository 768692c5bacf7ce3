//! `vitrine ops privacy`, `ops erasures` and `ops receipt`: what a person answers, what a backup undid, and what anybody can check.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::{Clock, Entropy};
use tempfile::TempDir;
use vitrine::client::Client;
use vitrine::stack::{Options, Stack};

use crate::program::{bad, free_ports, good, run};

pub(crate) const EMAIL: &str = "mei@example.com";
pub(crate) const PASSWORD: &str = "a kiln of quiet glazes";

/// A stack on a clock that can be turned, whose schedules stand still, and somebody who has an account there.
pub(crate) struct World {
    folder: TempDir,
    clock: Clock,
    pub(crate) stack: Stack,
    pub(crate) client: Client,
    port: u16,
}

impl World {
    pub(crate) async fn begin() -> Self {
        let (port, folder, clock) = (
            free_ports(),
            tempfile::tempdir().unwrap(),
            Clock::offset(Arc::default()),
        );
        let options = Options {
            port,
            data: Some(folder.path().join(".vitrine")),
            ..Options::in_memory(clock.clone(), Entropy::system())
        };
        let stack = Stack::start(options).await.unwrap();
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

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
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
    async fn correction(&self) -> String {
        let wanted = json!({ "email": EMAIL, "kind": "correction", "message": "My name is written wrong." });
        let asked = self.ask("POST", "/v1/privacy-requests", wanted).await;
        let id = asked["id"].as_str().unwrap().to_owned();
        let proof = json!({ "email": EMAIL, "code": self.code().await });
        self.ask("POST", &format!("/v1/privacy-requests/{id}/confirm"), proof)
            .await;
        self.stack.drain().await.unwrap();
        id
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

    fn put_back(&self, table: &str, items: &[Value]) {
        let name = &self.stack.template.table(table).unwrap().name;
        for item in items {
            let request = serde_json::from_value(json!({ "TableName": name, "Item": item })).unwrap();
            self.stack.engines.tables.database().put_item(request).unwrap();
        }
    }
}

#[test]
fn a_request_that_waits_is_answered_or_refused_once_and_the_person_is_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    assert_eq!(
        good(&world.ops(&["privacy", "list"])),
        "No request waits for an answer\n"
    );
    let id = runtime.block_on(world.correction());
    let list = good(&world.ops(&["privacy", "list"]));
    assert!(list.contains(&format!("29  correction  {id}")), "{list}");
    let shown = good(&world.ops(&["privacy", "show", &id]));
    assert!(
        shown.contains("My name is written wrong.") && shown.contains(EMAIL),
        "{shown}"
    );

    let said = good(&world.ops(&["privacy", "answer", &id, "--text", "It is Mei now."]));
    assert!(
        said.starts_with(&format!("{id} is done; the answer is on its way (act_")),
        "{said}"
    );
    assert_eq!(
        good(&world.ops(&["privacy", "list"])),
        "No request waits for an answer\n"
    );
    let again = format!("{id} does not wait for an answer: it is done");
    bad(&world.ops(&["privacy", "refuse", &id, "--reason", "no"]), &again);
    let shown = good(&world.ops(&["privacy", "show", &id]));
    assert!(!shown.contains("written wrong"), "what was written is kept: {shown}");
    runtime.block_on(world.stack.drain()).unwrap();
    let mail = world.stack.simulators.mails(Some(EMAIL)).into_iter().next().unwrap();
    assert!(mail.text.unwrap().contains("It is Mei now."));

    let id = runtime.block_on(world.correction());
    good(&world.ops(&["privacy", "refuse", &id, "--reason", "It is your name."]));
    let shown = good(&world.ops(&["privacy", "show", &id]));
    assert!(
        shown.contains("refused") && shown.contains("It is your name."),
        "{shown}"
    );
    runtime.block_on(world.stack.drain()).unwrap();
    let acts: Vec<String> = world.items("audit").iter().map(ToString::to_string).collect();
    assert!(
        acts.len() == 2 && acts.iter().all(|act| !act.contains(EMAIL)),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}

#[test]
fn a_receipt_verifies_without_a_network_and_what_a_backup_brings_back_is_erased_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.stack.drain()).unwrap();
    let tables = ["accounts", "sessions", "outbox"];
    let backup = tables.map(|table| (table, world.items(table)));
    let closed = runtime.block_on(world.ask("DELETE", "/v1/account", json!({ "password": PASSWORD })));
    let list = good(&world.ops(&["erasures", "list"]));
    assert!(list.contains("waiting"), "{list}");
    world.clock.advance(SignedDuration::from_hours(72));
    runtime.block_on(async {
        world.stack.run_due_schedules().await.unwrap();
        world.stack.drain().await.unwrap();
    });
    assert_eq!(good(&world.ops(&["erasures", "list"])), "No deletion is open\n");

    let file = world.folder.path().join("receipt.jws");
    let receipt = runtime.block_on(async {
        let http = vitrine::client::http().unwrap();
        let request = http.get(closed["receipt_url"].as_str().unwrap());
        let answer = request.header("accept", "application/jose").send().await.unwrap();
        answer.text().await.unwrap()
    });
    std::fs::write(&file, &receipt).unwrap();

    for (table, items) in &backup {
        world.put_back(table, items);
    }
    let said = good(&world.ops(&["erasures", "replay"]));
    assert!(said.starts_with("one erasure begins anew"), "{said}");
    runtime.block_on(async {
        world.stack.run_schedule("accounts-erase").await.unwrap();
        world.stack.drain().await.unwrap();
    });
    for table in tables {
        let left: Vec<String> = world.items(table).iter().map(ToString::to_string).collect();
        assert!(left.iter().all(|item| !item.contains(EMAIL)), "{table}: {left:?}");
    }
    assert_eq!(good(&world.ops(&["erasures", "list"])), "No deletion is open\n");

    // Nobody serves any more.
    runtime.block_on(world.stack.close());
    let verify = |folder: &Path| run(folder, &["ops", "receipt", "verify", "receipt.jws"]);
    let said = good(&verify(world.folder.path()));
    assert!(
        said.contains("The signature holds") && said.contains("1  profile"),
        "{said}"
    );
    std::fs::write(&file, receipt.replacen('A', "B", 1)).unwrap();
    let changed = verify(world.folder.path());
    assert_eq!(changed.status.code(), Some(1));
}
