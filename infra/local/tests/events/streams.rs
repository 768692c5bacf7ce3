use aws_lambda_events::dynamodb;
use dynoxide::actions::get_records::Record;
use jiff::SignedDuration;
use serde_json::{Value, json};
use vitrine::engine::Engines;
use vitrine::lambda::events::stream::stream_event;

use crate::compare::{Form, assert_same};
use crate::support::{RECORDS, clock, delete, engines, fixture, picture, put};

/// What came through the pipe that neither filters nor shapes, the last record first.
fn last_record(engines: &Engines) -> Value {
    engines.pump_streams().unwrap();
    let messages = engines.queues.peek(RECORDS).unwrap();
    serde_json::from_str(&messages.last().unwrap().body).unwrap()
}

#[track_caller]
fn assert_is(record: &Value, name: &str) {
    assert_same(record, &fixture(name), &[("/eventID", Form::EventId)]);
}

#[test]
fn records_of_a_stream_look_as_a_pipe_gets_them() {
    let clock = clock();
    let engines = engines(&clock);
    put(&engines, &picture("img_lamp", "queued"));
    assert_is(&last_record(&engines), "stream-insert");
    put(&engines, &picture("img_lamp", "ready"));
    assert_is(&last_record(&engines), "stream-modify");
    delete(&engines, "img_lamp");
    assert_is(&last_record(&engines), "stream-remove");
}

#[test]
fn the_record_of_an_item_that_expired_names_the_service_that_removed_it() {
    let clock = clock();
    let engines = engines(&clock);
    put(&engines, &picture("img_lamp", "ready"));
    clock.advance(SignedDuration::from_hours(30 * 24) + SignedDuration::from_secs(1));
    assert_eq!(engines.run_expiry().unwrap(), 1);
    assert_is(&last_record(&engines), "stream-expire");
}

#[test]
fn a_record_is_as_large_as_aws_counts_it() {
    // AWS documents the sizes of three records: of a key of 2 letters with a number of 3 digits, and an attribute of 7 letters
    // with a text of 9 bytes, then of 21.
    let item = |caption: &str| json!({"No": {"N": "101"}, "Caption": {"S": caption}});
    let (first, second) = (item("new glaze"), item("a lamp of blue stones"));
    for (new, old, size) in [
        (Some(&first), None, 26),
        (Some(&second), Some(&first), 59),
        (None, Some(&second), 38),
    ] {
        let read = |item: &Value| serde_json::from_value(item.clone()).unwrap();
        let mut record = Record::default();
        record.dynamodb.keys = read(&json!({"No": {"N": "101"}}));
        record.dynamodb.new_image = new.map(read);
        record.dynamodb.old_image = old.map(read);
        assert_eq!(
            stream_event("arn", &record, false).unwrap()["dynamodb"]["SizeBytes"],
            size
        );
    }
}

#[test]
fn every_fixture_of_a_stream_is_read_by_the_library_of_the_events() {
    for (name, kind, images, by) in [
        ("stream-insert", "INSERT", (true, false), None),
        ("stream-modify", "MODIFY", (true, true), None),
        ("stream-remove", "REMOVE", (false, true), None),
        (
            "stream-expire",
            "REMOVE",
            (false, true),
            Some(("Service", "dynamodb.amazonaws.com")),
        ),
    ] {
        let event = json!({"Records": [fixture(name)]});
        let event: dynamodb::Event = serde_json::from_value(event).unwrap();
        let record = &event.records[0];
        assert_eq!(record.event_name, kind, "{name}");
        let change = &record.change;
        assert_eq!(
            images,
            (!change.new_image.is_empty(), !change.old_image.is_empty()),
            "{name}"
        );
        assert_eq!(change.stream_view_type, Some(dynamodb::StreamViewType::NewAndOldImages));
        let identity = record
            .user_identity
            .as_ref()
            .map(|who| (who.type_.as_str(), who.principal_id.as_str()));
        assert_eq!(identity, by, "{name}");
    }
}
