use std::time::Duration;

use serde_json::{Value, json};
use shared::{Clock, Entropy};
use vitrine::engine::spec::{KeySpec, PipeSpec, QueueSpec, StreamView, TableSpec};
use vitrine::engine::{Engines, Settings};
use vitrine::template::Template;

pub(crate) const IMAGES: &str = "vitrine-local-images";
/// Gets every record of the table whole.
pub(crate) const RECORDS: &str = "vitrine-local-records";

/// The event in `fixtures/<name>.json`.
pub(crate) fn fixture(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

pub(crate) fn text(name: &str) -> String {
    let path = format!("{}/tests/events/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn clock() -> Clock {
    Clock::manual("2026-11-22T09:00:00Z".parse().unwrap())
}

/// The table of pictures with the pipes of the template, and one without filter and template.
pub(crate) fn engines(clock: &Clock) -> Engines {
    let template = Template::local().unwrap();
    let pipes = template.pipes.iter().filter(|pipe| pipe.table == "images");
    let mut settings = Settings::new(clock.clone());
    settings.entropy = Entropy::seeded(1);
    settings.pipes = pipes
        .map(|pipe| PipeSpec {
            name: pipe.name.clone(),
            table: IMAGES.into(),
            queue: format!("vitrine-local-{}", pipe.queue),
            filters: pipe.filters.clone(),
            input: pipe.input_template.clone(),
        })
        .collect();
    settings.pipes.push(PipeSpec {
        name: "records".into(),
        table: IMAGES.into(),
        queue: RECORDS.into(),
        filters: Vec::new(),
        input: None,
    });
    settings.queues = settings.pipes.iter().map(|pipe| queue(&pipe.queue)).collect();
    settings.tables = vec![TableSpec {
        name: IMAGES.into(),
        partition_key: KeySpec::text("account_id"),
        sort_key: Some(KeySpec::text("id")),
        indexes: Vec::new(),
        ttl_attribute: Some("expires_at".into()),
        stream: Some(StreamView::NewAndOldImages),
    }];
    Engines::open(settings).unwrap()
}

fn queue(name: &str) -> QueueSpec {
    QueueSpec {
        name: name.into(),
        visibility: Duration::from_secs(360),
        retention: Duration::from_secs(4 * 86_400),
        dead_letter: None,
    }
}

/// A picture of a lamp, as an item.
pub(crate) fn picture(id: &str, state: &str) -> Value {
    json!({
        "account_id": {"S": "acc_linen"},
        "id": {"S": id},
        "state": {"S": state},
        "object_key": {"S": format!("img/{id}.png")},
        "stores": {"SS": ["cos", "oss"]},
        "expires_at": {"N": "1797930000"},
    })
}

pub(crate) fn put(engines: &Engines, item: &Value) {
    let request = json!({"TableName": IMAGES, "Item": item});
    let put = engines
        .tables
        .database()
        .put_item(serde_json::from_value(request).unwrap());
    put.unwrap();
}

pub(crate) fn delete(engines: &Engines, id: &str) {
    let key = json!({"account_id": {"S": "acc_linen"}, "id": {"S": id}});
    let request = json!({"TableName": IMAGES, "Key": key});
    let deleted = engines
        .tables
        .database()
        .delete_item(serde_json::from_value(request).unwrap());
    deleted.unwrap();
}
