//! P17 and P18: seeing, correcting, deleting, and asking.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, TestApp, logs};

use crate::records::in_full_use;
use crate::seller::{DAY, Seller, files, marked_words};

/// Asks about somebody's data from outside, and shows the code from the mailbox.
pub(crate) async fn asked_from_outside(app: &TestApp, seller: &Seller, kind: &str) -> Answer {
    let email = &seller.marks.email;
    let wanted = json!({ "email": email, "kind": kind, "message": "My name is written wrong." });
    let asked = app.ask("POST", "/v1/privacy-requests", Some(wanted)).await.expect(202);
    app.drain().await;
    let code = app.mail_to(email).and_then(|mail| mail.code).unwrap();
    let path = format!("/v1/privacy-requests/{}/confirm", asked.json["id"].as_str().unwrap());
    let proof = json!({ "email": email, "code": code });
    let shown = app.ask("POST", &path, Some(proof)).await.expect(200);
    app.drain().await;
    shown
}

pub(crate) async fn everything_that_is_kept_of_a_person_can_be_seen_by_them() {
    let (app, mut seller) = in_full_use().await;
    seller.sign_in(&app).await;
    let export = seller.send(&app, "GET", "/v1/account/export", None).await.expect(200);
    let text = export.text.to_lowercase();
    let marks = [&seller.marks.email, &seller.marks.name, &seller.marks.prompt];
    for word in marks.into_iter().flat_map(|mark| marked_words(mark)) {
        assert!(text.contains(&word), "the export lacks `{word}`");
    }
    for section in ["consents", "sessions", "images", "credit_entries", "orders", "mails"] {
        let things = export.json[section].as_array().unwrap();
        assert!(!things.is_empty(), "the export has no {section}");
    }
    // The password is known to nobody, in whatever form.
    for word in marked_words(&seller.marks.password)
        .into_iter()
        .chain(["$2b$".to_owned()])
    {
        assert!(!text.contains(&word), "the export holds `{word}`");
    }
    app.drain().await;
}

pub(crate) async fn a_name_that_is_wrong_can_be_corrected_and_removed() {
    let app = TestApp::new().await;
    let seller = Seller::sign_up(&app, "corrected").await;
    for (given, kept) in [
        (json!("Another Name"), json!("Another Name")),
        (Value::Null, Value::Null),
    ] {
        let change = json!({ "name": given });
        seller
            .send(&app, "PATCH", "/v1/account", Some(change))
            .await
            .expect(200);
        let account = seller.send(&app, "GET", "/v1/account", None).await.expect(200).json;
        assert_eq!(account.get("name").cloned().unwrap_or_default(), kept);
    }
}

pub(crate) async fn whoever_asks_is_answered_by_the_machine_at_once_or_by_a_person_within_thirty_days() {
    logs::keep();
    let app = TestApp::new().await;
    let seller = Seller::sign_up(&app, "asking").await;
    let access = asked_from_outside(&app, &seller, "access").await;
    assert_eq!(access.json["state"], "done");
    let correction = asked_from_outside(&app, &seller, "correction").await;
    assert_eq!(
        (&correction.json["state"], &correction.json["due_at"]),
        (&json!("confirmed"), &json!("2026-12-22T09:00:00Z"))
    );
    let number = correction.json["id"].as_str().unwrap();
    let alarmed = || {
        logs::all()
            .lines()
            .any(|line| line.contains(number) && line.contains("has to be answered"))
    };
    app.advance(DAY * 22);
    app.stack.run_schedule("requests-watch").await.unwrap();
    assert!(!alarmed(), "eight days are left");
    app.advance(DAY + SignedDuration::from_secs(1));
    app.stack.run_schedule("requests-watch").await.unwrap();
    assert!(alarmed(), "nobody is told that a week is left");
}

pub(crate) async fn asking_from_outside_for_a_deletion_ends_in_the_same_erasure() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "outside").await;
    seller.use_everything(&app).await;
    app.advance(SignedDuration::from_hours(1));
    let done = asked_from_outside(&app, &seller, "deletion").await;
    assert_eq!(done.json["state"], "done");
    app.advance(DAY * 3);
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
    assert_eq!(files(&app), Vec::<String>::new());
    let credentials = json!({ "email": seller.marks.email, "password": seller.marks.password });
    app.ask("POST", "/v1/sessions", Some(credentials)).await.expect(401);
}

pub(crate) async fn the_policy_names_a_contact_and_the_service_takes_requests_without_an_account() {
    let app = TestApp::new().await;
    let policy = app
        .request("GET", "/privacy", None, &[("accept", "application/json")], None)
        .await
        .expect(200);
    assert_eq!(policy.json["contact"], "privacy@vitrine.localhost", "{}", policy.text);
    let wanted = json!({ "email": "stranger@example.com", "kind": "access" });
    app.ask("POST", "/v1/privacy-requests", Some(wanted)).await.expect(202);
    app.drain().await;
}
