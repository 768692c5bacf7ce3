//! Whether what was ordered is being done: queues, schedules, pictures and mails that wait, the models, the day's budget.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::domain::image::Provider;
use shared::store::{Images, Limits, Outbox, StoreError};

use super::report::Finding;
use super::site::Site;

/// A message that has waited for so long is nobody's.
const OLD: SignedDuration = SignedDuration::from_mins(15);

/// How long something may be due: `settle-stale` comes every five minutes.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);

/// How many overdue pictures or mails are counted.
const COUNTED: i32 = 100;

/// Looks at the work that waits at `now`.
pub(super) async fn examine(site: &Site, now: Timestamp) -> Vec<Finding> {
    let mut findings = unfinished(site, now).await.unwrap_or_else(|error| {
        let says = shared::telemetry::chain(&error);
        vec![Finding::bad("tables", says, "look at the chapter on the configuration")]
    });
    match desk(site, now).await {
        Some(Ok(found)) => findings.extend(found),
        Some(Err(why)) => findings.push(Finding::bad("queues", why, "look whether the stack is still serving")),
        None => findings.push(Finding::note(
            "queues",
            "those of a deployed stage are not looked at from here",
            "look at ApproximateAgeOfOldestMessage of each in CloudWatch; what waits too long is told above in any case",
        )),
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
async fn desk(site: &Site, now: Timestamp) -> Option<Result<Vec<Finding>, String>> {
    let simulators = site.simulators.as_ref()?;
    let look = async {
        let queues: Queues = shown(simulators, "/_sim/queues").await?;
        let mut findings = Vec::new();
        for queue in queues.queues.iter().filter(|queue| queue.visible + queue.hidden > 0) {
            let path = format!("/_sim/queues/{}", queue.queue);
            let messages: Messages = shown(simulators, &path).await?;
            let oldest = messages.messages.iter().map(|message| message.sent).min();
            findings.push(queue.found(oldest.map(|sent| now.duration_since(sent)), simulators));
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

async fn shown<T: DeserializeOwned>(simulators: &url::Url, path: &str) -> anyhow::Result<T> {
    let answer = crate::client::http()?.get(simulators.join(path)?).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

impl Queue {
    fn found(&self, age: Option<SignedDuration>, simulators: &url::Url) -> Finding {
        let age = age.unwrap_or_default();
        let count = self.visible + self.hidden;
        let whole = SignedDuration::from_secs(age.as_secs());
        let says = format!("{}: {count} waiting, the oldest for {whole:#}", self.queue);
        if self.queue.ends_with("-dead") {
            let desk = format!("{simulators}_sim/queues/{}", self.queue);
            let to_do = format!("look at {desk}, mend the cause, and send them back: curl -X POST {desk}/redrive");
            Finding::bad("dead letters", says, to_do)
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
