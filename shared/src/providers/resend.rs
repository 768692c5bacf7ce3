//! Resend sends the mail. It receives the address and the message, and no other data of an account (P11).

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use http::{HeaderName, StatusCode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{MailError, Mailer, Sent, code as tame};
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::mail::Mail;
use crate::outbound::{Answer, Egress, Outbound, OutboundError, below, company_url};
use crate::secrets::Key;

/// The hosts it is reached at.
pub const HOSTS: &[&str] = &["api.resend.com"];

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long handing over one mail may take as a whole.
const SENDING: Duration = Duration::from_secs(10);
/// How long to wait for another request with the same key to end.
const SOON: Duration = Duration::from_secs(2);

/// The client.
#[derive(Debug, Clone)]
pub struct Resend {
    outbound: Outbound,
    endpoint: Url,
    key: Key,
    from: String,
}

impl Resend {
    /// Reads `RESEND_URL`, `RESEND_KEY_PARAMETER` and `MAIL_FROM`.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let url = company_url(vars, "RESEND_URL", HOSTS)?;
        Ok(Self {
            outbound: platform.outbound(Egress::to(&url))?,
            endpoint: below(&url, "/emails"),
            key: platform.secrets.key(vars, "RESEND_KEY_PARAMETER")?,
            from: vars.text("MAIL_FROM")?,
        })
    }

    /// Asks for a mail that nobody has sent, which is free: whether the company answers and takes the key. One that may only
    /// send is refused the look and is as good as any.
    ///
    /// # Errors
    /// When it does not, as a mail would be told.
    pub async fn probe(&self) -> Result<(), MailError> {
        let nobodys = below(&self.endpoint, "/00000000-0000-0000-0000-000000000000");
        let ask = |key: Arc<SecretString>| self.outbound.get(&nobodys).bearer(&key).within(SENDING).send();
        match self.key.ask(ask).await {
            Ok(answer) if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND => Ok(()),
            Ok(answer) if name(&answer) == "restricted_api_key" => Ok(()),
            Ok(answer) => Err(refused(&answer)),
            Err(cause) => Err(lost(cause)),
        }
    }

    async fn send(&self, mail: &Mail) -> Result<Sent, MailError> {
        let message = Message {
            from: &self.from,
            to: [mail.to.as_str()],
            subject: &mail.letter.subject,
            html: &mail.letter.html,
            text: &mail.letter.text,
        };
        let name = format!("{}/{}", mail.kind.as_str(), mail.id);
        let ask = |key: Arc<SecretString>| {
            let call = self.outbound.post(&self.endpoint).bearer(&key);
            let call = call.header(IDEMPOTENCY_KEY, &name).within(SENDING);
            call.json(&message).send()
        };
        match self.key.ask(ask).await {
            Ok(answer) if answer.status.is_success() => Ok(Sent {
                reference: answer.json().and_then(|taken: Taken| taken.id),
            }),
            Ok(answer) => Err(refused(&answer)),
            Err(cause) => Err(lost(cause)),
        }
    }
}

impl Mailer for Resend {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<Sent, MailError>> {
        self.send(mail).boxed()
    }
}

/// By the status and the `name`: several outcomes share a status, and several share a name.
fn refused(answer: &Answer) -> MailError {
    let name = name(answer);
    let status = answer.status.as_u16();
    let reason = match tame(&name) {
        name if name.is_empty() => format!("status {status}"),
        name => format!("{status} {name}"),
    };
    let retry = |after| MailError::Retry {
        after,
        reason: reason.clone(),
        cause: None,
    };
    match (status, name.as_str()) {
        (409, "invalid_idempotent_request") => MailError::AlreadySent,
        (409, _) => retry(Some(SOON)),
        (429, "daily_quota_exceeded" | "monthly_quota_exceeded") => MailError::Alarm { reason, cause: None },
        (408 | 429 | 500..=599, _) => retry(answer.retry_after()),
        // What is wrong with the sender is wrong with every mail.
        (400 | 422, "validation_error" | "invalid_parameter" | "invalid_attachment") => MailError::Rejected { reason },
        _ => MailError::Alarm { reason, cause: None },
    }
}

/// The company's word for what is wrong.
fn name(answer: &Answer) -> String {
    let failure: Option<Failure> = answer.json();
    failure.and_then(|failure| failure.name).unwrap_or_default()
}

/// The idempotency key makes handing over again safe, whatever became of the request.
fn lost(cause: OutboundError) -> MailError {
    match cause {
        OutboundError::NotSent { .. } | OutboundError::Lost { .. } | OutboundError::TooLong { .. } => {
            MailError::Retry {
                after: None,
                reason: "no answer".to_owned(),
                cause: Some(cause),
            }
        }
        OutboundError::HostNotDeclared { .. } | OutboundError::NotPrivate { .. } | OutboundError::Unwritable(_) => {
            MailError::Alarm {
                reason: "the request cannot be made".to_owned(),
                cause: Some(cause),
            }
        }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    from: &'a str,
    to: [&'a str; 1],
    subject: &'a str,
    html: &'a str,
    text: &'a str,
}

#[derive(Deserialize)]
struct Taken {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    name: Option<String>,
}
