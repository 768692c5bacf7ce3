//! What a request must look like.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn each_bad_body_is_answered_with_the_field_and_what_it_must_be() {
    for (body, pointer, must) in [
        (r#"{"prompt": 5}"#, "/prompt", "must be a string"),
        (r"{}", "/prompt", "is missing"),
        (r#"{"prompt":"a","prompt":"b"}"#, "/prompt", "is given twice"),
        (
            r#"{"prompt":"a","count":300}"#,
            "/count",
            "must be a whole number from 0 to 255",
        ),
        (
            r#"{"prompt":"a","count":-1}"#,
            "/count",
            "must be a whole number from 0 to 255",
        ),
        (
            r#"{"prompt":"a","count":"x, expected y"}"#,
            "/count",
            "must be a whole number from 0 to 255",
        ),
        (r#"{"prompt":"a","ratio":"2:1"}"#, "/ratio", "must be `1:1` or `4:3`"),
        (r#"{"prompt":"a","tags":["x",7]}"#, "/tags/1", "must be a string"),
        (r#"{"prompt":"a","tags":{}}"#, "/tags", "must be a list"),
        ("[1]", "", "must be an object"),
        ("\"x\"", "", "must be an object"),
    ] {
        assert_eq!(order(body).await, field(Kind::InvalidField, pointer, must), "{body}");
    }
    assert_eq!(
        order(r#"{"prompt":"a","a/b~c":1}"#).await,
        field(Kind::UnknownField, "/a~1b~0c", "is not a field of this request")
    );
}

#[tokio::test]
async fn malformed_json_is_told_its_line_and_column() {
    assert_eq!(
        order("{\n  \"prompt\": oops}").await,
        problem(
            Kind::InvalidBody,
            "The body is not well-formed JSON: look at line 2, column 13.",
            json!({ "line": 2, "column": 13 })
        )
    );
    assert_eq!(
        order("").await["detail"],
        "The body is empty; it must be a JSON object."
    );
    assert_eq!(
        order("{").await["detail"],
        "The body ends too early, in line 1, column 1."
    );
    for body in ["{\"prompt\":\"a\"} x", "[1", "nul", &"[".repeat(500)] {
        assert_eq!(order(body).await["type"], "/problems/invalid-body", "{body}");
    }
}

#[tokio::test]
async fn a_body_must_say_it_is_json_and_keep_to_the_cap() {
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=gbk",
    ] {
        let (status, _, body) = send(ask("POST", "/orders", &[("content-type", content_type)], "{}")).await;
        assert_eq!(
            (status.as_u16(), &body["type"]),
            (415, &json!("/problems/unsupported-media-type"))
        );
    }
    for content_type in ["application/json; charset=UTF-8", "application/vnd.vitrine+json"] {
        let request = ask(
            "POST",
            "/orders",
            &[("content-type", content_type)],
            r#"{"prompt":"a"}"#,
        );
        assert_eq!(send(request).await.0, StatusCode::OK);
    }
    let body = |length: usize| format!(r#"{{"prompt":"{}"}}"#, "x".repeat(length - 13));
    let largest = send(ask("POST", "/orders", &[JSON], body(65_536))).await;
    assert_eq!(largest.0, StatusCode::OK);
    let (status, _, answer) = send(ask("POST", "/orders", &[JSON], body(65_537))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        answer,
        problem(
            Kind::BodyTooLarge,
            "The body is larger than this request may be.",
            json!({})
        )
    );
}

#[tokio::test]
async fn a_key_is_needed_and_told_apart_by_what_the_request_means() {
    let keyed = |headers: Vec<(&'static str, String)>, body: &'static str| async move {
        let mut all = vec![JSON];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        send(ask("POST", "/keyed", &all, body)).await.2
    };
    let key = |value: &str| vec![("idempotency-key", value.to_owned())];
    let fine = r#"{"prompt":"a","count":1}"#;
    assert_eq!(keyed(vec![], fine).await["type"], "/problems/missing-idempotency-key");
    for bad in ["", "a b", "\"open", "\"a\"b", &"k".repeat(129), "é"] {
        assert_eq!(
            keyed(key(bad), fine).await["type"],
            "/problems/invalid-idempotency-key",
            "{bad}"
        );
    }
    let twice = [key("a"), key("a")].concat();
    assert_eq!(keyed(twice, fine).await["type"], "/problems/invalid-idempotency-key");
    let first = keyed(key("k-1"), fine).await;
    assert_eq!(first[0], "k-1");
    assert_eq!(
        keyed(key("\"k-1\""), "{ \"count\" : 1, \"prompt\":\"a\" }").await,
        first
    );
    assert_ne!(keyed(key("k-1"), r#"{"prompt":"b","count":1}"#).await[1], first[1]);
    assert_eq!(keyed(key(&"k".repeat(128)), fine).await[1], first[1]);
}

#[tokio::test]
async fn an_id_of_another_kind_names_nothing() {
    let nothing = problem(
        Kind::NotFound,
        "There is nothing at this address, or nothing that you may see.",
        json!({}),
    );
    for path in [
        "/images/acc_01h455vb4pex5vsknk084sn02q",
        "/images/x",
        "/images/%FF",
        "/nowhere",
        "/",
    ] {
        assert_eq!(send(ask("GET", path, &[], "")).await.2, nothing, "{path}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor_and_link() {
    let (_, headers, first) = send(ask("GET", "/orders?limit=2&cursor=", &[], "")).await;
    assert_eq!((headers.get("link"), &first["parameter"]), (None, &json!("cursor")));
    let (_, headers, first) = send(ask("GET", "/orders?limit=2", &[], "")).await;
    assert_eq!(first["items"], json!([0, 1]));
    let next = first["next"].as_str().unwrap();
    assert_eq!(
        headers["link"],
        format!("</orders?limit=2&cursor={next}>; rel=\"next\"")
    );
    let (_, _, second) = send(ask("GET", &format!("/orders?limit=2&cursor={next}"), &[], "")).await;
    assert_eq!(second["items"], json!([2, 3]));
}

#[tokio::test]
async fn each_bad_parameter_is_named() {
    let foreign = Cursor::after("img_1");
    for (query, kind, parameter, must) in [
        (
            "limit=0",
            Kind::InvalidParameter,
            "limit",
            "must be a whole number from 1 to 100",
        ),
        (
            "limit=101",
            Kind::InvalidParameter,
            "limit",
            "must be a whole number from 1 to 100",
        ),
        (
            "limit=x",
            Kind::InvalidParameter,
            "limit",
            "must be a whole number from 1 to 100",
        ),
        ("limit=1&limit=2", Kind::InvalidParameter, "limit", "is given twice"),
        (
            "size=1",
            Kind::InvalidParameter,
            "size",
            "is not a parameter of this request",
        ),
        (
            "cursor=!!",
            Kind::InvalidCursor,
            "cursor",
            "must be a cursor that this list has given",
        ),
        (
            &format!("cursor={foreign}"),
            Kind::InvalidCursor,
            "cursor",
            "must be a cursor that this list has given",
        ),
    ] {
        let members = json!({ "parameter": parameter, "errors": [{ "parameter": parameter, "detail": must }] });
        let (status, _, body) = send(ask("GET", &format!("/orders?{query}"), &[], "")).await;
        assert_eq!(body, problem(kind, &format!("{parameter} {must}."), members), "{query}");
        assert_eq!(status, kind.status());
    }
}

#[tokio::test]
async fn the_language_liked_best_is_picked() {
    for (accepts, language) in [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.5, zh-Hans;q=0.75", "zh"),
        ("fr, de", "en"),
        ("zh;q=0", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=nonsense", "en"),
        ("*, zh;q=0.5", "en"),
    ] {
        let (_, _, body) = send(ask("GET", "/language", &[("accept-language", accepts)], "")).await;
        assert_eq!(body, language, "{accepts}");
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_twenty_seconds() {
    for (prefer, seconds, applied) in [
        ("wait=5", 5, Some("wait=5")),
        ("respond-async, Wait = 90", 20, Some("wait=20")),
        ("wait=-1", 0, None),
        ("wait", 0, None),
        ("wait=3, wait=9", 3, Some("wait=3")),
        ("", 0, None),
    ] {
        let (_, headers, body) = send(ask("GET", "/wait", &[("prefer", prefer)], "")).await;
        assert_eq!(body, seconds, "{prefer}");
        assert_eq!(
            headers.get("preference-applied").map(|value| value.to_str().unwrap()),
            applied
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_request_makes_the_edge_fail(
        body in prop::collection::vec(any::<u8>(), 0..200),
        header in "[ -~]{0,60}",
        query in "[ -~]{0,60}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let headers = [
            JSON, ("idempotency-key", &*header), ("accept-language", &*header), ("prefer", &*header), ("accept", &*header),
        ];
        for (method, path) in [("POST", "/orders"), ("POST", "/keyed"), ("GET", "/orders"), ("GET", "/language"), ("GET", "/wait")] {
            let uri = format!("{path}?cursor={query}");
            let (status, _, _) = runtime.block_on(send(ask(method, &uri, &headers, body.clone())));
            prop_assert!(!status.is_server_error());
        }
    }

    #[test]
    fn a_cursor_survives_its_text(last in ".{1,40}") {
        let cursor = Cursor::after(&last);
        prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap().last::<String>().unwrap(), last);
    }

    #[test]
    fn no_text_makes_a_cursor_panic(text in ".{0,300}") {
        let _ = text.parse::<Cursor>();
    }
}
