//! What is read of an event that PayPal has signed.

use serde_json::json;

use super::paypal;
use super::signing::{Delivery, SIGNER};

#[tokio::test]
async fn each_event_of_the_contract_names_what_it_is_about() {
    let order = "ord_01kb0v1cqhe8svdnq7tqw8vz6n";
    let up = json!([{ "rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/CAP1" }]);
    let disputed = json!([{ "seller_transaction_id": "CAP1", "custom": order }]);
    for (kind, resource, expected) in [
        (
            "CHECKOUT.ORDER.APPROVED",
            json!({ "id": "CHECKOUT1", "purchase_units": [{ "custom_id": order }], "payer": { "email_address": "pat@payer.example" } }),
            Some((true, true, None, None)),
        ),
        (
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            json!({ "purchase_units": [{ "custom_id": order }] }),
            Some((true, false, None, None)),
        ),
        (
            "PAYMENT.CAPTURE.PENDING",
            json!({ "id": "CAP1", "custom_id": order }),
            Some((true, false, Some("CAP1"), None)),
        ),
        (
            "PAYMENT.CAPTURE.DENIED",
            json!({ "id": "CAP1", "custom_id": order }),
            Some((true, false, Some("CAP1"), None)),
        ),
        (
            "PAYMENT.CAPTURE.DECLINED",
            json!({ "id": "CAP1" }),
            Some((false, false, Some("CAP1"), None)),
        ),
        (
            "PAYMENT.CAPTURE.REFUNDED",
            json!({ "id": "REF1", "links": up }),
            Some((false, false, Some("CAP1"), Some("REF1"))),
        ),
        (
            "PAYMENT.CAPTURE.REVERSED",
            json!({ "id": "REF1", "supplementary_data": { "related_ids": { "capture_id": "CAP1" } } }),
            Some((false, false, Some("CAP1"), Some("REF1"))),
        ),
        (
            "CUSTOMER.DISPUTE.CREATED",
            json!({ "dispute_id": "PP-D-1", "disputed_transactions": disputed }),
            Some((true, false, Some("CAP1"), None)),
        ),
        (
            "CUSTOMER.DISPUTE.RESOLVED",
            json!({ "disputed_transactions": [{ "custom": "../x" }] }),
            None,
        ),
        ("BILLING.PLAN.CREATED", json!({ "id": "P-1" }), None),
        ("PAYMENT.CAPTURE.COMPLETED", json!("nonsense"), None),
    ] {
        let body = json!({ "id": "WH-2", "event_type": kind, "resource": resource }).to_string();
        let (server, _, webhooks) = paypal();
        let event = Delivery::signed_with(SIGNER, &server.origin(), body.as_bytes())
            .to(&webhooks)
            .await
            .unwrap();
        let hint = event.hint().map(|hint| {
            let text = |name: Option<String>| name;
            (
                hint.order.is_some(),
                hint.approved,
                text(hint.capture.as_ref().map(ToString::to_string)),
                text(hint.refund.as_ref().map(ToString::to_string)),
            )
        });
        let expected = expected.map(
            |(order, approved, capture, refund): (bool, bool, Option<&str>, Option<&str>)| {
                (order, approved, capture.map(str::to_owned), refund.map(str::to_owned))
            },
        );
        assert_eq!(hint, expected, "{kind}");
        assert!(!format!("{event:?}").contains("payer"));
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_an_event_that_says_nothing() {
    for body in ["", "hello", "[]", "{}", "null"] {
        let (server, _, webhooks) = paypal();
        let event = Delivery::signed_with(SIGNER, &server.origin(), body.as_bytes())
            .to(&webhooks)
            .await
            .unwrap();
        assert_eq!(
            (event.id(), event.hint()),
            ("69cd13f0-d67a-11e5-baa3-778b53f4ae55", None),
            "{body}"
        );
    }
}
