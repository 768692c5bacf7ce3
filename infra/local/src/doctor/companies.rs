//! Whether the companies can be reached, and whether they take our keys. Nothing that is asked here costs anything.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use shared::Platform;
use shared::config::{ConfigError, Vars};
use shared::outbound::{Answer, Egress};
use shared::providers::dashscope::Dashscope;
use shared::providers::deepseek::DeepSeek;
use shared::providers::paypal::{PayPal, PayPalError};
use shared::providers::resend::Resend;
use shared::providers::seedream::Seedream;
use shared::providers::{ImageModel as _, MailError, PaintError, PromptError};
use shared::telemetry::chain;
use url::Url;

use super::report::Finding;
use super::service::skew;
use super::site::{Site, origin};

/// How long a company may take to answer anything at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// A company, and where its things are.
struct Company {
    name: &'static str,
    /// The function that speaks to it.
    function: &'static str,
    /// The variable with its address.
    url: &'static str,
    /// The variable with the name of its key's parameter.
    key: &'static str,
    /// The line of `.env` with its key.
    env: &'static str,
    /// Where keys are made and bills are paid.
    console: &'static str,
    /// The parameter of the template that names its model.
    model: Option<&'static str>,
    probe: Probe,
}

#[derive(Clone, Copy)]
enum Probe {
    Deepseek,
    Seedream,
    Dashscope,
    Resend,
    Paypal,
}

const COMPANIES: [Company; 5] = [
    Company {
        name: "DeepSeek",
        function: "prompts-create",
        url: "DEEPSEEK_URL",
        key: "DEEPSEEK_KEY_PARAMETER",
        env: "DEEPSEEK_API_KEY",
        console: "https://platform.deepseek.com/api_keys",
        model: Some("DeepSeekModel"),
        probe: Probe::Deepseek,
    },
    Company {
        name: "Seedream",
        function: "images-paint",
        url: "SEEDREAM_URL",
        key: "SEEDREAM_KEY_PARAMETER",
        env: "ARK_API_KEY",
        console: "https://console.volcengine.com/ark",
        model: Some("SeedreamModel"),
        probe: Probe::Seedream,
    },
    Company {
        name: "DashScope",
        function: "images-paint",
        url: "DASHSCOPE_URL",
        key: "DASHSCOPE_KEY_PARAMETER",
        env: "DASHSCOPE_API_KEY",
        console: "https://bailian.console.aliyun.com",
        model: Some("DashscopeModel"),
        probe: Probe::Dashscope,
    },
    Company {
        name: "Resend",
        function: "mail-send",
        url: "RESEND_URL",
        key: "RESEND_KEY_PARAMETER",
        env: "RESEND_API_KEY",
        console: "https://resend.com/api-keys",
        model: None,
        probe: Probe::Resend,
    },
    Company {
        name: "PayPal",
        function: "orders-create",
        url: "PAYPAL_URL",
        key: "PAYPAL_CREDENTIALS_PARAMETER",
        env: "PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET",
        console: "https://developer.paypal.com/dashboard/applications",
        model: None,
        probe: Probe::Paypal,
    },
];

/// Asks every company something that is free.
pub(super) async fn examine(site: &Site) -> Vec<Finding> {
    let each = stream::iter(COMPANIES).map(|company| async move { company.examine(site).await });
    let findings: Vec<_> = each.buffered(COMPANIES.len()).collect().await;
    findings.into_iter().flatten().collect()
}

impl Company {
    async fn examine(&self, site: &Site) -> Vec<Finding> {
        let Some(function) = site.template.function(self.function) else {
            return Vec::new();
        };
        let vars = site.vars(function);
        // A function that would not start has been told of already.
        let (Ok(platform), Ok(url)) = (site.platform(function, &vars).await, vars.url(self.url)) else {
            return Vec::new();
        };
        let began = Instant::now();
        let answer = match anything(&platform, &url).await {
            Ok(answer) => answer,
            Err(why) => return vec![self.unreachable(&url, &why)],
        };
        let (took, here) = (began.elapsed().as_millis(), platform.clock.now());
        let off = dated(&answer).and_then(|theirs| skew(self.name, theirs, here));
        let who = match &site.simulators {
            Some(simulators) if origin(simulators) == origin(&url) => "its simulator",
            Some(_) | None => "it",
        };
        let key = match self.ask(&vars, &platform).await {
            Ok(()) => Finding::good(self.name, format!("{who} answers in {took} ms and takes the key")),
            Err(Refusal::Setup) => return off.into_iter().collect(),
            Err(Refusal::Said(why)) => self.refused(site, &vars, &why),
        };
        std::iter::once(key).chain(off).collect()
    }

