//! P8 to P12: what each company receives, by its own book, and what we keep of what PayPal tells.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::TestApp;
use vitrine::sim::{Fault, Provider, Request};

use crate::records::everything_stored;
use crate::seller::{Seller, assert_free, marked_words};

/// The headers that every call to a company has.
const HEADERS: [&str; 6] = [
    "accept",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

/// The whole request, headers and address included, on one line.
fn whole(request: &Request) -> String {
    serde_json::to_string(request).unwrap()
}

fn names<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<&'a str> {
    names.into_iter().map(String::as_str).collect()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    names(value.as_object().unwrap().keys())
}

/// Exactly these headers, none of which is a person's; no query.
#[track_caller]
fn assert_plain(request: &Request, path: &str, headers: impl IntoIterator<Item = &'static str>) {
    assert_eq!(
        (request.method.as_str(), request.path.as_str(), request.query.as_str()),
        ("POST", path, "")
    );
    assert_eq!(names(request.headers.keys()), headers.into_iter().collect());
    assert!(
        request.headers["user-agent"].starts_with("vitrine/"),
        "{}",
        whole(request)
    );
    assert_eq!(request.headers["accept"], "application/json");
    assert_eq!(request.headers["content-type"], "application/json");
}

/// A request as far as it could tell one person from another.
fn distinguishing(request: &Request) -> (Value, Value) {
    let mut headers = request.headers.clone();
    headers.remove("host");
    (serde_json::to_value(headers).unwrap(), request.body.clone())
}

pub(crate) async fn deepseek_receives_the_description_and_nothing_else_of_a_person() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    let image = seller.use_everything(&app).await;
    let requests = app.stack.simulators.book().deepseek.requests;
    let [request] = requests.as_slice() else {
        panic!("asked {} times", requests.len())
    };
    assert_plain(request, "/chat/completions", HEADERS);
    let body = &request.body;
    let expected = [
        "max_tokens",
        "messages",
        "model",
        "response_format",
        "stream",
        "thinking",
    ];
    assert_eq!(keys(body), expected.into());
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    for (message, role) in messages.iter().zip(["system", "user"]) {
        assert_eq!(keys(message), ["content", "role"].into());
        assert_eq!(message["role"], role);
    }
    assert_eq!(messages[1]["content"], seller.marks.description.as_str());
    assert_eq!(body["response_format"], serde_json::json!({ "type": "json_object" }));
    assert_eq!(body["thinking"], serde_json::json!({ "type": "disabled" }));

    assert_free("the request", &whole(request), &seller.marks.personal());
    assert_free("the request", &whole(request), &seller.ids());
    assert_free("the request", &whole(request), &marked_words(&seller.marks.prompt));
    assert_free(
        "the request",
        &whole(request),
        &[image[4..].to_owned(), "user_id".to_owned()],
    );
}

pub(crate) async fn deepseek_cannot_tell_two_people_with_the_same_description_apart() {
    let app = TestApp::new().await;
    for who in ["mei", "jun"] {
        Seller::sign_up(&app, who)
            .await
            .describe_as(&app, "a walnut desk lamp")
            .await;
    }
    let requests = app.stack.simulators.book().deepseek.requests;
    let [first, second] = requests.as_slice() else {
        panic!("asked {} times", requests.len())
    };
    assert_eq!(distinguishing(first), distinguishing(second));
}

pub(crate) async fn seedream_receives_the_prompt_and_nothing_else_of_a_person() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    let image = seller.use_everything(&app).await;
    let requests = app.stack.simulators.book().seedream.requests;
    let [request] = requests.as_slice() else {
        panic!("asked {} times", requests.len())
    };
    assert_plain(request, "/api/v3/images/generations", HEADERS);
    let expected = [
        "model",
        "output_format",
        "prompt",
        "response_format",
        "sequential_image_generation",
        "size",
        "watermark",
    ];
    assert_eq!(keys(&request.body), expected.into());
    assert_eq!(request.body["prompt"], seller.marks.prompt.as_str());

    assert_free("the request", &whole(request), &seller.marks.personal());
    assert_free("the request", &whole(request), &seller.ids());
    assert_free("the request", &whole(request), &marked_words(&seller.marks.description));
    assert_free("the request", &whole(request), &[image[4..].to_owned()]);
}

pub(crate) async fn seedream_cannot_tell_two_people_with_the_same_prompt_apart() {
    let app = TestApp::new().await;
    for who in ["mei", "jun"] {
        Seller::sign_up(&app, who)
            .await
            .order_of(&app, "A walnut desk lamp")
            .await;
    }
    app.drain().await;
    let requests = app.stack.simulators.book().seedream.requests;
    let [first, second] = requests.as_slice() else {
        panic!("asked {} times", requests.len())
    };
    assert_eq!(distinguishing(first), distinguishing(second));
}

/// The primary neither paints nor charges, as often as it is asked.
fn without_primary(app: &TestApp) {
    let fault = Fault {
        error: Some("QuotaExceeded".to_owned()),
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Seedream, 100, fault).unwrap();
}

