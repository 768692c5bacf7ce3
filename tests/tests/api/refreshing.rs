//! Staying signed in, and being signed out where tokens are in two pairs of hands.

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use shared::Entropy;
use tests::{Person, TestApp};

use crate::logs;
use crate::support::{MARK, app, items};

/// An access token's life and a little.
const QUARTER: SignedDuration = SignedDuration::from_secs(15 * 60 + 5);

async fn refreshed(app: &TestApp, person: &Person) -> Person {
    person.in_session(&app.refresh(&person.refresh).await.expect(200).json)
}

async fn is_over(app: &TestApp, person: &Person) {
    let answer = app.get(person, "/v1/account").await;
    assert_eq!((answer.status, answer.problem()), (401, "session-ended"));
    let answer = app.refresh(&person.refresh).await;
    assert_eq!((answer.status, answer.problem()), (401, "session-ended"));
}

#[tokio::test]
async fn who_refreshes_every_quarter_of_an_hour_never_signs_in_again_until_the_ninetieth_day() {
    let app = app().await;
    let mut mei = app.person("mei").await;
    for _ in 0..8 {
        app.advance(QUARTER);
        assert_eq!(app.get(&mei, "/v1/account").await.problem(), "unauthorized");
        let next = refreshed(&app, &mei).await;
        assert!(next.token != mei.token && next.refresh != mei.refresh && next.session == mei.session);
        app.get(&next, "/v1/account").await.expect(200);
        mei = next;
    }
    for _ in 0..89 {
        app.advance(SignedDuration::from_hours(24));
        mei = refreshed(&app, &mei).await;
    }
    app.drain().await;
    let left = SignedDuration::from_hours(24) - QUARTER * 8;
    app.advance(left - SignedDuration::from_secs(1));
    mei = refreshed(&app, &mei).await;
    app.get(&mei, "/v1/account").await.expect(200);
    app.advance(SignedDuration::from_secs(1));
    is_over(&app, &mei).await;
    app.drain().await;
}

#[tokio::test]
async fn a_lost_reply_is_given_again_even_days_later() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.advance(QUARTER);
    let lost = refreshed(&app, &mei).await;
    for hours in [0, 1, 48] {
        app.advance(SignedDuration::from_hours(hours));
        let again = refreshed(&app, &mei).await;
        assert_eq!(again.refresh, lost.refresh, "after {hours} hours");
    }
    let again = refreshed(&app, &mei).await;
    app.get(&again, "/v1/account").await.expect(200);
}

#[tokio::test]
async fn tabs_that_refresh_at_the_same_moment_get_the_same_session() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.advance(QUARTER);
    let answers = join_all((0..8).map(|_| refreshed(&app, &mei))).await;
    for tab in &answers {
        assert_eq!(tab.refresh, answers[0].refresh);
        app.get(tab, "/v1/account").await.expect(200);
    }
    app.advance(SignedDuration::from_secs(54));
    assert_eq!(
        refreshed(&app, &mei).await.refresh,
        answers[0].refresh,
        "a tab that was slow"
    );
}

#[tokio::test]
async fn a_copied_token_ends_the_session_for_the_thief_and_for_the_owner() {
    let app = app().await;
    let mei = app.person("mei").await;
    let elsewhere = app.sign_in(&mei).await;
    // The thief is first: what the owner has is one behind, and its successor is in use.
    app.advance(QUARTER);
    let thief = refreshed(&app, &mei).await;
    app.get(&thief, "/v1/account").await.expect(200);
    app.advance(SignedDuration::from_secs(60));
    assert_eq!(app.refresh(&mei.refresh).await.problem(), "session-ended");
    is_over(&app, &thief).await;
    // Another session of the same person goes on.
    let elsewhere = refreshed(&app, &elsewhere).await;
    app.get(&elsewhere, "/v1/account").await.expect(200);
}

#[tokio::test]
async fn a_token_two_behind_ends_the_session_even_within_the_minute() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.advance(QUARTER);
    let one = refreshed(&app, &mei).await;
    app.advance(SignedDuration::from_secs(60));
    let two = refreshed(&app, &one).await;
    assert!(one.refresh != two.refresh);
    assert_eq!(app.refresh(&mei.refresh).await.problem(), "session-ended");
    is_over(&app, &two).await;
    assert!(items(&app, "sessions").is_empty());
}

#[tokio::test]
async fn a_refresh_token_that_is_not_ours_opens_nothing_and_ends_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.advance(QUARTER);
    // One letter of the account, of the session, of the generation and of the keyed hash.
    for at in [20, 40, 50, 80] {
        let mut changed = mei.refresh.clone();
        let other = if &changed[at..=at] == "A" { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        let answer = app.refresh(&changed).await;
        assert_eq!((answer.status, answer.problem()), (401, "session-ended"), "{at}");
    }
    for token in ["", "vrt_", MARK, &mei.token, &format!("{}A", mei.refresh)] {
        let answer = app.refresh(token).await;
        assert_eq!((answer.status, answer.field()), (422, "/refresh_token"), "{token}");
        assert!(!answer.text.contains(MARK));
    }
    let mei = refreshed(&app, &mei).await;
    app.get(&mei, "/v1/account").await.expect(200);
    logs::tell_nothing();
}