    fn unreachable(&self, url: &Url, why: &str) -> Finding {
        let says = format!("cannot be reached at {}: {why}", origin(url));
        let to_do = format!(
            "look whether this machine may reach it, and whether {} is right; if so, the company may be out",
            self.url
        );
        Finding::bad(self.name, says, to_do)
    }

    async fn ask(&self, vars: &Vars, platform: &Platform) -> Result<(), Refusal> {
        match self.probe {
            Probe::Deepseek => Ok(DeepSeek::new(vars, platform)?.probe().await?),
            Probe::Seedream => Ok(Seedream::new(vars, platform)?.probe().await?),
            Probe::Dashscope => Ok(Dashscope::new(vars, platform)?.probe().await?),
            Probe::Resend => Ok(Resend::new(vars, platform)?.probe().await?),
            Probe::Paypal => Ok(PayPal::new(vars, platform)?.probe().await?),
        }
    }

    /// What a refusal means for the operator, by the status and the company's word in it.
    fn refused(&self, site: &Site, vars: &Vars, why: &str) -> Finding {
        let says = format!("answers, and refuses: {why}");
        let status: Option<u16> = why
            .split(|c: char| !c.is_ascii_digit())
            .find_map(|digits| digits.parse().ok());
        let unpaid = ["Overdue", "Arrearage", "quota", "Quota", "Bill", "Purchased"];
        let closed = ["Model", "Endpoint", "ServiceNotOpen"];
        let key = ["Authentication", "ApiKey", "api_key", "AccessDenied"];
        let has = |words: &[&str]| words.iter().any(|word| why.contains(word));
        let to_do = if status == Some(402) || has(&unpaid) {
            format!("pay the bill or top up at {}", self.console)
        } else if has(&closed) || status == Some(404) {
            let model = self
                .model
                .map_or_else(String::new, |model| format!(", or name another by {model}"));
            format!("open the model for this key at {}{model}", self.console)
        } else if matches!(status, Some(401 | 403)) || has(&key) {
            format!("make a key at {} and {}", self.console, self.where_to_put(site, vars))
        } else if status == Some(429) {
            return Finding::note(self.name, says, "it is busy: ask again in a minute");
        } else {
            "ask again in a minute; if it stays so, look at the company's status page".to_owned()
        };
        Finding::bad(self.name, says, to_do)
    }

    fn where_to_put(&self, site: &Site, vars: &Vars) -> String {
        if site.is_local() {
            format!("write it into .env as {}, and start the stack anew", self.env)
        } else {
            format!("put it there: {}", site.how_to_put(vars.peek(self.key).unwrap_or("…")))
        }
    }
}

/// Why a company was not asked, or what it said.
enum Refusal {
    /// A client could not be made; the configuration's chapter says why.
    Setup,
    /// Its answer, in words that are fit to print.
    Said(String),
}

impl From<ConfigError> for Refusal {
    fn from(_: ConfigError) -> Self {
        Self::Setup
    }
}

impl From<PromptError> for Refusal {
    fn from(error: PromptError) -> Self {
        Self::Said(match error {
            PromptError::Refused => "its moderation".to_owned(),
            PromptError::Busy { .. } => "429, busy".to_owned(),
            PromptError::Unavailable { reason, .. } => reason,
        })
    }
}

impl From<PaintError> for Refusal {
    fn from(error: PaintError) -> Self {
        Self::Said(match error {
            PaintError::Refused { .. } => "its moderation".to_owned(),
            PaintError::NotCharged { reason, .. } | PaintError::Unknown { reason, .. } => reason,
        })
    }
}

impl From<MailError> for Refusal {
    fn from(error: MailError) -> Self {
        Self::Said(match error {
            MailError::AlreadySent => "sent before".to_owned(),
            MailError::Retry { reason, .. } | MailError::Rejected { reason } | MailError::Alarm { reason, .. } => {
                reason
            }
        })
    }
}

impl From<PayPalError> for Refusal {
    fn from(error: PayPalError) -> Self {
        Self::Said(match error {
            PayPalError::Unavailable { reason, .. } | PayPalError::Alarm { reason, .. } => reason,
            PayPalError::Missing => "404".to_owned(),
        })
    }
}

/// Whether anybody answers there at all, without a key.
async fn anything(platform: &Platform, url: &Url) -> Result<Answer, String> {
    let outbound = platform.outbound(Egress::to(url)).map_err(|error| chain(&error))?;
    outbound
        .get(url)
        .within(PATIENCE)
        .send()
        .await
        .map_err(|error| chain(&error))
}

fn dated(answer: &Answer) -> Option<Timestamp> {
    let date = answer.headers.get(http::header::DATE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}
