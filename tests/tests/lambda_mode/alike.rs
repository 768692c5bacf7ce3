//! Both ways of hosting answer alike: a function in the stack's own process, and one behind events and the Runtime API.

use http::HeaderMap;
use serde_json::Value;
use tests::{Answer, Person, TestApp};

use crate::support::app;

/// A request that a gateway could garble.
struct Odd {
    what: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static [u8],
}

const fn odd(what: &'static str, method: &'static str, path: &'static str) -> Odd {
    Odd {
        what,
        method,
        path,
        headers: &[],
        body: b"",
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

const ODD: &[Odd] = &[
    odd("Chinese in the path", "GET", "/v1/images/%E6%9D%AF%E5%AD%90"),
    odd("a blank in a parameter", "GET", "/v1/images/a%20b"),
    odd("a question mark in a parameter", "GET", "/v1/images/a%3Fb"),
    odd("a path that is nowhere", "GET", "/v1/nowhere/%E6%9D%AF"),
    odd("a slash at the end", "GET", "/v1/images/"),
    odd("two slashes", "GET", "//v1//images"),
    odd("the root", "GET", "/"),
    odd("a wrong method", "PUT", "/v1/images"),
    odd("options", "OPTIONS", "/v1/account"),
    odd("only the head", "HEAD", "/v1/health"),
    odd("a parameter of the query", "GET", "/v1/images?limit=1"),
    odd("the same one twice", "GET", "/v1/images?limit=1&limit=2"),
    odd("one that is unknown", "GET", "/v1/images?page=%E6%9D%AF"),
    odd("one without a value", "GET", "/v1/images?limit"),
    odd("a plus sign in the query", "GET", "/v1/images?cursor=a+b%2Bc"),
    odd("a wrong id", "DELETE", "/v1/images/img_00000000000000000000000000"),
    Odd {
        headers: &[JSON],
        body: br#"{"email": "#,
        ..odd("half of a document", "POST", "/v1/sessions")
    },
    Odd {
        headers: &[JSON],
        body: b"\xff\xfe\x00\x01",
        ..odd("bytes that are said to be JSON", "POST", "/v1/sessions")
    },
    Odd {
        headers: &[("content-type", "application/octet-stream")],
        body: b"\xff\xfe\x00\x01",
        ..odd("bytes that are said to be bytes", "POST", "/v1/sessions")
    },
    Odd {
        body: b"\xff\xfe\x00\x01",
        ..odd("bytes of no kind", "POST", "/v1/images")
    },
    Odd {
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: b"email=mei%40example.com",
        ..odd("a form", "POST", "/v1/sessions")
    },
    Odd {
        headers: &[JSON],
        ..odd("an empty body", "POST", "/v1/sessions")
    },
    Odd {
        headers: &[
            ("content-type", "application/json; charset=utf-8"),
            ("accept-language", "zh"),
        ],
        body: "{\"description\": \"手工陶瓷杯\", \"count\": 9}".as_bytes(),
        ..odd("Chinese in the body", "POST", "/v1/prompts")
    },
    Odd {
        headers: &[("prefer", "wait=1"), ("prefer", "respond-async"), ("x-empty", "")],
        ..odd("a header given twice", "GET", "/v1/images")
    },
    Odd {
        headers: &[("cookie", "a=1; b=2")],
        ..odd("cookies", "GET", "/v1/images")
    },
    Odd {
        headers: &[
            JSON,
            ("svix-id", "msg_1"),
            ("svix-timestamp", "1"),
            ("svix-signature", "v1,no"),
        ],
        body: b"{}",
        ..odd("a wrong signature", "POST", "/v1/webhooks/resend")
    },
];

async fn ask(app: &TestApp, person: Option<&Person>, odd: &Odd) -> Answer {
    let url = format!("{}{}", app.stack.api_url(), odd.path);
    let mut request = app.http.request(odd.method.parse().unwrap(), url);
    if let Some(person) = person {
        request = request.bearer_auth(&person.token);
    }
    for (name, value) in odd.headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.body(odd.body).send().await.unwrap()).await
}

/// An answer without what is another one each time: its date, and its name, which is longer here than there. Of a body that is
/// not sent an event does not tell the length.
fn plain(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut once = vec!["date", "x-request-id"];
    if answer.json.get("instance").is_some() || answer.text.is_empty() {
        once.push("content-length");
    }
    let headers: &HeaderMap = &answer.headers;
    let headers = headers.iter().filter(|(name, _)| !once.contains(&name.as_str()));
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let mut json = answer.json.clone();
    if json.get("instance").is_some() {
        json["instance"] = Value::Null;
    }
    (answer.status, headers, json)
}

#[tokio::test]
async fn whatever_is_asked_a_process_answers_as_the_function_in_the_stack_does() {
    let (process, here) = (app().await, TestApp::in_process().await);
    let (mei, twin) = (process.person("mei").await, here.person("mei").await);
    assert!(!process.stack.processes("accounts-create").is_empty());
    assert!(here.stack.processes("accounts-create").is_empty());
    let mut differences = Vec::new();
    for odd in ODD {
        for (known, twin) in [(None, None), (Some(&mei), Some(&twin))] {
            let (one, other) = (ask(&process, known, odd).await, ask(&here, twin, odd).await);
            if plain(&one) != plain(&other) {
                let Odd { what, method, path, .. } = odd;
                differences.push(format!(
                    "{what}, {method} {path}\n{:?}\n{:?}",
                    plain(&one),
                    plain(&other)
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn what_an_event_cannot_tell_of_a_path_is_an_unknown_picture_all_the_same() {
    let app = app().await;
    let mei = app.person("mei").await;
    // The event's path is decoded, and `lambda_http` cannot know what it was.
    for parameter in ["img_1%2F2", "a%2520b", "%FF%FE", "..%2Fimages"] {
        let answer = app.get(&mei, &format!("/v1/images/{parameter}")).await;
        assert_eq!((answer.status, answer.problem()), (404, "not-found"), "{parameter}");
    }
}

#[tokio::test]
async fn more_than_the_gateway_or_lambda_takes_is_refused_before_the_function_sees_it() {
    let app = app().await;
    let url = format!("{}/v1/sessions", app.stack.api_url());
    // The second one is small enough for the gateway, and too large as an event in Base64.
    for size in [10 * 1024 * 1024 + 1, 5 * 1024 * 1024] {
        let request = app.http.post(&url).body(vec![b'x'; size]);
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (413, r#"{"message":"Request Entity Too Large"}"#),
            "{size}"
        );
    }
    assert_eq!(app.stack.processes("sessions-create"), [0; 0]);
}
