//! The log: one JSON object a line on standard output, the fields of the spans around an event beside its own.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value, json};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::Vars;
use crate::{Clock, metrics};

/// The variable that says how much is logged, in the notation of `tracing_subscriber::EnvFilter`.
const LOG_VARIABLE: &str = "VITRINE_LOG";

/// The variable in which Lambda tells a function its name: `vitrine-<stage>-<function>`.
const FUNCTION_VARIABLE: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Begins to log to standard output. `VITRINE_LOG` says how much (`info` by default); metrics are written in any case. A second call
/// changes nothing.
pub fn init() {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = match format!("{}=info", metrics::TARGET).parse() {
        Ok(always) => filter.add_directive(always),
        Err(_) => filter,
    };
    if tracing::subscriber::set_global_default(subscriber(filter, std::io::stdout)).is_ok() {
        // The text of a panic can quote what was being worked on, a person's words for instance: only its place is logged.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "Panicked");
        }));
    }
}

/// A subscriber that writes our lines to `writer`.
pub fn subscriber<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(filter).with(layer(writer))
}

/// What writes our lines to `writer`, for a subscriber that does more.
pub fn layer<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .fmt_fields(JsonFields::new())
        .event_format(Line {
            stage: stage_of(&Vars::from_env()),
        })
}

/// What went wrong and everything that led to it, on one line.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The stage that the function's own name tells; `local`, where nobody gave it one.
fn stage_of(vars: &Vars) -> String {
    let name = vars.optional(FUNCTION_VARIABLE).unwrap_or_default();
    let stage = name.split('-').nth(1).filter(|stage| !stage.is_empty());
    stage.unwrap_or("local").to_owned()
}

/// Writes an event flat: time, level, message, target, then the spans' fields from the outermost in, then its own. A metric becomes a
/// line in the embedded metric format.
struct Line {
    stage: String,
}

impl Line {
    /// What makes CloudWatch read a metric out of the line. Alarms are set on a stage, whichever function measured.
    fn embed(&self, line: &mut Map<String, Value>) {
        let (Some(name), Some(unit), Some(value)) = (line.remove("metric"), line.remove("unit"), line.remove("value"))
        else {
            return;
        };
        let Value::String(metric) = name else { return };
        let at = Clock::system().now().as_millisecond();
        line.insert("stage".into(), self.stage.as_str().into());
        line.insert(metric.clone(), value);
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": at,
                "CloudWatchMetrics": [{
                    "Namespace": "Vitrine", "Dimensions": [["stage"]], "Metrics": [{ "Name": metric, "Unit": unit }],
                }],
            }),
        );
    }
}

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(formatted) = span.extensions().get::<FormattedFields<JsonFields>>() {
                merge(&mut fields, &formatted.fields);
            }
        }
        let mut own = String::new();
        context.field_format().format_fields(Writer::new(&mut own), event)?;
        merge(&mut fields, &own);

        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Map::new();
        line.insert("time".into(), time.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("message".into(), fields.remove("message").unwrap_or_default());
        line.insert("target".into(), event.metadata().target().into());
        for (name, value) in fields {
            line.entry(name).or_insert(value);
        }
        if event.metadata().target() == metrics::TARGET {
            self.embed(&mut line);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn merge(into: &mut Map<String, Value>, json: &str) {
    if let Ok(Value::Object(fields)) = serde_json::from_str(json) {
        into.extend(fields);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_flat_object_with_the_fields_of_all_spans() {
        let written = Written::default();
        let sink = written.clone();
        let subscriber = subscriber(EnvFilter::new("info"), move || sink.clone());
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::info_span!("request", request_id = "req_1", status = tracing::field::Empty);
            let _outer = outer.enter();
            outer.record("status", 200);
            let _inner = tracing::info_span!("paint", image = "img_1").entered();
            tracing::info!(ms = 3, "Done");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mut line: Value = serde_json::from_str(&text).unwrap();
        assert!(line.as_object_mut().unwrap().remove("time").is_some());
        assert_eq!(
            line,
            json!({
                "level": "INFO", "message": "Done", "target": "shared::telemetry::tests",
                "request_id": "req_1", "status": 200, "image": "img_1", "ms": 3,
            })
        );
    }

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_reads_a_number_from() {
        let written = Written::default();
        let sink = written.clone();
        let subscriber = subscriber(EnvFilter::new("info"), move || sink.clone());
        tracing::subscriber::with_default(subscriber, || {
            let _request = tracing::info_span!("request", request_id = "req_1").entered();
            metrics::count(metrics::Metric::PaymentAlarms, 2);
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let at = line["_aws"]["Timestamp"].take();
        assert!(at.as_i64().unwrap() > 1_700_000_000_000, "{at}");
        assert!(line.as_object_mut().unwrap().remove("time").is_some());
        assert_eq!(
            line,
            json!({
                "level": "INFO", "message": "Measured", "target": "vitrine::metrics", "request_id": "req_1", "stage": "local",
                "PaymentAlarms": 2,
                "_aws": {
                    "Timestamp": null,
                    "CloudWatchMetrics": [{
                        "Namespace": "Vitrine", "Dimensions": [["stage"]],
                        "Metrics": [{ "Name": "PaymentAlarms", "Unit": "Count" }],
                    }],
                },
            })
        );
    }

    #[test]
    fn the_stage_is_read_from_the_functions_name() {
        for (name, stage) in [
            ("vitrine-prod-images-create", "prod"),
            ("vitrine", "local"),
            ("", "local"),
        ] {
            let vars = Vars::from_pairs([(FUNCTION_VARIABLE.to_owned(), name.to_owned())]);
            assert_eq!(stage_of(&vars), stage, "{name}");
        }
    }

    #[test]
    fn a_chain_names_every_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not read the item")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("connection reset"));
        assert_eq!(chain(&error), "could not read the item: connection reset");
    }
}
