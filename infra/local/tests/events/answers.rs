use axum::http::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use vitrine::lambda::answer::{NoAnswer, http_answer};
use vitrine::lambda::{LARGEST_PAYLOAD, TooLarge, payload};

fn answer(payload: &Value) -> Result<Response<Bytes>, NoAnswer> {
    http_answer(payload.to_string().as_bytes())
}

#[test]
fn an_answer_with_a_status_is_read_member_by_member() {
    let answer = answer(&json!({
        "statusCode": 201,
        "headers": {"Location": "/v1/images/img_lamp", "X-Count": 2, "X-Paid": true, "Content-Length": "999", "X-None": null},
        "multiValueHeaders": {"x-ignored": ["a"]},
        "cookies": ["a=1", "b=2; Secure"],
        "body": "ZmluZQ==",
        "isBase64Encoded": true,
    }))
    .unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (201, &b"fine"[..]));
    let headers: Vec<_> = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("location", "/v1/images/img_lamp"),
            ("x-count", "2"),
            ("x-paid", "true"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2; Secure"),
            ("content-type", "text/plain; charset=utf-8"),
        ]
    );
}

#[test]
fn an_answer_of_nothing_but_a_status_has_neither_body_nor_type() {
    let answer = answer(&json!({"statusCode": 204})).unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.body().len(), answer.headers().len()),
        (204, 0, 0)
    );
}

#[test]
fn json_without_a_status_is_itself_the_body_of_a_200() {
    for (payload, body) in [
        (r#"{"message": "fine"}"#, r#"{"message": "fine"}"#),
        (r#""fine""#, "fine"),
        ("[1, 2]", "[1, 2]"),
        ("null", "null"),
    ] {
        let answer = http_answer(payload.as_bytes()).unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.body().as_ref()),
            (200, body.as_bytes())
        );
        assert_eq!(answer.headers()["content-type"], "application/json");
    }
}

#[test]
fn what_the_gateway_cannot_read_is_no_answer() {
    for payload in [
        json!({"statusCode": "fine"}),
        json!({"statusCode": 99}),
        json!({"statusCode": 200.5}),
        json!({"statusCode": 200, "body": {"a": 1}}),
        json!({"statusCode": 200, "body": "%%%", "isBase64Encoded": true}),
        json!({"statusCode": 200, "headers": {"x y": "a"}}),
        json!({"statusCode": 200, "headers": {"x": "a\nb"}}),
        json!({"statusCode": 200, "headers": {"x": ["a"]}}),
        json!({"statusCode": 200, "cookies": "a=1"}),
    ] {
        assert!(answer(&payload).is_err(), "{payload}");
    }
    assert!(matches!(http_answer(b"fine"), Err(NoAnswer::NotJson(_))));
}

#[test]
fn an_event_and_an_answer_may_be_as_large_as_lambda_takes_and_no_larger() {
    let text = |length: usize| Value::from("a".repeat(length - 2));
    let (fits, does_not) = (text(LARGEST_PAYLOAD), text(LARGEST_PAYLOAD + 1));
    assert_eq!(answer(&fits).unwrap().body().len(), LARGEST_PAYLOAD - 2);
    let error = answer(&does_not).unwrap_err();
    assert!(matches!(error, NoAnswer::TooLarge(TooLarge(size)) if size == LARGEST_PAYLOAD + 1));
    assert_eq!(payload(&fits).unwrap().len(), LARGEST_PAYLOAD);
    assert_eq!(payload(&does_not), Err(TooLarge(LARGEST_PAYLOAD + 1)));
}
