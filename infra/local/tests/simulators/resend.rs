//! Resend's contract, and the mailbox behind it.

use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use vitrine::sim::{Fault, Provider};

use crate::{Bench, answer, error_named};

fn mail() -> Value {
    json!({
        "from": "Vitrine <no-reply@vitrine.example>", "to": ["mei@example.com"], "subject": "Your code",
        "text": "Your code is 123456. It is good for 15 minutes.", "html": "<p>123456</p>",
    })
}

impl Bench {
    fn resend(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path)
            .bearer_auth("re_good_key")
            .header("user-agent", "vitrine-test")
    }

    async fn send(&self, key: Option<&str>, body: &Value) -> (u16, Value) {
        let request = self.resend(Method::POST, "/emails").json(body);
        let request = if let Some(key) = key {
            request.header("idempotency-key", key)
        } else {
            request
        };
        answer(request.send().await.unwrap()).await
    }

    async fn email(&self, id: &str) -> Value {
        answer(self.resend(Method::GET, &format!("/emails/{id}")).send().await.unwrap())
            .await
            .1
    }
}

fn id(reply: &Value) -> String {
    reply["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mail_is_accepted_delivered_and_found_in_the_mailbox() {
    let bench = Bench::new().await;
    let (status, reply) = bench.send(None, &mail()).await;
    assert_eq!(status, 200);
    let shown = bench.email(&id(&reply)).await;
    assert_eq!(
        (&shown["object"], &shown["last_event"]),
        (&json!("email"), &json!("delivered"))
    );
    assert_eq!(shown["created_at"], "2026-11-22 09:00:00.000000+00");
    assert_eq!(shown["to"], json!(["mei@example.com"]));

    let (_, list) = bench.get("/mailbox.json?to=Mei@example.com").await;
    assert_eq!(
        (&list[0]["code"], list.as_array().unwrap().len()),
        (&json!("123456"), 1)
    );
    assert_eq!(bench.get("/mailbox.json?to=other@example.com").await.1, json!([]));
    assert_eq!(bench.simulators.mails(Some("mei@example.com"))[0].id, id(&reply));
    for path in ["/mailbox".to_owned(), format!("/mailbox/{}", id(&reply))] {
        let (status, page) = bench.get(&path).await;
        assert_eq!(status, 200);
        assert!(page.as_str().unwrap().contains("Your code"));
    }
}

#[tokio::test]
async fn a_mail_cannot_put_markup_into_the_mailbox() {
    let bench = Bench::new().await;
    let mut body = mail();
    body["subject"] = json!("<script>alert(1)</script>");
    bench.send(None, &body).await;
    assert!(!bench.get("/mailbox").await.1.as_str().unwrap().contains("<script>"));
}

#[tokio::test]
async fn without_a_user_agent_nobody_is_heard() {
    let bench = Bench::new().await;
    let request = bench
        .request(Method::POST, "/emails")
        .bearer_auth("re_good_key")
        .json(&mail());
    let (status, reply) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, reply), (403, json!("error code: 1010")));
}

#[tokio::test]
async fn keys_are_refused_each_in_their_own_form() {
    let bench = Bench::new().await;
    for (method, key, status, name) in [
        (Method::POST, None, 401, "missing_api_key"),
        (Method::POST, Some("re_bad"), 401, "validation_error"),
        (Method::POST, Some("re_suspended"), 403, "suspended_api_key"),
        (Method::GET, Some("re_restricted"), 401, "restricted_api_key"),
    ] {
        let path = if method == Method::GET { "/emails/x" } else { "/emails" };
        let request = bench.request(method, path).header("user-agent", "t").json(&mail());
        let request = if let Some(key) = key {
            request.bearer_auth(key)
        } else {
            request
        };
        let (got, reply) = answer(request.send().await.unwrap()).await;
        assert_eq!(
            (got, &reply["name"], &reply["statusCode"]),
            (status, &json!(name), &json!(status))
        );
    }
}

