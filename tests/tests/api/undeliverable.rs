//! What a bounce or a complaint does to an address, and what never comes back because of it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::accounts::sign_up;
use crate::logs;
use crate::support::{World, app, items};
use crate::webhooks::{event, is_well, person, send, signed_at, tell, told, trouble};

#[tokio::test]
async fn mail_that_comes_back_stops_mail_to_the_address_and_its_owner_is_told() {
    let app = app().await;
    let mei = person(&app, "bounced-mei").await;
    let other = person(&app, "other").await;
    // The code's own mail came back as well, but then the address was proved.
    assert!(is_well(&app, &mei).await);
    sign_up(&app, &mei.email, &[]).await.expect(202);
    let since = app.now();
    app.advance(SignedDuration::from_mins(1));
    let (notices, problem) = told(&app, &mei).await;
    assert_eq!(problem, json!({ "kind": "bounced", "since": since }));
    assert_eq!(notices[0]["kind"], "address_bounced");
    assert!(notices[0]["detail"].as_str().unwrap().ends_with('.'));

    let sent = app.stack.simulators.mails(None).len();
    sign_up(&app, &mei.email, &[]).await.expect(202);
    assert_eq!(
        app.stack.simulators.mails(None).len(),
        sent,
        "a mail went to a marked address"
    );
    let withheld = items(&app, "outbox")
        .into_iter()
        .find(|item| item["state"]["S"] == "withheld")
        .unwrap();
    for erased in ["to", "subject", "text", "html"] {
        assert_eq!(withheld.get(erased), None);
    }
    sign_up(&app, &other.email, &[]).await.expect(202);
    assert_eq!(
        app.stack.simulators.mails(None).len(),
        sent + 1,
        "nobody else is concerned"
    );
    assert!(is_well(&app, &other).await);
    logs::tell_nothing();
}

#[tokio::test]
async fn a_complaint_stops_mail_and_outweighs_a_bounce() {
    let app = app().await;
    let mei = person(&app, "complained-mei").await;
    tell(&app, "msg_1", &event(&app, "email.bounced", &mei.email)).await;
    assert_eq!(trouble(&app, &mei).await, "bounced");
    app.advance(SignedDuration::from_mins(1));
    tell(&app, "msg_2", &event(&app, "email.complained", &mei.email)).await;
    let (_, complained) = told(&app, &mei).await;
    assert_eq!(complained, json!({ "kind": "complained", "since": app.now() }));
    app.advance(SignedDuration::from_mins(1));
    for (id, kind) in [("msg_3", "email.bounced"), ("msg_4", "email.complained")] {
        tell(&app, id, &event(&app, kind, &mei.email)).await;
        assert_eq!(told(&app, &mei).await.1, complained);
    }
    let sent = app.stack.simulators.mails(None).len();
    sign_up(&app, &mei.email, &[]).await.expect(202);
    assert_eq!(app.stack.simulators.mails(None).len(), sent);

    let jun = person(&app, "complained-jun").await;
    sign_up(&app, &jun.email, &[]).await.expect(202);
    assert_eq!(trouble(&app, &jun).await, "complained");
}

#[tokio::test]
async fn what_resend_holds_back_itself_is_marked_with_its_reason() {
    let app = app().await;
    for (name, reason, kind) in [
        ("mei", "previous_bounce", "bounced"),
        ("jun", "previous_complaint", "complained"),
    ] {
        let person = person(&app, name).await;
        let mut suppressed = event(&app, "email.suppressed", &person.email);
        suppressed["data"]["suppressed"] = json!({ "type": "OnAccountSuppressionList", "reason": reason });
        tell(&app, &format!("msg_{name}"), &suppressed).await;
        assert_eq!(trouble(&app, &person).await, kind);
    }
}

