//! Pictures that come out well: order, look, download, list.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::TestApp;
use vitrine::sim::Fault;

use crate::support::{again, app, balance, billed, image, objects, order, seedream};

async fn download(app: &TestApp, url: &Value) -> reqwest::Response {
    app.http.get(url.as_str().unwrap()).send().await.unwrap()
}

fn pixels(bytes: &[u8]) -> (u32, u32) {
    let reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Jpeg);
    reader.into_dimensions().unwrap()
}

#[tokio::test]
async fn an_order_is_queued_then_ready_and_its_picture_says_that_a_model_drew_it() {
    let app = app().await;
    let mei = app.person("mei").await;
    let ordered = app
        .order(&mei, "first", json!({ "prompt": " a bowl " }))
        .await
        .expect(202);
    assert_eq!(ordered.header("location"), "/v1/images");
    assert_eq!(ordered.json["credits"], json!({ "available": 2, "held": 1 }));
    let id = ordered.json["images"][0]["id"].as_str().unwrap();
    let queued = image(&app, &mei, id).await;
    assert_eq!(queued, ordered.json["images"][0]);
    let shown = json!({
        "id": id, "state": "queued", "credit": "held", "prompt": "a bowl", "ratio": "1:1", "fallback": queued["fallback"],
        "created_at": "2026-11-22T09:00:00Z", "expires_at": "2026-12-22T09:00:00Z",
    });
    assert_eq!(queued, shown);
    app.drain().await;
    let mut ready = image(&app, &mei, id).await;
    let link = ready["download"].take();
    let square = json!({ "width": 2048, "height": 2048 });
    let shown = json!({
        "id": id, "state": "ready", "credit": "spent", "prompt": "a bowl", "ratio": "1:1", "fallback": queued["fallback"],
        "model": ready["model"], "requested": square, "delivered": square, "download": null,
        "created_at": "2026-11-22T09:00:00Z", "finished_at": "2026-11-22T09:00:00Z", "expires_at": "2026-12-22T09:00:00Z",
    });
    assert_eq!(ready, shown);
    assert!(ready["model"].as_str().unwrap().contains("seedream"));
    assert_eq!(balance(&app, &mei).await, (2, 0));
    assert_eq!((billed(&app).len(), billed(&app)[0].watermark), (1, false));

    let answer = download(&app, &link["url"]).await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(pixels(&bytes), (2048, 2048));
    let text = String::from_utf8_lossy(&bytes);
    let label = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
    assert!(
        text.contains("DigitalSourceType") && text.contains(label),
        "the file does not say what drew it"
    );
    for secret in ["mei", &mei.account, "a bowl", id] {
        assert!(!text.contains(secret), "the file holds `{secret}`");
    }
    let keys = objects(&app);
    assert!(
        keys.len() == 1 && !keys[0].contains(id) && !keys[0].contains(&mei.account),
        "{keys:?}"
    );
}

#[tokio::test]
async fn a_download_link_dies_within_the_hour_and_a_new_one_is_given_for_the_asking() {
    let app = app().await;
    let mei = app.person("mei").await;
    let picture = app.painted(&mei, "a bowl").await;
    let link = &picture["download"];
    assert_eq!(link["expires_at"], "2026-11-22T10:00:00Z");
    app.advance(SignedDuration::from_mins(59));
    assert_eq!(download(&app, &link["url"]).await.status().as_u16(), 200);
    app.advance(SignedDuration::from_mins(2));
    assert_eq!(download(&app, &link["url"]).await.status().as_u16(), 403);
    let mei = again(&app, &mei).await;
    let fresh = image(&app, &mei, picture["id"].as_str().unwrap()).await;
    assert_eq!(download(&app, &fresh["download"]["url"]).await.status().as_u16(), 200);
    // A link with another time in it is no link.
    let url = fresh["download"]["url"]
        .as_str()
        .unwrap()
        .replace("X-Amz-Expires=3600", "X-Amz-Expires=360000");
    assert_ne!(url, fresh["download"]["url"]);
    assert_eq!(download(&app, &json!(url)).await.status().as_u16(), 403);
}

#[tokio::test]
async fn each_ratio_is_painted_in_its_own_pixels() {
    let app = app().await;
    for (ratio, size) in [
        ("1:1", (2048, 2048)),
        ("4:3", (2304, 1728)),
        ("3:4", (1728, 2304)),
        ("16:9", (2848, 1600)),
        ("9:16", (1600, 2848)),
    ] {
        let somebody = app.person(&format!("p{}", ratio.replace(':', "-"))).await;
        let body = json!({ "prompt": "a bowl", "ratio": ratio });
        let ordered = app.order(&somebody, "key", body).await.expect(202);
        app.drain().await;
        let picture = image(&app, &somebody, ordered.json["images"][0]["id"].as_str().unwrap()).await;
        let told = json!({ "width": size.0, "height": size.1 });
        assert_eq!((&picture["state"], &picture["ratio"]), (&json!("ready"), &json!(ratio)));
        assert_eq!(
            (&picture["requested"], &picture["delivered"]),
            (&told, &told),
            "{ratio}"
        );
        assert_eq!(billed(&app).last().unwrap().size, format!("{}x{}", size.0, size.1));
        let bytes = download(&app, &picture["download"]["url"]).await.bytes().await.unwrap();
        assert_eq!(pixels(&bytes), size, "{ratio}");
    }
}