#[tokio::test]
async fn a_mail_with_a_fault_in_it_is_refused_with_the_contracts_name() {
    let bench = Bench::new().await;
    let many: Vec<String> = (0..51).map(|n| format!("u{n}@example.com")).collect();
    for (field, value, status, name) in [
        ("from", Value::Null, 422, "missing_required_field"),
        ("to", Value::Null, 422, "missing_required_field"),
        ("subject", Value::Null, 422, "missing_required_field"),
        ("from", json!("nobody"), 422, "invalid_from_address"),
        ("from", json!("a@unverified.example"), 403, "validation_error"),
        ("to", json!([]), 422, "validation_error"),
        ("to", json!("not an address"), 422, "validation_error"),
        ("to", json!(many), 422, "validation_error"),
        ("tags", json!([{"name": "a b", "value": "c"}]), 422, "validation_error"),
        ("attachments", json!([{"filename": "a.pdf"}]), 422, "invalid_attachment"),
        ("scheduled_at", json!("tomorrow-ish"), 422, "validation_error"),
        ("subject", json!("RATELIMIT"), 429, "rate_limit_exceeded"),
    ] {
        let mut body = mail();
        body[field] = value;
        let (got, reply) = bench.send(None, &body).await;
        assert_eq!((got, &reply["name"]), (status, &json!(name)), "{reply}");
    }
    let request = bench.resend(Method::POST, "/emails").body("{");
    assert_eq!(answer(request.send().await.unwrap()).await.0, 400);
    assert!(bench.simulators.book().resend.work.is_empty());
}

#[tokio::test]
async fn an_idempotency_key_sends_once_and_is_remembered_for_a_day() {
    let bench = Bench::new().await;
    let first = bench.send(Some("verify/1"), &mail()).await;
    assert_eq!(bench.send(Some("verify/1"), &mail()).await, first);
    let mut other = mail();
    other["subject"] = json!("Another");
    let (status, reply) = bench.send(Some("verify/1"), &other).await;
    assert_eq!((status, &reply["name"]), (409, &json!("invalid_idempotent_request")));
    assert_eq!(bench.simulators.mails(None).len(), 1);
    bench.clock.advance(SignedDuration::from_hours(24));
    assert_ne!(bench.send(Some("verify/1"), &mail()).await, first);
    let (status, reply) = bench.send(Some(&"k".repeat(257)), &mail()).await;
    assert_eq!((status, &reply["name"]), (400, &json!("invalid_idempotency_key")));
}

#[tokio::test]
async fn a_key_in_use_is_refused_until_its_first_request_is_answered() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Resend,
        Fault {
            delay_ms: 300,
            ..Fault::default()
        },
    );
    let body = mail();
    let (first, second) = tokio::join!(bench.send(Some("k"), &body), bench.send(Some("k"), &body));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let refused = if first.0 == 409 { first.1 } else { second.1 };
    assert_eq!(refused["name"], "concurrent_idempotent_requests");
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_not_sent_again() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Resend,
        Fault {
            reset: true,
            after_work: true,
            ..Fault::default()
        },
    );
    let lost = bench
        .resend(Method::POST, "/emails")
        .header("idempotency-key", "k")
        .json(&mail())
        .send()
        .await;
    assert!(lost.is_err());
    assert_eq!(bench.send(Some("k"), &mail()).await.0, 200);
    assert_eq!(bench.simulators.mails(None).len(), 1);
}

