//! PayPal takes the money. It receives an order's id, the pack and its price, and nothing about the account; of what it tells of
//! the payer nothing is even read (P12).
//!
//! Everything that moves money is named, so that PayPal does it once however often it is asked: an order by `create-<our id>`, a
//! capture by `cap-<its order>`, a refund by `refund-<our id>`.

mod reading;
mod token;
mod verdict;
pub mod webhook;

use std::time::Duration;

use http::{HeaderName, StatusCode};
use serde::Serialize;
use url::Url;

use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::order::{Checkout, CheckoutStatus, Record};
use crate::domain::paypal::{CaptureId, CheckoutId, RefundId};
use crate::domain::{Money, Order};
use crate::ids::{self, Id};
use crate::outbound::{Answer, Call, Egress, Outbound, OutboundError, below, company_url};

use reading::{CheckoutBody, DisputeBody, DisputeList, RefundBody};
use token::Tokens;

/// The hosts it is reached at: the live one, and the one to try things out at.
pub const HOSTS: &[&str] = &["api-m.paypal.com", "api-m.sandbox.paypal.com"];

/// How long PayPal may take for a call. A capture asks the payer's bank.
const ASKING: Duration = Duration::from_secs(10);

const REQUEST_ID: HeaderName = HeaderName::from_static("paypal-request-id");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The client. Clones share its access token.
#[derive(Debug, Clone)]
pub struct PayPal {
    outbound: Outbound,
    base: Url,
    tokens: Tokens,
}

/// What the payer sees of us, and where PayPal sends the payer afterwards.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The name above the payment.
    pub brand: String,
    /// Where the payer comes to who has approved; PayPal adds `token` and `PayerID`.
    pub return_url: Url,
    /// Where the payer comes to who has not.
    pub cancel_url: Url,
}

impl Shop {
    /// Reads `PAYPAL_BRAND`, `PAYPAL_RETURN_URL` and `PAYPAL_CANCEL_URL`.
    ///
    /// # Errors
    /// When one of them is missing, or an address is not private.
    pub fn configured(vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            brand: vars.text("PAYPAL_BRAND")?,
            return_url: vars.url("PAYPAL_RETURN_URL")?,
            cancel_url: vars.url("PAYPAL_CANCEL_URL")?,
        })
    }
}

/// Why PayPal did not do what it was asked. Whatever became of the request, asking again under the same name is safe.
#[derive(Debug, thiserror::Error)]
pub enum PayPalError {
    /// Not this time.
    #[error("PayPal cannot be asked now ({reason})")]
    Unavailable {
        /// How long it wants to be left alone, if it said so.
        after: Option<Duration>,
        /// What is wrong, in a word or two.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
    /// Not until the operator has mended something: credentials, rights, or what we ask for.
    #[error("PayPal refuses what we ask ({reason})")]
    Alarm {
        /// PayPal's word for it.
        reason: String,
        /// Why no request could be made, if that is it.
        #[source]
        cause: Option<OutboundError>,
    },
    /// There is nothing of this name.
    #[error("PayPal does not know it")]
    Missing,
}

/// What came of trying to take the money. What became of it in the end PayPal's record says, not this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was tried, now or before.
    Tried,
    /// The payer has not approved.
    NotApproved,
    /// The payer's means of payment was declined: the payer may choose another one there, and the same order goes on.
    Declined {
        /// Where, if PayPal says so.
        payer_url: Option<Url>,
    },
    /// The payer has to do something more, there.
    PayerNeeded {
        /// Where, if PayPal says so.
        payer_url: Option<Url>,
    },
    /// PayPal will not take money for this order any more.
    Refused {
        /// PayPal's word for it.
        issue: String,
    },
}

/// What came of sending money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentBack {
    /// It is going back, under this name.
    Refund(RefundId),
    /// All of it has gone back before.
    Already,
    /// PayPal will not send it.
    Refused {
        /// PayPal's word for it.
        issue: String,
    },
}

