//! The queues that workers work off, and what lies among their dead letters.
//!
//! A message is looked at by receiving it, since SQS knows no other way. So it is hidden for a moment, and let go as soon as
//! everything was seen; should that fail, it comes back by itself. How often a dead letter was received has no consequence.

use std::fmt;
use std::str::FromStr;

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry as Hiding, Message, MessageSystemAttributeName as Tells,
    QueueAttributeName,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::table::Table;
use crate::{Ops, OpsError, Place};

/// SQS hands out at most so many messages a call.
const A_CALL: usize = 10;

/// For how many seconds a message is hidden that is looked at, if it is not let go before.
const HIDDEN_S: i32 = 20;

/// For how many seconds SQS looks for messages: asked for none, it would look in some of its places only.
const LOOKS_S: i32 = 1;

/// How many dead letters of a queue are looked at for the list of queues.
const LISTED: usize = 100;

/// A queue, by the name of the worker that works it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Pictures to paint.
    ImagesPaint,
    /// Files to remove.
    ImagesErase,
    /// Mails to send.
    MailSend,
}

/// There is no queue of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no queue `{0}`; there are {all}", all = Queue::ALL.map(Queue::name).join(", "))]
pub struct NoSuchQueue(String);

impl Queue {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::ImagesPaint, Self::ImagesErase, Self::MailSend];

    /// Its name without product and stage.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ImagesPaint => "images-paint",
            Self::ImagesErase => "images-erase",
            Self::MailSend => "mail-send",
        }
    }

    /// Its full name in a stage.
    #[must_use]
    pub fn in_stage(self, stage: &str) -> String {
        format!("vitrine-{stage}-{}", self.name())
    }

    /// The full name of the queue of its dead letters.
    #[must_use]
    pub fn dead_in_stage(self, stage: &str) -> String {
        format!("{}-dead", self.in_stage(stage))
    }
}

impl FromStr for Queue {
    type Err = NoSuchQueue;

    fn from_str(text: &str) -> Result<Self, NoSuchQueue> {
        let known = Self::ALL.into_iter().find(|queue| queue.name() == text);
        known.ok_or_else(|| NoSuchQueue(text.to_owned()))
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many messages a queue holds, as nearly as SQS knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that wait.
    pub waiting: u64,
    /// Those that somebody has received and neither done nor let go.
    pub hidden: u64,
}

impl Depth {
    /// All of them.
    #[must_use]
    pub fn all(self) -> u64 {
        self.waiting + self.hidden
    }
}

/// All queues, and what lies among the dead letters of each.
#[derive(Debug, Clone)]
pub struct Queues(Vec<Listed>);

#[derive(Debug, Clone)]
struct Listed {
    queue: Queue,
    work: Depth,
    dead: Depth,
    letters: Vec<DeadLetter>,
}

/// Some of the dead letters of a queue.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    queue: Queue,
    depth: Depth,
    letters: Vec<DeadLetter>,
}

/// A message that was given up.
#[derive(Debug, Clone)]
struct DeadLetter {
    id: String,
    sent: Option<Timestamp>,
    received: Option<u32>,
    /// Which queue it came from; what a pipe gave up came from none.
    source: Option<String>,
    body: String,
}

/// What a pipe says of changes that it could not carry. The changes themselves are not in it.
#[derive(Deserialize)]
struct NotCarried {
    context: Circumstances,
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: Batch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Circumstances {
    partner_resource_arn: String,
    condition: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    batch_size: u32,
    approximate_arrival_of_first_record: String,
}

/// A queue as SQS addresses it, and what it holds.
pub(crate) struct Found {
    pub(crate) url: String,
    pub(crate) arn: String,
    pub(crate) depth: Depth,
}

impl Ops {
    /// How much waits in each queue, and lies among its dead letters.
    ///
    /// # Errors
    /// When a queue is not there, or cannot be asked.
    pub async fn queues(&self) -> Result<Queues, OpsError> {
        let stage = self.stage();
        let mut listed = Vec::new();
        for queue in Queue::ALL {
            let work = self.found(&queue.in_stage(stage)).await?;
            let dead = self.found(&queue.dead_in_stage(stage)).await?;
            let letters = match dead.depth.waiting {
                0 => Vec::new(),
                _ => self.seen(&dead.url, LISTED).await?,
            };
            listed.push(Listed {
                queue,
                work: work.depth,
                dead: dead.depth,
                letters,
            });
        }
        Ok(Queues(listed))
    }