#[tokio::test]
async fn a_batch_has_an_id_for_every_mail_or_nothing() {
    let bench = Bench::new().await;
    let post = async |body: Value| {
        answer(
            bench
                .resend(Method::POST, "/emails/batch")
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let (status, reply) = post(json!([mail(), mail()])).await;
    assert_eq!((status, reply["data"].as_array().unwrap().len()), (200, 2));
    assert_eq!(post(json!([])).await.0, 422);
    assert_eq!(post(json!(vec![mail(); 101])).await.0, 422);
    assert_eq!(post(json!([mail(), {"from": "a@b.example"}])).await.0, 422);
    assert_eq!(bench.simulators.mails(None).len(), 2);
}

#[tokio::test]
async fn a_scheduled_mail_can_be_put_off_and_cancelled_until_it_is_sent() {
    let bench = Bench::new().await;
    let mut body = mail();
    body["scheduled_at"] = json!("2026-11-22T10:00:00Z");
    let id = id(&bench.send(None, &body).await.1);
    assert_eq!(bench.email(&id).await["last_event"], "scheduled");
    let patch = bench
        .resend(Method::PATCH, &format!("/emails/{id}"))
        .json(&json!({"scheduled_at": "2026-11-22T12:00:00Z"}));
    assert_eq!(patch.send().await.unwrap().status(), 200);
    bench.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(bench.email(&id).await["last_event"], "scheduled");
    let cancel = format!("/emails/{id}/cancel");
    let (status, reply) = answer(bench.resend(Method::POST, &cancel).send().await.unwrap()).await;
    assert_eq!((status, reply), (200, json!({"object": "email", "id": id})));
    assert_eq!(bench.email(&id).await["last_event"], "canceled");
    assert_eq!(bench.resend(Method::POST, &cancel).send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn unknown_mails_and_wrong_methods_have_their_own_names() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.email("49a3999c-0ce1-4ea6-ab68-afcd6dc2e794").await["name"],
        "not_found"
    );
    let (status, reply) = answer(bench.resend(Method::DELETE, "/emails").send().await.unwrap()).await;
    assert_eq!((status, &reply["name"]), (405, &json!("method_not_allowed")));
}

#[tokio::test]
async fn test_addresses_bounce_and_complain() {
    let bench = Bench::new().await;
    for event in ["bounced", "complained", "delivered"] {
        let mut body = mail();
        body["to"] = json!(format!("{event}@resend.dev"));
        let id = id(&bench.send(None, &body).await.1);
        assert_eq!(bench.email(&id).await["last_event"], event);
    }
}

#[tokio::test]
async fn the_rate_is_told_always_and_enforced_only_on_demand() {
    let bench = Bench::new().await;
    for _ in 0..7 {
        let response = bench
            .resend(Method::POST, "/emails")
            .json(&mail())
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["ratelimit-limit"], "5");
        assert_eq!(response.status(), 200);
    }
    bench.clock.advance(SignedDuration::from_secs(1));
    bench.simulators.limit_mail(Some(2));
    for (status, left) in [(200, "1"), (200, "0"), (429, "0")] {
        let response = bench
            .resend(Method::POST, "/emails")
            .json(&mail())
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["ratelimit-remaining"], left);
        assert_eq!(response.headers().contains_key("retry-after"), status == 429);
        assert_eq!(response.status(), status);
    }
    bench.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(bench.send(None, &mail()).await.0, 200);
}

#[tokio::test]
async fn every_name_of_the_contract_can_be_ordered_and_has_its_status() {
    let bench = Bench::new().await;
    for (name, status) in [
        ("invalid_api_key", 403),
        ("invalid_permission", 403),
        ("concurrent_idempotent_requests", 409),
        ("resource_locked", 409),
        ("missing_required_parameter", 422),
        ("invalid_parameter", 422),
        ("rate_limit_exceeded", 429),
        ("daily_quota_exceeded", 429),
        ("monthly_quota_exceeded", 429),
        ("application_error", 500),
        ("internal_server_error", 500),
        ("service_unavailable", 503),
    ] {
        bench.fault(Provider::Resend, error_named(name));
        let (got, reply) = bench.send(None, &mail()).await;
        assert_eq!(
            (got, &reply["name"], &reply["statusCode"]),
            (status, &json!(name), &json!(status))
        );
    }
    assert!(bench.simulators.book().resend.work.is_empty());
}

#[tokio::test]
async fn every_reply_tells_the_rate_also_one_that_was_ordered() {
    let bench = Bench::new().await;
    let rate = async |fault: Option<Fault>| {
        if let Some(fault) = fault {
            bench.fault(Provider::Resend, fault);
        }
        let reply = bench
            .resend(Method::POST, "/emails")
            .json(&mail())
            .send()
            .await
            .unwrap();
        let told = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
        (
            reply.status().as_u16(),
            told("ratelimit-limit"),
            told("ratelimit-remaining"),
        )
    };
    assert_eq!(rate(None).await, (200, "5".to_owned(), "4".to_owned()));
    let failing = error_named("daily_quota_exceeded");
    assert_eq!(rate(Some(failing)).await, (429, "5".to_owned(), "3".to_owned()));
    let mut other = error_named("rate_limit_exceeded");
    other.headers.insert("ratelimit-remaining".to_owned(), "0".to_owned());
    assert_eq!(rate(Some(other)).await, (429, "5".to_owned(), "0".to_owned()));
}
