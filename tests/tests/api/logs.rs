//! What the whole program logs while these tests run tells nothing of anybody.

use serde_json::json;
use tests::PASSWORD;
pub(crate) use tests::logs::{all, keep};

use crate::support::{MARK, app};

/// Fails when anything a person gave us, or that opens a door, stands in a line.
#[track_caller]
pub(crate) fn tell_nothing() {
    let lines = all();
    assert!(lines.contains("Answered"), "nothing was logged, so nothing was proved");
    for secret in [
        MARK,
        "@example.com",
        "@EXAMPLE.COM",
        PASSWORD,
        "eyJ",
        "payer.example",
        "QYR5Z8XDVJNXQ",
        "vrt_",
        "whsec_",
        "Bearer ",
    ] {
        let line = lines.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "`{secret}` was logged: {}", line.unwrap_or_default());
    }
}

#[tokio::test]
async fn no_line_tells_who_somebody_is_or_what_they_wrote() {
    let app = app().await;
    let mei = app.person("mei").await;
    let description = json!({ "description": format!("a bowl {MARK}") });
    app.post(&mei, "/v1/prompts", description).await.expect(200);
    app.painted(&mei, &format!("a bowl {MARK}")).await;
    app.painted(&mei, &format!("FORBIDDEN {MARK}")).await;
    let wrong = json!({ "email": mei.email, "password": format!("{MARK}{MARK}") });
    app.ask("POST", "/v1/sessions", Some(wrong)).await.expect(401);
    app.request(
        "GET",
        &format!("/v1/{MARK}?q={MARK}"),
        Some(MARK),
        &[("prefer", MARK)],
        None,
    )
    .await
    .expect(404);
    let code = app.mail_to(&mei.email).and_then(|mail| mail.code).unwrap();
    tell_nothing();
    let quoted = format!("\"{code}\"");
    assert!(!all().contains(&quoted), "a code was logged");
}
