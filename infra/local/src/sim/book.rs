//! Each provider's own book: what it was asked and what it did. Tests judge by it, never by what our side says it sent.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Provider;
use super::journal::Journal;

/// How many entries of each kind stay in memory and in the file after a restart.
const KEPT: usize = 5_000;
/// A longer string in a request body is cut in the book: pictures sent along would fill it.
const LONGEST: usize = 20_000;

/// What one provider saw and did.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderBook<W> {
    /// Requests ever seen, also those that have dropped out of `requests`.
    pub requests_total: u64,
    /// The latest requests, oldest first.
    pub requests: Vec<Request>,
    /// The latest entries of work done, oldest first: answers given, pictures billed, mails accepted.
    pub work: Vec<W>,
}

/// One request as the provider received it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Counts from 1 for each provider.
    pub number: u64,
    /// When it arrived, by the Clock.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Every header, lower case; of the authorization only the scheme and the last four characters.
    pub headers: BTreeMap<String, String>,
    /// The body: parsed if it is JSON, else as text.
    pub body: Value,
    /// The status it was answered with; absent while it is unanswered, or when the connection was lost on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Seen(Request),
    Answered { number: u64, status: u16 },
}

/// The requests of one provider.
#[derive(Debug)]
pub(super) struct Requests {
    journal: Journal,
    kept: Mutex<VecDeque<Request>>,
}

impl Requests {
    pub(super) fn open(folder: Option<&Path>, provider: Provider) -> anyhow::Result<Self> {
        let (journal, lines) = Journal::open(folder, &format!("{}.requests", provider.name()), 2 * KEPT)?;
        let mut kept = VecDeque::new();
        for line in lines {
            match line {
                Line::Seen(request) => push(&mut kept, request),
                Line::Answered { number, status } => answer(&mut kept, number, status),
            }
        }
        Ok(Self {
            journal,
            kept: Mutex::new(kept),
        })
    }

    /// Writes a request down and gives its number.
    pub(super) fn seen(&self, parts: &Parts, body: &[u8], at: Timestamp) -> u64 {
        let mut kept = lock(&self.kept);
        let number = kept.back().map_or(0, |last| last.number) + 1;
        let headers = parts.headers.iter().map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let shown = if name == "authorization" {
                masked(&text)
            } else {
                text.into_owned()
            };
            (name.to_string(), shown)
        });
        let request = Request {
            number,
            at,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: headers.collect(),
            body: readable(body),
            status: None,
        };
        self.journal.append(&Line::Seen(request.clone()));
        push(&mut kept, request);
        number
    }

    pub(super) fn answered(&self, number: u64, status: u16) {
        let mut kept = lock(&self.kept);
        self.journal.append(&Line::Answered { number, status });
        answer(&mut kept, number, status);
    }
}

/// The work that one provider did.
#[derive(Debug)]
pub(super) struct Works<W> {
    journal: Journal,
    kept: Mutex<VecDeque<W>>,
}

impl<W: Clone + Serialize + DeserializeOwned> Works<W> {
    pub(super) fn open(folder: Option<&Path>, provider: Provider) -> anyhow::Result<Self> {
        let (journal, lines) = Journal::open(folder, &format!("{}.work", provider.name()), KEPT)?;
        Ok(Self {
            journal,
            kept: Mutex::new(lines.into()),
        })
    }

    pub(super) fn record(&self, work: W) {
        let mut kept = lock(&self.kept);
        self.journal.append(&work);
        push(&mut kept, work);
    }

    /// Looks through the work, latest first.
    pub(super) fn find<T>(&self, look: impl FnMut(&W) -> Option<T>) -> Option<T> {
        lock(&self.kept).iter().rev().find_map(look)
    }

    pub(super) fn all(&self) -> Vec<W> {
        lock(&self.kept).iter().cloned().collect()
    }

    pub(super) fn book(&self, requests: &Requests) -> ProviderBook<W> {
        let seen: Vec<Request> = lock(&requests.kept).iter().cloned().collect();
        ProviderBook {
            requests_total: seen.last().map_or(0, |last| last.number),
            requests: seen,
            work: self.all(),
        }
    }
}

fn push<T>(kept: &mut VecDeque<T>, entry: T) {
    kept.push_back(entry);
    if kept.len() > KEPT {
        kept.pop_front();
    }
}

fn answer(kept: &mut VecDeque<Request>, number: u64, status: u16) {
    if let Some(request) = kept.iter_mut().rev().find(|request| request.number == number) {
        request.status = Some(status);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last four characters of a key, the rest as stars, as DeepSeek quotes it.
pub(super) fn masked(authorization: &str) -> String {
    let (scheme, key) = authorization.split_once(' ').unwrap_or(("", authorization));
    let tail: String = key.chars().skip(key.chars().count().saturating_sub(4)).collect();
    format!("{scheme} ****{tail}").trim_start().to_owned()
}

fn readable(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(value) => shortened(value),
        Err(_) if body.is_empty() => Value::Null,
        Err(_) => shortened(Value::String(String::from_utf8_lossy(body).into_owned())),
    }
}

fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            let start: String = text.chars().take(200).collect();
            Value::String(format!("{start}… ({} bytes)", text.len()))
        }
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, shortened(value)))
            .collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}
