//! Dead letters, sent back to their queue to be worked off again, or thrown away.
//!
//! SQS moves them by itself once it was asked to, whether or not anybody watches. So who was interrupted calls again, and watches the
//! move that is under way.

use std::time::Duration;

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry as Task;

use crate::accounts::fit_reason;
use crate::queues::{Found, Queue, counted};
use crate::{Ops, OpsError};

/// How long from one look at a move to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked for a move that SQS does not list.
const LOOKS_IN_VAIN: u32 = 30;

/// How many dead letters are searched for one that is to be thrown away.
const SEARCHED: usize = 100;

/// What SQS says of a message of which it does not know where to send it.
const FROM_NO_QUEUE: &str = "CouldNotDetermineMessageSource";

impl Ops {
    /// Sends all dead letters of a queue back to it, tells how far that has come, and gives what came of it. Each is a new message then.
    ///
    /// # Errors
    /// When SQS does not move all of them, or cannot be asked.
    pub async fn redrive(&self, queue: Queue, mut tell: impl FnMut(String)) -> Result<String, OpsError> {
        let dead = self.found(&queue.dead_in_stage(self.stage())).await?;
        let before = self.last_move(&dead).await?;
        if before.as_ref().is_some_and(is_under_way) {
            tell(format!("a move of the dead letters of {queue} is under way already"));
            return self.watched(queue, &dead, None, tell).await;
        }
        let waiting = dead.depth.waiting;
        match (waiting, dead.depth.hidden) {
            (0, 0) => return Ok(format!("nothing lies among the dead letters of {queue}")),
            (0, hidden) => {
                let looked_at = counted(hidden);
                let text = format!("somebody looks at {looked_at} of {queue} just now; try again in a moment");
                return Err(OpsError::Unfit(text));
            }
            _ => {}
        }
        let (what, why) = (
            format!("queue redrive {queue}"),
            format!("{} given up", counted(waiting)),
        );
        let act = self.write_down(&what, &why, self.clock.now()).await?;
        tell(format!("{} of {queue} to send back ({act})", counted(waiting)));
        let before = before.map(|task| task.started_timestamp);
        let started = self.sqs.start_message_move_task().source_arn(&dead.arn).send().await;
        if let Err(error) = started {
            // Perhaps the answer alone was lost, or somebody else was faster.
            let newest = self.last_move(&dead).await?.map(|task| task.started_timestamp);
            if newest == before {
                return Err(self.unanswered("send messages back", error));
            }
        }
        self.watched(queue, &dead, before, tell).await
    }

    /// Throws one dead letter away.
    ///
    /// # Errors
    /// When it is not there, or the queue cannot be asked.
    pub async fn discard(&self, queue: Queue, id: &str, reason: &str) -> Result<String, OpsError> {
        let reason = fit_reason(reason)?;
        let dead = self.found(&queue.dead_in_stage(self.stage())).await?;
        let held = self.held(&dead.url, SEARCHED).await?;
        let (wanted, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| held.message_id() == Some(id));
        self.let_go(&dead.url, &others).await;
        let wanted = wanted.into_iter().next();
        let wanted = wanted.ok_or_else(|| OpsError::Absent(format!("there is no dead letter {id} of {queue}")))?;
        let why = format!("{id}: {reason}");
        let act = self
            .write_down(&format!("queue discard {queue}"), &why, self.clock.now())
            .await?;
        let asked = self.sqs.delete_message().queue_url(&dead.url);
        let asked = asked.set_receipt_handle(wanted.receipt_handle).send().await;
        asked.map_err(|error| self.unanswered("throw a message away", error))?;
        Ok(format!("{id} is thrown away ({act})"))
    }

    /// Follows a move to its end. The one that was begun at `before` is an earlier one: SQS lists a new one a moment late.
    async fn watched(
        &self,
        queue: Queue,
        dead: &Found,
        before: Option<i64>,
        mut tell: impl FnMut(String),
    ) -> Result<String, OpsError> {
        let (mut told, mut in_vain) = (None, 0);
        while in_vain < LOOKS_IN_VAIN {
            let task = self.last_move(dead).await?;
            let task = task.filter(|task| before != Some(task.started_timestamp));
            match &task {
                Some(task) if !is_under_way(task) => return ended(queue, task),
                Some(task) => {
                    let moved = task.approximate_number_of_messages_moved;
                    if told.replace(moved) != Some(moved) {
                        let all = task.approximate_number_of_messages_to_move.unwrap_or(moved);
                        tell(format!("{moved} of {all} moved"));
                    }
                }
                None => in_vain += 1,
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(OpsError::Unfit(format!(
            "SQS tells nothing of the move that it was asked for; `ops queue list` tells what is left among the dead letters of {queue}"
        )))
    }

    /// The newest move out of a dead-letter queue.
    async fn last_move(&self, dead: &Found) -> Result<Option<Task>, OpsError> {
        let asked = self.sqs.list_message_move_tasks().source_arn(&dead.arn).max_results(1);
        let told = asked.send().await;
        let told = told.map_err(|error| self.unanswered("tell how far a move has come", error))?;
        Ok(told.results.unwrap_or_default().into_iter().next())
    }
}

fn is_under_way(task: &Task) -> bool {
    matches!(task.status(), Some("RUNNING" | "CANCELLING"))
}

/// What is said of a move that has ended.
fn ended(queue: Queue, task: &Task) -> Result<String, OpsError> {
    let moved = u64::try_from(task.approximate_number_of_messages_moved).unwrap_or_default();
    let went_back = match moved {
        1 => format!("1 message went back to {queue}"),
        moved => format!("{moved} messages went back to {queue}"),
    };
    match (task.status(), task.failure_reason()) {
        (Some("COMPLETED"), _) => Ok(went_back),
        (_, Some(FROM_NO_QUEUE)) => Err(OpsError::Unfit(format!(
            "{went_back}; what is left came from no queue and goes nowhere: look at it with `ops queue peek {queue}`, and throw it away \
             with `ops queue discard {queue}`"
        ))),
        (status, why) => {
            let why = why.or(status).unwrap_or("it does not say why");
            Err(OpsError::Unfit(format!("{went_back}, then SQS stopped: {why}")))
        }
    }
}
