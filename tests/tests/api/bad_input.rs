//! Bad input: each is told what is wrong and where, and nothing happens.

use serde_json::{Value, json};
use tests::{Answer, Person, TestApp};

use crate::logs;
use crate::support::{MARK, World, app, balance};

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

/// Fails when an answer holds what was sent.
#[track_caller]
pub(crate) fn tells_nothing_back(name: &str, answer: &Answer) {
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
