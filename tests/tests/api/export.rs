//! Seeing everything that is kept: the export says what the other routes say, and all of it.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Person, TestApp};
use vitrine::sim::Instrument;

use crate::leaving::closed;
use crate::orders::{approve, bought, capture};
use crate::support::{app, items, order};

const PATH: &str = "/v1/account/export";

/// Every part, as one document: the first, with the things of the others put behind its own.
async fn exported(app: &TestApp, person: &Person) -> (Value, usize) {
    let first = app.get(person, PATH).await.expect(200);
    assert!(first.text.len() < 6_000_000, "a part is larger than Lambda answers");
    let mut whole = first.json;
    let mut parts = 1;
    while let Some(next) = whole.as_object_mut().unwrap().remove("next") {
        let next = next
            .as_str()
            .unwrap()
            .strip_prefix(&app.stack.api_url())
            .unwrap()
            .to_owned();
        let part = app.get(person, &next).await.expect(200);
        assert!(part.text.len() < 6_000_000, "a part is larger than Lambda answers");
        assert_eq!(
            part.json.get("account"),
            None,
            "what is there once stands in the first part"
        );
        for section in ["sessions", "requests", "images", "credit_entries", "orders", "mails"] {
            let more = part.json[section].as_array().unwrap().clone();
            whole[section].as_array_mut().unwrap().extend(more);
        }
        if let Some(next) = part.json.get("next") {
            whole["next"] = next.clone();
        }
        parts += 1;
    }
    (whole, parts)
}

/// All that a list of the API has.
async fn listed(app: &TestApp, person: &Person, path: &str, name: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .get(person, &format!("{path}?limit=100{cursor}"))
            .await
            .expect(200)
            .json;
        all.extend(page[name].as_array().unwrap().clone());
        match page.get("next") {
            Some(next) if !next.is_null() => cursor = format!("&cursor={}", next.as_str().unwrap()),
            _ => return all,
        }
    }
}

#[tokio::test]
async fn an_export_says_what_every_other_route_says() {
    let app = app().await;
    let mei = app.person("mei").await;
    let paid = bought(&app, &mei).await;
    approve(&app, &paid, Instrument::Good);
    capture(&app, &mei, &paid).await.expect(200);
    let ready = app.painted(&mei, "a walnut lamp").await;
    app.painted(&mei, "FORBIDDEN bowl").await;
    order(&app, &mei, "a bowl that waits").await;
    app.request(
        "PATCH",
        "/v1/account",
        Some(&mei.token),
        &[],
        Some(json!({ "name": "Mei" }).to_string()),
    )
    .await
    .expect(200);
    app.sign_in(&mei).await;

    let answer = app.get(&mei, PATH).await.expect(200);
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-disposition")),
        ("no-store", r#"attachment; filename="vitrine-2026-11-22.json""#)
    );
    let (export, parts) = exported(&app, &mei).await;
    assert_eq!(
        (parts, &export["schema"], &export["version"]),
        (1, &json!("vitrine.account"), &json!(1))
    );
    assert_eq!(export["account"], app.get(&mei, "/v1/account").await.expect(200).json);
    assert_eq!(
        export["sessions"],
        json!(listed(&app, &mei, "/v1/sessions", "items").await)
    );
    assert_eq!(export["orders"], json!(listed(&app, &mei, "/v1/orders", "items").await));
    let credits = app.get(&mei, "/v1/credits").await.expect(200).json;
    assert_eq!(
        (&export["credits"]["available"], &export["credits"]["held"]),
        (&credits["available"], &credits["held"])
    );
    assert_eq!(
        export["credit_entries"],
        json!(listed(&app, &mei, "/v1/credits", "entries").await)
    );
    assert_eq!(export["consents"][0]["accepted_at"], "2026-11-22T09:00:00Z");
    let kinds: Vec<_> = export["mails"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mail| &mail["kind"])
        .collect();
    assert_eq!(kinds, ["receipt"]);

    let mut images = export["images"].as_array().unwrap().clone();
    assert_eq!(images.len(), 3);
    let drawn = images.iter().find(|image| image["id"] == ready["id"]).unwrap();
    let link = drawn["download"]["url"].as_str().unwrap();
    assert_eq!(app.http.get(link).send().await.unwrap().status().as_u16(), 200);
    for image in &mut images {
        image.as_object_mut().unwrap().remove("download");
    }
    assert_eq!(images, listed(&app, &mei, "/v1/images", "items").await);
    app.drain().await;
}

