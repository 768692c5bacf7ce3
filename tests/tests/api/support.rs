//! What the tests share: people who do things, and the state of the world before and after.

use serde_json::{Value, json};
use shared::domain::Store;
use shared::{Clock, Entropy};
use tests::{Answer, Person, START, TestApp};
use vitrine::sim::{Billed, Fault, Provider};

use crate::logs;

/// Stands in every value that must not come back and must not be logged.
pub(crate) const MARK: &str = "zqxkiln";

/// Has the log kept, and the functions run as this program wants them.
fn prepare() {
    logs::keep();
    crate::host();
}

/// The product, with its log kept.
pub(crate) async fn app() -> TestApp {
    prepare();
    TestApp::new().await
}

/// The time at which tests begin.
pub(crate) fn clock() -> Clock {
    prepare();
    Clock::manual(START.parse().unwrap())
}

/// Begins another session of somebody, whose token has run out.
pub(crate) async fn again(app: &TestApp, person: &Person) -> Person {
    app.sign_in(person).await
}

/// Orders one picture, and gives its id.
pub(crate) async fn order(app: &TestApp, person: &Person, prompt: &str) -> String {
    let key = format!("order-{}", Entropy::system().hex::<8>());
    let ordered = app.order(person, &key, json!({ "prompt": prompt })).await.expect(202);
    ordered.json["images"][0]["id"].as_str().unwrap().to_owned()
}

/// One picture as its owner sees it.
pub(crate) async fn image(app: &TestApp, person: &Person, id: &str) -> Value {
    app.get(person, &format!("/v1/images/{id}")).await.expect(200).json
}

/// Credits that can be spent, and credits set aside.
pub(crate) async fn balance(app: &TestApp, person: &Person) -> (i64, i64) {
    let credits = app.get(person, "/v1/credits").await.expect(200).json;
    (
        credits["available"].as_i64().unwrap(),
        credits["held"].as_i64().unwrap(),
    )
}

/// Lets the next calls of Seedream fail.
pub(crate) fn seedream(app: &TestApp, next: u32, fault: Fault) {
    app.stack.simulators.fault(Provider::Seedream, next, fault).unwrap();
}

/// What Seedream has billed.
pub(crate) fn billed(app: &TestApp) -> Vec<Billed> {
    app.stack.simulators.book().seedream.work
}

/// How often Seedream was asked.
pub(crate) fn asked(app: &TestApp) -> u64 {
    app.stack.simulators.book().seedream.requests_total
}

/// The full name of the queue of this folder.
pub(crate) fn queue(app: &TestApp, folder: &str) -> String {
    let ending = format!("-{folder}");
    let name = app.stack.engines.queues.names().find(|name| name.ends_with(&ending));
    name.unwrap().to_owned()
}

/// How many messages a queue holds: visible, hidden.
pub(crate) fn depth(app: &TestApp, folder: &str) -> (u64, u64) {
    let depth = app.stack.engines.queues.depth(&queue(app, folder)).unwrap();
    (depth.visible, depth.hidden)
}

/// Moves the clock to where the hidden messages of a queue may be seen again.
pub(crate) fn until_visible(app: &TestApp, folder: &str) {
    let messages = app.stack.engines.queues.peek(&queue(app, folder)).unwrap();
    let last = messages.iter().map(|message| message.visible).max().unwrap();
    app.advance(last.duration_since(app.now()));
}

/// The keys of all objects there are, in both stores.
pub(crate) fn objects(app: &TestApp) -> Vec<String> {
    let stores = [Store::Cos, Store::Oss];
    stores
        .into_iter()
        .flat_map(|store| app.stack.files(store).unwrap())
        .collect()
}

/// All items of the table of this name.
pub(crate) fn items(app: &TestApp, table: &str) -> Vec<Value> {
    let name = &app.stack.template.table(table).unwrap().name;
    let request = serde_json::from_value(json!({ "TableName": name })).unwrap();
    let found = app.stack.engines.tables.database().scan(request).unwrap();
    let items = serde_json::to_value(found).unwrap()["Items"].clone();
    items.as_array().cloned().unwrap_or_default()
}

/// Everything that a refused request must leave as it was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    tables: Vec<(String, Vec<Value>)>,
    asked: [u64; 3],
    pending: usize,
}

impl World {
    /// As it is now.
    pub(crate) fn of(app: &TestApp) -> Self {
        let specs = app.stack.engines.tables.specs();
        let names = specs
            .iter()
            .map(|spec| spec.name.rsplit('-').next().unwrap_or_default());
        let book = app.stack.simulators.book();
        Self {
            tables: names.map(|name| (name.to_owned(), kept(app, name))).collect(),
            asked: [
                book.deepseek.requests_total,
                book.seedream.requests_total,
                book.resend.requests_total,
            ],
            pending: app.stack.engines.pending().unwrap(),
        }
    }

    /// The same without what counts tries, which a wrong try is meant to change.
    pub(crate) fn apart_from_limits(self) -> Self {
        self.apart_from("limits")
    }

    /// The same without a table that is meant to change.
    pub(crate) fn apart_from(mut self, table: &str) -> Self {
        self.tables.retain(|(name, _)| name != table);
        self
    }
}

/// The items of a table, without what every first request of a session writes there.
fn kept(app: &TestApp, table: &str) -> Vec<Value> {
    let mut items = items(app, table);
    for session in items.iter_mut().filter(|_| table == "sessions") {
        session["used"] = Value::Null;
        session["last_used_at"] = Value::Null;
    }
    items
}

/// The answer without what differs between two answers that are the same: their names.
pub(crate) fn nameless(answer: &Answer) -> Value {
    let mut json = answer.json.clone();
    json["instance"] = Value::Null;
    json
}
