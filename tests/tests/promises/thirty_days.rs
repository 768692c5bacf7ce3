//! P2: pictures live for thirty days.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tests::{START, TestApp};

use crate::records::everything_stored;
use crate::seller::{DAY, Seller, assert_free, files, follow, link};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Somebody with a picture, painted an hour after it was ordered: it is the order that counts.
async fn with_a_picture() -> (TestApp, Seller, String) {
    let app = TestApp::new().await;
    let seller = Seller::sign_up(&app, "mei").await;
    let id = seller.order(&app).await;
    wait_until(&app, HOUR);
    app.drain().await;
    (app, seller, id)
}

/// Turns the clock to so long after the order.
fn wait_until(app: &TestApp, after_the_order: SignedDuration) {
    let ordered: Timestamp = START.parse().unwrap();
    app.advance((ordered + after_the_order).duration_since(app.now()));
}

pub(crate) async fn a_picture_is_readable_an_hour_before_its_end_and_gone_at_its_end() {
    let (app, mut seller, id) = with_a_picture().await;
    wait_until(&app, DAY * 30 - HOUR);
    app.drain().await;
    seller.sign_in(&app).await;
    let picture = seller.picture(&app, &id).await.expect(200);
    assert_eq!(picture.json["state"], "ready");
    assert_eq!(follow(&app, &link(&picture)).await.0, 200);

    wait_until(&app, DAY * 30);
    seller.sign_in(&app).await;
    let gone = seller.picture(&app, &id).await.expect(410);
    assert_eq!(gone.problem(), "gone");
    let list = seller.send(&app, "GET", "/v1/images", None).await.expect(200);
    assert!(!list.text.contains(&id), "{}", list.text);
    app.drain().await;
}

pub(crate) async fn a_link_dies_with_the_picture_even_when_it_is_the_last_one_given() {
    let (app, mut seller, id) = with_a_picture().await;
    wait_until(&app, DAY * 30 - SignedDuration::from_mins(10));
    seller.sign_in(&app).await;
    let picture = seller.picture(&app, &id).await.expect(200);
    let ends = |value: &Value| value["expires_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(
        ends(&picture.json["download"]) < ends(&picture.json),
        "no link outlives its picture"
    );
    let link = link(&picture);
    wait_until(&app, DAY * 30 - SignedDuration::from_secs(1));
    assert_eq!(follow(&app, &link).await.0, 200);
    wait_until(&app, DAY * 30);
    let (status, _, body) = follow(&app, &link).await;
    assert_eq!(status, 403, "the store still has the file, and must not give it");
    assert!(!body.starts_with(b"\xff\xd8"));
    assert_eq!(files(&app).len(), 1, "this is about the link, not about the file");
    app.drain().await;
}

pub(crate) async fn the_record_the_prompt_and_the_file_are_erased_once_they_expired() {
    let (app, seller, id) = with_a_picture().await;
    assert_eq!((app.stack.pictures().unwrap(), files(&app).len()), (1, 1));
    wait_until(&app, DAY * 30 + SignedDuration::from_secs(1));
    app.drain().await;
    assert_eq!(app.stack.pictures().unwrap(), 0);
    assert_eq!(files(&app), Vec::<String>::new());
    for (table, items) in everything_stored(&app) {
        let items = serde_json::to_string(&items).unwrap();
        assert_free(&format!("the table {table}"), &items, &seller.marks.creative());
    }
    seller_is_told_gone(&app, seller, &id).await;
}

pub(crate) async fn a_picture_stays_gone_while_the_database_is_days_late_and_then_its_file_goes_too() {
    let (app, seller, id) = with_a_picture().await;
    let key = files(&app).pop().unwrap();
    wait_until(&app, DAY * 33);
    assert_eq!(app.stack.pictures().unwrap(), 1, "the database has not removed it yet");
    let seller = seller_is_told_gone(&app, seller, &id).await;
    let list = seller.send(&app, "GET", "/v1/images", None).await.expect(200);
    assert!(!list.text.contains(&id), "{}", list.text);
    assert_eq!(files(&app), [key]);
    app.drain().await;
    assert_eq!((app.stack.pictures().unwrap(), files(&app).len()), (0, 0));
    seller_is_told_gone(&app, seller, &id).await;
}

pub(crate) async fn a_picture_that_its_owner_deletes_is_gone_at_once_with_file_and_link() {
    let (app, mut seller, id) = with_a_picture().await;
    seller.sign_in(&app).await;
    let link = link(&seller.picture(&app, &id).await.expect(200));
    let deleted = seller.send(&app, "DELETE", &format!("/v1/images/{id}"), None).await;
    assert!((200..300).contains(&deleted.status), "{}", deleted.text);
    seller.picture(&app, &id).await.expect(404);
    app.drain().await;
    assert_eq!((app.stack.pictures().unwrap(), files(&app).len()), (0, 0));
    assert_eq!(follow(&app, &link).await.0, 404);
}

async fn seller_is_told_gone(app: &TestApp, mut seller: Seller, id: &str) -> Seller {
    seller.sign_in(app).await;
    let gone = seller.picture(app, id).await.expect(410);
    assert_free("the answer", &gone.text, &seller.marks.creative());
    seller
}
