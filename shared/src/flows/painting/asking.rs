//! Who is asked to paint, in which order, and when nobody is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Painter, PaintingError, Priced};
use crate::domain::breaker::{Admission, Breaker, Open, THRESHOLD};
use crate::domain::image::{Failure, Provider, Try, TryOutcome};
use crate::domain::{Fallback, Image, State};
use crate::providers::{FollowError, PaintError, Painted, Progress, Work};
use crate::store::StoreError;
use crate::store::images::Ending;

/// How long a model that charged nothing is left alone before it is asked once more, if it does not say.
const SECOND_TRY_AFTER: Duration = Duration::from_millis(500);

/// The longest it is left alone; a model that wants more than this is not asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A refusal that took longer than this leaves no time for a second try within the worker's time-out.
const QUICK: SignedDuration = SignedDuration::from_secs(30);

/// The seconds between two looks at a task: quick at first, then as the contract advises. Together three minutes, after
/// which another worker goes on.
const LOOKS: [u64; 42] = {
    let mut pauses = [5; 42];
    let first = [0, 1, 1, 2, 2, 2, 4, 4];
    let mut at = 0;
    while at < first.len() {
        pauses[at] = first[at];
        at += 1;
    }
    pauses
};

/// The seconds between two tries to write down what was paid for, a minute together.
const INSISTENCE: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// What became of asking a model.
enum Asked {
    /// It paints, or has painted.
    Work(Work),
    /// This is the picture's end, whoever else there is.
    Over(Ending),
    /// It is not known what became of it.
    Unknown,
    /// Nothing was painted and nothing is paid: another may be asked.
    Next,
    /// The picture is another worker's.
    Taken,
}

/// What asking a model says about the model, for those who come after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It does its work, be it by saying no.
    Well,
    /// It does not.
    Failing {
        /// As how many failures it counts.
        weight: u32,
    },
    /// Nothing.
    Untold,
}

/// How the primary may be asked.
#[derive(Clone, Copy)]
enum Leave {
    /// As always; whether earlier failures are to be forgotten should it succeed.
    Open {
        /// There were some.
        failures: bool,
    },
    /// Once, and on this depends whether others may.
    Trial(Open),
}

impl Painter {
    /// Has the picture painted by the primary or, if that surely cost nothing, by the backup.
    pub(super) async fn ask(&self, mut image: Image) -> Result<(), PaintingError> {
        let mut asked = self.ask_primary(&mut image).await?;
        if matches!(asked, Asked::Next) && image.fallback == Fallback::Auto {
            asked = self.ask_twice(&mut image, &self.backup, true).await?.0;
        }
        match asked {
            Asked::Work(Work::Painted(painted)) => self.keep(image, painted).await,
            Asked::Work(Work::Accepted(task)) => {
                image.task = Some(task);
                if self.insist(|| self.images().accepted(&image)).await? {
                    self.follow(image).await
                } else {
                    Ok(())
                }
            }
            Asked::Over(ending) => Ok(self.ender.end(image, ending, None).await.map(drop)?),
            Asked::Unknown => self.unknown(image).await,
            Asked::Next => self.fail(image, Failure::ModelUnavailable).await,
            Asked::Taken => Ok(()),
        }
    }

    async fn ask_primary(&self, image: &mut Image) -> Result<Asked, PaintingError> {
        let Some(leave) = self.leave().await? else {
            return Ok(Asked::Next);
        };
        let often = matches!(leave, Leave::Open { .. });
        let (asked, health) = self.ask_twice(image, &self.primary, often).await?;
        let provider = self.primary.model.provider();
        match (health, leave) {
            (Health::Untold, _) | (Health::Well, Leave::Open { failures: false }) => {}
            (Health::Well, Leave::Open { failures: true }) => self.limits.breaker_forget(provider).await?,
            (Health::Well, Leave::Trial(_)) => self.limits.breaker_close(provider).await?,
            (Health::Failing { weight }, Leave::Open { .. }) => {
                self.limits.breaker_failed(provider, weight, self.clock.now()).await?;
            }
            (Health::Failing { .. }, Leave::Trial(open)) => {
                let longer = open.longer(self.clock.now());
                self.limits.breaker_open(provider, Some(open), longer).await?;
            }
        }
        Ok(asked)
    }

    /// Whether and how the primary may be asked. Of all workers one at a time probes a primary that is left alone; if it
    /// answers, that worker's picture is the trial.
    async fn leave(&self) -> Result<Option<Leave>, StoreError> {
        let provider = self.primary.model.provider();
        let breaker: Breaker = self.limits.breaker(provider).await?;
        match breaker.admits(self.clock.now()) {
            Admission::Pass => Ok(Some(Leave::Open {
                failures: breaker.failures > 0,
            })),
            Admission::Skip => Ok(None),
            Admission::Probe { open, next } => {
                let ours = self.limits.breaker_open(provider, Some(open), next).await?;
                if ours && self.primary.model.probe().await.is_ok() {
                    Ok(Some(Leave::Trial(next)))
                } else {
                    Ok(None)
                }
            }
        }
    }

    /// Asks a model and, if that surely cost nothing and may help, a second time.
    async fn ask_twice(&self, image: &mut Image, who: &Priced, twice: bool) -> Result<(Asked, Health), PaintingError> {
        let asked_at = self.clock.now();
        let first = self.ask_once(image, who).await?;
        let quick = self.clock.now().duration_since(asked_at) <= QUICK;
        match first {
            (Asked::Next, _, Some(pause)) if twice && quick && pause <= LONGEST_PAUSE => {
                tokio::time::sleep(pause).await;
                let (asked, health, _) = self.ask_once(image, who).await?;
                Ok((asked, health))
            }
            (asked, health, _) => Ok((asked, health)),
        }
    }

