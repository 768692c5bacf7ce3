//! Leaving: an account is closed, comes back or is erased, and what went is signed.

use futures::future::join;
use jiff::SignedDuration;
use ops::receipt::Receipt;
use serde_json::{Value, json};
use shared::auth::JwkSet;
use tests::{Answer, PASSWORD, Person, TestApp};
use vitrine::engine::objects::Fault as StoreFault;
use vitrine::engine::trouble::{Ordered, Trouble};
use vitrine::sim::{Act, Instrument};

use crate::orders::{approve, bought, capture, moved, shown};
use crate::support::{app, balance, items, objects, order};

/// How long a deletion can be undone.
const DELAY: SignedDuration = SignedDuration::from_hours(72);

/// Asks for the deletion of somebody's account.
pub(crate) async fn leave(app: &TestApp, person: &Person, body: Value) -> Answer {
    let body = Some(body.to_string());
    app.request("DELETE", "/v1/account", Some(&person.token), &[], body)
        .await
}

/// Closes somebody's account, and gives the path of its receipt.
pub(crate) async fn closed(app: &TestApp, person: &Person) -> String {
    let body = json!({ "password": PASSWORD, "forfeit_credits": true });
    let answer = leave(app, person, body).await.expect(202);
    path_of(app, &answer.json)
}

fn path_of(app: &TestApp, closed: &Value) -> String {
    let url = closed["receipt_url"].as_str().unwrap();
    url.strip_prefix(&app.stack.api_url()).unwrap().to_owned()
}

/// The due time comes, and whoever it wakes.
pub(crate) async fn erased(app: &TestApp) {
    app.drain().await;
    app.advance(DELAY);
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
}

async fn restore(app: &TestApp, person: &Person, password: &str) -> Answer {
    let body = json!({ "email": person.email, "password": password });
    app.ask("POST", "/v1/accounts/restore", Some(body)).await
}

async fn sign_in(app: &TestApp, person: &Person) -> Answer {
    let body = json!({ "email": person.email, "password": PASSWORD });
    app.ask("POST", "/v1/sessions", Some(body)).await
}

/// How far the deletion is.
pub(crate) async fn state(app: &TestApp, receipt: &str) -> String {
    let deletion = app.ask("GET", receipt, None).await.expect(200);
    assert_eq!(deletion.header("cache-control"), "no-store");
    deletion.json["state"].as_str().unwrap().to_owned()
}

/// The receipt as it is saved.
async fn signed(app: &TestApp, receipt: &str) -> String {
    let file = app
        .request("GET", receipt, None, &[("accept", "application/jose")], None)
        .await
        .expect(200);
    assert_eq!(file.header("content-type"), "application/jose");
    file.text
}

/// The statement of a receipt whose signature is right by the service's own public keys.
pub(crate) async fn statement(app: &TestApp, receipt: &str) -> String {
    let text = signed(app, receipt).await;
    let keys = app.ask("GET", "/.well-known/jwks.json", None).await.expect(200);
    let keys: JwkSet = serde_json::from_str(&keys.text).unwrap();
    Receipt::verify(&text, &keys).unwrap().to_string()
}

/// The tables in which a text stands.
fn tables_with(app: &TestApp, text: &str) -> Vec<String> {
    let specs = app.stack.engines.tables.specs();
    let names = specs.iter().filter_map(|spec| spec.name.rsplit('-').next());
    let holds = |name: &&str| items(app, name).iter().any(|item| item.to_string().contains(text));
    names.filter(holds).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_account_is_closed_at_once_and_erased_at_its_due_time() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a walnut lamp").await;
    let elsewhere = app.sign_in(&mei).await;
    let answer = leave(&app, &mei, json!({ "password": PASSWORD })).await.expect(202);
    assert_eq!(answer.json["erases_at"], "2026-11-25T09:00:00Z");
    assert_eq!(answer.header("location"), answer.json["receipt_url"].as_str().unwrap());
    let receipt = path_of(&app, &answer.json);

    for person in [&mei, &elsewhere] {
        assert_eq!(
            app.get(person, "/v1/account").await.expect(401).problem(),
            "session-ended"
        );
        let ordered = app
            .order(person, "late", json!({ "prompt": "a bowl" }))
            .await
            .expect(401);
        assert_eq!(ordered.problem(), "session-ended");
    }
    assert_eq!(
        app.refresh(&elsewhere.refresh).await.expect(401).problem(),
        "session-ended"
    );
    assert_eq!(sign_in(&app, &mei).await.expect(403).problem(), "account-closed");
    assert_eq!(state(&app, &receipt).await, "waiting");
    app.drain().await;
    let mail = app.mail_to(&mei.email).unwrap().text.unwrap();
    assert!(
        mail.contains(&receipt) && mail.contains("2026-11-25 09:00 UTC"),
        "{mail}"
    );

    app.advance(DELAY - SignedDuration::from_secs(1));
    app.stack.run_due_schedules().await.unwrap();
    assert_eq!(
        (state(&app, &receipt).await.as_str(), objects(&app).len()),
        ("waiting", 1)
    );
    app.advance(SignedDuration::from_secs(1));
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
    assert_eq!(
        (state(&app, &receipt).await.as_str(), objects(&app).len()),
        ("erased", 0)
    );
    assert_eq!(tables_with(&app, &mei.email), Vec::<String>::new());
    // The number alone is remembered, so that a backup does not bring the account back.
    let left = tables_with(&app, &mei.account);
    assert!(
        left.iter().all(|table| table == "privacy" || table == "limits"),
        "{left:?}"
    );
    let statement = statement(&app, &receipt).await;
    for line in [
        "1  pictures with their prompts (images)",
        "1  files of pictures (Tencent COS)",
        "1  profile",
    ] {
        assert!(statement.contains(line), "{line}: {statement}");
    }
}

