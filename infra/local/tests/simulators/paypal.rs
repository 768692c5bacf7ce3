//! The simulated PayPal, as its contract has it.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::Money;
use vitrine::sim::{Act, Fault, Instrument, Moved, Provider, Telling};

use crate::{Bench, answer, error_named};

const OURS: &str = "ord_01kb0v1cqhe8svdnq7tqw8vz6n";

trait Filled {
    /// With a form in the body, as pages send it.
    fn form(self, fields: &str) -> Self;
}

impl Filled for reqwest::RequestBuilder {
    fn form(self, fields: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(fields.to_owned())
    }
}

impl Bench {
    async fn token(&self) -> String {
        let request = self
            .request(Method::POST, "/v1/oauth2/token")
            .basic_auth("id", Some("secret"));
        let request = request.form("grant_type=client_credentials");
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")), "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A call with a token and, unless it is empty, a name.
    async fn ask(&self, method: Method, path: &str, name: &str, body: Option<Value>) -> (u16, Value) {
        let token = self.token().await;
        let mut request = self
            .request(method, path)
            .bearer_auth(token)
            .header("content-type", "application/json");
        if !name.is_empty() {
            request = request.header("paypal-request-id", name);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        answer(request.send().await.unwrap()).await
    }

    /// An order of twenty credits; gives PayPal's name for it.
    async fn wanted(&self) -> String {
        let (status, body) = self
            .ask(Method::POST, "/v2/checkout/orders", "create-1", Some(new_order()))
            .await;
        assert_eq!(
            (status, &body["status"]),
            (201, &json!("PAYER_ACTION_REQUIRED")),
            "{body}"
        );
        body["id"].as_str().unwrap().to_owned()
    }

    async fn captured(&self, order: &str, name: &str) -> (u16, Value) {
        let path = format!("/v2/checkout/orders/{order}/capture");
        self.ask(Method::POST, &path, name, None).await
    }

    fn told_kinds(&self) -> Vec<String> {
        let due = self.simulators.paypal().due_events();
        due.into_iter().map(|event| event.kind).collect()
    }
}

fn new_order() -> Value {
    json!({
        "intent": "CAPTURE",
        "purchase_units": [{
            "custom_id": OURS, "invoice_id": OURS, "amount": { "currency_code": "USD", "value": "4.99" },
        }],
        "payment_source": { "paypal": { "experience_context": {
            "brand_name": "Vitrine", "return_url": "http://127.0.0.1/back?order=1", "cancel_url": "http://127.0.0.1/away",
        } } },
    })
}

fn issue(body: &Value) -> &str {
    body["details"][0]["issue"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_order_goes_from_the_payers_page_to_the_money_and_each_step_is_told() {
    let bench = Bench::new().await;
    let order = bench.wanted().await;
    assert_eq!(issue(&bench.captured(&order, "cap-0").await.1), "ORDER_NOT_APPROVED");
    let (status, page) = bench.get(&format!("/checkoutnow?token={order}")).await;
    assert_eq!(status, 200);
    assert!(page.as_str().unwrap().contains("Pay 4.99 USD"), "{page}");
    let request = bench
        .request(Method::POST, "/checkoutnow")
        .form(&format!("token={order}&instrument=good"));
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let sent = client.execute(request.build().unwrap()).await.unwrap();
    let to = sent.headers()["location"].to_str().unwrap();
    assert_eq!(
        (sent.status().as_u16(), to),
        (
            303,
            format!("http://127.0.0.1/back?order=1&token={order}&PayerID=QYR5Z8XDVJNXQ").as_str()
        )
    );

    let (status, body) = bench.captured(&order, "cap-1").await;
    let capture = &body["purchase_units"][0]["payments"]["captures"][0];
    assert_eq!(
        (status, &body["status"], &capture["status"]),
        (201, &json!("COMPLETED"), &json!("COMPLETED"))
    );
    assert_eq!(
        (&capture["custom_id"], &capture["amount"]["value"]),
        (&json!(OURS), &json!("4.99"))
    );
    assert_eq!(bench.captured(&order, "cap-1").await.0, 200);
    assert_eq!(
        issue(&bench.captured(&order, "cap-2").await.1),
        "ORDER_ALREADY_CAPTURED"
    );
    assert_eq!(
        bench.told_kinds(),
        ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED"]
    );

    let path = format!("/v2/payments/captures/{}/refund", capture["id"].as_str().unwrap());
    let some = |value: &str| Some(json!({ "amount": { "currency_code": "USD", "value": value } }));
    assert_eq!(
        issue(&bench.ask(Method::POST, &path, "r", some("5.00")).await.1),
        "REFUND_AMOUNT_EXCEEDED"
    );
    assert_eq!(bench.ask(Method::POST, &path, "r-1", some("1.00")).await.0, 201);
    assert_eq!(bench.ask(Method::POST, &path, "r-1", some("1.00")).await.0, 200);
    assert_eq!(bench.ask(Method::POST, &path, "r-2", None).await.0, 201);
    assert_eq!(
        issue(&bench.ask(Method::POST, &path, "r-3", None).await.1),
        "CAPTURE_FULLY_REFUNDED"
    );
    let (_, record) = bench
        .ask(Method::GET, &format!("/v2/checkout/orders/{order}"), "", None)
        .await;
    let payments = &record["purchase_units"][0]["payments"];
    assert_eq!(payments["captures"][0]["status"], "REFUNDED");
    assert_eq!(payments["refunds"][1]["amount"]["value"], "3.99");
    let moved = bench.simulators.book().paypal.work;
    let cents = |moved: &Moved| match moved {
        Moved::Captured { amount, .. } => amount.in_minor(),
        Moved::Refunded { amount, .. } => -amount.in_minor(),
    };
    assert_eq!(moved.iter().map(cents).collect::<Vec<_>>(), [499, -100, -399]);
}

#[tokio::test]
async fn a_name_is_remembered_for_six_hours_and_gives_what_has_become_of_the_order() {
    let bench = Bench::new().await;
    let order = bench.wanted().await;
    bench
        .simulators
        .paypal()
        .act(
            &order,
            &Act::Approve {
                instrument: Instrument::Good,
            },
        )
        .unwrap();
    bench.clock.advance(SignedDuration::from_hours(5));
    let again = bench
        .ask(Method::POST, "/v2/checkout/orders", "create-1", Some(new_order()))
        .await;
    assert_eq!(
        (again.0, &again.1["id"], &again.1["status"]),
        (200, &json!(order), &json!("APPROVED"))
    );
    bench.clock.advance(SignedDuration::from_hours(1));
    let later = bench
        .ask(Method::POST, "/v2/checkout/orders", "create-1", Some(new_order()))
        .await;
    assert_eq!((later.0, later.1["id"] == order), (201, false));
}

#[tokio::test]
async fn the_payers_means_of_payment_decides_what_a_capture_comes_to() {
    for (instrument, answered, capture, told) in [
        (Instrument::Pending, 201, "PENDING", "PAYMENT.CAPTURE.PENDING"),
        (Instrument::CaptureDeclined, 201, "DECLINED", "PAYMENT.CAPTURE.DENIED"),
        (
            Instrument::Declined,
            422,
            "INSTRUMENT_DECLINED",
            "CHECKOUT.ORDER.APPROVED",
        ),
        (
            Instrument::Refused,
            422,
            "TRANSACTION_REFUSED",
            "CHECKOUT.ORDER.APPROVED",
        ),
    ] {
        let bench = Bench::new().await;
        let order = bench.wanted().await;
        bench
            .simulators
            .paypal()
            .act(OURS, &Act::Approve { instrument })
            .unwrap();
        let (status, body) = bench.captured(&order, "cap-1").await;
        assert_eq!(status, answered, "{body}");
        let shown = &body["purchase_units"][0]["payments"]["captures"][0]["status"];
        assert_eq!(shown.as_str().unwrap_or(issue(&body)), capture);
        assert_eq!(bench.told_kinds().pop().unwrap(), told);
        if instrument == Instrument::Declined {
            assert_eq!(body["links"][1]["rel"], "redirect");
            bench
                .simulators
                .paypal()
                .act(
                    OURS,
                    &Act::Approve {
                        instrument: Instrument::Good,
                    },
                )
                .unwrap();
            let same_name = bench.captured(&order, "cap-1").await;
            assert_eq!(
                issue(&same_name.1),
                "INSTRUMENT_DECLINED",
                "a name that was declined stays so"
            );
            assert_eq!(bench.captured(&order, "cap-2").await.0, 201);
        }
        if instrument == Instrument::Pending {
            bench
                .simulators
                .paypal()
                .act(OURS, &Act::Settle { good: true })
                .unwrap();
            assert_eq!(bench.told_kinds().pop().unwrap(), "PAYMENT.CAPTURE.COMPLETED");
        }
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_in_paypals_words() {
    let bench = Bench::new().await;
    let create = async |name: &str, change: fn(&mut Value)| {
        let mut body = new_order();
        change(&mut body);
        let (status, body) = bench.ask(Method::POST, "/v2/checkout/orders", name, Some(body)).await;
        (status, issue(&body).to_owned())
    };
    for (name, change, expected) in [
        ("", (|_| {}) as fn(&mut Value), (400, "PAYPAL_REQUEST_ID_REQUIRED")),
        (
            "a",
            |body| body["intent"] = Value::Null,
            (400, "MISSING_REQUIRED_PARAMETER"),
        ),
        (
            "b",
            |body| body["purchase_units"][0]["amount"]["value"] = json!("1.999"),
            (422, "DECIMAL_PRECISION"),
        ),
        (
            "c",
            |body| body["purchase_units"][0]["amount"]["value"] = json!("0.00"),
            (422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ),
        (
            "d",
            |body| body["purchase_units"][0]["custom_id"] = json!("x".repeat(128)),
            (400, "INVALID_STRING_LENGTH"),
        ),
    ] {
        assert_eq!(create(name, change).await, (expected.0, expected.1.to_owned()));
    }
    let wrong = bench
        .request(Method::POST, "/v1/oauth2/token")
        .basic_auth("bad", Some("s"))
        .form("grant_type=client_credentials");
    let (status, body) = answer(wrong.send().await.unwrap()).await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
    let stranger = bench
        .request(Method::GET, "/v2/checkout/orders/X")
        .bearer_auth("A21AA")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (stranger.status().as_u16(), answer(stranger).await.1["error"].clone()),
        (401, json!("invalid_token"))
    );
    let (status, body) = bench.ask(Method::GET, "/v2/checkout/orders/X", "", None).await;
    assert_eq!((status, issue(&body)), (404, "INVALID_RESOURCE_ID"));
    bench.fault(
        Provider::Paypal,
        Fault {
            on: Some("/capture".to_owned()),
            ..error_named("PAYER_CANNOT_PAY")
        },
    );
    let order = bench.wanted().await;
    assert_eq!(issue(&bench.captured(&order, "cap").await.1), "PAYER_CANNOT_PAY");
}

#[tokio::test]
async fn an_order_nobody_approves_is_gone_after_three_hours_and_a_token_after_nine() {
    let bench = Bench::new().await;
    let order = bench.wanted().await;
    let (token, path) = (bench.token().await, format!("/v2/checkout/orders/{order}"));
    bench.clock.advance(SignedDuration::from_hours(3));
    assert_eq!(bench.ask(Method::GET, &path, "", None).await.0, 200);
    bench.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(bench.ask(Method::GET, &path, "", None).await.0, 404);
    bench.clock.advance(SignedDuration::from_hours(6));
    assert_eq!(
        bench
            .request(Method::GET, &path)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
}

#[tokio::test]
async fn events_are_told_as_ordered_and_twenty_five_times_in_three_days() {
    let bench = Bench::new().await;
    let order = bench.wanted().await;
    let paypal = bench.simulators.paypal();
    let approve = Act::Approve {
        instrument: Instrument::Good,
    };
    paypal.tell(Telling {
        drop: 1,
        duplicate: 1,
        ..Telling::default()
    });
    paypal.act(&order, &approve).unwrap();
    assert_eq!(bench.told_kinds(), [""; 0]);
    bench.captured(&order, "cap").await;
    paypal.act(&order, &Act::Dispute { value: None }).unwrap();
    let in_order = ["PAYMENT.CAPTURE.COMPLETED", "CUSTOMER.DISPUTE.CREATED"];
    assert_eq!(bench.told_kinds(), in_order);
    paypal.tell(Telling {
        reorder: true,
        ..Telling::default()
    });
    let [dispute, completed] = paypal.due_events().try_into().unwrap();
    assert_eq!([completed.kind.as_str(), dispute.kind.as_str()], in_order);
    paypal.event_tried(&completed.id, Some(200));
    assert_eq!(
        paypal.due_events().len(),
        2,
        "it is told once more although it was taken"
    );
    paypal.event_tried(&completed.id, Some(200));
    paypal.tell(Telling {
        hold: true,
        ..Telling::default()
    });
    assert_eq!(bench.told_kinds(), [""; 0]);
    paypal.tell(Telling::default());

    let began = bench.clock.now();
    let mut tries = 0;
    while let Some(event) = paypal
        .events()
        .into_iter()
        .find(|event| event.id == dispute.id)
        .filter(|event| event.next.is_some())
    {
        bench
            .clock
            .advance(event.next.unwrap().duration_since(bench.clock.now()));
        paypal.event_tried(&event.id, None);
        tries += 1;
    }
    assert_eq!(tries, 25);
    assert!(bench.clock.now().duration_since(began) < SignedDuration::from_hours(72));
}

#[tokio::test]
async fn a_transmission_verifies_by_postback_and_one_changed_does_not() {
    let bench = Bench::new().await;
    let body = r#"{"id":"WH-1", "event_type" : "支付"}"#;
    let made = bench
        .simulators
        .paypal()
        .transmission("WH-OURS", body.as_bytes())
        .unwrap();
    let ask = async |webhook: &str, event: &str| {
        let question = format!(
            r#"{{"auth_algo":"SHA256withRSA","cert_url":"{}","transmission_id":"{}","transmission_sig":"{}","transmission_time":"{}","webhook_id":"{webhook}","webhook_event":{event}}}"#,
            made.cert_url, made.id, made.signature, made.time
        );
        let request = bench.request(Method::POST, "/v1/notifications/verify-webhook-signature");
        let request = request
            .bearer_auth(bench.token().await)
            .header("content-type", "application/json")
            .body(question);
        answer(request.send().await.unwrap()).await.1["verification_status"].clone()
    };
    assert_eq!(ask("WH-OURS", body).await, "SUCCESS");
    assert_eq!(ask("WH-OTHER", body).await, "FAILURE");
    assert_eq!(
        ask("WH-OURS", r#"{"id":"WH-1","event_type":"支付"}"#).await,
        "FAILURE",
        "written anew it is another body"
    );
}

#[tokio::test]
async fn orders_and_money_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let first = Bench::with(|options| options.data = Some(path.clone())).await;
    let order = first.wanted().await;
    first
        .simulators
        .paypal()
        .act(
            &order,
            &Act::Approve {
                instrument: Instrument::Good,
            },
        )
        .unwrap();
    first.captured(&order, "cap-1").await;
    let kept = (
        first.simulators.paypal().order(OURS),
        first.simulators.paypal().events(),
    );
    drop(first);
    let second = Bench::with(|options| options.data = Some(path)).await;
    assert_eq!(
        (
            second.simulators.paypal().order(OURS),
            second.simulators.paypal().events()
        ),
        kept
    );
    assert_eq!(second.captured(&order, "cap-1").await.0, 200);
    let moved = second.simulators.book().paypal.work;
    assert!(matches!(&moved[..], [Moved::Captured { amount, .. }] if *amount == Money::minor(499, amount.currency())));
}
