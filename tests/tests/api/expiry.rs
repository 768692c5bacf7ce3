//! Thirty days, and nothing is left.

use jiff::SignedDuration;

use crate::support::{World, again, app, image, items, objects, order};

const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

#[tokio::test]
async fn a_picture_is_there_until_its_thirty_days_are_over_and_then_nowhere() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let id = picture["id"].as_str().unwrap();
    let path = format!("/v1/images/{id}");
    app.advance(LIFE - SignedDuration::from_hours(1));
    app.drain().await;
    let mei = again(&app, &mei).await;
    let late = image(&app, &mei, id).await;
    assert_eq!((&late["state"], link_end(&late) < end(&late)), (&"ready".into(), true));
    let url = late["download"]["url"].as_str().unwrap();
    assert_eq!(app.http.get(url).send().await.unwrap().status().as_u16(), 200);
    app.advance(SignedDuration::from_mins(59));
    let mei = again(&app, &mei).await;
    // The last link ends before the picture does.
    let last = image(&app, &mei, id).await;
    assert!(link_end(&last) < end(&last));

    app.advance(SignedDuration::from_mins(1));
    let mei = again(&app, &mei).await;
    // Before anything was erased: its time alone decides.
    assert_eq!((items(&app, "images").len(), objects(&app).len()), (1, 1));
    let before = World::of(&app);
    for method in ["GET", "DELETE"] {
        let answer = app.request(method, &path, Some(&mei.token), &[], None).await;
        assert_eq!((answer.status, answer.problem()), (410, "gone"), "{method}");
    }
    assert!(World::of(&app) == before);
    let list = app.get(&mei, "/v1/images").await.expect(200).json;
    assert_eq!(list["items"], serde_json::json!([]));
    // The objects are still there, but no link leads to them, from the very second on.
    for link in [&late, &last] {
        let url = link["download"]["url"].as_str().unwrap();
        assert_eq!(app.http.get(url).send().await.unwrap().status().as_u16(), 403);
    }
    app.advance(SignedDuration::from_secs(1));
    app.drain().await;
    assert_eq!((items(&app, "images").len(), objects(&app).len()), (0, 0));
    app.get(&mei, &path).await.expect(410);
}

#[tokio::test]
async fn an_id_past_its_time_is_gone_for_everybody_alike() {
    let app = app().await;
    let (mei, stranger) = (app.person("mei").await, app.person("stranger").await);
    let id = order(&app, &mei, "a bowl").await;
    app.drain().await;
    app.advance(LIFE);
    app.drain().await;
    let (mei, stranger) = (again(&app, &mei).await, again(&app, &stranger).await);
    let path = format!("/v1/images/{id}");
    for person in [&mei, &stranger] {
        let answer = app.get(person, &path).await;
        assert_eq!((answer.status, answer.problem()), (410, "gone"));
    }
    let anonymous = app.ask("GET", &path, None).await;
    assert_eq!((anonymous.status, anonymous.problem()), (401, "unauthorized"));
    app.advance(SignedDuration::from_secs(1));
    app.drain().await;
}

#[tokio::test]
async fn what_is_kept_for_a_while_only_goes_by_itself() {
    let app = app().await;
    crate::accounts::sign_up(&app, "unproved@example.com", &[])
        .await
        .expect(202);
    assert_ne!(items(&app, "accounts").len(), 0);
    let mei = app.person("mei").await;
    app.painted(&mei, "a bowl").await;
    app.advance(SignedDuration::from_hours(91 * 24));
    app.drain().await;
    app.drain().await;
    for table in ["outbox", "idempotency", "images", "sessions"] {
        assert_eq!(items(&app, table), Vec::<serde_json::Value>::new(), "{table}");
    }
    let left = serde_json::to_string(&items(&app, "accounts")).unwrap();
    assert!(!left.contains("unproved") && left.contains("mei@example.com"), "{left}");
}

fn end(image: &serde_json::Value) -> jiff::Timestamp {
    image["expires_at"].as_str().unwrap().parse().unwrap()
}

fn link_end(image: &serde_json::Value) -> jiff::Timestamp {
    image["download"]["expires_at"].as_str().unwrap().parse().unwrap()
}
