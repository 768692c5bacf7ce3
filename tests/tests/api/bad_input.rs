//! Bad input: each is told what is wrong and where, and nothing happens.

use serde_json::{Value, json};
use tests::{Answer, PASSWORD, Person, TestApp};

use crate::logs;
use crate::support::{MARK, World, app, balance, nameless};

/// What an answer has to name.
enum Names {
    /// The field at this JSON pointer.
    Field(&'static str),
    /// This parameter of the query.
    Parameter(&'static str),
    /// Nothing in particular.
    Nothing,
}

use Names::{Field, Nothing, Parameter};

/// One request that is refused.
struct Case {
    name: &'static str,
    request: (&'static str, &'static str),
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    answer: (u16, &'static str),
    names: Names,
}

impl Case {
    /// A bad order of pictures.
    fn order(name: &'static str, body: impl ToString, answer: (u16, &'static str), names: Names) -> Self {
        Self {
            headers: vec![("idempotency-key", "a-key".to_owned())],
            ..Self::post("/v1/images", name, body, answer, names)
        }
    }

    fn post(
        path: &'static str,
        name: &'static str,
        body: impl ToString,
        answer: (u16, &'static str),
        names: Names,
    ) -> Self {
        Self {
            name,
            request: ("POST", path),
            headers: Vec::new(),
            body: Some(body.to_string()),
            answer,
            names,
        }
    }

    fn get(path: &'static str, name: &'static str, answer: (u16, &'static str), names: Names) -> Self {
        Self {
            name,
            request: ("GET", path),
            headers: Vec::new(),
            body: None,
            answer,
            names,
        }
    }

    fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self.headers.push((header, value.to_owned()));
        self
    }

    fn without(mut self, header: &'static str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    /// Sends it, and checks that it is refused as it should be and that nothing happened.
    async fn check(&self, app: &TestApp, person: &Person) {
        let Self { name, request, .. } = self;
        let before = World::of(app);
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = app
            .request(request.0, request.1, Some(&person.token), &headers, self.body.clone())
            .await;
        assert_eq!(
            (answer.status, answer.problem()),
            self.answer,
            "{name}: {}",
            answer.text
        );
        match self.names {
            Field(pointer) => assert_eq!(answer.field(), pointer, "{name}: {}", answer.text),
            Parameter(parameter) => assert_eq!(answer.json["parameter"], parameter, "{name}: {}", answer.text),
            Nothing => assert!(answer.json["errors"].is_null(), "{name}: {}", answer.text),
        }
        tells_nothing_back(name, &answer);
        assert!(
            World::of(app) == before,
            "{name}: something happened although it was refused"
        );
    }
}

fn tells_nothing_back(name: &str, answer: &Answer) {
    let headers = format!("{:?}", answer.headers);
    assert!(!answer.text.contains(MARK), "{name} comes back: {}", answer.text);
    assert!(!headers.contains(MARK), "{name} comes back in a header: {headers}");
}

const INVALID_BODY: (u16, &str) = (400, "invalid-body");
const INVALID_FIELD: (u16, &str) = (422, "invalid-field");
const INVALID_PARAMETER: (u16, &str) = (422, "invalid-parameter");
const INVALID_CURSOR: (u16, &str) = (400, "invalid-cursor");
const UNKNOWN_FIELD: (u16, &str) = (422, "unknown-field");

fn bad_orders() -> Vec<Case> {
    let prompt = |text: &str| json!({ "prompt": text });
    vec![
        Case::order("no body", "", INVALID_BODY, Nothing),
        Case::order(
            "JSON cut short",
            format!("{{\"prompt\":\"{MARK}"),
            INVALID_BODY,
            Nothing,
        ),
        Case::order("no JSON at all", MARK, INVALID_BODY, Nothing),
        Case::order(
            "two documents",
            format!("{{\"prompt\":\"{MARK}\"}}{{}}"),
            INVALID_BODY,
            Nothing,
        ),
        Case::order("an array", json!([MARK]), INVALID_FIELD, Field("")),
        Case::order("a text", json!(MARK), INVALID_FIELD, Field("")),
        Case::order(
            "a missing field",
            json!({ "count": 1 }),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "an unknown field",
            json!({ "prompt": MARK, "size": MARK }),
            UNKNOWN_FIELD,
            Field("/size"),
        ),
        Case::order(
            "a field given twice",
            format!("{{\"prompt\":\"{MARK}\",\"prompt\":\"b\"}}"),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "a prompt that is a number",
            json!({ "prompt": 7 }),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "a prompt that is a list",
            json!({ "prompt": [MARK] }),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "a prompt that is null",
            json!({ "prompt": null }),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order("an empty prompt", prompt(""), INVALID_FIELD, Field("/prompt")),
        Case::order(
            "a blank prompt",
            prompt(" \n\t\u{3000}"),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "801 scalars",
            prompt(&"漆".repeat(801)),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "a bell",
            prompt(&format!("{MARK}\u{7}")),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order("a NUL", prompt(&format!("a\0{MARK}")), INVALID_FIELD, Field("/prompt")),
        Case::order(
            "an escape",
            prompt(&format!("\u{1b}[31m{MARK}")),
            INVALID_FIELD,
            Field("/prompt"),
        ),
        Case::order(
            "count 0",
            json!({ "prompt": MARK, "count": 0 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        Case::order(
            "count 5",
            json!({ "prompt": MARK, "count": 5 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        Case::order(
            "count 257",
            json!({ "prompt": MARK, "count": 257 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        Case::order(
            "count -1",
            json!({ "prompt": MARK, "count": -1 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        Case::order(
            "count 1.5",
            json!({ "prompt": MARK, "count": 1.5 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        Case::order(
            "a count in words",
            json!({ "prompt": "a", "count": MARK }),
            INVALID_FIELD,
            Field("/count"),
        ),
        Case::order(
            "an unknown ratio",
            json!({ "prompt": "a", "ratio": MARK }),
            INVALID_FIELD,
            Field("/ratio"),
        ),
        Case::order(
            "ratio 1x1",
            json!({ "prompt": MARK, "ratio": "1x1" }),
            INVALID_FIELD,
            Field("/ratio"),
        ),
        Case::order(
            "an unknown fallback",
            json!({ "prompt": "a", "fallback": MARK }),
            INVALID_FIELD,
            Field("/fallback"),
        ),
    ]
}

fn bad_envelopes() -> Vec<Case> {
    let fine = || json!({ "prompt": MARK });
    let key = (422, "invalid-idempotency-key");
    let media = (415, "unsupported-media-type");
    let kept = |name, answer| Case::order(name, fine(), answer, Nothing);
    vec![
        kept("no key", (400, "missing-idempotency-key")).without("idempotency-key"),
        kept("a key of 200 characters", key).with("idempotency-key", &format!("{MARK}{}", "k".repeat(193))),
        kept("an empty key", key).with("idempotency-key", ""),
        kept("a key with a space", key).with("idempotency-key", &format!("{MARK} b")),
        kept("a text as content type", media).with("content-type", "text/plain"),
        kept("a form as content type", media).with("content-type", "application/x-www-form-urlencoded"),
        Case::order(
            "a body over the cap",
            json!({ "prompt": format!("{MARK}{}", "x".repeat(65_536)) }),
            (413, "body-too-large"),
            Nothing,
        ),
    ]
}

fn bad_words() -> Vec<Case> {
    let description = |text: &str| json!({ "description": text });
    let post = |name, body: Value, answer, names| Case::post("/v1/prompts", name, body, answer, names);
    vec![
        post(
            "a blank description",
            description("  "),
            INVALID_FIELD,
            Field("/description"),
        ),
        post(
            "2,001 scalars",
            description(&"漆".repeat(2001)),
            INVALID_FIELD,
            Field("/description"),
        ),
        post(
            "a bell",
            description(&format!("{MARK}\u{7}")),
            INVALID_FIELD,
            Field("/description"),
        ),
        post(
            "no description",
            json!({ "count": 2 }),
            INVALID_FIELD,
            Field("/description"),
        ),
        post(
            "count 0",
            json!({ "description": MARK, "count": 0 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        post(
            "count 5",
            json!({ "description": MARK, "count": 5 }),
            INVALID_FIELD,
            Field("/count"),
        ),
        post(
            "a text as count",
            json!({ "description": "a", "count": MARK }),
            INVALID_FIELD,
            Field("/count"),
        ),
        post(
            "an unknown field",
            json!({ "description": MARK, "words": MARK }),
            UNKNOWN_FIELD,
            Field("/words"),
        ),
    ]
}

fn bad_queries() -> Vec<Case> {
    let limit = |path, name| Case::get(path, name, INVALID_PARAMETER, Parameter("limit"));
    let cursor = |path, name| Case::get(path, name, INVALID_CURSOR, Parameter("cursor"));
    vec![
        limit("/v1/images?limit=0", "limit 0"),
        limit("/v1/images?limit=101", "limit 101"),
        limit("/v1/images?limit=-1", "limit -1"),
        limit("/v1/images?limit=zqxkiln", "a limit in words"),
        limit("/v1/images?limit=", "an empty limit"),
        limit("/v1/images?limit=1&limit=2", "two limits"),
        limit("/v1/credits?limit=0", "limit 0 of credits"),
        cursor("/v1/images?cursor=zqxkiln!", "a cursor that is none"),
        cursor("/v1/images?cursor=", "an empty cursor"),
        // The cursors of "zqxkiln" and of "17", as another list may have given them.
        cursor("/v1/images?cursor=YXpxeGtpbG4", "a cursor of nothing"),
        cursor("/v1/images?cursor=YTE3", "a cursor of credits"),
        cursor("/v1/credits?cursor=YXpxeGtpbG4", "a cursor of no entry"),
        Case::get(
            "/v1/images?state=zqxkiln",
            "an unknown parameter",
            INVALID_PARAMETER,
            Parameter("state"),
        ),
    ]
}

fn nowhere() -> Vec<Case> {
    let path = |path, name| Case::get(path, name, (404, "not-found"), Nothing);
    vec![
        path("/v1/zqxkiln", "an unknown path"),
        path("/v1/images/", "a path with a slash too many"),
        path("/v1/images/zqxkiln", "an id that is none"),
        path("/v1/images/acc_01kb0v1cqhe8svdnq7tqw8vz6n", "an id of another kind"),
        path("/v1/images/..%2f..%2fzqxkiln", "an id that climbs"),
        path("/", "the root"),
    ]
}

#[tokio::test]
async fn every_bad_request_is_told_what_is_wrong_and_changes_nothing() {
    let app = app().await;
    let mei = app.person("mei").await;
    let cases = [bad_orders(), bad_envelopes(), bad_words(), bad_queries(), nowhere()];
    for case in cases.into_iter().flatten() {
        case.check(&app, &mei).await;
    }
    assert_eq!(balance(&app, &mei).await, (3, 0));
    logs::tell_nothing();
}

#[tokio::test]
async fn a_prompt_of_800_scalars_reaches_the_model_whole() {
    let app = app().await;
    let mei = app.person("mei").await;
    let prompt = "漆".repeat(800);
    app.order(&mei, "longest", json!({ "prompt": prompt }))
        .await
        .expect(202);
    app.drain().await;
    assert_eq!(app.stack.simulators.book().seedream.work[0].prompt, prompt);
}

#[tokio::test]
async fn a_wrong_method_is_refused_and_told_the_right_ones() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app);
    for (method, path, allow) in [
        ("PUT", "/v1/images", "POST, GET"),
        ("DELETE", "/v1/images", "POST, GET"),
        ("PATCH", "/v1/images/img_01kb0v1cqhe8svdnq7tqw8vz6n", "GET, DELETE"),
        ("GET", "/v1/accounts", "POST"),
        ("POST", "/v1/account", "GET"),
        ("DELETE", "/v1/credits", "GET"),
        ("GET", "/v1/sessions", "POST"),
    ] {
        let answer = app.request(method, path, Some(&mei.token), &[], None).await;
        assert_eq!(
            (answer.status, answer.problem(), answer.header("allow")),
            (405, "method-not-allowed", allow),
            "{method} {path}"
        );
    }
    assert!(World::of(&app) == before);
}

#[tokio::test]
async fn each_bad_field_of_a_sign_up_is_named_and_nothing_is_kept_or_mailed() {
    let app = app().await;
    let policy = app.stack.policy_version().unwrap();
    let fine = json!({ "email": format!("{MARK}@example.com"), "password": PASSWORD, "policy_version": policy });
    let (short, long) = (format!("{}a", &MARK[1..]), format!("{MARK}{}", "x".repeat(66)));
    assert_eq!((short.len(), long.len()), (7, 73));
    let before = World::of(&app);
    for (field, value, kind) in [
        ("email", json!(MARK), "invalid-field"),
        ("email", json!(format!("{MARK}@localhost")), "invalid-field"),
        ("email", json!(format!("{MARK} <{MARK}@example.com>")), "invalid-field"),
        (
            "email",
            json!(format!("{MARK}@example.com\r\nBcc: {MARK}@example.com")),
            "invalid-field",
        ),
        ("email", json!(null), "invalid-field"),
        ("password", json!(short), "invalid-field"),
        ("password", json!(long), "invalid-field"),
        ("password", json!("漆".repeat(25)), "invalid-field"),
        ("password", json!("password1"), "password-too-common"),
        ("password", json!(format!("{MARK}1")), "password-too-common"),
        ("name", json!("  "), "invalid-field"),
        ("name", json!(format!("{MARK}\n{MARK}")), "invalid-field"),
        ("name", json!(format!("{MARK}{}", "x".repeat(94))), "invalid-field"),
        ("policy_version", json!(MARK), "invalid-field"),
        ("policy_version", json!("2020-01-01"), "invalid-field"),
        ("newsletter", json!(MARK), "unknown-field"),
    ] {
        let mut body = fine.clone();
        body[field] = value.clone();
        let answer = app.ask("POST", "/v1/accounts", Some(body)).await;
        let named = (answer.status, answer.problem(), answer.field());
        let pointer = format!("/{field}");
        assert_eq!(
            named,
            (422, kind, pointer.as_str()),
            "{field} = {value}: {}",
            answer.text
        );
        tells_nothing_back(field, &answer);
    }
    for field in ["email", "password", "policy_version"] {
        let mut body = fine.clone();
        body.as_object_mut().unwrap().remove(field);
        let answer = app.ask("POST", "/v1/accounts", Some(body)).await;
        assert_eq!(
            (answer.status, answer.field()),
            (422, format!("/{field}").as_str()),
            "no {field}"
        );
    }
    assert!(World::of(&app) == before, "a refused sign-up left something behind");
    logs::tell_nothing();
}

#[tokio::test]
async fn an_order_without_credits_says_how_many_are_missing_and_takes_none() {
    let app = app().await;
    let mei = app.person("mei").await;
    let before = World::of(&app);
    let answer = app.order(&mei, "too-many", json!({ "prompt": MARK, "count": 4 })).await;
    assert_eq!((answer.status, answer.problem()), (402, "insufficient-credits"));
    let said = ["needed", "available", "missing"].map(|member| answer.json[member].as_i64());
    assert_eq!(said, [Some(4), Some(3), Some(1)], "{}", answer.text);
    assert!(World::of(&app) == before);
    // The refusal used up neither credits nor the key.
    app.order(&mei, "too-many", json!({ "prompt": "a bowl", "count": 3 }))
        .await
        .expect(202);
    let answer = app.order(&mei, "one-more", json!({ "prompt": MARK })).await;
    let said = ["needed", "available", "missing"].map(|member| answer.json[member].as_i64());
    assert_eq!((answer.status, said), (402, [Some(1), Some(0), Some(1)]));
    app.drain().await;
}

#[tokio::test]
async fn another_accounts_picture_is_nowhere() {
    let app = app().await;
    let (mei, stranger) = (app.person("mei").await, app.person("stranger").await);
    let id = app.painted(&mei, "a bowl").await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/images/{id}");
    let before = World::of(&app);
    for method in ["GET", "DELETE"] {
        let answer = app.request(method, &path, Some(&stranger.token), &[], None).await;
        assert_eq!((answer.status, answer.problem()), (404, "not-found"), "{method}");
        // Nothing tells it from a picture that never was.
        let other = if path.ends_with('a') { 'b' } else { 'a' };
        let never = format!("{}{other}", &path[..path.len() - 1]);
        let unknown = app.request(method, &never, Some(&stranger.token), &[], None).await;
        assert_eq!(nameless(&answer), nameless(&unknown), "{method}");
    }
    assert_eq!(
        app.get(&stranger, "/v1/images").await.expect(200).json["items"],
        json!([])
    );
    assert!(World::of(&app) == before);
    app.get(&mei, &path).await.expect(200);
}
