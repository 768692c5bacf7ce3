//! What ships, and the two ways it is compared with.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use pictures::{Format, Sketch};
use shared::domain::image::{Provider, TaskId};
use shared::domain::spend::Ceiling;
use shared::domain::{PixelSize, Prompt, Ratio};
use shared::flows::painting::{Painter, Priced};
use shared::pictures::Picture;
use shared::providers::{FetchError, FollowError, ImageModel, PaintError, Progress, Work};
use shared::store::images::ImageKey;
use url::Url;

use crate::lab::Lab;

/// How often a stubborn client asks.
const ASKED: u32 = 4;

/// How failures are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// As it ships.
    Ours,
    /// As it ships, but a model that fails is never left alone.
    NoBreaker,
    /// Whatever went wrong, it is asked again, and after four times the backup is asked as often. So do the client libraries
    /// that retry by themselves.
    RetryEverything,
}

impl Policy {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::NoBreaker, Self::RetryEverything];

    /// As the table calls it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Ours => "### As it ships",
            Self::NoBreaker => "### Without a breaker",
            Self::RetryEverything => "### Retrying everything",
        }
    }

    /// A painter of this kind.
    pub(super) async fn painter(self, lab: &Lab) -> Result<Painter> {
        let painter = lab.painter().await?;
        let painter = Painter {
            primary: lightly(&painter.primary),
            backup: lightly(&painter.backup),
            ceiling: Ceiling::None,
            ..painter
        };
        Ok(match self {
            Self::Ours | Self::NoBreaker => painter,
            Self::RetryEverything => Painter {
                primary: stubborn(&painter.primary),
                backup: stubborn(&painter.backup),
                ..painter
            },
        })
    }

    /// Paints one picture.
    pub(super) async fn paint(self, painter: &Painter, key: ImageKey) {
        if self != Self::Ours {
            // Whatever happened to others is forgotten.
            let _away = painter.limits.breaker_close(Provider::Seedream).await;
        }
        // What has to be come back for is come back for by the schedule, as it is.
        let _later = painter.paint(key).await;
    }
}

fn lightly(who: &Priced) -> Priced {
    Priced {
        model: Arc::new(Light(Arc::clone(&who.model))),
        price: who.price,
    }
}

fn stubborn(who: &Priced) -> Priced {
    Priced {
        model: Arc::new(Stubborn(Arc::clone(&who.model))),
        price: who.price,
    }
}

/// A model whose pictures are stamps: megabytes by the thousand would be most of the bench's time, and nothing in it is about
/// them.
#[derive(Debug)]
struct Light(Arc<dyn ImageModel>);

impl Light {
    async fn stamp(&self) -> Result<Picture, FetchError> {
        static DRAWN: OnceLock<Bytes> = OnceLock::new();
        let draw = || {
            let sketch = Sketch {
                prompt: "stamp".to_owned(),
                width: 64,
                height: 64,
                format: Format::Jpeg,
                watermark: false,
            };
            Bytes::from(sketch.draw().unwrap_or_default())
        };
        Ok(Picture::read(DRAWN.get_or_init(draw).clone())?)
    }
}

impl ImageModel for Light {
    fn provider(&self) -> Provider {
        self.0.provider()
    }

    fn paint<'a>(&'a self, prompt: &'a Prompt, ratio: Ratio) -> BoxFuture<'a, Result<Work, PaintError>> {
        self.0.paint(prompt, ratio)
    }

    fn follow<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<Progress, FollowError>> {
        self.0.follow(task)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), PaintError>> {
        self.0.probe()
    }

    fn fetch<'a>(&'a self, _: &'a Url) -> BoxFuture<'a, Result<Picture, FetchError>> {
        self.stamp().boxed()
    }

    fn pixels(&self, ratio: Ratio) -> PixelSize {
        self.0.pixels(ratio)
    }
}

/// A model whose client asks again whatever went wrong.
#[derive(Debug)]
struct Stubborn(Arc<dyn ImageModel>);

impl Stubborn {
    async fn paint(&self, prompt: &Prompt, ratio: Ratio) -> Result<Work, PaintError> {
        let mut pause = Duration::from_secs(1);
        for _ in 1..ASKED {
            if let Ok(work) = self.0.paint(prompt, ratio).await {
                return Ok(work);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        let last = self.0.paint(prompt, ratio).await;
        last.map_err(|_| PaintError::NotCharged {
            retry: false,
            fail_over: true,
            after: None,
            alarm: false,
            reason: "given up".to_owned(),
            cause: None,
        })
    }
}

impl ImageModel for Stubborn {
    fn provider(&self) -> Provider {
        self.0.provider()
    }

    fn paint<'a>(&'a self, prompt: &'a Prompt, ratio: Ratio) -> BoxFuture<'a, Result<Work, PaintError>> {
        self.paint(prompt, ratio).boxed()
    }

    fn follow<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<Progress, FollowError>> {
        self.0.follow(task)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), PaintError>> {
        self.0.probe()
    }

    fn fetch<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Picture, FetchError>> {
        self.0.fetch(url)
    }

    fn pixels(&self, ratio: Ratio) -> PixelSize {
        self.0.pixels(ratio)
    }
}
