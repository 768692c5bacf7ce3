//! EventBridge Scheduler as a service: schedules that functions order one at a time, `at(…)` a moment.
//!
//! It serves `CreateSchedule`, `GetSchedule` and `DeleteSchedule` to Amazon's own client, and wakes by our clock. As there, a
//! function that fails is woken again after a growing pause, for as often and as long as its retry policy says; and a schedule
//! goes after its completion if it said so. What was ordered is kept beside the periodic schedules.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use axum::body::Body;
use axum::response::Response;
use futures::FutureExt as _;
use http::{HeaderValue, Method, StatusCode, Uri};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{Clock, Entropy};

use super::front::answer;
use super::grants::{Permissions, Resource};
use super::schedules::{Handler, input};
use super::spec::{ACCOUNT, REGION};
use super::trouble::{Trouble, lost};

/// The file in the data folder that keeps what was ordered.
const FILE: &str = "one-offs.json";

/// How soon a function that failed is woken again; twice as long each time after.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What the service itself takes for a retry policy that says nothing.
const MOST_RETRIES: u32 = 185;
const MOST_AGE_S: i64 = 86_400;

/// All one-off schedules of the local stack. Cheap to clone.
#[derive(Clone)]
pub struct OneOffs {
    clock: Clock,
    entropy: Entropy,
    file: Option<PathBuf>,
    groups: Arc<Vec<String>>,
    sleepers: Arc<Mutex<BTreeMap<String, Handler>>>,
    ordered: Arc<Mutex<BTreeMap<String, Ordered>>>,
}

/// A schedule that was ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ordered {
    request: Create,
    name: String,
    at: Timestamp,
    created_at: Timestamp,
    next_try: Timestamp,
    tries: u32,
    done: bool,
}

