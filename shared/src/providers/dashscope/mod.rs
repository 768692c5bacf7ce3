//! qwen-image-plus, of Alibaba's DashScope, is the backup that paints when Seedream cannot. It receives the prompt and
//! nothing else, and only then (P10).
//!
//! It paints in tasks. Handing one in may cost money and has no idempotency key, so it is never repeated in here; with the
//! task's id the rest is free: a worker that dies is replaced by one that asks on. Whoever holds a task id knows what
//! became of the money sooner or later, so no trouble on the way to the answer ends a task.

mod verdict;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use http::{HeaderName, StatusCode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use self::verdict::Failure;
use super::results::Results;
use super::{FetchError, FollowError, ImageModel, PaintError, Painted, Progress, Work, money};
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::image::{Provider, TaskId};
use crate::domain::{PixelSize, Prompt, Ratio};
use crate::outbound::{Answer, Egress, Outbound, OutboundError, below, company_url};
use crate::pictures::Picture;
use crate::secrets::Key;

/// The hosts it is reached at: Beijing, Singapore, and the addresses that belong to one workspace each.
pub const HOSTS: &[&str] = &[
    "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com",
    "*.maas.aliyuncs.com",
];
/// Where its results may wait; `DASHSCOPE_RESULT_HOSTS` can narrow this down and not widen it. Buckets in several cities.
pub const RESULT_HOSTS: &str = "dashscope-result*.aliyuncs.com";

/// Where the interface is when the address names a host alone.
const BASE: &str = "/api/v1";
/// Without it, the address for tasks answers nobody.
const IN_TASKS: HeaderName = HeaderName::from_static("x-dashscope-async");
/// A task is taken at once. Giving up early would be losing its id, and perhaps paying for nothing.
const SUBMITTING: Duration = Duration::from_secs(60);
/// How long one look at a task may take; there will be others.
const LOOKING: Duration = Duration::from_secs(15);
/// A refusal takes no time; a model that does not even refuse is not there.
const PROBING: Duration = Duration::from_secs(10);

/// The client.
#[derive(Debug, Clone)]
pub struct Dashscope {
    interface: Outbound,
    results: Results,
    base: Url,
    key: Key,
    model: String,
    watermark: bool,
}

impl Dashscope {
    /// Reads `DASHSCOPE_URL`, `DASHSCOPE_MODEL`, `DASHSCOPE_KEY_PARAMETER`, `DASHSCOPE_RESULT_HOSTS` and
    /// `DASHSCOPE_WATERMARK`.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let url = company_url(vars, "DASHSCOPE_URL", HOSTS)?;
        let base = if url.path() == "/" { below(&url, BASE) } else { url };
        Ok(Self {
            interface: platform.outbound(Egress::to(&base))?,
            results: Results::new(vars, platform, "DASHSCOPE_RESULT_HOSTS", RESULT_HOSTS)?,
            base,
            key: platform.secrets.key(vars, "DASHSCOPE_KEY_PARAMETER")?,
            model: vars.text("DASHSCOPE_MODEL")?,
            watermark: vars.parsed("DASHSCOPE_WATERMARK", "true or false")?,
        })
    }

