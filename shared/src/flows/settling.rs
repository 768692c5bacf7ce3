//! What is stuck in between is brought to an end: pictures, mails and orders that nobody seems to be at any more.
//!
//! An order is due whenever something is still to be expected of it; PayPal is asked for its record then, so that no credits
//! depend on an event that was told or on a process that lived. Most of the time a worker died, or its message was lost or lies in a dead-letter queue. What can be resumed is woken by
//! a write that the table's stream carries to a worker; what cannot is ended here.

use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use super::ending::{Ender, Finish};
use super::payment::{Because, Cashier, Converged, PaymentError};
use crate::Clock;
use crate::domain::image::Failure;
use crate::domain::{Image, State};
use crate::ids::{self, Id};
use crate::metrics::{self, Metric};
use crate::store::images::{Claim, ImageKey};
use crate::store::outbox::Fate;
use crate::store::{Limits, Outbox, StoreError};

/// How long a picture may wait for a painter before it fails; nobody has asked a model for it.
const WAITING: SignedDuration = SignedDuration::from_hours(2);

/// How long a task or a result lives at its provider, with an hour to spare.
const RESULT_LIFE: SignedDuration = SignedDuration::from_hours(25);

/// For how long a picture is taken to be ended: longer than a function may run.
pub const LEASE: SignedDuration = SignedDuration::from_secs(150);

/// How many are read at once.
const PAGE: i32 = 50;

/// How far pictures that have not ended are counted; more are as many.
const MEASURED: i32 = 10_000;

/// How many pages one run reads at most.
const PAGES: usize = 20;

/// How long PayPal may take for the orders of one run: when it is slow, the rest waits for the next one.
const ORDERS_WITHIN: Duration = Duration::from_secs(60);

/// How many are settled at once.
const AT_ONCE: usize = 8;

/// Ends or wakes what is stuck.
#[derive(Clone, Debug)]
pub struct Settler {
    /// Who ends a picture.
    pub ender: Ender,
    /// Where losses are counted.
    pub limits: Limits,
    /// The mails.
    pub outbox: Outbox,
    /// Who looks at orders.
    pub cashier: Cashier,
    /// The time.
    pub clock: Clock,
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Pictures.
    pub images: Count,
    /// Mails.
    pub mails: Count,
    /// Orders.
    pub orders: Count,
}

/// What one run did with things of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// They go on: a worker was called for them, or somebody looks again later.
    pub woken: u32,
    /// They were brought to their end.
    pub ended: u32,
    /// They could not be settled this time, because the store or a company failed.
    pub failed: u32,
}

impl Settled {
    /// Whether nothing was stuck.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self == &Self::default()
    }
}

/// What is to be done about a picture that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing: it has ended, or somebody is at it.
    Leave,
    /// A worker can bring it further.
    Wake,
    /// Nobody can.
    End(Failure),
}

/// What was done about something.
enum Done {
    Nothing,
    Woken,
    Ended,
}

impl Settler {
    /// Looks after everything that is due.
    ///
    /// # Errors
    /// When what is due cannot be read. What fails by itself is counted and comes again with the next run.
    pub async fn run(&self) -> Result<Settled, StoreError> {
        let now = self.clock.now();
        let (images, outbox) = (&self.ender.images, &self.outbox);
        Ok(Settled {
            images: each(|| images.due(now, PAGE), |image| self.image(image)).await?,
            mails: each(|| outbox.due(now, PAGE), |mail| self.mail(mail)).await?,
            orders: self.orders(now).await?,
        })
    }

