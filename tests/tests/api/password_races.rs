//! A password that is replaced while somebody signs in, and one that ends many sessions.

use serde_json::json;
use tests::PASSWORD;

use crate::accounts::code;
use crate::passwords::{MEI, NEW, change, forget, is_over, reset, sign_in};
use crate::support::{app, items};

#[tokio::test]
async fn no_session_outlives_a_change_of_the_password_that_it_raced() {
    let app = app().await;
    let mei = app.person("mei").await;
    let (changed, one, two, three) = tokio::join!(
        change(&app, &mei, PASSWORD, NEW),
        sign_in(&app, MEI, PASSWORD),
        sign_in(&app, MEI, PASSWORD),
        sign_in(&app, MEI, PASSWORD),
    );
    changed.expect(204);
    for answer in [one, two, three] {
        assert!(matches!(answer.status, 201 | 401), "{}", answer.text);
        if answer.status == 201 {
            is_over(&app, &answer.json).await;
        }
    }
    app.get(&mei, "/v1/account").await.expect(200);
    assert_eq!(items(&app, "sessions").len(), 1);
    app.drain().await;
}

#[tokio::test]
async fn a_session_that_begins_in_the_moment_of_the_change_ends_with_the_others() {
    let app = app().await;
    let mei = app.person("mei").await;
    forget(&app, MEI).await.expect(202);
    let right = code(&app, MEI);
    // The sessions are listed and the change is about to be written; then somebody with the old password is let in.
    let mut held = app.stack.engines.calls.hold("passwords-change", "TransactWriteItems");
    let (changed, late) = tokio::join!(change(&app, &mei, PASSWORD, NEW), async {
        held.reached().await;
        let late = sign_in(&app, MEI, PASSWORD).await;
        drop(held);
        late
    });
    changed.expect(204);
    is_over(&app, &late.expect(201).json).await;
    app.get(&mei, "/v1/account").await.expect(200);
    // And the same with a code.
    let mut held = app.stack.engines.calls.hold("passwords-reset", "TransactWriteItems");
    let (replaced, late) = tokio::join!(reset(&app, MEI, &right, PASSWORD), async {
        held.reached().await;
        let late = sign_in(&app, MEI, NEW).await;
        drop(held);
        late
    });
    replaced.expect(201);
    is_over(&app, &late.expect(201).json).await;
    assert_eq!(items(&app, "sessions").len(), 1);
    app.drain().await;
}

#[tokio::test]
async fn a_sign_in_whose_password_is_changed_under_way_begins_no_session() {
    let app = app().await;
    let mei = app.person("mei").await;
    // The old password was right and its session is about to be written; then the password is changed.
    let mut held = app.stack.engines.calls.hold("sessions-create", "TransactWriteItems");
    let (late, changed) = tokio::join!(sign_in(&app, MEI, PASSWORD), async {
        held.reached().await;
        let changed = change(&app, &mei, PASSWORD, NEW).await;
        drop(held);
        changed
    });
    changed.expect(204);
    assert_eq!((late.status, late.problem()), (401, "invalid-credentials"));
    assert_eq!(items(&app, "sessions").len(), 1);
    app.drain().await;
}

#[tokio::test]
async fn two_hundred_sessions_end_with_the_password_like_one() {
    let app = app().await;
    let mei = app.person("mei").await;
    let table = app.stack.template.table("sessions").unwrap().name.clone();
    let mut session = items(&app, "sessions").remove(0);
    let own = session["id"]["S"].as_str().unwrap().to_owned();
    for number in 0..200 {
        // The last letters of an id are random.
        session["id"]["S"] = json!(format!("{}{number:04}", &own[..own.len() - 4]));
        let put = json!({ "TableName": table, "Item": session });
        app.stack
            .engines
            .tables
            .database()
            .put_item(serde_json::from_value(put).unwrap())
            .unwrap();
    }
    assert_eq!(items(&app, "sessions").len(), 201);
    change(&app, &mei, PASSWORD, NEW).await.expect(204);
    assert_eq!(items(&app, "sessions").len(), 1);
    app.get(&mei, "/v1/account").await.expect(200);
    app.drain().await;
}