#[tokio::test]
async fn the_list_shows_where_somebody_is_signed_in_and_since_when() {
    let app = app().await;
    let mei = app.person("mei").await;
    app.person("other").await;
    app.advance(SignedDuration::from_secs(600));
    let credentials = json!({ "email": mei.email, "password": tests::PASSWORD, "device": " Ateliertablet " });
    let tablet = app.ask("POST", "/v1/sessions", Some(credentials)).await.expect(201);
    let tablet = mei.in_session(&tablet.json);
    app.advance(QUARTER);
    let tablet = refreshed(&app, &tablet).await;
    let list = app.get(&tablet, "/v1/sessions").await.expect(200).json;
    let [newest, oldest] = list["items"].as_array().unwrap().as_slice() else {
        panic!("{list}");
    };
    assert_eq!(
        newest,
        &json!({
            "id": tablet.session, "device": "Ateliertablet", "current": true,
            "created_at": "2026-11-22T09:10:00Z", "last_used_at": "2026-11-22T09:25:05Z",
            "expires_at": "2027-02-20T09:10:00Z",
        })
    );
    assert_eq!(
        (&oldest["id"], &oldest["current"]),
        (&json!(mei.session), &json!(false))
    );
    assert!(oldest.get("device").is_none());
    let first = app.get(&tablet, "/v1/sessions?limit=1").await.expect(200).json;
    assert_eq!(first["items"][0]["id"], tablet.session.as_str());
    let path = format!("/v1/sessions?limit=1&cursor={}", first["next"].as_str().unwrap());
    let second = app.get(&tablet, &path).await.expect(200).json;
    assert_eq!(
        (&second["items"][0]["id"], second.get("next")),
        (&json!(mei.session), None)
    );
}

#[tokio::test]
async fn a_session_that_was_ended_is_over_at_once_and_no_other_one_is() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    let (tablet, phone) = (app.sign_in(&mei).await, app.sign_in(&mei).await);
    let path = format!("/v1/sessions/{}", tablet.session);
    assert_eq!(app.delete(&other, &path).await.problem(), "not-found");
    app.get(&tablet, "/v1/account").await.expect(200);
    app.delete(&mei, &path).await.expect(204);
    is_over(&app, &tablet).await;
    assert_eq!(app.delete(&mei, &path).await.problem(), "not-found");
    app.get(&mei, "/v1/account").await.expect(200);
    // The own one, last.
    app.delete(&phone, &format!("/v1/sessions/{}", phone.session))
        .await
        .expect(204);
    is_over(&app, &phone).await;
    let wrong = app.delete(&mei, &format!("/v1/sessions/{}", mei.account)).await;
    assert_eq!(wrong.problem(), "not-found");
}

#[tokio::test]
async fn signing_out_everywhere_leaves_no_session_of_the_account_and_every_other_accounts() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    let (tablet, phone) = (app.sign_in(&mei).await, app.sign_in(&mei).await);
    app.delete(&tablet, "/v1/sessions").await.expect(204);
    for session in [&mei, &tablet, &phone] {
        is_over(&app, session).await;
    }
    app.get(&other, "/v1/account").await.expect(200);
    assert_eq!(items(&app, "sessions").len(), 1);
    let back = app.sign_in(&mei).await;
    app.get(&back, "/v1/account").await.expect(200);
}

/// Two tabs of one browser against the real API: they share what they store, replies get lost, and time passes.
#[tokio::test]
async fn an_honest_person_with_two_tabs_is_never_signed_out() {
    let app = app().await;
    let mut stored = app.person("mei").await;
    for seed in 1..=40 {
        let chance = Entropy::seeded(seed);
        for step in 0..12 {
            let tabs = [stored.clone(), stored.clone()];
            let order = if chance.below(2) == 0 { [0, 1] } else { [1, 0] };
            for tab in order {
                if chance.below(3) == 0 {
                    continue;
                }
                // Between the two requests of one moment lies less than the time a request may take.
                app.advance(SignedDuration::from_secs(i64::from(chance.below(30))));
                let answer = app.refresh(&tabs[tab].refresh).await;
                assert_eq!(answer.status, 200, "seed {seed}, step {step}: {}", answer.text);
                if chance.below(3) > 0 {
                    stored = stored.in_session(&answer.json);
                }
            }
            if chance.below(2) == 0 {
                app.get(&stored, "/v1/account").await;
            }
            let pauses = [0, 61, 300, 905, 7200];
            let pause = pauses[usize::try_from(chance.below(5)).unwrap()];
            app.advance(SignedDuration::from_secs(pause));
        }
    }
    app.drain().await;
}