#[tokio::test]
async fn an_export_holds_nothing_of_anybody_else_and_nothing_that_opens_a_door() {
    let app = app().await;
    let (mei, li) = (app.person("mei").await, app.person("li").await);
    app.painted(&mei, "a walnut lamp").await;
    app.painted(&li, "a bowl of somebody else").await;
    let export = app.get(&mei, PATH).await.expect(200).text;
    for theirs in [&li.account, &li.email, &li.session, "somebody else"] {
        assert!(!export.contains(theirs), "{theirs}");
    }
    let accounts = items(&app, "accounts");
    let profile = accounts
        .iter()
        .find(|item| item["pk"]["S"] == mei.account.as_str() && item["sk"]["S"] == "profile")
        .unwrap();
    for secret in ["password_hash", "ledger_id"] {
        assert!(!export.contains(profile[secret]["S"].as_str().unwrap()), "{secret}");
    }
}

#[tokio::test]
async fn somebody_with_very_much_gets_all_of_it_in_parts() {
    let app = app().await;
    let mei = app.person("mei").await;
    let made = app.painted(&mei, &"a very long prompt ".repeat(40)).await;
    let name = &app.stack.template.table("images").unwrap().name;
    let model = items(&app, "images").remove(0);
    let ids = shared::Ids::new(app.clock.clone(), shared::Entropy::seeded(9));
    let sessions = &app.stack.template.table("sessions").unwrap().name;
    let session = items(&app, "sessions").remove(0);
    for number in 0..1_200 {
        let id: shared::ids::ImageId = ids.next();
        let mut item = model.clone();
        item["id"]["S"] = json!(id.to_string());
        let request = serde_json::from_value(json!({ "TableName": name, "Item": item })).unwrap();
        app.stack.engines.tables.database().put_item(request).unwrap();
        if number < 150 {
            let id: shared::ids::SessionId = ids.next();
            let mut item = session.clone();
            item["id"]["S"] = json!(id.to_string());
            let request = serde_json::from_value(json!({ "TableName": sessions, "Item": item })).unwrap();
            app.stack.engines.tables.database().put_item(request).unwrap();
        }
    }
    let (export, parts) = exported(&app, &mei).await;
    let images = export["images"].as_array().unwrap();
    let mut ids: Vec<&str> = images.iter().map(|image| image["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((images.len(), ids.len(), parts), (1_201, 1_201, 3));
    assert_eq!(export["sessions"].as_array().unwrap().len(), 151);
    assert!(ids.contains(&made["id"].as_str().unwrap()));
    assert_eq!(export["credit_entries"].as_array().unwrap().len(), 3);
    app.drain().await;
}

#[tokio::test]
async fn an_export_is_for_whoever_is_signed_in_and_three_hundred_parts_a_day() {
    let app = app().await;
    let mei = app.person("mei").await;
    let left = app.get(&mei, PATH).await.expect(200);
    assert_eq!(left.header("ratelimit"), r#""export";r=299;t=54000"#);
    for cursor in ["x", "YXguIQ"] {
        let broken = app.get(&mei, &format!("{PATH}?cursor={cursor}")).await;
        assert!(matches!(broken.status, 400 | 422), "{}", broken.text);
        assert_eq!(broken.problem(), "invalid-cursor");
    }
    for _ in 1..300 {
        app.get(&mei, PATH).await.expect(200);
    }
    let more = app.get(&mei, PATH).await.expect(429);
    assert_eq!(more.problem(), "too-many-requests");
    app.advance(SignedDuration::from_mins(1));
    closed(&app, &mei).await;
    assert_eq!(app.get(&mei, PATH).await.expect(401).problem(), "session-ended");
    app.drain().await;
}
