//! DashScope's tasks: accepted at once, done when their time has come by the Clock, and billed then, whether anybody
//! looks or not.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use pictures::{Format, Sketch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::book::{Works, lock};
use super::dashscope_order::{Order, Refusal};
use super::faults::Fault;
use super::journal::Journal;
use super::links::{Link, Shelf};
use super::{Provider, World};

/// How long a task is remembered, from its order.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
const KEPT: usize = 5_000;

/// A picture that DashScope billed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Painting {
    /// When it was done, by the Clock.
    pub at: Timestamp,
    /// The task, unless it was painted on the spot.
    pub task: Option<String>,
    /// The model that was asked for.
    pub model: String,
    /// The prompt as far as it was read.
    pub prompt: String,
    /// What another model made of the prompt before it was painted, if that was not declined.
    pub actual_prompt: Option<String>,
    /// The size it was asked for, `1328*1328`.
    pub size: String,
    /// Whether the visible mark was put on.
    pub watermark: bool,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// It waits for its turn.
    Pending,
    /// It is being painted.
    Running,
    /// It was put aside.
    Suspended,
    /// It is painted and billed.
    #[default]
    Succeeded,
    /// It came to nothing.
    Failed,
    /// It was called off.
    Canceled,
    /// There is no such task, or no longer.
    Unknown,
}

impl TaskStatus {
    /// The word for it on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Suspended => "SUSPENDED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A task as it will go unless it is called off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) submitted_at: Timestamp,
    /// When its turn comes.
    pub(super) starts_at: Timestamp,
    /// When it comes to its end.
    ends_at: Timestamp,
    /// What it comes to.
    end: TaskStatus,
    /// Why, if it fails.
    pub(super) failure: Option<(String, String)>,
    pub(super) painting: Painting,
    sketch: Sketch,
    link: Option<Link>,
    /// Whether it succeeds without a picture.
    pub(super) is_empty: bool,
    /// Where the picture lies, once it is painted.
    pub(super) url: Option<String>,
    cancelled_at: Option<Timestamp>,
}

impl Task {
    pub(super) fn status(&self, now: Timestamp) -> TaskStatus {
        let lasts = matches!(
            self.end,
            TaskStatus::Pending | TaskStatus::Running | TaskStatus::Suspended
        );
        if now >= self.submitted_at + LIFE {
            TaskStatus::Unknown
        } else if self.cancelled_at.is_some() {
            TaskStatus::Canceled
        } else if now >= self.ends_at || lasts {
            self.end
        } else if now >= self.starts_at {
            TaskStatus::Running
        } else {
            TaskStatus::Pending
        }
    }

    /// When it came to its end.
    pub(super) fn ended_at(&self) -> Timestamp {
        self.cancelled_at.unwrap_or(self.ends_at)
    }

    /// Whether it is painted and nobody has written it down yet.
    fn is_due(&self, now: Timestamp) -> bool {
        let painted = self.end == TaskStatus::Succeeded && !self.is_empty && self.cancelled_at.is_none();
        painted && self.url.is_none() && now >= self.ends_at
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Made(Box<Task>),
    Painted { id: String, url: String },
    Cancelled { id: String, at: Timestamp },
}

pub(super) struct State {
    journal: Journal,
    tasks: Mutex<HashMap<String, Task>>,
    paintings: Works<Painting>,
    looks: Mutex<Looks>,
}

#[derive(Default)]
struct Looks {
    most: Option<u32>,
    second: i64,
    seen: u32,
}

impl State {
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let (journal, lines) = Journal::open(folder, "dashscope.tasks", 2 * KEPT)?;
        let mut tasks: HashMap<String, Task> = HashMap::new();
        for line in lines {
            match line {
                Line::Made(task) => drop(tasks.insert(task.id.clone(), *task)),
                Line::Painted { id, url } => {
                    tasks.entry(id).and_modify(|task| task.url = Some(url));
                }
                Line::Cancelled { id, at } => {
                    tasks.entry(id).and_modify(|task| task.cancelled_at = Some(at));
                }
            }
        }
        Ok(Self {
            journal,
            tasks: Mutex::new(tasks),
            paintings: Works::open(folder, Provider::Dashscope)?,
            looks: Mutex::default(),
        })
    }

    pub(super) fn limit(&self, looks_per_second: Option<u32>) {
        lock(&self.looks).most = looks_per_second;
    }

    /// Counts a look at a task; says whether it is within the limit.
    pub(super) fn may_look(&self, now: Timestamp) -> bool {
        let mut looks = lock(&self.looks);
        if looks.second != now.as_second() {
            (looks.second, looks.seen) = (now.as_second(), 0);
        }
        looks.seen += 1;
        looks.most.is_none_or(|most| looks.seen <= most)
    }
}