/// The body of `CreateSchedule`, as far as we use it; anything else is refused, so that nothing is asked for in vain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    group_name: Option<String>,
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    flexible_time_window: Window,
    target: Target,
    action_after_completion: Option<String>,
    client_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Window {
    mode: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Target {
    arn: String,
    role_arn: String,
    input: Option<String>,
    retry_policy: Option<Retries>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Retries {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<i64>,
}

/// A refusal in the service's own words.
struct Refusal(StatusCode, &'static str, String);

impl OneOffs {
    /// Opens what was ordered earlier in `directory`, or starts without; `groups` are those that the template makes.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(directory: Option<&Path>, clock: Clock, entropy: Entropy, groups: Vec<String>) -> Result<Self> {
        let file = directory.map(|directory| directory.join(FILE));
        let ordered = match file.as_deref().map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).with_context(|| format!("`{FILE}` cannot be read"))?,
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Some(Err(_)) | None => BTreeMap::new(),
        };
        Ok(Self {
            clock,
            entropy,
            file,
            groups: Arc::new(groups),
            sleepers: Arc::default(),
            ordered: Arc::new(Mutex::new(ordered)),
        })
    }

    /// Lets `handler` be woken for the function of that full name.
    pub fn attach(&self, function: &str, handler: Handler) {
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.insert(function.to_owned(), handler);
    }

    /// The names of the schedules that are there, each after its group and a slash.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// When each schedule that has not been carried out will be tried next.
    #[must_use]
    pub fn due(&self) -> BTreeMap<String, Timestamp> {
        let ordered = self.lock();
        let open = ordered.iter().filter(|(_, ordered)| !ordered.done);
        open.map(|(key, ordered)| (key.clone(), ordered.next_try)).collect()
    }

    /// Loses every schedule without a trace, for whoever tests what happens then.
    pub fn lose_all(&self) {
        self.lock().clear();
    }

    /// Wakes every function whose time has come, and gives the names of those schedules.
    ///
    /// # Errors
    /// When a function fails; it is woken again later. The others have been woken all the same.
    pub async fn run_due(&self) -> Result<Vec<String>> {
        let now = self.clock.now();
        let due: Vec<(String, Ordered)> = self
            .lock()
            .iter()
            .filter(|(_, ordered)| !ordered.done && ordered.next_try <= now)
            .map(|(key, ordered)| (key.clone(), ordered.clone()))
            .collect();
        let (mut ran, mut failed) = (Vec::new(), Ok(()));
        for (key, ordered) in due {
            let result = self.wake(&ordered).await;
            self.tried(&key, result.is_ok(), now)?;
            match result {
                Ok(()) => ran.push(key),
                Err(error) => failed = Err(error.context(format!("the schedule `{key}` failed"))),
            }
        }
        failed.map(|()| ran)
    }

    async fn wake(&self, ordered: &Ordered) -> Result<()> {
        // Of an alias the function, whichever of its versions that leads to.
        let function = ordered.request.target.arn.split(':').nth(6).unwrap_or_default();
        let handler = {
            let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            sleepers.get(function).cloned()
        };
        let handler = handler.with_context(|| format!("there is no function `{function}`"))?;
        let given = ordered.request.target.input.as_deref().unwrap_or("{}");
        let input = input(given, ordered.at, &self.entropy.hex::<8>())?;
        // A panic is a failed run, as the Lambda runtime makes of it.
        match AssertUnwindSafe(handler(input)).catch_unwind().await {
            Ok(result) => result,
            Err(_panic) => Err(anyhow!("it panicked")),
        }
    }

    /// Writes down what came of a try; one that was removed meanwhile stays removed.
    fn tried(&self, key: &str, well: bool, now: Timestamp) -> Result<()> {
        let mut all = self.lock();
        let Some(ordered) = all.get_mut(key) else { return Ok(()) };
        ordered.tries += 1;
        let retries = ordered.request.target.retry_policy;
        let most = retries
            .and_then(|retries| retries.maximum_retry_attempts)
            .unwrap_or(MOST_RETRIES);
        let age = retries
            .and_then(|retries| retries.maximum_event_age_in_seconds)
            .unwrap_or(MOST_AGE_S);
        let pause = AGAIN_AFTER.saturating_mul(1 << (ordered.tries - 1).min(10));
        let next_try = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        let given_up = ordered.tries > most || next_try.duration_since(ordered.at).as_secs() > age;
        if well || given_up {
            if !well {
                tracing::error!(schedule = key, tries = ordered.tries, "A one-off schedule was given up");
            }
            if ordered.request.action_after_completion.as_deref() == Some("DELETE") {
                all.remove(key);
            } else {
                ordered.done = true;
            }
        } else {
            ordered.next_try = next_try;
        }
        self.keep(&all)
    }

    /// Answers one request of the service's REST interface.
    pub(super) fn answer(
        &self,
        caller: &str,
        (method, uri): (&Method, &Uri),
        body: &[u8],
        permissions: &Permissions,
        trouble: Option<Trouble>,
    ) -> Response {
        let done = || match self.carry_out(caller, method, uri, body, permissions) {
            Ok(answer) => answered(StatusCode::OK, None, &answer),
            Err(refusal) => refused(&refusal),
        };
        match trouble {
            None => done(),
            Some(Trouble::Throttled) => refused(&Refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "ThrottlingException",
                "Rate exceeded".to_owned(),
            )),
            Some(Trouble::Conflict) => refused(&conflict("is being changed by another request")),
            Some(Trouble::Denied) => refused(&Refusal(
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                "User is not authorized to perform this action".to_owned(),
            )),
            Some(Trouble::RequestLost) => lost(),
            Some(Trouble::ReplyLost) => {
                drop(done());
                lost()
            }
        }
    }

    fn carry_out(
        &self,
        caller: &str,
        method: &Method,
        uri: &Uri,
        body: &[u8],
        permissions: &Permissions,
    ) -> Result<Value, Refusal> {
        let name = uri.path().strip_prefix("/schedules/").unwrap_or_default();
        if !is_name(name) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint"
            )));
        }
        let allowed = |action: &str, resource: &Resource| {
            permissions.check(caller, action, resource).map_err(|denied| {
                tracing::warn!(principal = caller, action, "{denied}");
                Refusal(StatusCode::FORBIDDEN, "AccessDeniedException", denied.to_string())
            })
        };
        if *method == Method::POST {
            let request: Create = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
            let group = self.group(request.group_name.as_deref())?;
            allowed("scheduler:CreateSchedule", &Resource::Schedules(group.clone()))?;
            allowed("iam:PassRole", &Resource::Role(request.target.role_arn.clone()))?;
            return self.create(&group, name, request);
        }
        let query: BTreeMap<String, String> = uri.query().map(pairs).unwrap_or_default();
        let group = self.group(query.get("groupName").map(String::as_str))?;
        let key = format!("{group}/{name}");
        if *method == Method::DELETE {
            allowed("scheduler:DeleteSchedule", &Resource::Schedules(group))?;
            let mut all = self.lock();
            all.remove(&key).ok_or_else(|| absent(name))?;
            self.keep(&all).map_err(|error| broken(&error))?;
            return Ok(json!({}));
        }
        allowed("scheduler:GetSchedule", &Resource::Schedules(group.clone()))?;
        let all = self.lock();
        let ordered = all.get(&key).ok_or_else(|| absent(name))?;
        let mut shown = serde_json::to_value(&ordered.request).map_err(|error| broken(&error.into()))?;
        if let Some(shown) = shown.as_object_mut() {
            shown.remove("ClientToken");
            shown.insert("Arn".to_owned(), json!(arn(&group, name)));
            shown.insert("Name".to_owned(), json!(name));
            shown.insert("State".to_owned(), json!("ENABLED"));
            shown.insert("CreationDate".to_owned(), json!(ordered.created_at.as_second()));
        }
        Ok(shown)
    }

    fn create(&self, group: &str, name: &str, request: Create) -> Result<Value, Refusal> {
        let at = moment(&request)?;
        if request.flexible_time_window.mode != "OFF" {
            return Err(invalid("the local scheduler knows no flexible time window"));
        }
        let (key, now) = (format!("{group}/{name}"), self.clock.now());
        let mut all = self.lock();
        if let Some(known) = all.get(&key) {
            // The same request once more, because its answer was lost.
            return if known.request == request {
                Ok(json!({ "ScheduleArn": arn(group, name) }))
            } else {
                Err(conflict(&format!("Schedule {name} already exists.")))
            };
        }
        let ordered = Ordered {
            request,
            name: name.to_owned(),
            at,
            created_at: now,
            next_try: at,
            tries: 0,
            done: false,
        };
        all.insert(key, ordered);
        self.keep(&all).map_err(|error| broken(&error))?;
        Ok(json!({ "ScheduleArn": arn(group, name) }))
    }

    fn group(&self, name: Option<&str>) -> Result<String, Refusal> {
        let name = name.unwrap_or("default");
        if self.groups.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let message = format!("Schedule group {name} does not exist.");
        Err(Refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", message))
    }

    /// Written aside and moved into place, so that a killed process leaves a whole file.
    fn keep(&self, all: &BTreeMap<String, Ordered>) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let aside = file.with_extension("new");
        std::fs::write(&aside, serde_json::to_vec_pretty(all)?)?;
        Ok(std::fs::rename(aside, file)?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Ordered>> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for OneOffs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

/// The operation of a request, if it is one of this service's.
pub(super) fn operation(method: &Method, uri: &Uri) -> Option<&'static str> {
    uri.path().strip_prefix("/schedules/")?;
    match *method {
        Method::POST => Some("CreateSchedule"),
        Method::DELETE => Some("DeleteSchedule"),
        Method::GET => Some("GetSchedule"),
        _ => None,
    }
}

/// The moment of `at(2026-11-29T10:00:00)` in the request's time zone.
fn moment(request: &Create) -> Result<Timestamp, Refusal> {
    let text = &request.schedule_expression;
    let wrong = || invalid(format!("Invalid Schedule Expression {text}."));
    let time = text
        .strip_prefix("at(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(wrong)?;
    let time: DateTime = time.parse().map_err(|_| wrong())?;
    match request.schedule_expression_timezone.as_deref() {
        None | Some("UTC") => {}
        Some(_) => return Err(invalid("the local scheduler knows no time zone but UTC")),
    }
    TimeZone::UTC.to_timestamp(time).map_err(|_| wrong())
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn arn(group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}")
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "ValidationException", message.into())
}

fn conflict(message: &str) -> Refusal {
    Refusal(StatusCode::CONFLICT, "ConflictException", message.to_owned())
}

fn absent(name: &str) -> Refusal {
    let message = format!("Schedule {name} does not exist.");
    Refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
}

fn broken(error: &anyhow::Error) -> Refusal {
    Refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerException",
        format!("{error:#}"),
    )
}

fn refused(Refusal(status, kind, message): &Refusal) -> Response {
    answered(*status, Some(kind), &json!({ "Message": message }))
}

fn answered(status: StatusCode, kind: Option<&'static str>, body: &Value) -> Response<Body> {
    let mut response = answer(status, "application/json", body);
    if let Some(kind) = kind {
        response
            .headers_mut()
            .insert("x-amzn-errortype", HeaderValue::from_static(kind));
    }
    response
}