#[tokio::test]
async fn what_may_pass_by_itself_and_what_we_do_not_know_does_nothing() {
    let app = app().await;
    let mei = person(&app, "mei").await;
    let mut quiet = Vec::new();
    for kind in ["Transient", "Undetermined", "permanent", "", "New"] {
        let mut bounce = event(&app, "email.bounced", &mei.email);
        bounce["data"]["bounce"]["type"] = json!(kind);
        quiet.push(bounce);
    }
    for kind in [
        "email.sent",
        "email.delivered",
        "email.delivery_delayed",
        "email.failed",
        "contact.created",
        "new",
    ] {
        quiet.push(event(&app, kind, &mei.email));
    }
    let mut other_shape = event(&app, "email.bounced", &mei.email);
    other_shape["data"]["bounce"] = json!(["Permanent"]);
    let mut timeless = event(&app, "email.complained", &mei.email);
    timeless["created_at"] = json!("yesterday");
    let by_position = json!([mei.email, "email.complained", app.now()]);
    quiet.extend([other_shape, timeless, by_position, json!({}), json!([]), json!(7)]);
    let before = World::of(&app);
    for (number, event) in quiet.iter().enumerate() {
        tell(&app, &format!("msg_{number}"), event).await;
    }
    for unreadable in ["", "zqxkiln", "{\"type\":", "\u{0}"] {
        send(&app, &signed_at(&app, "msg_unreadable", app.now(), unreadable))
            .await
            .expect(204);
    }
    assert!(World::of(&app) == before);
    assert!(is_well(&app, &mei).await);
    logs::tell_nothing();
}

#[tokio::test]
async fn what_happened_before_an_address_was_proved_does_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    let proved = app.now();
    app.advance(SignedDuration::from_hours(20));
    let accounts = items(&app, "accounts");
    for (id, before) in [("msg_1", 0), ("msg_2", 1), ("msg_3", 3600)] {
        let mut late = event(&app, "email.complained", &mei.email);
        late["created_at"] = json!(proved - SignedDuration::from_millis(before));
        tell(&app, id, &late).await;
    }
    assert_eq!(items(&app, "accounts"), accounts);
    let mut after = event(&app, "email.complained", &mei.email);
    after["created_at"] = json!(proved + SignedDuration::from_millis(1));
    tell(&app, "msg_4", &after).await;
    assert_eq!(trouble(&app, &mei).await, "complained");
}

#[tokio::test]
async fn an_address_that_nobody_has_or_that_waits_for_its_code_is_left_alone() {
    let app = app().await;
    sign_up(&app, "waiting@example.com", &[]).await.expect(202);
    app.advance(SignedDuration::from_mins(1));
    let before = World::of(&app).apart_from("idempotency");
    for (id, to) in [
        ("msg_1", "nobody@example.com"),
        ("msg_2", "waiting@example.com"),
        ("msg_3", "no address"),
        ("msg_4", ""),
    ] {
        tell(&app, id, &event(&app, "email.bounced", to)).await;
    }
    assert!(World::of(&app).apart_from("idempotency") == before);
    let kept = serde_json::to_string(&items(&app, "idempotency")).unwrap();
    assert!(!kept.contains('@') && kept.contains("msg_1"), "{kept}");
}

#[tokio::test]
async fn an_erased_address_stays_erased_whatever_is_told_of_it() {
    let app = app().await;
    let mei = person(&app, "mei").await;
    let name = app.stack.template.table("accounts").unwrap().name.clone();
    for item in items(&app, "accounts") {
        let key = json!({ "TableName": name, "Key": { "pk": item["pk"], "sk": item["sk"] } });
        let request = serde_json::from_value(key).unwrap();
        app.stack.engines.tables.database().delete_item(request).unwrap();
    }
    app.advance(SignedDuration::from_mins(1));
    for (id, kind) in [("msg_1", "email.bounced"), ("msg_2", "email.complained")] {
        tell(&app, id, &event(&app, kind, &mei.email)).await;
    }
    assert_eq!(items(&app, "accounts"), Vec::<Value>::new());
    // Whoever proves the address afterwards begins without a mark.
    app.advance(SignedDuration::from_hours(1));
    let new = app.person("mei").await;
    assert!(is_well(&app, &new).await);
}

#[tokio::test]
async fn nobody_stops_somebody_elses_mail_with_a_sub_address_that_does_not_exist() {
    let app = app().await;
    let mei = person(&app, "mei").await;
    tell(&app, "msg_1", &event(&app, "email.bounced", "mei+nowhere@example.com")).await;
    assert!(is_well(&app, &mei).await);
    tell(&app, "msg_2", &event(&app, "email.bounced", "Mei <MEI@example.com>")).await;
    assert_eq!(trouble(&app, &mei).await, "bounced");
}
