//! Carries the events of the simulated Resend and the simulated PayPal to the API, signed, as the real ones would.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Client, RequestBuilder};

use crate::client;
use crate::engine::serving::Serving;
use crate::engine::ssm::Parameters;
use crate::sim::{Event, Simulators, signature};

/// How long the listener may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the background looks for events that are due.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The way from the simulated companies to the API.
#[derive(Clone)]
pub(super) struct Webhooks {
    simulators: Simulators,
    http: Client,
    origin: String,
    keys: Keys,
}

/// By what the listeners know the companies.
#[derive(Clone)]
pub(super) struct Keys {
    /// Where secrets lie.
    pub(super) parameters: Parameters,
    /// The parameter with the secret that Resend signs with.
    pub(super) resend_secret: String,
    /// The id under which our webhook is registered at PayPal.
    pub(super) paypal_webhook: String,
}

impl Webhooks {
    /// To the API at `origin`.
    pub(super) fn new(simulators: Simulators, origin: String, keys: Keys) -> Result<Self> {
        Ok(Self {
            simulators,
            http: client::http()?,
            origin,
            keys,
        })
    }

    /// Tells every event that is due, once, and says how many those were.
    pub(super) async fn deliver(&self) -> Result<usize> {
        let resends = self.simulators.due_events();
        for event in &resends {
            let status = sent(self.resends(event)?, event).await;
            self.simulators.event_tried(&event.id, status);
        }
        let paypals = self.simulators.paypal().due_events();
        for event in &paypals {
            let status = sent(self.paypals(event)?, event).await;
            self.simulators.paypal().event_tried(&event.id, status);
        }
        Ok(resends.len() + paypals.len())
    }

    fn resends(&self, event: &Event) -> Result<RequestBuilder> {
        let Keys {
            parameters,
            resend_secret,
            ..
        } = &self.keys;
        let secret = parameters.get(resend_secret).unwrap_or_default();
        let timestamp = self.simulators.now().as_second();
        let signature = signature(&secret, &event.id, timestamp, event.body.as_bytes())
            .with_context(|| format!("the parameter `{resend_secret}` holds no secret of a webhook"))?;
        let request = self
            .http
            .post(format!("{}/v1/webhooks/resend", self.origin))
            .header("user-agent", "Svix-Webhooks/1 (simulated)")
            .header("svix-id", &event.id)
            .header("svix-timestamp", timestamp)
            .header("svix-signature", signature);
        Ok(request)
    }

    fn paypals(&self, event: &Event) -> Result<RequestBuilder> {
        let webhook = &self.keys.paypal_webhook;
        let made = self.simulators.paypal().transmission(webhook, event.body.as_bytes())?;
        let request = self
            .http
            .post(format!("{}/v1/webhooks/paypal", self.origin))
            .header("user-agent", "PayPal/AUHR-1 (simulated)");
        let with = |request: RequestBuilder, (name, value)| request.header(name, value);
        Ok(made.headers().into_iter().fold(request, with))
    }

    /// Tells events as they come due, until the task is let go.
    pub(super) fn run_in_background(self) -> Serving {
        Serving::start(move |stop| async move {
            while !stop.is_wanted() {
                if let Err(error) = self.deliver().await {
                    tracing::error!(error = format!("{error:#}"), "Telling the companies' events failed");
                }
                let _elapsed = tokio::time::timeout(LOOK_AGAIN, stop.clone().wanted()).await;
            }
        })
    }
}

/// What the listener answered, if it did.
async fn sent(request: RequestBuilder, event: &Event) -> Option<u16> {
    let request = request
        .timeout(PATIENCE)
        .header("content-type", "application/json")
        .body(event.body.clone());
    Some(request.send().await.ok()?.status().as_u16())
}
