//! Correcting an account, and what must not come of it. Changing the address at length: `email_change`.

use serde_json::json;
use tests::PASSWORD;

use crate::accounts::code;
use crate::email_change::{NEW, OLD, account, assert_wrong, confirm, lasting, mails, move_to, patch};
use crate::logs;
use crate::support::{MARK, World, app, items};

#[tokio::test]
async fn a_name_is_set_corrected_and_removed_and_each_answer_is_the_account() {
    let app = app().await;
    let mei = app.person("mei").await;
    for (name, shown) in [
        (json!("  Mei 梅 "), json!("Mei 梅")),
        (json!("Mei"), json!("Mei")),
        (json!(null), json!(null)),
        (json!(null), json!(null)),
        (json!("梅".repeat(100)), json!("梅".repeat(100))),
    ] {
        let answer = patch(&app, &mei, json!({ "name": name })).await.expect(200);
        assert_eq!(answer.json["name"], shown);
        assert_eq!(answer.json, account(&app, &mei).await);
    }
    assert!(mails(&app, OLD).len() == 1, "a name is nothing to write about");
}

#[tokio::test]
async fn each_bad_correction_is_told_what_is_wrong_and_changes_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    patch(&app, &mei, json!({ "name": "Mei" })).await.expect(200);
    let before = World::of(&app);
    let field = "invalid-field";
    for (body, kind, pointer) in [
        (json!({}), field, ""),
        (json!({ "name": "" }), field, "/name"),
        (json!({ "name": " \u{3000}" }), field, "/name"),
        (json!({ "name": format!("{MARK}{}", "x".repeat(94)) }), field, "/name"),
        (json!({ "name": format!("{MARK}\u{7}") }), field, "/name"),
        (json!({ "name": format!("{MARK}\n{MARK}") }), field, "/name"),
        (json!({ "name": 7 }), field, "/name"),
        (json!({ "name": [MARK] }), field, "/name"),
        (json!({ "email": MARK, "password": PASSWORD }), field, "/email"),
        (
            json!({ "email": format!("{MARK}@localhost"), "password": PASSWORD }),
            field,
            "/email",
        ),
        (json!({ "email": null, "password": PASSWORD }), field, "/email"),
        (json!({ "email": NEW }), field, "/password"),
        (json!({ "email": NEW, "name": MARK }), field, "/password"),
        (json!({ "email": NEW, "password": null }), field, "/password"),
        (json!({ "email": NEW, "password": &MARK[1..] }), field, "/password"),
        (
            json!({ "email": NEW, "password": format!("{MARK}{}", "x".repeat(66)) }),
            field,
            "/password",
        ),
        (json!({ "password": PASSWORD }), field, "/password"),
        (json!({ "name": MARK, "password": PASSWORD }), field, "/password"),
        (json!({ "nickname": MARK }), "unknown-field", "/nickname"),
        (
            json!({ "name": MARK, "policy_version": MARK }),
            "unknown-field",
            "/policy_version",
        ),
    ] {
        let answer = patch(&app, &mei, body.clone()).await;
        let told = (answer.status, answer.problem(), answer.field());
        assert_eq!(told, (422, kind, pointer), "{body}: {}", answer.text);
        assert!(!answer.text.contains(MARK), "it comes back: {}", answer.text);
    }
    for bad in ["", "12345", "1234567", "12345a", MARK] {
        let answer = confirm(&app, &mei, bad).await;
        assert_eq!((answer.status, answer.problem(), answer.field()), (422, field, "/code"));
    }
    assert!(World::of(&app) == before);
    logs::tell_nothing();
}

