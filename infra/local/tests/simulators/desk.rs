//! The experimenter's side: books, faults, clock, and what survives a restart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use vitrine::sim::{Fault, Provider};

use crate::{Bench, answer};

fn order() -> Value {
    json!({"model": "doubao-seedream-5-0-pro-260628", "prompt": "a red mug", "size": "1024x1024"})
}

impl Bench {
    async fn try_paint(&self) -> reqwest::Result<reqwest::Response> {
        self.request(Method::POST, "/api/v3/images/generations")
            .bearer_auth("good-key")
            .json(&order())
            .send()
            .await
    }
}

#[tokio::test]
async fn the_book_holds_what_was_received_word_for_word() {
    let bench = Bench::new().await;
    bench.try_paint().await.unwrap();
    let (_, book) = bench.get("/_sim/book/seedream").await;
    let request = &book["requests"][0];
    assert_eq!((&request["method"], &request["status"]), (&json!("POST"), &json!(200)));
    assert_eq!(request["path"], "/api/v3/images/generations");
    assert_eq!(request["body"], order());
    assert_eq!(request["headers"]["authorization"], "Bearer ****-key");
    assert_eq!(book["work"][0]["images"], 1);
    assert_eq!(bench.get("/_sim/book").await.1["seedream"], book);
    assert_eq!(bench.get("/_sim/book/nobody").await.0, 404);
}

#[tokio::test]
async fn a_reset_kills_the_connection_before_or_after_the_work() {
    let bench = Bench::new().await;
    for (after_work, billed) in [(false, 0), (true, 1)] {
        bench.fault(
            Provider::Seedream,
            Fault {
                reset: true,
                after_work,
                ..Fault::default()
            },
        );
        let error = bench.try_paint().await.unwrap_err();
        assert!(
            error.is_request() && !error.is_timeout() && !error.is_connect(),
            "{error:?}"
        );
        let book = bench.simulators.book().seedream;
        assert_eq!(book.work.len(), billed);
        assert_eq!(book.requests.last().unwrap().status, None);
    }
    assert_eq!(bench.try_paint().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_delay_after_the_work_is_a_time_out_that_was_billed() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Seedream,
        Fault {
            delay_ms: 60_000,
            after_work: true,
            ..Fault::default()
        },
    );
    let request = bench
        .request(Method::POST, "/api/v3/images/generations")
        .bearer_auth("good-key")
        .json(&order());
    let error = request.timeout(Duration::from_millis(500)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(bench.simulators.book().seedream.work.len(), 1);
}

#[tokio::test]
async fn a_malformed_body_is_no_json_and_headers_can_be_added() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Seedream,
        Fault {
            malformed: true,
            ..Fault::default()
        },
    );
    assert!(bench.try_paint().await.unwrap().json::<Value>().await.is_err());
    let fault = json!({"status": 503, "body": "<html>gateway</html>", "headers": {"retry-after": "2"}});
    bench
        .post("/_sim/faults", &json!({"provider": "seedream", "fault": fault}))
        .await;
    let response = bench.try_paint().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(answer(response).await, (503, json!("<html>gateway</html>")));
}

