//! Changing an account's address: it has to be proved before it counts.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, PASSWORD, Person, TestApp};

use crate::accounts::{code, other_than, sign_up, verify};
use crate::support::{World, again, app, items, nameless};
use crate::webhooks;

/// The address that is wanted.
pub(crate) const NEW: &str = "mei.new@example.com";
/// The address that there is.
pub(crate) const OLD: &str = "mei@example.com";

/// Corrects something.
pub(crate) async fn patch(app: &TestApp, person: &Person, body: Value) -> Answer {
    app.request("PATCH", "/v1/account", Some(&person.token), &[], Some(body.to_string()))
        .await
}

/// Asks for another address, and lets the mail arrive.
pub(crate) async fn move_to(app: &TestApp, person: &Person, email: &str) -> Answer {
    let answer = patch(app, person, json!({ "email": email, "password": PASSWORD })).await;
    app.drain().await;
    answer
}

/// Shows a code.
pub(crate) async fn confirm(app: &TestApp, person: &Person, code: &str) -> Answer {
    let body = json!({ "code": code });
    let answer = app.post(person, "/v1/account/email/confirm", body).await;
    app.drain().await;
    answer
}

/// Fails unless the code was refused.
#[track_caller]
pub(crate) fn assert_wrong(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.problem(), answer.field()),
        (422, "wrong-code", "/code"),
        "{}",
        answer.text
    );
}

/// Signs in with the password of every test person.
pub(crate) async fn sign_in(app: &TestApp, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    app.ask("POST", "/v1/sessions", Some(body)).await
}

/// The subjects of all mails to an address, the newest first.
pub(crate) fn mails(app: &TestApp, email: &str) -> Vec<String> {
    let mails = app.stack.simulators.mails(Some(email));
    mails.into_iter().map(|mail| mail.subject).collect()
}

/// The account as its owner sees it.
pub(crate) async fn account(app: &TestApp, person: &Person) -> Value {
    app.get(person, "/v1/account").await.expect(200).json
}

/// What is kept of accounts and mails, without the change that waits, which a code costs a try.
pub(crate) fn lasting(app: &TestApp) -> Vec<Value> {
    let mut found = items(app, "accounts");
    found.retain(|item| item["sk"]["S"] != "email_change");
    found.extend(items(app, "outbox"));
    found
}

#[tokio::test]
async fn a_new_address_counts_once_the_code_that_was_mailed_there_is_shown() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = account(&app, &mei).await;
    let body = json!({ "email": "Mei.New@Example.com", "password": PASSWORD, "name": "Mei" });
    let taken = patch(&app, &mei, body).await.expect(202);
    app.drain().await;
    let mut expected = before.clone();
    expected["name"] = json!("Mei");
    assert_eq!(
        account(&app, &mei).await,
        expected,
        "the name at once, the address later"
    );
    expected["pending_email"] = json!({ "email": "Mei.New@Example.com", "expires_at": "2026-11-22T09:15:00Z" });
    assert_eq!(taken.json, expected);
    assert!(taken.header("ratelimit").starts_with("\"codes\";r=2;"));
    assert_eq!(
        mails(&app, OLD),
        ["Your Vitrine code"],
        "the code goes to the new address only"
    );
    sign_in(&app, NEW).await.expect(401);

    let code = code(&app, NEW);
    let moved = confirm(&app, &mei, &code).await.expect(200);
    assert_eq!(moved.json["email"], "Mei.New@Example.com");
    // The session that was there goes on.
    assert_eq!(moved.json, account(&app, &mei).await);
    sign_in(&app, OLD).await.expect(401);
    for spelling in [NEW, "MEI.new+shop@example.com"] {
        sign_in(&app, spelling).await.expect(201);
    }
    let notice = app.mail_to(OLD).unwrap();
    assert_eq!(notice.subject, "The address of your Vitrine account was changed");
    for part in [notice.text.unwrap(), notice.html.unwrap()] {
        let part = part.to_lowercase();
        assert!(!part.contains("mei"), "it tells the new address or the name: {part}");
    }
    assert_eq!(mails(&app, NEW).len(), 1);
    // A code is used once.
    let state = World::of(&app).apart_from_limits();
    assert_wrong(&confirm(&app, &mei, &code).await);
    assert!(World::of(&app).apart_from_limits() == state);
}

#[tokio::test]
async fn the_old_address_is_free_and_a_sign_up_that_waited_under_the_new_one_makes_no_second_account() {
    let app = app().await;
    let mei = app.person("mei").await;
    let waiting = sign_up(&app, NEW, &[]).await.expect(202);
    let waiting_code = code(&app, NEW);
    move_to(&app, &mei, NEW).await.expect(202);
    confirm(&app, &mei, &code(&app, NEW)).await.expect(200);
    assert_wrong(&verify(&app, NEW, &waiting, &waiting_code).await);
    assert_eq!(account(&app, &mei).await["email"], NEW);

    let again = sign_up(&app, OLD, &[]).await.expect(202);
    let made = verify(&app, OLD, &again, &code(&app, OLD)).await.expect(201);
    assert_ne!(made.json["account_id"], mei.account.as_str());
    let owners = items(&app, "accounts")
        .into_iter()
        .filter(|item| item["sk"]["S"] == "owner");
    assert_eq!(owners.count(), 2);
}