    async fn submit(&self, prompt: &Prompt, ratio: Ratio) -> Result<TaskId, PaintError> {
        match self.ask(prompt.as_str(), pixels(ratio), SUBMITTING).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let output = answer.json::<Reply>().and_then(|reply| reply.output);
                let id = output.and_then(|output| output.task_id);
                // Without its id the task, if there is one, can never be found again.
                id.and_then(|id| TaskId::try_from(id).ok())
                    .ok_or_else(|| money::unknown("no task id"))
            }
            Ok(answer) => Err(verdict::of(&answer)),
            Err(cause) => Err(money::of_silence(cause)),
        }
    }

    /// A picture of one pixel is refused before it becomes a task, and after key and model were looked at.
    async fn probe(&self) -> Result<(), PaintError> {
        match self.ask("a cup", PixelSize { width: 1, height: 1 }, PROBING).await {
            Ok(answer) if answer.status == StatusCode::BAD_REQUEST && verdict::is_of_parameters(&answer) => Ok(()),
            // Nobody asked for this picture. Should it ever be drawn, the model is well all the same.
            Ok(answer) if answer.status == StatusCode::OK => Ok(()),
            Ok(answer) => Err(verdict::of(&answer)),
            Err(cause) => Err(money::of_silence(cause)),
        }
    }

    async fn ask(&self, prompt: &str, size: PixelSize, within: Duration) -> Result<Answer, OutboundError> {
        let order = Order {
            model: &self.model,
            input: Input { prompt },
            parameters: Parameters {
                size: format!("{}*{}", size.width, size.height),
                n: 1,
                // Left out, another model would write the prompt anew.
                prompt_extend: false,
                watermark: self.watermark,
            },
        };
        let endpoint = below(&self.base, "/services/aigc/text2image/image-synthesis");
        let end = Instant::now() + within;
        // Asking again is asking once: whoever has a wrong key is refused before there is a task.
        self.key
            .ask(|key| {
                let call = self.interface.post(&endpoint).bearer(&key);
                let left = end.saturating_duration_since(Instant::now());
                call.header(IN_TASKS, "enable").within(left).json(&order).send()
            })
            .await
    }

    async fn follow(&self, task: &TaskId) -> Result<Progress, FollowError> {
        let address = below(&self.base, &format!("/tasks/{}", task.as_str()));
        let look = |key: Arc<SecretString>| {
            let call = self.interface.get(&address).bearer(&key);
            call.wanting_json().within(LOOKING).send()
        };
        let answer = self.key.ask(look).await.map_err(|cause| FollowError::Later {
            after: None,
            reason: "no answer".to_owned(),
            cause: Some(cause),
        })?;
        if answer.status != StatusCode::OK {
            return Err(verdict::of_look(&answer));
        }
        let Some(output) = answer.json::<Reply>().and_then(|reply| reply.output) else {
            return Err(verdict::later("the answer is broken"));
        };
        match output.task_status.as_deref().unwrap_or_default() {
            "PENDING" | "RUNNING" | "SUSPENDED" => Ok(Progress::Waiting),
            "SUCCEEDED" => self.painted(output).map(Progress::Painted).map_err(FollowError::Ended),
            "FAILED" => Err(FollowError::Ended(verdict::of_task(&output.failure))),
            "CANCELED" => Err(FollowError::Ended(verdict::of_cancelled_task())),
            // No such task, or one of yesterday: whether it painted is not said.
            "UNKNOWN" => Err(FollowError::Ended(money::unknown("the task is not known"))),
            // A word that is not in the contract is no reason to give up what may be painted.
            _ => Err(verdict::later("an unknown status")),
        }
    }

    fn painted(&self, output: Output) -> Result<Painted, PaintError> {
        let link = output.results.into_iter().flatten().find_map(|result| result.url);
        let link = link.ok_or_else(|| money::unknown("no picture, and it may be billed"))?;
        let url = Url::parse(&link).map_err(|_| money::unknown("the link is none"))?;
        // The answer does not say who drew it.
        let model = self.model.clone();
        Ok(Painted { url, model })
    }
}

impl ImageModel for Dashscope {
    fn provider(&self) -> Provider {
        Provider::Dashscope
    }

    fn paint<'a>(&'a self, prompt: &'a Prompt, ratio: Ratio) -> BoxFuture<'a, Result<Work, PaintError>> {
        self.submit(prompt, ratio).map(|task| task.map(Work::Accepted)).boxed()
    }

    /// A wrong key or a gateway's bad day is trouble of ours on the way to the answer. The task goes on without us.
    fn follow<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<Progress, FollowError>> {
        self.follow(task).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), PaintError>> {
        self.probe().boxed()
    }

    fn fetch<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Picture, FetchError>> {
        self.results.fetch(url).boxed()
    }

    fn pixels(&self, ratio: Ratio) -> PixelSize {
        pixels(ratio)
    }
}

/// The contract's five sizes; it takes no other.
fn pixels(ratio: Ratio) -> PixelSize {
    let (width, height) = match ratio {
        Ratio::Square => (1328, 1328),
        Ratio::Landscape => (1472, 1104),
        Ratio::Portrait => (1104, 1472),
        Ratio::Wide => (1664, 928),
        Ratio::Tall => (928, 1664),
    };
    PixelSize { width, height }
}

#[derive(Serialize)]
struct Order<'a> {
    model: &'a str,
    input: Input<'a>,
    parameters: Parameters,
}

#[derive(Serialize)]
struct Input<'a> {
    prompt: &'a str,
}

#[derive(Serialize)]
struct Parameters {
    size: String,
    n: u8,
    prompt_extend: bool,
    watermark: bool,
}

#[derive(Deserialize)]
struct Reply {
    output: Option<Output>,
}

#[derive(Deserialize)]
struct Output {
    task_id: Option<String>,
    task_status: Option<String>,
    results: Option<Vec<Drawn>>,
    #[serde(flatten)]
    failure: Failure,
}

#[derive(Deserialize)]
struct Drawn {
    url: Option<String>,
}
