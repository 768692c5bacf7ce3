//! Who is believed to be Resend, and how often an event acts.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Answer, PASSWORD, Person, TestApp};
use vitrine::engine::trouble::{Ordered, Trouble};
use vitrine::sim::signature;

use crate::logs;
use crate::support::{World, app, items};

const PATH: &str = "/v1/webhooks/resend";

/// An event as somebody would send it, every part open to change.
#[derive(Clone)]
pub(crate) struct Letter {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

fn secret_name(app: &TestApp) -> String {
    let function = app.stack.template.function("resend-webhook").unwrap();
    function.variables["RESEND_WEBHOOK_SECRET_PARAMETER"].clone()
}

fn signed_with(secret: &str, id: &str, at: Timestamp, body: &str) -> Letter {
    let signature = signature(secret, id, at.as_second(), body.as_bytes()).unwrap();
    Letter {
        id: id.to_owned(),
        timestamp: at.as_second().to_string(),
        signature,
        body: body.to_owned(),
    }
}

/// The event as Resend signs it at this time.
pub(crate) fn signed_at(app: &TestApp, id: &str, at: Timestamp, body: &str) -> Letter {
    let secret = app.stack.engines.parameters.get(&secret_name(app)).unwrap();
    signed_with(&secret, id, at, body)
}

pub(crate) async fn send(app: &TestApp, letter: &Letter) -> Answer {
    let headers = [
        ("svix-id", letter.id.as_str()),
        ("svix-timestamp", &letter.timestamp),
        ("svix-signature", &letter.signature),
    ];
    app.request("POST", PATH, None, &headers, Some(letter.body.clone()))
        .await
}

/// Resend tells this event, and is believed.
pub(crate) async fn tell(app: &TestApp, id: &str, event: &Value) {
    let answer = send(app, &signed_at(app, id, app.now(), &event.to_string())).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
}

/// An event about an address that happens now.
pub(crate) fn event(app: &TestApp, kind: &str, to: &str) -> Value {
    json!({
        "type": kind, "created_at": app.now(),
        "data": {
            "email_id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794", "created_at": app.now(), "from": "Vitrine <hello@example.com>",
            "to": [to], "subject": "Your Vitrine code", "tags": {},
            "bounce": { "type": "Permanent", "subType": "General", "message": "no such user" },
        },
    })
}

/// Somebody whose address was proved a minute ago.
pub(crate) async fn person(app: &TestApp, name: &str) -> Person {
    let person = app.person(name).await;
    app.advance(SignedDuration::from_mins(1));
    person
}

/// What the person is told of the address: at sign-in, and in the account.
pub(crate) async fn told(app: &TestApp, person: &Person) -> (Value, Value) {
    let credentials = json!({ "email": person.email, "password": PASSWORD });
    let session = app.ask("POST", "/v1/sessions", Some(credentials)).await.expect(201);
    let token = session.json["access_token"].as_str();
    let account = app.request("GET", "/v1/account", token, &[], None).await.expect(200);
    (session.json["notices"].clone(), account.json["email_problem"].clone())
}

/// Nothing is wrong with the person's address.
pub(crate) async fn is_well(app: &TestApp, person: &Person) -> bool {
    told(app, person).await == (json!([]), Value::Null)
}

/// The kind of what is wrong with the person's address.
pub(crate) async fn trouble(app: &TestApp, person: &Person) -> String {
    let (notices, problem) = told(app, person).await;
    let kind = problem["kind"].as_str().unwrap().to_owned();
    assert_eq!(notices[0]["kind"], format!("address_{kind}"));
    assert_eq!(
        (notices.as_array().unwrap().len(), &notices[0]["since"]),
        (1, &problem["since"])
    );
    kind
}

#[tokio::test]
async fn one_wrong_bit_anywhere_and_nobody_is_believed() {
    let app = app().await;
    let mei = person(&app, "mei").await;
    let right = signed_at(
        &app,
        "msg_1",
        app.now(),
        &event(&app, "email.bounced", &mei.email).to_string(),
    );
    let other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let at = app.now();
    let wrong = [
        (
            "body",
            Letter {
                body: right.body.replace("mei@", "mej@"),
                ..right.clone()
            },
        ),
        (
            "a space",
            Letter {
                body: format!("{} ", right.body),
                ..right.clone()
            },
        ),
        (
            "id",
            Letter {
                id: "msg_2".to_owned(),
                ..right.clone()
            },
        ),
        (
            "time",
            Letter {
                timestamp: (at.as_second() + 1).to_string(),
                ..right.clone()
            },
        ),
        (
            "signature",
            Letter {
                signature: right.signature.replacen(|c: char| c.is_lowercase() && c != 'v', "A", 1),
                ..right.clone()
            },
        ),
        (
            "half a signature",
            Letter {
                signature: right.signature[..20].to_owned(),
                ..right.clone()
            },
        ),
        (
            "another version",
            Letter {
                signature: right.signature.replacen("v1,", "v2,", 1),
                ..right.clone()
            },
        ),
        (
            "no version",
            Letter {
                signature: right.signature.replacen("v1,", "", 1),
                ..right.clone()
            },
        ),
        ("another secret", signed_with(other_secret, "msg_1", at, &right.body)),
        (
            "no time",
            Letter {
                timestamp: "soon".to_owned(),
                ..right.clone()
            },
        ),
        (
            "no id",
            Letter {
                id: String::new(),
                ..right.clone()
            },
        ),
    ];
    let before = World::of(&app);
    for (name, letter) in wrong {
        let answer = send(&app, &letter).await;
        assert_eq!((answer.status, answer.problem()), (401, "invalid-signature"), "{name}");
    }
    let long = signed_at(&app, &"m".repeat(101), at, &right.body);
    assert_eq!(send(&app, &long).await.status, 401);
    assert!(World::of(&app) == before);
    send(&app, &right).await.expect(204);
    assert_eq!(trouble(&app, &mei).await, "bounced");
    logs::tell_nothing();
    assert!(!logs::all().contains("whsec_") && !logs::all().contains(&right.signature));
}

#[tokio::test]
async fn without_each_of_its_three_headers_given_once_it_is_not_signed() {
    let app = app().await;
    let letter = signed_at(&app, "msg_1", app.now(), "{}");
    let all = [
        ("svix-id", letter.id.as_str()),
        ("svix-timestamp", &letter.timestamp),
        ("svix-signature", &letter.signature),
    ];
    let body = || Some(letter.body.clone());
    app.request("POST", PATH, None, &all, body()).await.expect(204);
    for left_out in 0..3 {
        let mut headers = all.to_vec();
        let header = headers.remove(left_out);
        let without = app.request("POST", PATH, None, &headers, body()).await;
        assert_eq!(
            (without.status, without.problem()),
            (401, "invalid-signature"),
            "{header:?}"
        );
        headers.extend([header, header]);
        let twice = app.request("POST", PATH, None, &headers, body()).await;
        assert_eq!(
            (twice.status, twice.problem()),
            (401, "invalid-signature"),
            "{header:?}"
        );
    }
}

#[tokio::test]
async fn a_signature_is_good_for_three_hundred_seconds_before_and_after() {
    let app = app().await;
    for (away, status) in [
        (0, 204),
        (-300, 204),
        (300, 204),
        (-301, 401),
        (301, 401),
        (-86_400, 401),
    ] {
        let at = app.now() + SignedDuration::from_secs(away);
        let answer = send(&app, &signed_at(&app, "msg_1", at, "{}")).await;
        assert_eq!(answer.status, status, "{away} s");
    }
}

#[tokio::test]
async fn one_right_signature_among_several_is_enough() {
    let app = app().await;
    let right = signed_at(&app, "msg_1", app.now(), "{}");
    let wrong = signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1", app.now(), "{}").signature;
    for several in [
        format!("{wrong} {}", right.signature),
        format!("{} {wrong}", right.signature),
        format!("v1a,unknown {wrong} {}", right.signature),
    ] {
        let letter = Letter {
            signature: several,
            ..right.clone()
        };
        send(&app, &letter).await.expect(204);
    }
    let none = Letter {
        signature: format!("{wrong} {wrong}"),
        ..right
    };
    send(&app, &none).await.expect(401);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let app = app().await;
    let large = format!("{{\"type\":\"{}\"}}", "x".repeat(64 * 1024));
    let answer = send(&app, &signed_at(&app, "msg_1", app.now(), &large)).await;
    assert_eq!((answer.status, answer.problem()), (413, "body-too-large"));
}

#[tokio::test]
async fn an_event_that_comes_twice_acts_once() {
    let app = app().await;
    let mei = person(&app, "mei").await;
    let bounced = event(&app, "email.bounced", &mei.email);
    tokio::join!(tell(&app, "msg_1", &bounced), tell(&app, "msg_1", &bounced));
    let seen: Vec<Value> = items(&app, "idempotency");
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (&seen[0]["pk"]["S"], &seen[0]["sk"]["S"]),
        (&json!("webhook#resend"), &json!("msg_1"))
    );
    assert_eq!(trouble(&app, &mei).await, "bounced");
    // Had it acted again, the complaint under its name would show.
    let before = World::of(&app)
        .apart_from("limits")
        .apart_from("accounts")
        .apart_from("sessions");
    tell(&app, "msg_1", &event(&app, "email.complained", &mei.email)).await;
    assert_eq!(trouble(&app, &mei).await, "bounced");
    assert!(
        World::of(&app)
            .apart_from("limits")
            .apart_from("accounts")
            .apart_from("sessions")
            == before
    );
    app.advance(SignedDuration::from_hours(3 * 24 + 1));
    app.drain().await;
    assert_eq!(items(&app, "idempotency"), Vec::<Value>::new());
}