    /// Up to `most` dead letters of a queue. They stay where they are.
    ///
    /// # Errors
    /// When the queue is not there, or cannot be asked.
    pub async fn dead_letters(&self, queue: Queue, most: usize) -> Result<DeadLetters, OpsError> {
        let dead = self.found(&queue.dead_in_stage(self.stage())).await?;
        let letters = self.seen(&dead.url, most).await?;
        Ok(DeadLetters {
            queue,
            depth: dead.depth,
            letters,
        })
    }

    /// The queue of that full name.
    pub(crate) async fn found(&self, name: &str) -> Result<Found, OpsError> {
        let asked = self.sqs.get_queue_url().queue_name(name).send().await;
        let url = asked.map_err(|error| {
            let is_absent = error
                .as_service_error()
                .is_some_and(|error| error.is_queue_does_not_exist());
            match is_absent {
                true => OpsError::Absent(format!("there is no queue `{name}` where this looks")),
                false => self.unanswered("name a queue", error),
            }
        })?;
        let url = url.queue_url.unwrap_or_default();
        let asked = self.sqs.get_queue_attributes().queue_url(&url);
        let asked = asked.set_attribute_names(Some(vec![
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::QueueArn,
        ]));
        let told = asked.send().await;
        let told = told.map_err(|error| self.unanswered("tell how much a queue holds", error))?;
        let told = told.attributes.unwrap_or_default();
        let count = |name| told.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default();
        Ok(Found {
            url,
            arn: told.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default(),
            depth: Depth {
                waiting: count(QueueAttributeName::ApproximateNumberOfMessages),
                hidden: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            },
        })
    }

    /// Up to `most` messages of a dead-letter queue, the oldest first.
    async fn seen(&self, url: &str, most: usize) -> Result<Vec<DeadLetter>, OpsError> {
        let held = self.held(url, most).await?;
        let mut letters: Vec<DeadLetter> = held.iter().map(DeadLetter::read).collect();
        self.let_go(url, &held).await;
        letters.sort_by_key(|letter| letter.sent);
        Ok(letters)
    }

    /// Up to `most` messages, which stay hidden for a moment.
    pub(crate) async fn held(&self, url: &str, most: usize) -> Result<Vec<Message>, OpsError> {
        let mut held: Vec<Message> = Vec::new();
        while held.len() < most {
            let wanted = (most - held.len()).min(A_CALL);
            let asked = self.sqs.receive_message().queue_url(url);
            let asked = asked.set_max_number_of_messages(i32::try_from(wanted).ok());
            let asked = asked.visibility_timeout(HIDDEN_S).wait_time_seconds(LOOKS_S);
            let asked = asked.message_system_attribute_names(Tells::All).send().await;
            let received = asked.map_err(|error| self.unanswered("show messages", error))?;
            let known = |message: &Message| held.iter().any(|held| held.message_id == message.message_id);
            let new: Vec<Message> = received.messages.unwrap_or_default();
            let new: Vec<Message> = new.into_iter().filter(|message| !known(message)).collect();
            if new.is_empty() {
                break;
            }
            held.extend(new);
        }
        Ok(held)
    }

    /// Makes what is held visible again at once.
    pub(crate) async fn let_go(&self, url: &str, held: &[Message]) {
        for some in held.chunks(A_CALL) {
            let entry = |(index, message): (usize, &Message)| {
                let entry = Hiding::builder().id(index.to_string()).visibility_timeout(0);
                entry.set_receipt_handle(message.receipt_handle.clone()).build().ok()
            };
            let entries = some.iter().enumerate().filter_map(entry).collect();
            let asked = self.sqs.change_message_visibility_batch().queue_url(url);
            // What cannot be let go now comes back by itself in a moment.
            drop(asked.set_entries(Some(entries)).send().await);
        }
    }