    /// Asks a model once. Also says after which pause it may be asked again, if that may help.
    async fn ask_once(
        &self,
        image: &mut Image,
        who: &Priced,
    ) -> Result<(Asked, Health, Option<Duration>), PaintingError> {
        let now = self.clock.now();
        if !self.limits.spend(who.price, self.ceiling, now).await? {
            tracing::error!(image.id = %image.id, "The day's budget for painting is used up");
            let over = Asked::Over(Ending::Failed(Failure::BudgetSpent));
            return Ok((over, Health::Untold, None));
        }
        image.tries.push(Try {
            at: now,
            provider: who.model.provider(),
            price: who.price,
            outcome: None,
            reason: None,
            ended_at: None,
        });
        image.requested = Some(who.model.pixels(image.ratio));
        if !self.images().dispatched(image).await? {
            self.limits.unspend(who.price, now).await?;
            return Ok((Asked::Taken, Health::Untold, None));
        }
        image.state = State::Dispatched;
        match who.model.paint(&image.prompt, image.ratio).await {
            Ok(work) => Ok((Asked::Work(work), Health::Well, None)),
            Err(error) => self.unpainted(image, error).await,
        }
    }

    /// Writes into the picture's story why there is none, and says what may be done now.
    async fn unpainted(
        &self,
        image: &mut Image,
        error: PaintError,
    ) -> Result<(Asked, Health, Option<Duration>), PaintingError> {
        let (outcome, reason, answer) = match error {
            PaintError::Refused { by } => {
                let over = Asked::Over(Ending::Refused(by));
                (TryOutcome::Refused, None, (over, Health::Well, None))
            }
            PaintError::NotCharged {
                retry,
                fail_over,
                after,
                alarm,
                reason,
                ..
            } => {
                if alarm {
                    tracing::error!(image.id = %image.id, reason, "An image model has to be looked after");
                }
                let weight = if alarm { THRESHOLD } else { 1 };
                let pause = retry.then(|| after.unwrap_or(SECOND_TRY_AFTER));
                let answer = if fail_over {
                    (Asked::Next, Health::Failing { weight }, pause)
                } else {
                    let over = Asked::Over(Ending::Failed(Failure::ModelUnavailable));
                    (over, Health::Untold, None)
                };
                (TryOutcome::NotCharged, Some(reason), answer)
            }
            PaintError::Unknown { reason, .. } => {
                let answer = (Asked::Unknown, Health::Failing { weight: 1 }, None);
                (TryOutcome::Unknown, Some(reason), answer)
            }
        };
        let now = self.clock.now();
        if let Some(back) = closed(image, outcome, reason, now) {
            self.limits.unspend(back.price, back.at).await?;
        }
        Ok(answer)
    }

    /// Looks at the task until it ends. One that takes longer than a worker may is handed on.
    pub(super) async fn follow(&self, mut image: Image) -> Result<(), PaintingError> {
        let asked = image.tries.last().map(|tried| tried.provider);
        let who = self.by(asked.unwrap_or(Provider::Dashscope));
        let Some(task) = image.task.clone() else {
            return self.unknown(image).await;
        };
        for pause in LOOKS {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            match who.model.follow(&task).await {
                Ok(Progress::Waiting) => {}
                Ok(Progress::Painted(painted)) => return self.keep(image, painted).await,
                Err(FollowError::Later { after, reason, .. }) => {
                    tracing::warn!(image.id = %image.id, reason, "A task could not be looked at");
                    if let Some(after) = after {
                        tokio::time::sleep(after.min(LONGEST_PAUSE)).await;
                    }
                }
                Err(FollowError::Ended(error)) => {
                    return match self.unpainted(&mut image, error).await?.0 {
                        Asked::Over(ending) => Ok(self.ender.end(image, ending, None).await.map(drop)?),
                        Asked::Unknown => self.unknown(image).await,
                        Asked::Work(_) | Asked::Next | Asked::Taken => {
                            self.fail(image, Failure::ModelUnavailable).await
                        }
                    };
                }
            }
        }
        Ok(self.images().handed_on(&image, self.clock.now()).await?)
    }

    async fn keep(&self, mut image: Image, painted: Painted) -> Result<(), PaintingError> {
        closed(&mut image, TryOutcome::Painted, None, self.clock.now());
        image.model = Some(painted.model);
        image.result_url = Some(painted.url.into());
        if !self.insist(|| self.images().painted(&image)).await? {
            return Ok(());
        }
        image.state = State::Painted;
        self.fetch_and_store(image).await
    }
}

impl Painter {
    /// Writes what only this worker knows and money was spent for. A database that is overloaded for a moment must not lose it,
    /// so it is asked again for a minute; each of these writes is the same when it is made twice.
    async fn insist<F>(&self, write: impl Fn() -> F) -> Result<bool, StoreError>
    where
        F: Future<Output = Result<bool, StoreError>>,
    {
        for pause in INSISTENCE {
            match write().await {
                Err(StoreError::Unavailable(_) | StoreError::Contended) => {
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                }
                result => return result,
            }
        }
        write().await
    }
}

/// Notes what came of the picture's last try, and gives it if nothing has to be paid for it.
fn closed(image: &mut Image, outcome: TryOutcome, reason: Option<String>, now: Timestamp) -> Option<&Try> {
    let last = image.tries.last_mut()?;
    last.outcome = Some(outcome);
    last.reason = reason;
    last.ended_at = Some(now);
    match outcome {
        TryOutcome::Refused | TryOutcome::NotCharged => Some(last),
        TryOutcome::Painted | TryOutcome::Unknown => None,
    }
}