impl PayPal {
    /// Reads `PAYPAL_URL` and `PAYPAL_CREDENTIALS_PARAMETER`.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let base = company_url(vars, "PAYPAL_URL", HOSTS)?;
        let outbound = platform.outbound(Egress::to(&base))?;
        let tokens = Tokens::new(vars, platform, &outbound, &base)?;
        Ok(Self { outbound, base, tokens })
    }

    /// Asks for nothing but an access token, which is free: whether PayPal answers and takes the credentials.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe(&self) -> Result<(), PayPalError> {
        self.tokens.fresh().await.map(drop)
    }

    /// Opens a checkout for the order. Asked again for the same order it gives the same checkout, for six hours.
    ///
    /// # Errors
    /// See [`PayPalError`].
    pub async fn create(&self, order: &Order, shop: &Shop) -> Result<Checkout, PayPalError> {
        let id = order.id.to_string();
        let body = NewCheckout::of(order, &id, shop);
        let url = below(&self.base, "/v2/checkout/orders");
        let name = format!("create-{id}");
        let answer = self
            .ask(|| {
                named(self.outbound.post(&url), &name)
                    .header(PREFER, "return=minimal")
                    .json(&body)
            })
            .await?;
        if !answer.status.is_success() {
            return Err(verdict::refused(&answer));
        }
        let checkout = answer.json().and_then(CheckoutBody::into_checkout);
        checkout.ok_or_else(|| verdict::unusable("the answer names no checkout"))
    }

    /// Takes the money of a checkout that the payer has approved. `attempt` counts the times that the payer was sent back: each is
    /// named anew, because a name that was declined may stay so.
    ///
    /// # Errors
    /// See [`PayPalError`]; the money may have been taken all the same.
    pub async fn capture(&self, checkout: &CheckoutId, attempt: u32) -> Result<Taken, PayPalError> {
        let url = below(&self.base, &format!("/v2/checkout/orders/{checkout}/capture"));
        let name = match attempt {
            0 => format!("cap-{checkout}"),
            again => format!("cap-{checkout}-{again}"),
        };
        let answer = self
            .ask(|| {
                named(self.outbound.post(&url), &name)
                    .header(PREFER, "return=minimal")
                    .no_body()
            })
            .await?;
        if answer.status.is_success() {
            Ok(Taken::Tried)
        } else {
            verdict::of_capture(&answer)
        }
    }

    /// Everything that PayPal has on record of an order: its checkout, captures, refunds and disputes; with those refunds that are
    /// known by name alone.
    ///
    /// # Errors
    /// See [`PayPalError`]. That the checkout is unknown is no error but a record that says so.
    pub async fn record(&self, order: &Order, told: &[RefundId]) -> Result<Record, PayPalError> {
        let mut record = match &order.checkout {
            Some(checkout) => self.checkout(&checkout.id).await?,
            None => reading::missing(),
        };
        if let Some(capture) = order.payment.as_ref().and_then(|payment| payment.capture.as_ref()) {
            // A checkout that PayPal has forgotten does not take its captures with it.
            if record.status == CheckoutStatus::Missing
                && let Some(capture) = self.find(&format!("/v2/payments/captures/{capture}")).await?
            {
                record.captures.extend(capture.json().and_then(reading::capture));
            }
        }
        let known = order
            .refunds
            .iter()
            .filter(|(_, refund)| !refund.failed)
            .map(|(id, _)| id);
        for id in known.chain(told) {
            if !record.refunds.contains_key(id) {
                let refund = self.refund_of(id, &record).await?;
                record.refunds.extend(refund.map(|refund| (id.clone(), refund)));
            }
        }
        let captures: Vec<CaptureId> = record.captures.iter().map(|capture| capture.id.clone()).collect();
        for capture in &captures {
            self.add_disputes(capture, &mut record).await?;
        }
        for id in order.disputes.keys() {
            if !record.disputes.contains_key(id)
                && let Some(answer) = self.find(&format!("/v1/customer/disputes/{id}")).await?
            {
                let dispute = answer.json().and_then(DisputeBody::into_dispute);
                record.disputes.extend(dispute);
            }
        }
        Ok(record)
    }

    async fn checkout(&self, id: &CheckoutId) -> Result<Record, PayPalError> {
        match self.find(&format!("/v2/checkout/orders/{id}")).await? {
            None => Ok(reading::missing()),
            Some(answer) => {
                let record = answer.json().and_then(CheckoutBody::into_record);
                record.ok_or_else(|| verdict::unusable("the record of a checkout cannot be read"))
            }
        }
    }

    /// A refund that PayPal's record of the checkout does not show, if it is of a capture there.
    async fn refund_of(
        &self,
        id: &RefundId,
        record: &Record,
    ) -> Result<Option<crate::domain::order::Refund>, PayPalError> {
        let Some(answer) = self.find(&format!("/v2/payments/refunds/{id}")).await? else {
            return Ok(None);
        };
        let body: Option<RefundBody> = answer.json();
        let is_ours = |body: &RefundBody| {
            body.capture()
                .is_some_and(|of| record.captures.iter().any(|one| one.id == of))
        };
        Ok(body
            .filter(is_ours)
            .and_then(RefundBody::into_refund)
            .map(|(_, refund)| refund))
    }

    async fn add_disputes(&self, capture: &CaptureId, record: &mut Record) -> Result<(), PayPalError> {
        let mut url = below(&self.base, "/v1/customer/disputes");
        url.query_pairs_mut()
            .append_pair("disputed_transaction_id", capture.as_str());
        let answer = self.ask(|| self.outbound.get(&url).wanting_json()).await?;
        if answer.status == StatusCode::FORBIDDEN {
            // Reading disputes is a right of its own. Without it credits are given all the same, and nothing is learned of
            // disputes.
            tracing::error!("PayPal does not let us read disputes");
            return Ok(());
        }
        if !answer.status.is_success() {
            return Err(verdict::refused(&answer));
        }
        let list: Option<DisputeList> = answer.json();
        let list = list.ok_or_else(|| verdict::unusable("the list of disputes cannot be read"))?;
        for item in list.items {
            let body = if item.is_resolved() {
                let whole = self.find(&format!("/v1/customer/disputes/{}", item.id())).await?;
                whole.and_then(|answer| answer.json()).unwrap_or(item)
            } else {
                item
            };
            record.disputes.extend(body.into_dispute());
        }
        Ok(())
    }

    /// Sends back `amount` of a capture, or all of it, once for the name `act`.
    ///
    /// # Errors
    /// See [`PayPalError`].
    pub async fn refund(&self, capture: &CaptureId, amount: Option<Money>, act: &str) -> Result<SentBack, PayPalError> {
        let url = below(&self.base, &format!("/v2/payments/captures/{capture}/refund"));
        let (name, body) = (
            format!("refund-{act}"),
            NewRefund {
                amount: amount.map(Amount::from),
            },
        );
        let answer = self.ask(|| named(self.outbound.post(&url), &name).json(&body)).await?;
        if !answer.status.is_success() {
            return verdict::of_refund(&answer);
        }
        let refund = answer.json().and_then(|body: RefundBody| body.id());
        let refund = refund.ok_or_else(|| verdict::unusable("the answer names no refund"))?;
        Ok(SentBack::Refund(refund))
    }

    /// The order that a capture was made for, if PayPal knows the capture and it is one of ours.
    ///
    /// # Errors
    /// See [`PayPalError`].
    pub async fn order_of(&self, capture: &CaptureId) -> Result<Option<Id<ids::Order>>, PayPalError> {
        let found = self.find(&format!("/v2/payments/captures/{capture}")).await?;
        let known = found.and_then(|answer| answer.json()).and_then(reading::capture);
        Ok(known.and_then(|capture| capture.custom_id?.parse().ok()))
    }

    /// Whether PayPal says that an event is its own.
    pub(crate) async fn verifies(&self, question: webhook::Question<'_>) -> Result<bool, PayPalError> {
        let url = below(&self.base, "/v1/notifications/verify-webhook-signature");
        let answer = self.ask(|| self.outbound.post(&url).json(&question)).await?;
        if !answer.status.is_success() {
            return Err(verdict::refused(&answer));
        }
        let verdict: Option<reading::VerificationBody> = answer.json();
        let verdict = verdict.ok_or_else(|| verdict::unusable("the verification cannot be read"))?;
        Ok(verdict.verification_status == "SUCCESS")
    }

    /// A `GET` of something that may not be there.
    async fn find(&self, path: &str) -> Result<Option<Answer>, PayPalError> {
        let url = below(&self.base, path);
        let answer = self.ask(|| self.outbound.get(&url).wanting_json()).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(answer)),
            _ => Err(verdict::refused(&answer)),
        }
    }

    /// Sends a call with the access token, and once more with a new one where PayPal does not take the old one any more.
    async fn ask<'a>(&'a self, call: impl Fn() -> Call<'a>) -> Result<Answer, PayPalError> {
        let token = self.tokens.current().await?;
        let answer = call()
            .bearer(&token)
            .within(ASKING)
            .send()
            .await
            .map_err(verdict::lost)?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.tokens.fresh().await?;
        call().bearer(&token).within(ASKING).send().await.map_err(verdict::lost)
    }
}

