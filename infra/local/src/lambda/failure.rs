//! Why a function that runs as a process gave no answer.

use std::process::ExitStatus;
use std::time::Duration;

use super::{LARGEST_PAYLOAD, TooLarge};

/// Why there is no answer. Its text ends a sentence that begins with the function's name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// As many of its processes as may run are at work.
    #[error("runs as often at once as it may")]
    Busy,
    /// The event is larger than Lambda takes.
    #[error("was not sent its event")]
    EventTooLarge(#[from] TooLarge),
    /// The answer is larger than Lambda takes.
    #[error("answered with more than the {LARGEST_PAYLOAD} bytes that Lambda takes")]
    AnswerTooLarge,
    /// Its program could not be built.
    #[error("could not be built")]
    Build(#[source] anyhow::Error),
    /// Its program was built and could not be run.
    #[error("could not be run")]
    Run(#[source] std::io::Error),
    /// It ended, or said that it would, before it asked for its first event.
    #[error("did not start: {0}")]
    Start(String),
    /// It did not ask for its first event in time.
    #[error("did not start within {0:?}, and was ended")]
    StartTooLong(Duration),
    /// It ended in the middle of its work.
    #[error("ended in the middle of its work ({0})")]
    Ended(ExitStatus),
    /// It did not answer in the time that the template gives it.
    #[error("ran out of its time of {0:?}, and was ended")]
    TooLong(Duration),
    /// It answered with an error; a panic is one too.
    #[error("failed: {kind}: {message}")]
    Failed {
        /// The error's kind, as the runtime names it.
        kind: String,
        /// What the runtime says of it.
        message: String,
    },
    /// The stack is being stopped.
    #[error("was stopped with the stack")]
    Closed,
}

impl Failure {
    /// Whether the process can take another event.
    pub(super) fn leaves_it_running(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::AnswerTooLarge)
    }
}
