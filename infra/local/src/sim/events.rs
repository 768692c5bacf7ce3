//! Events that a company tells by webhook: kept until whoever listens has taken them, or until there were enough tries.
//!
//! The simulators keep the events and know when each is due; the stack carries them to the API.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Provider;
use super::book::lock;
use super::journal::Journal;

/// How many events are remembered.
const KEPT: usize = 5_000;

/// Something that a company tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its name, the same with every try.
    pub id: String,
    /// What it is, such as `email.bounced`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The body as it is sent and signed.
    pub body: String,
    /// The tries so far.
    #[serde(default)]
    pub tries: Vec<Try>,
    /// When it is tried next; never, if it was taken, given up, or is told to nobody.
    pub next: Option<Timestamp>,
    /// How often it is told again although it was taken.
    #[serde(default)]
    pub copies: u32,
}

/// One try to tell an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When, by the Clock.
    pub at: Timestamp,
    /// What was answered; nothing, if no answer came.
    pub status: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Happened(Event),
    Tried { id: String, tried: Try },
    Again { id: String, at: Timestamp },
}

/// How long after the so-manieth try comes the next one, if there is one.
pub(super) type Pauses = fn(usize) -> Option<SignedDuration>;

/// The events of one company.
pub(super) struct Events {
    journal: Journal,
    kept: Mutex<VecDeque<Event>>,
    pauses: Pauses,
}

impl Events {
    pub(super) fn open(folder: Option<&Path>, provider: Provider, pauses: Pauses) -> anyhow::Result<Self> {
        let (journal, lines) = Journal::open(folder, &format!("{}.events", provider.name()), 2 * KEPT)?;
        let mut kept = VecDeque::new();
        for line in lines {
            match line {
                Line::Happened(event) => push(&mut kept, event),
                Line::Tried { id, tried } => note(&mut kept, &id, tried, pauses),
                Line::Again { id, at } => again(&mut kept, &id, at),
            }
        }
        Ok(Self {
            journal,
            kept: Mutex::new(kept),
            pauses,
        })
    }

    pub(super) fn all(&self) -> Vec<Event> {
        lock(&self.kept).iter().cloned().collect()
    }

    pub(super) fn due(&self, now: Timestamp) -> Vec<Event> {
        let is_due = |event: &&Event| event.next.is_some_and(|next| next <= now);
        lock(&self.kept).iter().filter(is_due).cloned().collect()
    }

    pub(super) fn tried(&self, id: &str, tried: Try) {
        let mut kept = lock(&self.kept);
        self.journal.append(&Line::Tried {
            id: id.to_owned(),
            tried,
        });
        note(&mut kept, id, tried, self.pauses);
    }

    pub(super) fn happened(&self, event: &Event) {
        let mut kept = lock(&self.kept);
        self.journal.append(&Line::Happened(event.clone()));
        push(&mut kept, event.clone());
    }

    /// Has an event told once more; whether there is one of that name.
    pub(super) fn tell_again(&self, id: &str, at: Timestamp) -> bool {
        let mut kept = lock(&self.kept);
        let is_known = kept.iter().any(|event| event.id == id);
        if is_known {
            self.journal.append(&Line::Again { id: id.to_owned(), at });
            again(&mut kept, id, at);
        }
        is_known
    }
}

fn push(kept: &mut VecDeque<Event>, event: Event) {
    kept.push_back(event);
    if kept.len() > KEPT {
        kept.pop_front();
    }
}

fn note(kept: &mut VecDeque<Event>, id: &str, tried: Try, pauses: Pauses) {
    if let Some(event) = kept.iter_mut().rev().find(|event| event.id == id) {
        event.tries.push(tried);
        let taken = tried.status.is_some_and(|status| (200..300).contains(&status));
        event.next = match (taken, event.copies) {
            (false, _) => pauses(event.tries.len()).map(|pause| tried.at + pause),
            (true, 0) => None,
            (true, _) => {
                event.copies -= 1;
                Some(tried.at)
            }
        };
    }
}

fn again(kept: &mut VecDeque<Event>, id: &str, at: Timestamp) {
    if let Some(event) = kept.iter_mut().rev().find(|event| event.id == id) {
        event.next = Some(at);
    }
}
