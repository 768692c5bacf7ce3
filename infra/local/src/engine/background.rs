//! What the engines do by themselves, until they are told to stop.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use super::one_offs::OneOffs;
use super::queues::Queues;
use super::schedules::Schedules;
use super::serving::Serving;
use super::workers::{Worked, Workers};
use super::{LOOK_AGAIN, LOOK_AT_CLOCK};

pub(super) async fn close_all(tasks: &Mutex<Vec<Serving>>) {
    let tasks = std::mem::take(&mut *tasks.lock().unwrap_or_else(PoisonError::into_inner));
    for task in tasks {
        task.close().await;
    }
}

/// Does `work` again and again, at once while it says that there is more.
pub(super) fn repeat(what: &'static str, pause: Duration, work: impl Fn() -> Result<bool> + Send + 'static) -> Serving {
    Serving::start(move |stop| async move {
        while !stop.is_wanted() {
            let more = work().unwrap_or_else(|error| {
                tracing::error!(error = format!("{error:#}"), "{what} failed");
                false
            });
            if !more {
                let _elapsed = tokio::time::timeout(pause, stop.clone().wanted()).await;
            } else {
                // The work itself never waits; others want their turn.
                tokio::task::yield_now().await;
            }
        }
    })
}

pub(super) fn keep_waking(schedules: Schedules, name: String) -> Serving {
    Serving::start(move |stop| async move {
        while !stop.is_wanted() {
            if let Err(error) = schedules.run_if_due(&name).await {
                tracing::error!(schedule = name, error = format!("{error:#}"), "A schedule failed");
            }
            let _elapsed = tokio::time::timeout(LOOK_AT_CLOCK, stop.clone().wanted()).await;
        }
    })
}

pub(super) fn keep_waking_once(one_offs: OneOffs) -> Serving {
    Serving::start(move |stop| async move {
        while !stop.is_wanted() {
            if let Err(error) = one_offs.run_due().await {
                tracing::error!(error = format!("{error:#}"), "A one-off schedule failed");
            }
            let _elapsed = tokio::time::timeout(LOOK_AT_CLOCK, stop.clone().wanted()).await;
        }
    })
}

pub(super) fn poll(workers: Workers, queues: Queues, queue: String) -> Serving {
    Serving::start(move |stop| async move {
        while !stop.is_wanted() {
            let worked = workers.work_once(&queue).await.unwrap_or_else(|error| {
                tracing::error!(queue, error = format!("{error:#}"), "Polling failed");
                Worked::default()
            });
            if worked.taken == 0 {
                tokio::select! {
                    () = queues.arrival() => {}
                    () = stop.clone().wanted() => {}
                    // A hidden message becomes visible by the clock, and nobody calls then.
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
        }
    })
}