#[tokio::test]
async fn an_address_with_an_account_is_answered_alike_and_told_by_mail_to_its_owner_alone() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    let free = move_to(&app, &mei, NEW).await.expect(202);
    let waiting = |app: &TestApp| {
        let found = items(app, "accounts").into_iter();
        let mut found = found.filter(|item| item["sk"]["S"] == "email_change");
        let item = found.next().unwrap();
        assert!(found.next().is_none(), "one waits at a time");
        let kept = item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        (kept, item["code_hash"]["S"].as_str().unwrap().len())
    };
    let kept = waiting(&app);
    let known = move_to(&app, &mei, "Other+shop@example.com").await.expect(202);
    assert_eq!(waiting(&app), kept);
    let mut expected = nameless(&free);
    expected["pending_email"]["email"] = json!("Other+shop@example.com");
    assert_eq!(nameless(&known), expected);
    assert_eq!(names(&known), names(&free));
    // It goes to the address as its owner writes it, whatever was asked for.
    assert!(app.mail_to("Other+shop@example.com").is_none());
    let mail = app.mail_to(&other.email).unwrap();
    assert_eq!(
        (mail.code, mail.subject.as_str()),
        (None, "You already have a Vitrine account")
    );
    // The code of the change before is void, and there is no other.
    let before = code(&app, NEW);
    assert_wrong(&confirm(&app, &mei, &before).await);
    assert_eq!(account(&app, &other).await["email"], "other@example.com");
    assert_eq!(account(&app, &mei).await["email"], OLD);
}

#[tokio::test]
async fn after_five_wrong_codes_the_right_one_is_refused_too_and_a_new_change_begins_anew() {
    let app = app().await;
    let mei = app.person("mei").await;
    move_to(&app, &mei, NEW).await.expect(202);
    let right = code(&app, NEW);
    for _ in 0..5 {
        assert_wrong(&confirm(&app, &mei, other_than(&right)).await);
    }
    assert_wrong(&confirm(&app, &mei, &right).await);
    assert_eq!(account(&app, &mei).await["email"], OLD);
    move_to(&app, &mei, NEW).await.expect(202);
    confirm(&app, &mei, &code(&app, NEW)).await.expect(200);
}

#[tokio::test]
async fn a_code_for_an_address_is_good_until_its_quarter_of_an_hour_is_over() {
    let app = app().await;
    for (name, seconds, status) in [("early", 15 * 60 - 1, 200), ("late", 15 * 60, 422)] {
        let person = app.person(name).await;
        let new = format!("{name}.new@example.com");
        move_to(&app, &person, &new).await.expect(202);
        let code = code(&app, &new);
        app.advance(SignedDuration::from_secs(seconds));
        let person = again(&app, &person).await;
        let answer = confirm(&app, &person, &code).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn ten_wrong_codes_a_day_are_the_limit_over_all_codes_and_right_ones_do_not_count() {
    let app = app().await;
    let mei = app.person("mei").await;
    let new = |n: u32| format!("mei.{n}@example.com");
    for n in 0..2 {
        move_to(&app, &mei, &new(n)).await.expect(202);
        confirm(&app, &mei, &code(&app, &new(n))).await.expect(200);
    }
    for n in 2..4 {
        move_to(&app, &mei, &new(n)).await.expect(202);
        for _ in 0..5 {
            let right = code(&app, &new(n));
            assert_wrong(&confirm(&app, &mei, other_than(&right)).await);
        }
    }
    move_to(&app, &mei, &new(4)).await.expect(202);
    let refused = confirm(&app, &mei, &code(&app, &new(4))).await;
    assert_eq!((refused.status, refused.problem()), (429, "too-many-requests"));
    // Somebody else's change is not touched by it.
    let other = app.person("other").await;
    move_to(&app, &other, "other.new@example.com").await.expect(202);
    confirm(&app, &other, &code(&app, "other.new@example.com"))
        .await
        .expect(200);
    app.advance(SignedDuration::from_secs(
        refused.header("retry-after").parse().unwrap(),
    ));
    let mei = again(&app, &Person { email: new(1), ..mei }).await;
    move_to(&app, &mei, &new(5)).await.expect(202);
    confirm(&app, &mei, &code(&app, &new(5))).await.expect(200);
}

#[tokio::test]
async fn codes_for_a_new_address_count_with_all_others_that_are_mailed_there() {
    let app = app().await;
    let mei = app.person("mei").await;
    sign_up(&app, NEW, &[]).await.expect(202);
    for _ in 0..2 {
        move_to(&app, &mei, NEW).await.expect(202);
    }
    let before = World::of(&app).apart_from_limits();
    let refused = move_to(&app, &mei, "MEI.new+shop@example.com").await;
    assert_eq!((refused.status, refused.problem()), (429, "too-many-requests"));
    assert!(World::of(&app).apart_from_limits() == before);
    move_to(&app, &mei, "mei.other@example.com").await.expect(202);
}

#[tokio::test]
async fn an_address_that_somebody_signed_up_meanwhile_stays_theirs() {
    let app = app().await;
    let mei = app.person("mei").await;
    move_to(&app, &mei, NEW).await.expect(202);
    let meis = code(&app, NEW);
    let theirs = sign_up(&app, NEW, &[]).await.expect(202);
    let made = verify(&app, NEW, &theirs, &code(&app, NEW)).await.expect(201);
    let before = lasting(&app);
    let answer = confirm(&app, &mei, &meis).await;
    assert_eq!((answer.status, answer.problem()), (409, "conflict"));
    let owner = |email: &str| {
        let found = items(&app, "accounts").into_iter();
        let mut found =
            found.filter(|item| item["pk"]["S"] == format!("address#{email}") && item["sk"]["S"] == "owner");
        found.next().unwrap()["account_id"]["S"].clone()
    };
    assert_eq!(
        (owner(NEW), owner(OLD)),
        (made.json["account_id"].clone(), json!(mei.account))
    );
    assert_eq!(account(&app, &mei).await["email"], OLD);
    assert_eq!(lasting(&app), before);
}

#[tokio::test]
async fn the_own_address_can_be_spelled_anew_or_proved_once_more() {
    let app = app().await;
    let mei = app.person("mei").await;
    let spelled = "Mei+Shop@Example.com";
    move_to(&app, &mei, spelled).await.expect(202);
    let moved = confirm(&app, &mei, &code(&app, spelled)).await.expect(200);
    assert_eq!(moved.json["email"], spelled);
    assert_eq!(mails(&app, OLD)[0], "The address of your Vitrine account was changed");
    sign_in(&app, OLD).await.expect(201);

    app.advance(SignedDuration::from_secs(60));
    move_to(&app, &mei, spelled).await.expect(202);
    confirm(&app, &mei, &code(&app, spelled)).await.expect(200);
    assert_eq!(
        mails(&app, spelled).len(),
        2,
        "nothing was changed, so there is nothing to tell"
    );
    let owners: Vec<Value> = items(&app, "accounts")
        .into_iter()
        .filter(|item| item["sk"]["S"] == "owner")
        .collect();
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0]["proved_at"]["S"], "2026-11-22T09:01:00Z");
    assert_eq!(owners[0]["account_id"]["S"], mei.account.as_str());
}