    /// Says how much is under way: how many pictures hold a credit, and how long the oldest mail waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn measure(&self) -> Result<(), StoreError> {
        metrics::count(Metric::HoldsOpen, self.ender.images.unfinished(MEASURED).await?);
        let oldest = self.outbox.oldest_unsent(PAGE).await?;
        let age = oldest.map_or(0, |oldest| self.clock.now().duration_since(oldest).as_secs());
        metrics::count(Metric::OutboxAge, u64::try_from(age).unwrap_or_default());
        Ok(())
    }

    async fn orders(&self, now: Timestamp) -> Result<Count, StoreError> {
        let orders = &self.cashier.orders;
        let looks = each(|| orders.due(now, PAGE), |order| self.order(order));
        match tokio::time::timeout(ORDERS_WITHIN, looks).await {
            Ok(count) => count,
            Err(_elapsed) => {
                tracing::warn!("PayPal takes long; the rest of the orders waits for the next run");
                Ok(Count {
                    failed: 1,
                    ..Count::default()
                })
            }
        }
    }

    /// Asks PayPal what has become of an order.
    async fn order(&self, id: Id<ids::Order>) -> Result<Done, PaymentError> {
        let Some(before) = self.cashier.orders.find(id).await? else {
            return Ok(Done::Nothing);
        };
        let converged = self.cashier.converge(id, Because::Due, &[]).await?;
        Ok(match converged {
            None => Done::Nothing,
            Some(Converged { order, .. }) if order.state == before.state && order.receipt == before.receipt => {
                Done::Woken
            }
            Some(_) => Done::Ended,
        })
    }

    async fn image(&self, key: ImageKey) -> Result<Done, StoreError> {
        let now = self.clock.now();
        let Some(image) = self.ender.images.as_it_stands(key).await? else {
            return Ok(Done::Nothing);
        };
        match verdict(&image, now) {
            Verdict::Leave => Ok(Done::Nothing),
            Verdict::Wake if self.ender.images.wake(&image, now).await? => Ok(Done::Woken),
            Verdict::Wake => Ok(Done::Nothing),
            Verdict::End(failure) => self.end(key, failure).await,
        }
    }

    /// Takes the picture as a worker would, so that none can be at it, and ends it.
    async fn end(&self, key: ImageKey, failure: Failure) -> Result<Done, StoreError> {
        let image = match self.ender.images.claim(key, LEASE, self.clock.now()).await? {
            Claim::Paint(image) | Claim::Follow(image) | Claim::Fetch(image) | Claim::Unknown(image) => image,
            Claim::Busy | Claim::Done => return Ok(Done::Nothing),
        };
        let (id, last) = (image.id, image.tries.last().cloned());
        if self.ender.fail(image, failure).await? == Finish::Lost {
            return Ok(Done::Nothing);
        }
        tracing::error!(image.id = %id, failure = failure.as_str(), "A picture that was stuck has been ended");
        if failure == Failure::OutcomeUnknown
            && let Some(tried) = last
        {
            self.limits.perhaps_lost(tried.price, tried.at).await?;
        }
        Ok(Done::Ended)
    }

    async fn mail(&self, id: Id<ids::Mail>) -> Result<Done, StoreError> {
        let now = self.clock.now();
        match self.outbox.to_send(id).await? {
            None => Ok(Done::Nothing),
            Some(mail) if now >= mail.not_after => {
                tracing::error!(mail.id = %id, mail.kind = mail.kind.as_str(), "A mail could not be sent in its time");
                self.outbox.end(id, Fate::Undelivered, now).await?;
                Ok(Done::Ended)
            }
            Some(_) => {
                self.outbox.wake(id, now).await?;
                Ok(Done::Woken)
            }
        }
    }
}

/// Looks after everything of one kind that is due, page by page.
async fn each<T, P, S, E>(due: impl Fn() -> P, settle: impl Fn(T) -> S) -> Result<Count, StoreError>
where
    P: Future<Output = Result<Vec<T>, StoreError>>,
    S: Future<Output = Result<Done, E>>,
    E: fmt::Display,
{
    let mut count = Count::default();
    for _ in 0..PAGES {
        let page = due().await?;
        let (whole, before) = (page.len() >= PAGE as usize, count);
        let mut results = futures::stream::iter(page).map(&settle).buffer_unordered(AT_ONCE);
        while let Some(result) = results.next().await {
            match result {
                Ok(Done::Nothing) => {}
                Ok(Done::Woken) => count.woken += 1,
                Ok(Done::Ended) => count.ended += 1,
                Err(error) => {
                    tracing::warn!(%error, "Something that is stuck could not be settled this time");
                    count.failed += 1;
                }
            }
        }
        let moved = (count.woken, count.ended) != (before.woken, before.ended);
        if !whole || !moved {
            break;
        }
    }
    Ok(count)
}

fn verdict(image: &Image, now: Timestamp) -> Verdict {
    if image.lease_until.is_some_and(|until| until > now) {
        return Verdict::Leave;
    }
    let asked_at = image.tries.last().map_or_else(|| image.ordered_at(), |tried| tried.at);
    let outlived = now.duration_since(asked_at) >= RESULT_LIFE;
    match image.state {
        State::Ready | State::Refused(_) | State::Failed(_) => Verdict::Leave,
        State::Queued | State::Claimed if now.duration_since(image.ordered_at()) >= WAITING => {
            Verdict::End(Failure::ModelUnavailable)
        }
        State::Dispatched if image.task.is_none() || outlived => Verdict::End(Failure::OutcomeUnknown),
        State::Painted if outlived && image.object_key.is_some() => Verdict::End(Failure::NotStored),
        State::Painted if outlived => Verdict::End(Failure::ResultLost),
        State::Queued | State::Claimed | State::Dispatched | State::Painted => Verdict::Wake,
    }
}