pub(crate) async fn dashscope_receives_the_prompt_and_nothing_else_of_a_person() {
    let app = TestApp::new().await;
    without_primary(&app);
    let mut seller = Seller::sign_up(&app, "mei").await;
    let image = seller.use_everything(&app).await;
    let requests = app.stack.simulators.book().dashscope.requests;
    let (submits, looks): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.method == "POST");
    let [submit] = submits.as_slice() else {
        panic!("asked {} times", submits.len())
    };
    let headers = HEADERS.into_iter().chain(["x-dashscope-async"]);
    assert_plain(submit, "/api/v1/services/aigc/text2image/image-synthesis", headers);
    assert_eq!(keys(&submit.body), ["input", "model", "parameters"].into());
    let expected = serde_json::json!({ "prompt": seller.marks.prompt });
    assert_eq!(submit.body["input"], expected);
    let expected = ["n", "prompt_extend", "size", "watermark"];
    assert_eq!(keys(&submit.body["parameters"]), expected.into());

    assert!(!looks.is_empty());
    for look in looks {
        assert!(look.path.starts_with("/api/v1/tasks/"), "{}", whole(look));
        assert_eq!((&look.body, look.query.as_str()), (&Value::Null, ""));
        let expected = ["accept", "authorization", "host", "user-agent"];
        assert_eq!(names(look.headers.keys()), expected.into());
    }
    for request in &requests {
        assert_free("the request", &whole(request), &seller.marks.personal());
        assert_free("the request", &whole(request), &seller.ids());
        assert_free("the request", &whole(request), &marked_words(&seller.marks.description));
        assert_free("the request", &whole(request), &[image[4..].to_owned()]);
    }
}

pub(crate) async fn dashscope_cannot_tell_two_people_with_the_same_prompt_apart() {
    let app = TestApp::new().await;
    without_primary(&app);
    for who in ["mei", "jun"] {
        Seller::sign_up(&app, who)
            .await
            .order_of(&app, "A walnut desk lamp")
            .await;
    }
    app.drain().await;
    let mut requests = app.stack.simulators.book().dashscope.requests;
    requests.retain(|request| request.method == "POST");
    let [first, second] = requests.as_slice() else {
        panic!("asked {} times", requests.len())
    };
    assert_eq!(distinguishing(first), distinguishing(second));
}

pub(crate) async fn dashscope_hears_nothing_while_the_primary_is_well() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    seller.use_everything(&app).await;
    let book = app.stack.simulators.book();
    assert_eq!((book.seedream.requests_total, book.dashscope.requests_total), (1, 0));
}

pub(crate) async fn resend_receives_the_address_and_the_message_and_never_the_name() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    let image = seller.use_everything(&app).await;
    let requests = app.stack.simulators.book().resend.requests;
    assert_eq!(
        requests.len(),
        4,
        "a receipt, two codes, and the word that the address is known"
    );
    for request in &requests {
        assert_plain(request, "/emails", HEADERS.into_iter().chain(["idempotency-key"]));
        assert_eq!(keys(&request.body), ["from", "html", "subject", "text", "to"].into());
        assert_eq!(request.body["to"], serde_json::json!([seller.marks.email]));
        assert_free("the key", &request.headers["idempotency-key"], &seller.ids());

        // The address stands in `to` and nowhere else, and nothing else of the person anywhere.
        let mut rest = request.clone();
        rest.body["to"].take();
        assert_free("the mail", &whole(&rest), &seller.marks.personal());
        assert_free("the mail", &whole(&rest), &seller.marks.creative());
        assert_free("the mail", &whole(&rest), &seller.ids());
        assert_free("the mail", &whole(&rest), &[image[4..].to_owned()]);
    }
}

pub(crate) async fn paypal_receives_the_order_and_nothing_of_the_account() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    let image = seller.use_everything(&app).await;
    let requests = app.stack.simulators.book().paypal.requests;
    assert!(requests.len() > 4, "asked {} times", requests.len());
    let create = requests
        .iter()
        .find(|request| request.path == "/v2/checkout/orders")
        .unwrap();
    let expected = ["amount", "custom_id", "description", "invoice_id", "reference_id"];
    assert_eq!(keys(&create.body["purchase_units"][0]), expected.into());
    for request in &requests {
        assert!(
            request.headers["user-agent"].starts_with("vitrine/"),
            "{}",
            whole(request)
        );
        assert_free("the request", &whole(request), &seller.marks.personal());
        assert_free("the request", &whole(request), &seller.marks.creative());
        assert_free("the request", &whole(request), &seller.ids());
        assert_free("the request", &whole(request), &[image[4..].to_owned()]);
    }
}

/// What the simulated PayPal tells of its payer, in answers and in events.
const PAYER: [&str; 3] = ["pat.payer@payer.example", "payer.example", "QYR5Z8XDVJNXQ"];

pub(crate) async fn what_paypal_tells_of_the_payer_is_kept_and_shown_nowhere() {
    let app = TestApp::new().await;
    let seller = Seller::sign_up(&app, "mei").await;
    let order = seller.buy(&app).await;
    let told = app.stack.simulators.paypal().events();
    let told = serde_json::to_string(&told).unwrap();
    let payer = PAYER.map(str::to_owned);
    assert!(
        payer.iter().all(|word| told.contains(word)),
        "PayPal has told of no payer: {told}"
    );
    for (table, items) in everything_stored(&app) {
        assert_free(&table, &serde_json::to_string(&items).unwrap(), &payer);
    }
    let mails = serde_json::to_string(&app.stack.simulators.mails(None)).unwrap();
    assert_free("a mail", &mails, &payer);
    for path in [
        "/v1/orders".to_owned(),
        format!("/v1/orders/{order}"),
        "/v1/credits".to_owned(),
    ] {
        let answer = seller.send(&app, "GET", &path, None).await.expect(200);
        assert_free(&path, &answer.text, &payer);
    }
}
