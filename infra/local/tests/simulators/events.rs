//! What the simulated Resend tells of its mails, and how long it goes on trying.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use vitrine::sim::{Event, signature};

use crate::{Bench, answer};

impl Bench {
    async fn mail_to(&self, to: &str) {
        let mail = json!({ "from": "a@vitrine.example", "to": [to], "subject": "s", "text": "t" });
        let request = self.request(Method::POST, "/emails").bearer_auth("re_x");
        let request = request.header("user-agent", "t").json(&mail);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    fn told(&self) -> Vec<String> {
        self.simulators
            .due_events()
            .iter()
            .map(|event| event.kind.clone())
            .collect()
    }
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn a_mail_makes_the_events_of_its_fate_and_only_those_subscribed_to_are_told() {
    for (to, all, told) in [
        ("mei@example.com", vec!["email.sent", "email.delivered"], vec![]),
        (
            "bounced+label@resend.dev",
            vec!["email.sent", "email.bounced"],
            vec!["email.bounced"],
        ),
        (
            "complained-mei@example.com",
            vec!["email.sent", "email.delivered", "email.complained"],
            vec!["email.complained"],
        ),
    ] {
        let bench = Bench::new().await;
        bench.mail_to(to).await;
        assert_eq!(kinds(&bench.simulators.events()), all, "{to}");
        assert_eq!(bench.told(), told, "{to}");
        let last: Value = serde_json::from_str(&bench.simulators.events().pop().unwrap().body).unwrap();
        assert_eq!((&last["type"], &last["data"]["to"]), (&json!(all.last()), &json!([to])));
        assert_eq!(last["created_at"], "2026-11-22T09:00:00Z");
        let is_bounce = last["type"] == "email.bounced";
        assert_eq!(last["data"]["bounce"]["type"] == "Permanent", is_bounce, "{to}");
    }
}

#[tokio::test]
async fn an_event_by_hand_is_told_whatever_its_type() {
    let bench = Bench::new().await;
    let make = async |order: Value| {
        let request = bench.request(Method::POST, "/_sim/resend/events").json(&order);
        answer(request.send().await.unwrap()).await
    };
    let order = json!({ "type": "email.bounced", "to": "mei@example.com", "bounce": "Transient", "created_at": "2026-11-01T00:00:00Z" });
    let (status, made) = make(order).await;
    let body: Value = serde_json::from_str(made["body"].as_str().unwrap()).unwrap();
    assert_eq!((status, &body["data"]["bounce"]["type"]), (201, &json!("Transient")));
    assert_eq!(body["created_at"], "2026-11-01T00:00:00Z");
    make(json!({ "type": "email.new", "to": "mei@example.com" })).await;
    assert_eq!(bench.told(), ["email.bounced", "email.new"]);
    for wrong in [
        json!({}),
        json!({ "type": "email.bounced" }),
        json!({ "type": "a", "to": "b", "when": "c" }),
    ] {
        assert_eq!(make(wrong).await.0, 400);
    }
}

#[tokio::test]
async fn what_is_not_taken_comes_due_seven_times_more_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let first = Bench::with(|options| options.data = Some(path.clone())).await;
    first.mail_to("bounced@example.com").await;
    first.mail_to("complained@example.com").await;
    let [bounced, complained] = first.simulators.due_events().try_into().unwrap();
    first.simulators.event_tried(&complained.id, Some(204));
    for (status, pause) in [(None, 5), (Some(503), 300), (Some(302), 1800)] {
        first.simulators.event_tried(&bounced.id, status);
        first.clock.advance(SignedDuration::from_secs(pause - 1));
        assert_eq!(first.told(), [""; 0]);
        first.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(first.told(), ["email.bounced"]);
    }
    let (before, now) = (first.simulators.events(), first.clock.clone());
    drop(first);

    let second = Bench::with(|options| (options.data, options.clock) = (Some(path), now)).await;
    assert_eq!(second.simulators.events(), before);
    assert_eq!(second.told(), ["email.bounced"]);
    for tries in 4..=8 {
        second.simulators.event_tried(&bounced.id, Some(500));
        let event = second
            .simulators
            .events()
            .into_iter()
            .find(|event| event.id == bounced.id);
        assert_eq!(event.unwrap().next.is_none(), tries == 8, "{tries}");
    }
}

#[test]
fn the_signature_is_svixs() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = br#"{"test": 2432232314}"#;
    let made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
    assert_eq!(made.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(signature("no secret", "msg_1", 0, body), None);
}
