//! PayPal as far as one order needs it, on a wire: a record that a test changes, and a till that takes the money of it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use shared::wire::{Wire, WireBody, WireError};
use tokio::sync::oneshot;

/// What the payer's means of payment does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pays {
    /// It pays.
    #[default]
    Well,
    /// It is declined.
    Not,
    /// PayPal refuses to take money for this order at all.
    Never,
    /// It pays, and the answer is lost.
    AndIsLost,
    /// It pays, and the answer is an error of PayPal's.
    AndFails,
}

/// What lies in the till.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) custom_id: String,
    pub(crate) value: String,
    /// `APPROVED`, `COMPLETED`; nothing, and PayPal does not know the order.
    pub(crate) status: String,
    /// The name that the capture has.
    pub(crate) capture_id: String,
    /// The capture's status, once there is a capture.
    pub(crate) capture: Option<&'static str>,
    pub(crate) refunds: Vec<(String, String)>,
    /// The dispute's outcome, once there is a dispute; open as long as that is nothing.
    pub(crate) dispute: Option<Option<&'static str>>,
    pub(crate) pays: Pays,
    pub(crate) is_down: bool,
    /// The names under which money was wanted.
    pub(crate) captures_asked: Vec<String>,
    /// The next record is read now and told when this is.
    pub(crate) held: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

/// The wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Till(Arc<Mutex<State>>);

impl Till {
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl State {
    fn unit(&self) -> Value {
        let amount = |value: &str| json!({ "currency_code": "USD", "value": value });
        let captures = self.capture.iter().map(|status| {
            json!({
                "id": self.capture_id, "status": status, "amount": amount(&self.value), "custom_id": self.custom_id,
                "create_time": "2033-03-03T09:01:00Z", "status_details": { "reason": "ECHECK" },
            })
        });
        let refunds = self.refunds.iter().map(|(id, value)| {
            json!({ "id": id, "status": "COMPLETED", "amount": amount(value), "create_time": "2033-03-03T10:00:00Z" })
        });
        json!({
            "custom_id": self.custom_id, "amount": amount(&self.value),
            "payments": { "captures": captures.collect::<Vec<_>>(), "refunds": refunds.collect::<Vec<_>>() },
            "shipping": { "name": { "full_name": "Pat Payer" } },
        })
    }

    fn disputes(&self) -> Value {
        let items = self.dispute.iter().map(|outcome| {
            json!({
                "dispute_id": "PP-D-1", "status": if outcome.is_some() { "RESOLVED" } else { "OPEN" },
                "dispute_amount": { "currency_code": "USD", "value": self.value }, "create_time": "2033-03-03T11:00:00Z",
                "dispute_outcome": { "outcome_code": outcome },
            })
        });
        json!({ "items": items.collect::<Vec<_>>() })
    }

    fn take(&mut self, name: String) -> Result<(u16, Value), WireError> {
        self.captures_asked.push(name);
        let problem = |issue: &str| {
            let back = json!({ "rel": "redirect", "href": "https://www.paypal.com/checkoutnow?token=again" });
            (
                422,
                json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": issue }], "links": [back] }),
            )
        };
        match (self.capture, self.pays) {
            (Some(_), _) => return Ok(problem("ORDER_ALREADY_CAPTURED")),
            (None, _) if self.status != "APPROVED" => return Ok(problem("ORDER_NOT_APPROVED")),
            (None, Pays::Not) => return Ok(problem("INSTRUMENT_DECLINED")),
            (None, Pays::Never) => return Ok(problem("TRANSACTION_REFUSED")),
            (None, Pays::Well | Pays::AndIsLost | Pays::AndFails) => {}
        }
        (self.status, self.capture) = ("COMPLETED".to_owned(), Some("COMPLETED"));
        match self.pays {
            Pays::AndIsLost => Err(WireError::Lost),
            Pays::AndFails => Ok((500, json!({ "name": "INTERNAL_SERVER_ERROR" }))),
            Pays::Well | Pays::Not | Pays::Never => Ok((201, json!({ "id": "CHECKOUT1", "status": "COMPLETED" }))),
        }
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Result<(u16, Value), WireError> {
        if self.is_down {
            return Err(WireError::NotSent);
        }
        let name = request
            .headers()
            .get("paypal-request-id")
            .map(|name| name.to_str().unwrap().to_owned());
        match request.uri().path() {
            "/v1/oauth2/token" => Ok((200, json!({ "access_token": "A21", "expires_in": 31668 }))),
            "/v2/checkout/orders/CHECKOUT1/capture" => self.take(name.unwrap()),
            "/v2/checkout/orders/CHECKOUT1" if self.status.is_empty() => {
                Ok((404, json!({ "name": "RESOURCE_NOT_FOUND" })))
            }
            "/v2/checkout/orders/CHECKOUT1" => {
                let payer = json!({ "email_address": "pat@payer.example", "payer_id": "QYR5Z8XDVJNXQ" });
                let units = [self.unit()];
                Ok((
                    200,
                    json!({ "id": "CHECKOUT1", "status": self.status, "purchase_units": units, "payer": payer }),
                ))
            }
            "/v1/customer/disputes" => Ok((200, self.disputes())),
            "/v1/customer/disputes/PP-D-1" => Ok((200, self.disputes()["items"][0].clone())),
            _ => Ok((404, json!({ "name": "RESOURCE_NOT_FOUND" }))),
        }
    }
}

impl Wire for Till {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<WireBody>, WireError>> {
        let is_record = request.method() == "GET" && request.uri().path() == "/v2/checkout/orders/CHECKOUT1";
        let (answer, held) = self.with(|state| {
            let held = if is_record { state.held.take() } else { None };
            (state.answer(&request), held)
        });
        async move {
            // Others have their turn, as over a network.
            tokio::task::yield_now().await;
            if let Some((reached, go_on)) = held {
                let _ = reached.send(());
                let _ = go_on.await;
            }
            let (status, body) = answer?;
            let body = Full::new(Bytes::from(body.to_string()))
                .map_err(|never| match never {})
                .boxed_unsync();
            Ok(Response::builder().status(status).body(body).unwrap())
        }
        .boxed()
    }
}
