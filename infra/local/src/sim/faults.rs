//! Faults: for the next calls of one provider, the network or the provider misbehaves as ordered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Provider;
use super::book::lock;
use super::links::Link;
use super::tasks::TaskStatus;

/// The longest delay that may be ordered.
const LONGEST_DELAY_MS: u64 = 300_000;
/// The longest that a task may take: as long as DashScope remembers it.
const LONGEST_TASK_S: u32 = 24 * 3600;

/// What goes wrong with a call. The parts combine: a delay and a reset after the work is a time-out that was billed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Meets only calls whose method and path contain this, such as `/capture`.
    #[serde(skip_serializing_if = "is_default")]
    pub on: Option<String>,
    /// Waits so long: before the work, or with `after_work` between the work and the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub delay_ms: u64,
    /// Answers this status, with the provider's own body for it unless `body` is given.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<u16>,
    /// Answers with this error of the provider, by the code or name in its contract (`QuotaExceeded`,
    /// `daily_quota_exceeded`); `status` chooses where one name has several.
    #[serde(skip_serializing_if = "is_default")]
    pub error: Option<String>,
    /// The body to answer with `status`: JSON, or a text that is sent as it is.
    #[serde(skip_serializing_if = "is_default")]
    pub body: Option<Value>,
    /// Headers to add, `retry-after` for one.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, String>,
    /// Drops the connection without an answer.
    #[serde(skip_serializing_if = "is_default")]
    pub reset: bool,
    /// Does the work (bills the picture, accepts the mail) before the delay, `status`, `error` or `reset` hides it.
    #[serde(skip_serializing_if = "is_default")]
    pub after_work: bool,
    /// Cuts the body in half, so that it is no longer JSON.
    #[serde(skip_serializing_if = "is_default")]
    pub malformed: bool,
    /// Sends so many blank lines before the body, spread over the delay.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_alive_blanks: u32,
    /// DeepSeek: `content` is blank although `finish_reason` is `stop`.
    #[serde(skip_serializing_if = "is_default")]
    pub blank_content: bool,
    /// DeepSeek: the answer is cut off, `finish_reason` is `length`.
    #[serde(skip_serializing_if = "is_default")]
    pub truncated: bool,
    /// DeepSeek: this `finish_reason` instead of `stop`.
    #[serde(skip_serializing_if = "is_default")]
    pub finish_reason: Option<String>,
    /// Seedream: status 200 with an `error` object in the body, nothing billed.
    #[serde(skip_serializing_if = "is_default")]
    pub error_in_ok: bool,
    /// Status 200 (at DashScope: a task that succeeded) without a picture, nothing billed.
    #[serde(skip_serializing_if = "is_default")]
    pub no_image: bool,
    /// The picture is half as large each way as asked for and as the reply says.
    #[serde(skip_serializing_if = "is_default")]
    pub wrong_size: bool,
    /// The result link leads nowhere.
    #[serde(skip_serializing_if = "is_default")]
    pub dead_link: bool,
    /// The result link leads to something that must not be taken for the picture.
    #[serde(skip_serializing_if = "is_default")]
    pub link: Option<Link>,
    /// DashScope: the task that is handed in takes so many seconds by the Clock.
    #[serde(skip_serializing_if = "is_default")]
    pub task_s: u32,
    /// DashScope: the task that is handed in comes to this, inside a 200. With `FAILED`, `error` names the
    /// reason, and a `body` that is a text is the message. With `PENDING`, `RUNNING` or `SUSPENDED` it never ends.
    #[serde(skip_serializing_if = "is_default")]
    pub task_status: Option<TaskStatus>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Fault {
    /// Whether it replaces the provider's answer by another one, or by none.
    pub(super) fn replaces_answer(&self) -> bool {
        let is_own_answer = self.error_in_ok || self.task_status.is_some();
        self.reset || self.status.is_some() || (self.error.is_some() && !is_own_answer)
    }

    /// What the result link leads to, if not to the picture.
    pub(super) fn link(&self) -> Option<Link> {
        if self.dead_link { Some(Link::Dead) } else { self.link }
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    fn check(&self, provider: Provider) -> Result<(), String> {
        let deepseek = self.blank_content || self.truncated || self.finish_reason.is_some();
        let painter = self.no_image || self.wrong_size || self.link().is_some();
        let dashscope = self.task_s > 0 || self.task_status.is_some();
        let only_on = Self {
            on: self.on.clone(),
            ..Self::default()
        };
        if self == &only_on {
            return Err("the fault is empty".to_owned());
        }
        if self.delay_ms > LONGEST_DELAY_MS {
            return Err(format!("`delay_ms` is at most {LONGEST_DELAY_MS}"));
        }
        if self.keep_alive_blanks > 10_000 {
            return Err("`keep_alive_blanks` is at most 10000".to_owned());
        }
        if self.status.is_some_and(|status| !(200..600).contains(&status)) {
            return Err("`status` is between 200 and 599".to_owned());
        }
        if self.task_s > LONGEST_TASK_S {
            return Err(format!("`task_s` is at most {LONGEST_TASK_S}"));
        }
        let known = match provider {
            Provider::Deepseek => !painter && !self.error_in_ok && !dashscope,
            Provider::Seedream => !deepseek && !dashscope,
            Provider::Dashscope => !deepseek && !self.error_in_ok,
            Provider::Resend | Provider::Paypal => !deepseek && !painter && !self.error_in_ok && !dashscope,
        };
        if !known {
            return Err(format!("{} has no such fault", provider.name()));
        }
        Ok(())
    }
}

/// A fault and the calls that it will still meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// Whose calls fail.
    pub provider: Provider,
    /// How many calls are left.
    #[serde(default = "once")]
    pub next: u32,
    /// How they fail.
    pub fault: Fault,
}

fn once() -> u32 {
    1
}

/// The faults that are still to come, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<VecDeque<Ordered>>);

impl Faults {
    pub(super) fn order(&self, ordered: Ordered) -> Result<(), String> {
        ordered.fault.check(ordered.provider)?;
        if ordered.next > 0 {
            lock(&self.0).push_back(ordered);
        }
        Ok(())
    }

    /// The fault for the call that has just come in, if it is to have one.
    pub(super) fn take(&self, provider: Provider, call: &str) -> Fault {
        let mut queue = lock(&self.0);
        let meets = |fault: &Fault| fault.on.as_ref().is_none_or(|on| call.contains(on));
        let is_it = |ordered: &Ordered| ordered.provider == provider && meets(&ordered.fault);
        let Some(at) = queue.iter().position(is_it) else {
            return Fault::default();
        };
        queue[at].next -= 1;
        let fault = queue[at].fault.clone();
        queue.retain(|ordered| ordered.next > 0);
        fault
    }

    pub(super) fn list(&self) -> Vec<Ordered> {
        lock(&self.0).iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}