#[tokio::test]
async fn without_the_right_password_no_address_is_changed_and_tries_count_with_those_of_signing_in() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app).apart_from_limits();
    let body = || json!({ "email": NEW, "password": "a kiln of loud glazes", "name": "Mei" });
    for _ in 0..9 {
        let wrong = patch(&app, &mei, body()).await;
        assert_eq!((wrong.status, wrong.problem()), (422, "wrong-password"));
    }
    let loud = json!({ "email": OLD, "password": "a kiln of loud glazes" });
    app.ask("POST", "/v1/sessions", Some(loud)).await.expect(401);
    let late = move_to(&app, &mei, NEW).await;
    assert_eq!((late.status, late.problem()), (429, "too-many-requests"));
    assert!(World::of(&app).apart_from_limits() == before);
    assert!(app.mail_to(NEW).is_none());
    assert_wrong(&confirm(&app, &mei, "135790").await);
}

#[tokio::test]
async fn a_late_request_brings_nothing_of_an_erased_account_back() {
    let app = app().await;
    let mei = app.person("mei").await;
    move_to(&app, &mei, NEW).await.expect(202);
    let code = code(&app, NEW);
    let table = app.stack.template.table("accounts").unwrap().name.clone();
    for item in items(&app, "accounts") {
        if item["sk"]["S"] == "email_change" {
            continue;
        }
        let key = json!({ "TableName": table, "Key": { "pk": item["pk"], "sk": item["sk"] } });
        let database = app.stack.engines.tables.database();
        database.delete_item(serde_json::from_value(key).unwrap()).unwrap();
    }
    let before = World::of(&app).apart_from_limits();
    let policy = app.stack.policy_version().unwrap();
    for answer in [
        patch(&app, &mei, json!({ "name": "Mei" })).await,
        move_to(&app, &mei, NEW).await,
        confirm(&app, &mei, &code).await,
        app.post(&mei, "/v1/account/consents", json!({ "policy_version": policy }))
            .await,
    ] {
        assert_eq!(
            (answer.status, answer.problem()),
            (401, "unauthorized"),
            "{}",
            answer.text
        );
    }
    assert!(World::of(&app).apart_from_limits() == before);
}

#[tokio::test]
async fn an_account_that_is_no_longer_active_is_not_written_to() {
    let app = app().await;
    let mei = app.person("mei").await;
    move_to(&app, &mei, NEW).await.expect(202);
    let code = code(&app, NEW);
    let profile = items(&app, "accounts")
        .into_iter()
        .find(|item| item["sk"]["S"] == "profile");
    let mut profile = profile.unwrap();
    profile["status"]["S"] = json!("erasing");
    let put = json!({ "TableName": app.stack.template.table("accounts").unwrap().name, "Item": profile });
    let database = app.stack.engines.tables.database();
    database.put_item(serde_json::from_value(put).unwrap()).unwrap();
    let before = lasting(&app);
    let policy = app.stack.policy_version().unwrap();
    for answer in [
        patch(&app, &mei, json!({ "name": "Mei" })).await,
        move_to(&app, &mei, "mei.other@example.com").await,
        confirm(&app, &mei, &code).await,
        app.post(&mei, "/v1/account/consents", json!({ "policy_version": policy }))
            .await,
    ] {
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    assert_eq!(lasting(&app), before);
    assert!(app.mail_to("mei.other@example.com").is_none());
}

#[tokio::test]
async fn the_mails_of_a_change_speak_the_language_of_its_requests() {
    let app = app().await;
    let mei = app.person("mei").await;
    let chinese = [("accept-language", "zh-CN")];
    let token = Some(mei.token.as_str());
    let body = json!({ "email": NEW, "password": PASSWORD }).to_string();
    app.request("PATCH", "/v1/account", token, &chinese, Some(body))
        .await
        .expect(202);
    app.drain().await;
    let mail = app.mail_to(NEW).unwrap();
    assert!(mail.subject == "您的 Vitrine 验证码" && mail.text.unwrap().contains("更改账户邮箱地址"));
    let body = json!({ "code": mail.code }).to_string();
    app.request("POST", "/v1/account/email/confirm", token, &chinese, Some(body))
        .await
        .expect(200);
    app.drain().await;
    assert_eq!(app.mail_to(OLD).unwrap().subject, "您的 Vitrine 账户邮箱地址已更改");
}