impl World {
    /// Accepts an order; gives the task's id.
    pub(super) fn accept_task(&self, order: &Order, fault: &Fault) -> String {
        self.finish_tasks();
        let now = self.clock.now();
        let takes = SignedDuration::from_secs(fault.task_s.into());
        let id = self.uuid();
        let mut end = fault.task_status.unwrap_or_default();
        let mut failure = (end == TaskStatus::Failed).then(|| failure(fault));
        if order.is_forbidden() {
            end = TaskStatus::Failed;
            failure = Some(told(Refusal::named("DataInspectionFailed", None)));
        }
        let task = Task {
            submitted_at: now,
            // It stands in line for a quarter of its time.
            starts_at: now + takes / 4,
            ends_at: now + takes,
            end,
            failure,
            painting: painting(order, Some(&id), now + takes),
            sketch: sketch(order, fault),
            link: fault.link(),
            is_empty: fault.no_image,
            url: None,
            cancelled_at: None,
            id: id.clone(),
        };
        self.dashscope.journal.append(&Line::Made(Box::new(task.clone())));
        let mut tasks = lock(&self.dashscope.tasks);
        if tasks.len() >= KEPT {
            tasks.retain(|_, task| now < task.submitted_at + LIFE);
        }
        tasks.insert(id.clone(), task);
        id
    }

    /// The task, if there is one of this id.
    pub(super) fn task(&self, id: &str) -> Option<Task> {
        self.finish_tasks();
        lock(&self.dashscope.tasks).get(id).cloned()
    }

    /// Calls a task off if it is still in line; says whether it was.
    pub(super) fn cancel_task(&self, id: &str) -> bool {
        let now = self.clock.now();
        let mut tasks = lock(&self.dashscope.tasks);
        match tasks.get_mut(id) {
            Some(task) if task.status(now) == TaskStatus::Pending => {
                task.cancelled_at = Some(now);
                let id = id.to_owned();
                self.dashscope.journal.append(&Line::Cancelled { id, at: now });
                true
            }
            Some(_) | None => false,
        }
    }

    /// Everything that was billed up to now.
    pub(super) fn paintings(&self) -> &Works<Painting> {
        self.finish_tasks();
        &self.dashscope.paintings
    }

    /// Paints on the spot; gives the picture's link.
    pub(super) fn paint_now(&self, order: &Order, fault: &Fault) -> String {
        let now = self.clock.now();
        self.dashscope.paintings.record(painting(order, None, now));
        self.file_result(Shelf::Oss, sketch(order, fault), fault.link(), now)
    }

    /// Paints and bills what is due, each task once.
    fn finish_tasks(&self) {
        let now = self.clock.now();
        let mut tasks = lock(&self.dashscope.tasks);
        let mut due: Vec<_> = tasks.values_mut().filter(|task| task.is_due(now)).collect();
        due.sort_by(|a, b| (a.ends_at, &a.id).cmp(&(b.ends_at, &b.id)));
        for task in due {
            let url = self.file_result(Shelf::Oss, task.sketch.clone(), task.link, task.ends_at);
            self.dashscope.paintings.record(task.painting.clone());
            let (id, url) = (task.id.clone(), task.url.insert(url).clone());
            self.dashscope.journal.append(&Line::Painted { id, url });
        }
    }
}

/// Why a task fails by order.
fn failure(fault: &Fault) -> (String, String) {
    let (code, message) = told(Refusal::named(fault.error.as_deref().unwrap_or("InternalError"), None));
    let ordered = fault.body.as_ref().and_then(Value::as_str);
    (code, ordered.map_or(message, str::to_owned))
}

fn told(refusal: Refusal) -> (String, String) {
    (refusal.code, refusal.message)
}

fn painting(order: &Order, task: Option<&str>, at: Timestamp) -> Painting {
    Painting {
        at,
        task: task.map(str::to_owned),
        model: order.model.clone(),
        prompt: order.prompt.clone(),
        actual_prompt: order.actual_prompt.clone(),
        size: format!("{}*{}", order.width, order.height),
        watermark: order.watermark,
    }
}

fn sketch(order: &Order, fault: &Fault) -> Sketch {
    let part = if fault.wrong_size { 2 } else { 1 };
    Sketch {
        prompt: order.actual_prompt.clone().unwrap_or_else(|| order.prompt.clone()),
        width: order.width / part,
        height: order.height / part,
        format: Format::Png,
        watermark: order.watermark,
    }
}