    /// Says whose fault it may be that the queues cannot be asked.
    pub(crate) fn unanswered<E>(&self, what: &'static str, error: SdkError<E>) -> OpsError
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        match &self.place {
            Place::Local(port) if matches!(error, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) => {
                OpsError::NotServing {
                    port: *port,
                    cause: error.into(),
                }
            }
            Place::Local(_) | Place::Stage(_) => OpsError::Queues {
                what,
                cause: error.into(),
            },
        }
    }
}

impl Queues {
    /// Each queue, how much it holds, and how much lies among its dead letters.
    pub fn each(&self) -> impl Iterator<Item = (Queue, Depth, Depth)> {
        self.0.iter().map(|listed| (listed.queue, listed.work, listed.dead))
    }
}

impl DeadLetter {
    fn read(message: &Message) -> Self {
        let told = |name| message.attributes.as_ref()?.get(&name).map(String::as_str);
        let sent = told(Tells::SentTimestamp).and_then(|millis| millis.parse().ok());
        let source = told(Tells::DeadLetterQueueSourceArn).and_then(|arn| arn.rsplit(':').next());
        Self {
            id: message.message_id.clone().unwrap_or_default(),
            sent: sent.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
            received: told(Tells::ApproximateReceiveCount).and_then(|count| count.parse().ok()),
            source: source.map(str::to_owned),
            body: message.body.clone().unwrap_or_default(),
        }
    }

    /// Who gave it up.
    fn given_up_by(&self) -> String {
        if let Some(source) = &self.source {
            return format!("the worker of `{source}`");
        }
        let Ok(NotCarried { context, batch }) = serde_json::from_str(&self.body) else {
            return "nobody known: it came from no queue".to_owned();
        };
        let pipe = context.partner_resource_arn.rsplit('/').next().unwrap_or_default();
        let since = &batch.approximate_arrival_of_first_record;
        let changes = match batch.batch_size {
            1 => format!("a change of {since}"),
            many => format!("{many} changes, the first of {since}"),
        };
        format!(
            "the pipe `{pipe}`, which could not carry {changes} ({})",
            context.condition
        )
    }
}

impl fmt::Display for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("queue         waiting  at work  given up")?;
        for Listed {
            queue,
            work,
            dead,
            letters,
        } in &self.0
        {
            let given_up = dead.all();
            write!(
                f,
                "\n{queue:<12}  {:>7}  {:>7}  {given_up:>8}",
                work.waiting, work.hidden
            )?;
            let from = |is_workers: bool| {
                letters
                    .iter()
                    .filter(|letter| letter.source.is_some() == is_workers)
                    .count()
            };
            if let Some(oldest) = letters.iter().find_map(|letter| letter.sent) {
                let (workers, others) = (from(true), from(false));
                write!(
                    f,
                    "  {workers} by its worker, {others} otherwise; the oldest is of {oldest:.0}"
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue;
        if self.letters.is_empty() {
            return match self.depth.hidden {
                0 => write!(f, "nothing lies among the dead letters of {queue}"),
                hidden => write!(
                    f,
                    "somebody else looks at {} of {queue} just now; try again in a moment",
                    counted(hidden)
                ),
            };
        }
        let mut table = Table::default();
        for letter in &self.letters {
            table.heading(&letter.id);
            table.known("sent", letter.sent);
            table.known(
                "received",
                letter.received.map(|times| format!("{times} times, with this look")),
            );
            table.fact("given up by", letter.given_up_by());
            table.fact("body", &letter.body);
        }
        f.write_str(&table.text())?;
        let (shown, all) = (self.letters.len() as u64, self.depth.all());
        if all > shown {
            write!(f, "\nand {} more; --most shows them", all - shown)?;
        }
        Ok(())
    }
}

/// So many messages that were given up, in words.
pub(crate) fn counted(messages: u64) -> String {
    match messages {
        1 => "1 dead letter".to_owned(),
        messages => format!("{messages} dead letters"),
    }
}
