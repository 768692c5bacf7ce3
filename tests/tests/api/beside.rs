//! Whether the session has ended is asked while the answer is read, not before: one wait for the database, not two.

use serde_json::json;
use tests::{Answer, PASSWORD, Person, TestApp};

use crate::support::app;

/// Every route that asks about the session beside what it reads itself.
const READS: [(&str, &str); 5] = [
    ("accounts-get", "/v1/account"),
    ("images-list", "/v1/images"),
    ("images-get", "/v1/images/{id}"),
    ("credits-list", "/v1/credits"),
    ("sessions-list", "/v1/sessions"),
];

async fn get(app: &TestApp, token: &str, path: &str) -> Answer {
    app.request("GET", path, Some(token), &[], None).await.expect(200)
}

async fn sign_in(app: &TestApp, person: &Person) -> (String, String) {
    let credentials = json!({ "email": person.email, "password": PASSWORD });
    let session = app
        .ask("POST", "/v1/sessions", Some(credentials))
        .await
        .expect(201)
        .json;
    let text = |field: &str| session[field].as_str().unwrap().to_owned();
    (text("id"), text("access_token"))
}

#[tokio::test]
async fn the_session_and_what_a_route_reads_are_asked_for_at_once() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a mug").await;
    let (session, token) = sign_in(&app, &mei).await;
    for (function, path) in READS {
        let path = path.replace("{id}", picture["id"].as_str().unwrap());
        // A function is started by its first request, which is no part of this.
        get(&app, &token, &path).await;
        let meeting = app.stack.engines.pace.meeting(function);
        get(&app, &token, &path).await;
        let calls = meeting.both();
        let calls = calls.unwrap_or_else(|| panic!("`{function}` waits for one call before it makes the next"));
        let about = calls.map(|call| call.to_string().contains(&session));
        assert!(
            about == [true, false] || about == [false, true],
            "one of the first two calls of `{function}` asks about the session: {about:?}"
        );
    }
}
