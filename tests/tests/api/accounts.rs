//! From a sign-up to an account.

use serde_json::{Value, json};
use tests::{Answer, PASSWORD, TestApp};

use crate::support::{app, balance, items};

/// Signs an address up and lets the mail arrive.
pub(crate) async fn sign_up(app: &TestApp, email: &str, headers: &[(&str, &str)]) -> Answer {
    let policy = app.stack.policy_version().unwrap();
    let body = json!({ "email": email, "password": PASSWORD, "policy_version": policy });
    let answer = app
        .request("POST", "/v1/accounts", None, headers, Some(body.to_string()))
        .await;
    app.drain().await;
    answer
}

/// Proves an address with a code.
pub(crate) async fn verify(app: &TestApp, email: &str, sign_up: &Answer, code: &str) -> Answer {
    let body = json!({ "email": email, "signup_id": sign_up.json["signup_id"], "code": code });
    app.ask("POST", "/v1/accounts/verify", Some(body)).await
}

/// The code in the newest mail to an address.
pub(crate) fn code(app: &TestApp, email: &str) -> String {
    app.mail_to(email).and_then(|mail| mail.code).unwrap()
}

/// A code that is not this one.
pub(crate) fn other_than(code: &str) -> &'static str {
    if code == "135790" { "246801" } else { "135790" }
}

fn names(json: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_proved_address_becomes_an_account_that_shows_exactly_what_was_given() {
    let app = app().await;
    let policy = app.stack.policy_version().unwrap();
    let body = json!({ "email": "Mei@example.com", "password": PASSWORD, "name": "Mei 梅", "policy_version": policy });
    let waiting = app.ask("POST", "/v1/accounts", Some(body)).await.expect(202);
    assert_eq!(names(&waiting.json), ["expires_at", "signup_id"]);
    app.drain().await;
    let made = verify(&app, "mei@example.com", &waiting, &code(&app, "mei@example.com"))
        .await
        .expect(201);
    assert_eq!(made.header("location"), "/v1/account");
    assert_eq!(made.json["credits"]["available"], 3);
    let token = made.json["session"]["access_token"].as_str().unwrap();
    let account = app
        .request("GET", "/v1/account", Some(token), &[], None)
        .await
        .expect(200);
    let shown = json!({
        "id": made.json["account_id"], "email": "Mei@example.com", "name": "Mei 梅",
        "created_at": "2026-11-22T09:00:00Z", "policy_version": policy, "policy_accepted_at": "2026-11-22T09:00:00Z",
        "policy_current_version": policy,
    });
    assert_eq!(account.json, shown);
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_another_mail_and_no_second_account() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = items(&app, "accounts");
    let fresh = sign_up(&app, "new@example.com", &[]).await.expect(202);
    let mails = || app.stack.simulators.mails(Some(&mei.email)).len();
    for spelling in ["mei@example.com", "MEI+again@Example.com"] {
        let mailed = mails();
        let known = sign_up(&app, spelling, &[]).await.expect(202);
        assert_eq!(names(&known.json), names(&fresh.json), "{spelling}");
        assert_eq!(known.header("location"), fresh.header("location"));
        // It goes to the address as its owner writes it, whatever was typed.
        assert_eq!(mails(), mailed + 1, "{spelling}");
        let mail = app.mail_to(&mei.email).unwrap();
        assert_eq!(
            (mail.code, mail.subject.as_str()),
            (None, "You already have a Vitrine account"),
            "{spelling}"
        );
        let guess = verify(&app, spelling, &known, "135790").await;
        assert_eq!((guess.status, guess.problem()), (422, "wrong-code"));
    }
    assert!(app.mail_to("MEI+again@Example.com").is_none());
    let fresh_sign_up = 1;
    assert_eq!(items(&app, "accounts").len(), before.len() + fresh_sign_up);
    assert_eq!(balance(&app, &mei).await, (3, 0));
}

#[tokio::test]
async fn two_spellings_of_one_address_cannot_both_become_accounts() {
    let app = app().await;
    let plain = sign_up(&app, "mei@example.com", &[]).await.expect(202);
    let plain_code = code(&app, "mei@example.com");
    let shouted = sign_up(&app, "MEI+shop@Example.com", &[]).await.expect(202);
    let shouted_code = code(&app, "MEI+shop@Example.com");
    verify(&app, "MEI+shop@Example.com", &shouted, &shouted_code)
        .await
        .expect(201);
    let late = verify(&app, "mei@example.com", &plain, &plain_code).await;
    assert_eq!((late.status, late.problem()), (422, "wrong-code"));
}

#[tokio::test]
async fn a_strangers_sign_up_gets_nothing_out_of_the_owners_code() {
    let app = app().await;
    let email = "mei@example.com";
    let stranger = sign_up(&app, email, &[]).await.expect(202);
    let strangers_code = code(&app, email);
    let mei = sign_up(&app, email, &[]).await.expect(202);
    let meis_code = code(&app, email);
    assert_ne!(strangers_code, meis_code);
    for (waiting, code) in [(&stranger, &meis_code), (&mei, &strangers_code)] {
        let crossed = verify(&app, email, waiting, code).await;
        assert_eq!((crossed.status, crossed.problem()), (422, "wrong-code"));
    }
    verify(&app, email, &mei, &meis_code).await.expect(201);
    let late = verify(&app, email, &stranger, &strangers_code).await;
    assert_eq!((late.status, late.problem()), (422, "wrong-code"));
    let waiting = items(&app, "accounts")
        .iter()
        .filter(|item| item["sk"]["S"].as_str().unwrap().contains("sup_") || item["code_hash"].is_object())
        .count();
    assert_eq!(
        waiting, 0,
        "the stranger's sign-up, with the stranger's password, is still there"
    );
}

#[tokio::test]
async fn the_same_code_makes_one_account_even_when_sent_twice_at_once() {
    let app = app().await;
    let waiting = sign_up(&app, "mei@example.com", &[]).await.expect(202);
    let code = code(&app, "mei@example.com");
    let verify = || verify(&app, "mei@example.com", &waiting, &code);
    let (one, two) = tokio::join!(verify(), verify());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422], "{} {}", one.text, two.text);
    let bonuses = items(&app, "ledger")
        .iter()
        .filter(|item| item["kind"]["S"] == "bonus")
        .count();
    assert_eq!(bonuses, 1);
}

#[tokio::test]
async fn an_address_that_comes_back_within_the_year_gets_an_account_and_no_second_bonus() {
    let app = app().await;
    app.person("mei").await;
    let table = app.stack.template.table("accounts").unwrap().name.clone();
    for item in items(&app, "accounts") {
        let key = json!({ "TableName": table, "Key": { "pk": item["pk"], "sk": item["sk"] } });
        app.stack
            .engines
            .tables
            .database()
            .delete_item(serde_json::from_value(key).unwrap())
            .unwrap();
    }
    let waiting = sign_up(&app, "Mei+again@example.com", &[]).await.expect(202);
    let code = code(&app, "Mei+again@example.com");
    let made = verify(&app, "Mei+again@example.com", &waiting, &code).await.expect(201);
    assert_eq!(made.json["credits"]["available"], 0);
    let token = made.json["session"]["access_token"].as_str().unwrap();
    let credits = app
        .request("GET", "/v1/credits", Some(token), &[], None)
        .await
        .expect(200)
        .json;
    assert_eq!((&credits["available"], &credits["entries"]), (&json!(0), &json!([])));
}
