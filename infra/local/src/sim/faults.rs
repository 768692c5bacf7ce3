//! Faults: for the next calls of one provider, the network or the provider misbehaves as ordered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Provider;
use super::book::lock;

/// The longest delay that may be ordered.
const LONGEST_DELAY_MS: u64 = 300_000;

/// What goes wrong with a call. The parts combine: a delay and a reset after the work is a time-out that was billed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
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
    /// Seedream: status 200 with an empty `data`, nothing billed.
    #[serde(skip_serializing_if = "is_default")]
    pub no_image: bool,
    /// Seedream: the picture is half as large each way as asked for and as the reply says.
    #[serde(skip_serializing_if = "is_default")]
    pub wrong_size: bool,
    /// Seedream: the result link leads nowhere.
    #[serde(skip_serializing_if = "is_default")]
    pub dead_link: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Fault {
    /// Whether it replaces the provider's answer by another one, or by none.
    pub(super) fn replaces_answer(&self) -> bool {
        self.reset || self.status.is_some() || (self.error.is_some() && !self.error_in_ok)
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    fn check(&self, provider: Provider) -> Result<(), String> {
        let deepseek = self.blank_content || self.truncated || self.finish_reason.is_some();
        let seedream = self.error_in_ok || self.no_image || self.wrong_size || self.dead_link;
        if self == &Self::default() {
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
        if (deepseek && provider != Provider::Deepseek) || (seedream && provider != Provider::Seedream) {
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
    pub(super) fn take(&self, provider: Provider) -> Fault {
        let mut queue = lock(&self.0);
        let Some(at) = queue.iter().position(|ordered| ordered.provider == provider) else {
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
