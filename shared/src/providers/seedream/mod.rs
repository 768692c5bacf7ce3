//! Seedream, of ByteDance's Volcano Engine Ark, paints the pictures. It receives the prompt and nothing else (P9).
//!
//! There is no idempotency key: every request may cost money, so this client never repeats one and is careful to say what
//! is known of the money ([`PaintError`]).

mod verdict;

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use super::results::Results;
use super::{FetchError, FollowError, ImageModel, PaintError, Painted, Progress, Work, money};
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::image::{Provider, TaskId};
use crate::domain::{PixelSize, Prompt, Ratio};
use crate::outbound::{Answer, Egress, Outbound, OutboundError, below, company_url};
use crate::pictures::Picture;
use crate::secrets::Key;

/// The hosts it is reached at: Beijing, and the same service abroad.
pub const HOSTS: &[&str] = &[
    "ark.cn-beijing.volces.com",
    "ark.ap-southeast.bytepluses.com",
    "ark.eu-west.bytepluses.com",
];
/// Where its results may wait; `SEEDREAM_RESULT_HOSTS` can narrow this down and not widen it.
pub const RESULT_HOSTS: &str = "*.volces.com,*.bytepluses.com";

/// Where the interface is when the address names a host alone.
const BASE: &str = "/api/v3";
/// A picture takes half a minute, and under load more. Giving up early is paying for nothing.
const PAINTING: Duration = Duration::from_secs(150);
/// A refusal takes no time; a model that does not even refuse is not there.
const PROBING: Duration = Duration::from_secs(10);

/// The client.
#[derive(Debug, Clone)]
pub struct Seedream {
    interface: Outbound,
    results: Results,
    endpoint: Url,
    key: Key,
    model: String,
    watermark: bool,
}

impl Seedream {
    /// Reads `SEEDREAM_URL`, `SEEDREAM_MODEL`, `SEEDREAM_KEY_PARAMETER`, `SEEDREAM_RESULT_HOSTS` and `SEEDREAM_WATERMARK`.
    ///
    /// # Errors
    /// When one of them is not as it must be.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let url = company_url(vars, "SEEDREAM_URL", HOSTS)?;
        let base = if url.path() == "/" { below(&url, BASE) } else { url };
        Ok(Self {
            interface: platform.outbound(Egress::to(&base))?,
            results: Results::new(vars, platform, "SEEDREAM_RESULT_HOSTS", RESULT_HOSTS)?,
            endpoint: below(&base, "/images/generations"),
            key: platform.secrets.key(vars, "SEEDREAM_KEY_PARAMETER")?,
            model: vars.text("SEEDREAM_MODEL")?,
            watermark: vars.parsed("SEEDREAM_WATERMARK", "true or false")?,
        })
    }

    async fn paint(&self, prompt: &Prompt, ratio: Ratio) -> Result<Painted, PaintError> {
        match self.ask(prompt.as_str(), pixels(ratio), PAINTING).await {
            Ok(answer) if answer.status == StatusCode::OK => self.read(&answer),
            Ok(answer) => Err(verdict::of(&answer)),
            Err(cause) => Err(money::of_silence(cause)),
        }
    }

    /// A picture of one pixel is refused before anything is drawn, and after key and model were looked at.
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
            prompt,
            // Width and height, not a tier: with a tier the shape would come from words in the prompt.
            size: size.to_string(),
            response_format: "url",
            output_format: "jpeg",
            // Left out, it would be on.
            watermark: self.watermark,
            sequential_image_generation: "disabled",
        };
        let end = Instant::now() + within;
        // Asking again is asking once: whoever has a wrong key is refused before anything is drawn.
        self.key
            .ask(|key| {
                let call = self.interface.post(&self.endpoint).bearer(&key);
                let left = end.saturating_duration_since(Instant::now());
                call.within(left).json(&order).send()
            })
            .await
    }

    fn read(&self, answer: &Answer) -> Result<Painted, PaintError> {
        let Some(reply) = answer.json::<Reply>() else {
            return Err(money::unknown("the answer is broken"));
        };
        let first = reply.data.unwrap_or_default().into_iter().next();
        // An error may stand where the answer stands or where the picture stands; in both cases nothing was drawn.
        let item_error = first.as_ref().and_then(|item| item.error.as_ref());
        if let Some(error) = reply.error.as_ref().or(item_error) {
            return Err(verdict::of_code(answer.status, error.code(), None));
        }
        let Some(link) = first.and_then(|item| item.url) else {
            let billed = reply.usage.and_then(|usage| usage.generated_images);
            return Err(verdict::of_no_picture(billed));
        };
        let url = Url::parse(&link).map_err(|_| money::unknown("the link is none"))?;
        let model = reply.model.filter(|model| !model.is_empty());
        Ok(Painted {
            url,
            model: model.unwrap_or_else(|| self.model.clone()),
        })
    }
}

impl ImageModel for Seedream {
    fn provider(&self) -> Provider {
        Provider::Seedream
    }

    fn paint<'a>(&'a self, prompt: &'a Prompt, ratio: Ratio) -> BoxFuture<'a, Result<Work, PaintError>> {
        self.paint(prompt, ratio)
            .map(|painted| painted.map(Work::Painted))
            .boxed()
    }

    /// It has no tasks: an answer is a picture or none.
    fn follow<'a>(&'a self, _: &'a TaskId) -> BoxFuture<'a, Result<Progress, FollowError>> {
        let nothing = FollowError::Ended(money::unknown("there are no tasks"));
        std::future::ready(Err(nothing)).boxed()
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

/// The contract's table for pictures of 2K.
fn pixels(ratio: Ratio) -> PixelSize {
    let (width, height) = match ratio {
        Ratio::Square => (2048, 2048),
        Ratio::Landscape => (2304, 1728),
        Ratio::Portrait => (1728, 2304),
        Ratio::Wide => (2848, 1600),
        Ratio::Tall => (1600, 2848),
    };
    PixelSize { width, height }
}

#[derive(Serialize)]
struct Order<'a> {
    model: &'a str,
    prompt: &'a str,
    size: String,
    response_format: &'static str,
    output_format: &'static str,
    watermark: bool,
    sequential_image_generation: &'static str,
}

#[derive(Deserialize)]
struct Reply {
    model: Option<String>,
    data: Option<Vec<Item>>,
    error: Option<Failure>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Item {
    url: Option<String>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Usage {
    generated_images: Option<u64>,
}

/// The company's way of saying no.
#[derive(Deserialize)]
struct Failure {
    code: Option<String>,
}

impl Failure {
    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }
}