#[tokio::test]
async fn an_address_whose_mail_came_back_is_good_again_once_it_is_proved_again() {
    let app = app().await;
    let mei = webhooks::person(&app, "mei").await;
    let bounce = webhooks::event(&app, "email.bounced", OLD);
    webhooks::tell(&app, "msg_1", &bounce).await;
    assert_eq!(account(&app, &mei).await["email_problem"]["kind"], "bounced");
    app.advance(SignedDuration::from_mins(1));
    let waiting = move_to(&app, &mei, OLD).await.expect(202);
    assert_eq!(waiting.json["email_problem"]["kind"], "bounced");
    let proved = confirm(&app, &mei, &code(&app, OLD)).await.expect(200);
    assert_eq!(proved.json, account(&app, &mei).await);
    assert!(webhooks::is_well(&app, &mei).await);
}

#[tokio::test]
async fn of_two_changes_at_once_one_waits_and_its_code_alone_is_good() {
    let app = app().await;
    let mei = app.person("mei").await;
    let both = ["one@example.com", "two@example.com"];
    let (one, two) = tokio::join!(move_to(&app, &mei, both[0]), move_to(&app, &mei, both[1]));
    assert_eq!((one.status, two.status), (202, 202), "{} {}", one.text, two.text);
    app.drain().await;
    let mut fates = Vec::new();
    for email in both {
        fates.push(confirm(&app, &mei, &code(&app, email)).await.status);
    }
    fates.sort_unstable();
    assert_eq!(fates, [200, 422]);
    let email = account(&app, &mei).await["email"].as_str().unwrap().to_owned();
    assert!(both.contains(&email.as_str()));
    sign_in(&app, &email).await.expect(201);
}

#[tokio::test]
async fn the_same_code_sent_twice_at_once_changes_the_address_once() {
    let app = app().await;
    let mei = app.person("mei").await;
    move_to(&app, &mei, NEW).await.expect(202);
    let code = code(&app, NEW);
    let (one, two) = tokio::join!(confirm(&app, &mei, &code), confirm(&app, &mei, &code));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422], "{} {}", one.text, two.text);
    app.drain().await;
    assert_eq!(mails(&app, OLD).len(), 2, "the code of the sign-up and one notice");
}

#[tokio::test]
async fn somebody_elses_code_is_worth_nothing() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    move_to(&app, &mei, NEW).await.expect(202);
    let meis = code(&app, NEW);
    assert_wrong(&confirm(&app, &other, &meis).await);
    move_to(&app, &other, NEW).await.expect(202);
    assert_wrong(&confirm(&app, &other, &meis).await);
    let others = code(&app, NEW);
    confirm(&app, &mei, &meis).await.expect(200);
    let late = confirm(&app, &other, &others).await;
    assert_eq!((late.status, late.problem()), (409, "conflict"));
}