fn named<'a>(call: Call<'a>, name: &str) -> Call<'a> {
    call.header(REQUEST_ID, name)
}

#[derive(Serialize)]
struct NewCheckout<'a> {
    intent: &'static str,
    purchase_units: [PurchaseUnit<'a>; 1],
    payment_source: Source<'a>,
}

#[derive(Serialize)]
struct PurchaseUnit<'a> {
    reference_id: &'static str,
    custom_id: &'a str,
    invoice_id: &'a str,
    description: String,
    amount: Amount,
}

#[derive(Serialize)]
struct Amount {
    currency_code: String,
    value: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self {
            currency_code: money.currency().to_string(),
            value: money.value(),
        }
    }
}

#[derive(Serialize)]
struct Source<'a> {
    paypal: Wallet<'a>,
}

#[derive(Serialize)]
struct Wallet<'a> {
    experience_context: Experience<'a>,
}

#[derive(Serialize)]
struct Experience<'a> {
    brand_name: &'a str,
    shipping_preference: &'static str,
    contact_preference: &'static str,
    user_action: &'static str,
    payment_method_preference: &'static str,
    return_url: Url,
    cancel_url: Url,
}

impl<'a> NewCheckout<'a> {
    fn of(order: &Order, id: &'a str, shop: &'a Shop) -> Self {
        // The page that the payer comes back to has to know which order it is about.
        let with_order = |url: &Url| {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("order", id);
            url
        };
        Self {
            intent: "CAPTURE",
            purchase_units: [PurchaseUnit {
                reference_id: "default",
                custom_id: id,
                invoice_id: id,
                description: format!("{} image credits", order.pack.credits),
                amount: order.pack.price.into(),
            }],
            payment_source: Source {
                paypal: Wallet {
                    experience_context: Experience {
                        brand_name: &shop.brand,
                        shipping_preference: "NO_SHIPPING",
                        contact_preference: "NO_CONTACT_INFO",
                        user_action: "PAY_NOW",
                        payment_method_preference: "IMMEDIATE_PAYMENT_REQUIRED",
                        return_url: with_order(&shop.return_url),
                        cancel_url: with_order(&shop.cancel_url),
                    },
                },
            },
        }
    }
}

#[derive(Serialize)]
struct NewRefund {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
}
