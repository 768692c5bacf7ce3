//! Whether what was ordered is being done: queues, schedules, pictures and mails that wait, the models, the day's budget.

use jiff::{SignedDuration, Timestamp};
use ops::{Ops, OpsError, Place};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::domain::image::Provider;
use shared::store::{Images, Limits, Outbox, StoreError};

use super::report::Finding;
use super::site::Site;

/// The stage of the local stack.
const LOCAL: &str = "local";

/// A message that has waited for so long is nobody's.
const OLD: SignedDuration = SignedDuration::from_mins(15);

/// How long something may be due: `settle-stale` comes every five minutes.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);

/// How many overdue pictures or mails are counted.
const COUNTED: i32 = 100;

/// Looks at the work that waits at `now`.
pub(super) async fn examine(site: &Site, place: &Place, now: Timestamp) -> Vec<Finding> {
    let mut findings = unfinished(site, now).await.unwrap_or_else(|error| {
        let says = shared::telemetry::chain(&error);
        vec![Finding::bad("tables", says, "look at the chapter on the configuration")]
    });
    match desk(site, place, now).await {
        Some(Ok(found)) => findings.extend(found),
        Some(Err(why)) => findings.push(Finding::bad("queues", why, "look whether the stack is still serving")),
        None => findings.extend(deployed(place).await),
    }
    findings
}

async fn unfinished(site: &Site, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let db = site.operator.db();
    let tables = (
        Images::new(&db, &site.variables),
        Outbox::new(&db, &site.variables),
        Limits::new(&db, &site.variables),
    );
    let (Ok(images), Ok(outbox), Ok(limits)) = tables else {
        return Ok(Vec::new());
    };
    let pictures = images.due(now - OVERDUE, COUNTED).await?.len();
    let mails = outbox.due(now - OVERDUE, COUNTED).await?.len();
    let mut findings = vec![waiting("pictures", pictures), waiting("mails", mails)];
    for provider in [Provider::Seedream, Provider::Dashscope] {
        let breaker = limits.breaker(provider).await?;
        if let Some(open) = breaker.open {
            let says = format!(
                "{} is left alone and tried again at {}",
                provider.as_str(),
                open.retry_at
            );
            findings.push(Finding::note(
                "breaker",
                says,
                "look at what the chapter on companies says of it",
            ));
        }
    }
    Ok(findings)
}

fn waiting(what: &str, overdue: usize) -> Finding {
    let at_least = if overdue >= COUNTED.unsigned_abs() as usize {
        "at least "
    } else {
        ""
    };
    match overdue {
        0 => Finding::good(what, "none waits longer than it should"),
        overdue => Finding::bad(
            what,
            format!(
                "{at_least}{overdue} should have ended {} minutes ago",
                OVERDUE.as_mins()
            ),
            "look whether the schedule `settle-stale` runs and what its log says",
        ),
    }
}

#[derive(Deserialize)]
struct Queues {
    queues: Vec<Queue>,
}

#[derive(Deserialize)]
struct Queue {
    queue: String,
    visible: usize,
    hidden: usize,
}

#[derive(Deserialize)]
struct Messages {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    sent: Timestamp,
}

#[derive(Deserialize)]
struct Schedules {
    schedules: Vec<Schedule>,
}

#[derive(Deserialize)]
struct Schedule {
    name: String,
    last_run: Option<Timestamp>,
    failed: Option<String>,
    due: Timestamp,
}