#[tokio::test]
async fn an_address_is_free_again_once_its_account_is_erased_and_has_no_second_bonus() {
    let app = app().await;
    let mei = app.person("mei").await;
    closed(&app, &mei).await;
    erased(&app).await;
    assert_eq!(sign_in(&app, &mei).await.expect(401).problem(), "invalid-credentials");
    let again = app.person("mei").await;
    assert_ne!(again.account, mei.account);
    assert_eq!(balance(&app, &again).await, (0, 0));
}

#[tokio::test]
async fn an_account_that_is_restored_is_as_it_was() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a walnut lamp").await;
    let receipt = closed(&app, &mei).await;
    app.advance(SignedDuration::from_hours(71));
    let wrong = restore(&app, &mei, "not the right one").await.expect(401);
    assert_eq!(wrong.problem(), "invalid-credentials");
    let stranger = Person {
        email: "nobody@example.com".to_owned(),
        ..mei.clone()
    };
    assert_eq!(
        restore(&app, &stranger, PASSWORD).await.expect(401).problem(),
        "invalid-credentials"
    );
    restore(&app, &mei, PASSWORD).await.expect(204);
    assert_eq!(restore(&app, &mei, PASSWORD).await.expect(409).problem(), "conflict");
    app.ask("GET", &receipt, None).await.expect(404);
    assert_eq!(app.stack.engines.one_offs.names(), Vec::<String>::new());

    app.advance(SignedDuration::from_hours(2));
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
    let mei = app.sign_in(&mei).await;
    let path = format!("/v1/images/{}", picture["id"].as_str().unwrap());
    assert_eq!(app.get(&mei, &path).await.expect(200).json["state"], "ready");
    assert_eq!(balance(&app, &mei).await, (2, 0));
    assert!(app.mail_to(&mei.email).unwrap().subject.contains("open again"));
    // And it can be closed anew.
    let receipt = closed(&app, &mei).await;
    erased(&app).await;
    assert_eq!(state(&app, &receipt).await, "erased");
}

#[tokio::test]
async fn restoring_comes_too_late_once_the_erasure_has_begun() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    let receipt = closed(&app, &mei).await;
    app.drain().await;
    let cos = app.stack.engines.objects.book();
    cos.trouble(StoreFault::fail(Some("DeleteObject"), 1_000, 503, "SlowDown"));
    app.advance(DELAY);
    app.stack.run_schedule("accounts-erase").await.unwrap_err();
    assert_eq!(state(&app, &receipt).await, "erasing");
    assert_eq!(restore(&app, &mei, PASSWORD).await.expect(409).problem(), "conflict");
    cos.calm();
    app.advance(SignedDuration::from_hours(1));
    app.stack.run_schedule("accounts-erase").await.unwrap();
    assert_eq!(state(&app, &receipt).await, "erased");
    app.drain().await;
    assert!(objects(&app).is_empty());
}