#[tokio::test]
async fn an_event_that_is_refused_comes_again_for_a_day_and_acts_when_it_is_taken() {
    let app = app().await;
    let mei = person(&app, "mei").await;
    let name = secret_name(&app);
    let parameters = &app.stack.engines.parameters;
    let secret = parameters.get(&name).unwrap();
    parameters.put(&name, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    // The function starts with the secret as it is at its first request.
    send(&app, &signed_with(&secret, "msg_1", app.now(), "{}"))
        .await
        .expect(401);
    parameters.put(&name, &secret).unwrap();
    // It would look for another one, and is not let.
    let blind = Ordered::next(u32::MAX, Trouble::Denied).of("GetParameters");
    app.stack.engines.troubles.order(blind.by("resend-webhook"));

    let desk = format!("{}/_sim/resend/events", app.stack.simulator_url());
    let by_hand = json!({ "type": "email.complained", "to": mei.email }).to_string();
    let made = app.http.post(&desk).body(by_hand).send().await.unwrap();
    assert_eq!(made.status().as_u16(), 201);
    let mut pauses = Vec::new();
    loop {
        app.drain().await;
        let event = app.stack.simulators.events().pop().unwrap();
        assert_eq!(event.tries.last().unwrap().status, Some(401));
        let Some(next) = event.next else { break };
        pauses.push(next.duration_since(app.now()).as_secs());
        app.advance(next.duration_since(app.now()));
    }
    assert_eq!(pauses, [5, 300, 1800, 7200, 18_000, 36_000, 36_000]);
    assert_eq!(app.stack.simulators.events().pop().unwrap().tries.len(), 8);
    assert!(is_well(&app, &mei).await);

    let by_hand = json!({ "type": "email.complained", "to": mei.email }).to_string();
    app.http.post(&desk).body(by_hand).send().await.unwrap();
    app.drain().await;
    parameters.put(&name, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    app.advance(SignedDuration::from_secs(5));
    app.drain().await;
    let taken = app.stack.simulators.events().pop().unwrap();
    let statuses: Vec<_> = taken.tries.iter().map(|tried| tried.status.unwrap()).collect();
    assert_eq!((statuses, taken.next), (vec![401, 204], None));
    assert_eq!(trouble(&app, &mei).await, "complained");
    let shown = Answer::read(app.http.get(&desk).send().await.unwrap())
        .await
        .expect(200);
    assert_eq!(
        shown
            .json
            .as_array()
            .map(|events| events.last().unwrap()["type"].clone()),
        Some(json!("email.complained"))
    );
}