/// What the local stack's desk shows of queues and schedules. A deployed stage has no such desk.
async fn desk(site: &Site, place: &Place, now: Timestamp) -> Option<Result<Vec<Finding>, String>> {
    let simulators = site.simulators.as_ref()?;
    let look = async {
        let queues: Queues = shown(simulators, "/_sim/queues").await?;
        let mut findings = Vec::new();
        for queue in queues.queues.iter().filter(|queue| queue.visible + queue.hidden > 0) {
            let path = format!("/_sim/queues/{}", queue.queue);
            let messages: Messages = shown(simulators, &path).await?;
            let oldest = messages.messages.iter().map(|message| message.sent).min();
            findings.push(queue.found(oldest.map(|sent| now.duration_since(sent)), place));
        }
        if findings.is_empty() {
            findings.push(Finding::good(
                "queues",
                format!("all {} are empty", queues.queues.len()),
            ));
        }
        let schedules: Schedules = shown(simulators, "/_sim/schedules").await?;
        findings.extend(schedules.schedules.iter().map(|schedule| schedule.found(now)));
        Ok(findings)
    };
    Some(look.await.map_err(|error: anyhow::Error| format!("{error:#}")))
}

/// What the queues of a deployed stage hold. How long the oldest message waits they do not tell; an alarm looks at that.
async fn deployed(place: &Place) -> Vec<Finding> {
    let look = async { Ops::at(place.clone())?.queues().await };
    let queues = match look.await {
        Ok(queues) => queues,
        Err(error @ OpsError::Absent(_)) => return vec![Finding::bad("queues", error.to_string(), "deploy the stage")],
        Err(error) => {
            let says = shared::telemetry::chain(&error);
            return vec![Finding::note(
                "queues",
                says,
                "look at what this key may do with the queues",
            )];
        }
    };
    let dead = queues.each().filter(|(_, _, dead)| dead.all() > 0);
    let dead = dead.map(|(queue, _, dead)| given_up(queue, format!("{queue}: {} given up", dead.all()), place));
    let waiting: u64 = queues.each().map(|(_, work, _)| work.waiting).sum();
    let at_work: u64 = queues.each().map(|(_, work, _)| work.hidden).sum();
    let work = Finding::good("queues", format!("{waiting} messages wait, {at_work} are at work"));
    dead.chain([work]).collect()
}

fn given_up(queue: ops::queues::Queue, says: String, place: &Place) -> Finding {
    let at = match place {
        Place::Local(port) => format!("--port {port}"),
        Place::Stage(stage) => format!("--stage {stage}"),
    };
    let to_do = format!(
        "look at them with `ops queue peek {queue} {at}`, mend the cause, and send them back with `ops queue redrive {queue} {at}`"
    );
    Finding::bad("dead letters", says, to_do)
}

async fn shown<T: DeserializeOwned>(simulators: &url::Url, path: &str) -> anyhow::Result<T> {
    let answer = crate::client::http()?.get(simulators.join(path)?).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

impl Queue {
    fn found(&self, age: Option<SignedDuration>, place: &Place) -> Finding {
        let age = age.unwrap_or_default();
        let count = self.visible + self.hidden;
        let whole = SignedDuration::from_secs(age.as_secs());
        let says = format!("{}: {count} waiting, the oldest for {whole:#}", self.queue);
        let is_dead = |queue: &ops::queues::Queue| queue.dead_in_stage(LOCAL) == self.queue;
        if let Some(queue) = ops::queues::Queue::ALL.into_iter().find(is_dead) {
            given_up(queue, says, place)
        } else if age > OLD {
            Finding::bad("queue", says, "nobody works it off: look at what its worker logs")
        } else {
            Finding::good("queue", says)
        }
    }
}

impl Schedule {
    fn found(&self, now: Timestamp) -> Finding {
        let subject = "schedule";
        let name = &self.name;
        if let Some(why) = &self.failed {
            let says = format!("{name} failed: {why}");
            return Finding::bad(subject, says, "mend the cause; it runs again when it is due");
        }
        if now.duration_since(self.due) > OVERDUE {
            let says = format!("{name} was due at {}", self.due);
            return Finding::bad(subject, says, "look whether the stack runs its schedules");
        }
        let last = self
            .last_run
            .map_or_else(|| "not yet run".to_owned(), |at| format!("last run {at}"));
        Finding::good(subject, format!("{name}: {last}, due {}", self.due))
    }
}
