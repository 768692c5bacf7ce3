//! Carries the events of the simulated Resend to the API, signed, as the real one would.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Client;

use crate::client;
use crate::engine::serving::Serving;
use crate::engine::ssm::Parameters;
use crate::sim::{Event, Simulators, signature};

/// How long the listener may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often the background looks for events that are due.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The way from the simulated Resend to the API.
#[derive(Clone)]
pub(super) struct Webhooks {
    simulators: Simulators,
    parameters: Parameters,
    secret: String,
    http: Client,
    url: String,
}

impl Webhooks {
    /// To the API at `origin`, signed with the secret that lies under the parameter `secret`.
    pub(super) fn new(simulators: Simulators, parameters: Parameters, secret: String, origin: &str) -> Result<Self> {
        Ok(Self {
            simulators,
            parameters,
            secret,
            http: client::http()?,
            url: format!("{origin}/v1/webhooks/resend"),
        })
    }

    /// Tells every event that is due, once, and says how many those were.
    pub(super) async fn deliver(&self) -> Result<usize> {
        let due = self.simulators.due_events();
        for event in &due {
            let status = self.tell(event).await?;
            self.simulators.event_tried(&event.id, status);
        }
        Ok(due.len())
    }

    async fn tell(&self, event: &Event) -> Result<Option<u16>> {
        let secret = self.parameters.get(&self.secret).unwrap_or_default();
        let timestamp = self.simulators.now().as_second();
        let signature = signature(&secret, &event.id, timestamp, event.body.as_bytes())
            .with_context(|| format!("the parameter `{}` holds no secret of a webhook", self.secret))?;
        let request = self
            .http
            .post(&self.url)
            .timeout(PATIENCE)
            .header("content-type", "application/json")
            .header("user-agent", "Svix-Webhooks/1 (simulated)")
            .header("svix-id", &event.id)
            .header("svix-timestamp", timestamp)
            .header("svix-signature", signature)
            .body(event.body.clone());
        Ok(request.send().await.ok().map(|response| response.status().as_u16()))
    }

    /// Tells events as they come due, until the task is let go.
    pub(super) fn run_in_background(self) -> Serving {
        Serving::start(move |stop| async move {
            while !stop.is_wanted() {
                if let Err(error) = self.deliver().await {
                    tracing::error!(error = format!("{error:#}"), "Telling the events of Resend failed");
                }
                let _elapsed = tokio::time::timeout(LOOK_AGAIN, stop.clone().wanted()).await;
            }
        })
    }
}