#[tokio::test]
async fn faults_are_listed_used_up_in_order_and_cleared() {
    let bench = Bench::new().await;
    let (status, list) = bench
        .post(
            "/_sim/faults",
            &json!({"provider": "seedream", "next": 2, "fault": {"status": 500}}),
        )
        .await;
    assert_eq!((status, &list[0]["next"]), (201, &json!(2)));
    assert_eq!(bench.try_paint().await.unwrap().status(), 500);
    assert_eq!(bench.get("/_sim/faults").await.1[0]["next"], 1);
    assert_eq!(
        bench
            .request(Method::DELETE, "/_sim/faults")
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(bench.try_paint().await.unwrap().status(), 200);
    for wrong in [
        json!({"provider": "seedream", "fault": {"blank_content": true}}),
        json!({"provider": "resend", "fault": {}}),
        json!({"provider": "resend", "fault": {"delay_ms": 9_000_000}}),
        json!({"provider": "nobody", "fault": {"reset": true}}),
        json!({"provider": "resend", "fault": {"resett": true}}),
    ] {
        assert_eq!(bench.post("/_sim/faults", &wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_clock_moves_forward_by_friendly_and_iso_spans_and_tells_its_owner() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let bench =
        Bench::with(|options| options.on_clock_moved = Arc::new(move |by| heard.lock().unwrap().push(by))).await;
    for (span, now) in [
        ("30d", "2026-12-22T09:00:00Z"),
        ("PT1H", "2026-12-22T10:00:00Z"),
        ("3600s", "2026-12-22T11:00:00Z"),
        ("29d 23h", "2027-01-21T10:00:00Z"),
    ] {
        assert_eq!(
            bench.post("/_sim/clock", &json!({"advance": span})).await,
            (200, json!({"now": now}))
        );
    }
    assert_eq!(
        bench
            .post("/_sim/clock", &json!({"set": "2027-02-01T00:00:00Z"}))
            .await
            .0,
        200
    );
    assert_eq!(bench.get("/_sim/clock").await.1["now"], "2027-02-01T00:00:00Z");
    assert_eq!(told.lock().unwrap()[0], SignedDuration::from_hours(30 * 24));
    assert_eq!(told.lock().unwrap().len(), 5);
    for (wrong, status) in [
        (json!({"advance": "soon"}), 400),
        (json!({"advance": "-1h"}), 422),
        (json!({"advance": "1mo"}), 400),
    ] {
        assert_eq!(bench.post("/_sim/clock", &wrong).await.0, status);
    }
}

#[tokio::test]
async fn a_clock_that_nobody_can_move_says_so() {
    let bench = Bench::with(|options| options.clock = shared::Clock::system()).await;
    assert_eq!(bench.post("/_sim/clock", &json!({"advance": "1h"})).await.0, 409);
}

#[tokio::test]
async fn books_mails_links_and_keys_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let mail = json!({"from": "a@vitrine.example", "to": "mei@example.com", "subject": "s", "text": "t"});
    let send = async |bench: &Bench| {
        let request = bench
            .request(Method::POST, "/emails")
            .bearer_auth("re_x")
            .header("user-agent", "t");
        answer(request.header("idempotency-key", "k").json(&mail).send().await.unwrap()).await
    };
    let first = Bench::with(|options| options.data = Some(path.clone())).await;
    let reply = answer(first.try_paint().await.unwrap()).await.1;
    let link = reply["data"][0]["url"]
        .as_str()
        .unwrap()
        .strip_prefix(first.origin.as_str())
        .unwrap()
        .to_owned();
    let sent = send(&first).await;
    let before = serde_json::to_value(first.simulators.book()).unwrap();
    drop(first);

    // What a kill in the middle of a write leaves behind.
    let torn = std::fs::OpenOptions::new()
        .append(true)
        .open(path.join("seedream.work.jsonl"))
        .unwrap();
    std::io::Write::write_all(&mut &torn, b"{\"at\":\"2026-").unwrap();

    let second = Bench::with(|options| options.data = Some(path)).await;
    assert_eq!(serde_json::to_value(second.simulators.book()).unwrap(), before);
    assert_eq!(second.request(Method::GET, &link).send().await.unwrap().status(), 200);
    assert_eq!(send(&second).await, sent);
    assert_eq!(second.simulators.mails(None).len(), 1);
    assert_eq!(second.simulators.book().resend.requests_total, 2);
}

#[tokio::test]
async fn the_front_page_names_everything_and_loads_nothing() {
    let bench = Bench::new().await;
    let response = bench.request(Method::GET, "/").send().await.unwrap();
    assert!(
        response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let page = response.text().await.unwrap();
    for part in [
        "/mailbox",
        "/_sim/book",
        "/_sim/faults",
        "/_sim/clock",
        "/_sim/resend/events",
        "/chat/completions",
        "/emails",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(bench.get("/v9/unknown").await.0, 404);
}