#[tokio::test]
async fn whoever_leaves_shows_the_password_and_says_that_paid_credits_may_go() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    capture(&app, &mei, &order).await.expect(200);
    let wrong = leave(&app, &mei, json!({ "password": "not the right one" }))
        .await
        .expect(422);
    assert_eq!(
        (wrong.problem(), &wrong.json["errors"][0]["pointer"]),
        ("wrong-password", &json!("/password"))
    );
    let kept = leave(&app, &mei, json!({ "password": PASSWORD })).await.expect(409);
    assert_eq!(
        (
            kept.problem(),
            &kept.json["credits"],
            &kept.json["errors"][0]["pointer"]
        ),
        ("credits-would-be-lost", &json!(20), &json!("/forfeit_credits"))
    );
    assert_eq!(
        balance(&app, &mei).await,
        (23, 0),
        "a refused request has taken something"
    );
    let receipt = closed(&app, &mei).await;
    erased(&app).await;
    let statement = statement(&app, &receipt).await;
    assert!(statement.contains("1  paid orders, cut loose"), "{statement}");
    let kept = items(&app, "orders");
    let kept = kept.iter().find(|item| item["id"]["S"] == order.as_str()).unwrap();
    assert_eq!(kept.get("account_id"), None);
    assert_eq!(kept["receipt"]["M"]["number"]["S"], "2026-000001", "{kept}");
}

#[tokio::test]
async fn of_two_who_ask_at_once_one_closes_the_account() {
    let app = app().await;
    let mei = app.person("mei").await;
    let elsewhere = app.sign_in(&mei).await;
    let body = || json!({ "password": PASSWORD });
    let (one, two) = join(leave(&app, &mei, body()), leave(&app, &elsewhere, body())).await;
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 401]);
    let deletions = items(&app, "privacy");
    assert_eq!(deletions.len(), 1);
    app.drain().await;
}

#[tokio::test]
async fn a_picture_that_is_being_painted_is_waited_for_and_erased() {
    let mut app = app().await;
    let mei = app.person("mei").await;
    let book = app.stack.engines.objects.book();
    let second = app.stack.engines.oss.book();
    book.trouble(StoreFault::lose_reply(Some("PutObject"), 1_000));
    second.trouble(StoreFault::fail(Some("PutObject"), 1_000, 503, "SlowDown"));
    order(&app, &mei, "a bowl").await;
    let receipt = closed(&app, &mei).await;
    app.drain().await;
    assert_eq!(objects(&app).len(), 1, "the object arrived, and nobody heard of it");
    app.advance(DELAY);
    app.stack.run_schedule("accounts-erase").await.unwrap();
    assert_eq!(state(&app, &receipt).await, "erasing");
    book.calm();
    second.calm();
    app.drain().await;
    app.stack.run_schedule("settle-stale").await.unwrap();
    app.drain().await;
    app.advance(SignedDuration::from_hours(1));
    app.stack.run_schedule("accounts-erase").await.unwrap();
    assert_eq!(state(&app, &receipt).await, "erased");
    app.drain().await;
    assert_eq!((objects(&app).len(), items(&app, "images").len()), (0, 0));
    app.leave_work();
}

#[tokio::test]
async fn nothing_is_bought_any_more_once_the_account_is_closed() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    let receipt = closed(&app, &mei).await;
    // The payer approves all the same; PayPal tells, and the schedule looks.
    approve(&app, &order, Instrument::Good);
    app.drain().await;
    app.advance(SignedDuration::from_hours(1));
    app.stack.run_schedule("settle-stale").await.unwrap();
    app.drain().await;
    assert_eq!(moved(&app), Vec::<i64>::new());
    restore(&app, &mei, PASSWORD).await.expect(204);
    let mei = app.sign_in(&mei).await;
    capture(&app, &mei, &order).await.expect(200);
    assert_eq!(shown(&app, &mei, &order).await["state"], "completed");
    app.ask("GET", &receipt, None).await.expect(404);
    app.drain().await;
}

#[tokio::test]
async fn money_that_is_under_way_is_waited_for_at_most_a_day() {
    for good in [true, false] {
        let app = app().await;
        let mei = app.person("mei").await;
        let order = bought(&app, &mei).await;
        approve(&app, &order, Instrument::Pending);
        capture(&app, &mei, &order).await.expect(202);
        let receipt = closed(&app, &mei).await;
        app.drain().await;
        app.advance(DELAY);
        app.stack.run_schedule("accounts-erase").await.unwrap();
        assert_eq!(state(&app, &receipt).await, "erasing");
        if good {
            app.stack
                .simulators
                .paypal()
                .act(&order, &Act::Settle { good })
                .unwrap();
            app.drain().await;
            app.advance(SignedDuration::from_hours(1));
        } else {
            app.advance(SignedDuration::from_hours(24));
        }
        app.stack.run_schedule("accounts-erase").await.unwrap();
        assert_eq!(state(&app, &receipt).await, "erased");
        let statement = statement(&app, &receipt).await;
        assert!(statement.contains("1  paid orders, cut loose"), "{statement}");
        app.drain().await;
    }
}