#[tokio::test]
async fn a_picture_of_another_size_is_told_as_it_came() {
    let app = app().await;
    let mei = app.person("mei").await;
    seedream(
        &app,
        1,
        Fault {
            wrong_size: true,
            ..Fault::default()
        },
    );
    let picture = app.painted(&mei, "a bowl").await;
    assert_eq!(picture["state"], "ready");
    assert_eq!(picture["requested"], json!({ "width": 2048, "height": 2048 }));
    assert_eq!(picture["delivered"], json!({ "width": 1024, "height": 1024 }));
    let bytes = download(&app, &picture["download"]["url"]).await.bytes().await.unwrap();
    assert_eq!(pixels(&bytes), (1024, 1024));
    assert_eq!(balance(&app, &mei).await, (2, 0));
}

#[tokio::test]
async fn three_at_once_are_three_pictures_with_a_fate_each() {
    let app = app().await;
    let mei = app.person("mei").await;
    let ordered = app
        .order(
            &mei,
            "three",
            json!({ "prompt": "a bowl", "count": 3, "fallback": "never" }),
        )
        .await
        .expect(202);
    assert_eq!(ordered.json["credits"], json!({ "available": 0, "held": 3 }));
    let pictures = ordered.json["images"].as_array().unwrap();
    assert_eq!(pictures.len(), 3);
    // The second fails and says so twice: it gives its own credit back and no other.
    app.stack.engines.pump_streams().unwrap();
    let queue = crate::support::queue(&app, "images-paint");
    while billed(&app).is_empty() {
        app.stack.engines.work_once(&queue).await.unwrap();
    }
    seedream(
        &app,
        2,
        Fault {
            status: Some(429),
            ..Fault::default()
        },
    );
    app.drain().await;
    let mut states = Vec::new();
    for picture in pictures {
        let picture = image(&app, &mei, picture["id"].as_str().unwrap()).await;
        states.push((
            picture["state"].as_str().unwrap().to_owned(),
            picture["credit"].as_str().unwrap().to_owned(),
        ));
    }
    states.sort();
    let pair = |state: &str, credit: &str| (state.to_owned(), credit.to_owned());
    assert_eq!(
        states,
        [
            pair("failed", "released"),
            pair("ready", "spent"),
            pair("ready", "spent")
        ]
    );
    assert_eq!(balance(&app, &mei).await, (1, 0));
    assert_eq!((billed(&app).len(), objects(&app).len()), (2, 2));
}

#[tokio::test]
async fn the_list_is_newest_first_and_its_cursors_lead_through_all_of_it_once() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    order(&app, &other, "somebody else's").await;
    let mut ids = Vec::new();
    for number in 0..5 {
        // Refused ones give their credit back, so that there can be five.
        ids.push(order(&app, &mei, &format!("FORBIDDEN bowl {number}")).await);
        app.drain().await;
        app.advance(SignedDuration::from_secs(1));
    }
    ids.reverse();
    let all = app.get(&mei, "/v1/images").await.expect(200);
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!((names(&all.json), &all.json["next"]), (ids.clone(), &Value::Null));
    assert_eq!(all.header("link"), "");
    let (mut found, mut path, mut pages) = (Vec::new(), "/v1/images?limit=2".to_owned(), Vec::new());
    loop {
        let page = app.get(&mei, &path).await.expect(200);
        pages.push(names(&page.json).len());
        found.extend(names(&page.json));
        let Some(next) = page.json["next"].as_str() else { break };
        path = format!("/v1/images?limit=2&cursor={next}");
        assert_eq!(page.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!((found, pages), (ids.clone(), vec![2, 2, 1]));
    let exact = app.get(&mei, "/v1/images?limit=5").await.expect(200);
    assert_eq!((names(&exact.json), &exact.json["next"]), (ids, &Value::Null));
}

#[tokio::test]
async fn who_prefers_to_wait_gets_the_end_in_one_answer() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    let path = format!("/v1/images/{id}");
    let wait = [("prefer", "wait=20")];
    let waiting = app.request("GET", &path, Some(&mei.token), &wait, None);
    let (answer, _) = tokio::join!(waiting, app.drain());
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (200, &json!("ready")),
        "{}",
        answer.text
    );
    assert_eq!(answer.header("preference-applied"), "wait=20");
    // What has ended is not waited for.
    let again = app
        .request("GET", &path, Some(&mei.token), &wait, None)
        .await
        .expect(200);
    assert_eq!(again.json["state"], "ready");
}

#[tokio::test]
async fn who_waits_in_vain_is_told_how_far_it_is() {
    let app = app().await;
    let mei = app.person("mei").await;
    let id = order(&app, &mei, "a bowl").await;
    let path = format!("/v1/images/{id}");
    let answer = app
        .request("GET", &path, Some(&mei.token), &[("prefer", "wait=1")], None)
        .await
        .expect(200);
    assert_eq!(
        (&answer.json["state"], answer.header("preference-applied")),
        (&json!("queued"), "wait=1")
    );
    app.drain().await;
}
