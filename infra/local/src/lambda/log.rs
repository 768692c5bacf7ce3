//! What the processes say, in our own log, each line with its function's name.

use serde::Deserialize;

/// The parts of a line of `shared::telemetry` that decide where it goes.
#[derive(Deserialize)]
struct Line {
    level: Level,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// A line of standard output: the function's log. It keeps its level, so that `VITRINE_LOG` decides about it too.
pub(super) fn told(function: &str, line: &str) {
    crate::log::keep(line);
    let level = serde_json::from_str(line).map_or(Level::Info, |Line { level }| level);
    match level {
        Level::Error => tracing::error!(target: "function", function, "{line}"),
        Level::Warn => tracing::warn!(target: "function", function, "{line}"),
        Level::Info => tracing::info!(target: "function", function, "{line}"),
        Level::Debug => tracing::debug!(target: "function", function, "{line}"),
        Level::Trace => tracing::trace!(target: "function", function, "{line}"),
    }
}

/// A line of standard error: something that nobody meant to say in the log.
pub(super) fn cried(function: &str, line: &str) {
    tracing::warn!(target: "function", function, "{line}");
}