#[tokio::test]
async fn a_waking_that_cannot_be_ordered_or_is_lost_costs_an_hour_at_most() {
    for trouble in [
        Some(Trouble::Throttled),
        Some(Trouble::RequestLost),
        Some(Trouble::ReplyLost),
        None,
    ] {
        let app = app().await;
        let mei = app.person("mei").await;
        if let Some(trouble) = trouble {
            app.stack
                .engines
                .troubles
                .order(Ordered::next(3, trouble).of("CreateSchedule"));
        }
        let receipt = closed(&app, &mei).await;
        app.drain().await;
        app.stack.engines.one_offs.lose_all();
        app.advance(DELAY);
        app.stack.run_schedule("accounts-erase").await.unwrap();
        assert_eq!(state(&app, &receipt).await, "erased", "{trouble:?}");
        app.drain().await;
    }
}

#[tokio::test]
async fn the_waking_alone_erases_at_the_very_second() {
    let app = app().await;
    let mei = app.person("mei").await;
    let receipt = closed(&app, &mei).await;
    app.drain().await;
    let ordered = app.stack.engines.one_offs.due();
    let (_, at) = ordered.iter().next().unwrap();
    assert_eq!(at.to_string(), "2026-11-25T09:00:00Z");
    app.advance(DELAY - SignedDuration::from_secs(1));
    assert!(app.stack.engines.one_offs.run_due().await.unwrap().is_empty());
    app.advance(SignedDuration::from_secs(1));
    assert_eq!(app.stack.engines.one_offs.run_due().await.unwrap().len(), 1);
    assert_eq!(state(&app, &receipt).await, "erased");
    assert!(
        app.stack.engines.one_offs.names().is_empty(),
        "it is there after it has happened"
    );
    app.drain().await;
}

#[tokio::test]
async fn an_account_with_an_open_dispute_is_erased_and_the_order_goes_on_without_it() {
    let app = app().await;
    let mei = app.person("mei").await;
    let order = bought(&app, &mei).await;
    approve(&app, &order, Instrument::Good);
    capture(&app, &mei, &order).await.expect(200);
    app.stack
        .simulators
        .paypal()
        .act(&order, &Act::Dispute { value: None })
        .unwrap();
    app.drain().await;
    let receipt = closed(&app, &mei).await;
    erased(&app).await;
    assert_eq!(state(&app, &receipt).await, "erased");
    app.stack
        .simulators
        .paypal()
        .act(
            &order,
            &Act::Resolve {
                outcome: "RESOLVED_BUYER_FAVOUR".to_owned(),
            },
        )
        .unwrap();
    app.drain().await;
    let kept = items(&app, "orders");
    let kept = kept.iter().find(|item| item["id"]["S"] == order.as_str()).unwrap();
    assert_eq!(
        (kept.get("account_id"), &kept["state"]["S"]),
        (None, &json!("completed"))
    );
    assert_eq!(tables_with(&app, &mei.email), Vec::<String>::new());
}

#[tokio::test]
async fn whoever_opens_the_receipt_in_a_browser_is_shown_a_page_to_print() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.painted(&mei, "a walnut lamp").await;
    let answer = leave(&app, &mei, json!({ "password": PASSWORD })).await.expect(202);
    let receipt = path_of(&app, &answer.json);
    let page = async |language: &str| {
        let headers = [("accept", "text/html,*/*;q=0.8"), ("accept-language", language)];
        let page = app.request("GET", &receipt, None, &headers, None).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(!page.text.contains(&mei.email), "{}", page.text);
        page.text
    };
    let waiting = page("en").await;
    assert!(
        waiting.contains("The account is closed") && waiting.contains("2026-11-25 09:00 UTC"),
        "{waiting}"
    );
    app.drain().await;
    app.advance(DELAY);
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
    let erased = page("en").await;
    let signed = signed(&app, &receipt).await;
    for part in [
        "The account is erased",
        "pictures with their prompts (images)",
        "for good, nameless",
        &signed,
    ] {
        assert!(erased.contains(part), "{part}: {erased}");
    }
    assert!(page("zh-CN").await.contains("账户已删除"));
}

#[tokio::test]
async fn an_address_of_a_receipt_that_nobody_was_given_shows_nothing() {
    let app = app().await;
    for key in ["vdr_AAAA", "x", "vdr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = app.ask("GET", &format!("/v1/deletions/{key}"), None).await.expect(404);
        assert_eq!(answer.problem(), "not-found");
    }
}
