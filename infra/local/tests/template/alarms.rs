//! Alarms: there is one for whatever a person has to hear of, and each leads to a page that says what to do.

use std::collections::BTreeSet;
use std::path::Path;

use shared::metrics::Metric;
use vitrine::template::{AlarmSpec, Template};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn alarm<'a>(template: &'a Template, namespace: &str, metric: &str, of: &[(&str, &str)]) -> Option<&'a AlarmSpec> {
    template.alarms.iter().find(|alarm| {
        let is_of = of
            .iter()
            .all(|(name, value)| alarm.dimensions.get(*name).is_some_and(|known| known == value));
        alarm.namespace == namespace && alarm.metric == metric && is_of
    })
}

#[test]
fn every_alarm_tells_somebody_and_ends_with_a_page_that_is_there_and_no_page_is_nobodys() {
    let template = Template::local().unwrap();
    let mut pages = BTreeSet::new();
    for AlarmSpec {
        short,
        description,
        tells,
        ..
    } in &template.alarms
    {
        assert!(tells, "{short} tells nobody");
        let page = description.rsplit(' ').next().unwrap();
        assert!(page.starts_with("docs/runbooks/"), "{short}: {description}");
        let text = std::fs::read_to_string(root().join(page));
        let text = text.unwrap_or_else(|_| panic!("{short}: there is no {page}"));
        for part in ["\n## Look\n", "\n## Do\n"] {
            assert!(text.contains(part), "{page} does not say `{}`", part.trim());
        }
        pages.insert(page.rsplit('/').next().unwrap().to_owned());
    }
    let known = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let known: BTreeSet<String> = known
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    // The index, and what is done without an alarm.
    let others = ["README.md", "keys.md", "recovery.md"].map(str::to_owned);
    pages.extend(others);
    assert_eq!(known, pages);
    let index = std::fs::read_to_string(root().join("docs/runbooks/README.md")).unwrap();
    assert!(
        pages
            .iter()
            .all(|page| page == "README.md" || index.contains(page.as_str())),
        "{index}"
    );
}

#[test]
fn every_queue_has_alarms_on_its_age_and_on_what_it_gave_up_and_every_pipe_on_what_it_could_not_carry() {
    let template = Template::local().unwrap();
    for queue in &template.queues {
        let of = [("QueueName", queue.name.as_str())];
        let on = |metric| {
            let alarm = alarm(&template, "AWS/SQS", metric, &of);
            let alarm = alarm.unwrap_or_else(|| panic!("{} has no alarm on {metric}", queue.name));
            assert!(alarm.tells && alarm.above && !alarm.hears_of(0), "{alarm:?}");
            alarm
        };
        let age = on("ApproximateAgeOfOldestMessage");
        assert!(age.threshold > 1 && age.threshold < queue.retention_s, "{age:?}");
        if queue.dead_letters.is_none() {
            let given_up = on("ApproximateNumberOfMessagesVisible");
            assert!(given_up.hears_of(1), "{given_up:?}");
        }
    }
    assert_eq!(template.queues.len(), 6);
    for pipe in &template.pipes {
        let failed = alarm(
            &template,
            "AWS/EventBridge/Pipes",
            "ExecutionFailed",
            &[("PipeName", &pipe.name)],
        );
        assert!(failed.is_some(), "{} has no alarm", pipe.name);
    }
}

#[test]
fn every_function_that_the_clock_wakes_has_an_alarm_on_runs_that_failed_each_time_they_were_tried() {
    let template = Template::local().unwrap();
    assert!(!template.schedules.is_empty());
    for schedule in &template.schedules {
        let function = template.function(&schedule.function).unwrap();
        let of = [("FunctionName", function.name.as_str())];
        let alarm = alarm(&template, "AWS/Lambda", "AsyncEventsDropped", &of);
        let alarm = alarm.unwrap_or_else(|| panic!("{} has no alarm", function.name));
        assert!(alarm.hears_of(1) && !alarm.hears_of(0), "{alarm:?}");
    }
}

#[test]
fn every_metric_of_ours_is_on_the_dashboard_and_has_an_alarm_if_a_person_must_hear_of_it() {
    let template = Template::local().unwrap();
    let file = std::fs::read_to_string(root().join("infra/alarms.yaml")).unwrap();
    let (_, dashboard) = file.split_once("DashboardBody: !Sub |\n").unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let dashboard = dashboard.to_string();
    for metric in Metric::ALL {
        let shown = format!("[\"Vitrine\",\"{}\",\"stage\",", metric.name());
        assert!(dashboard.contains(&shown), "{} is not on the dashboard", metric.name());
        if !metric.is_alarming() {
            continue;
        }
        let of = [("stage", template.stage.as_str())];
        let found = alarm(&template, "Vitrine", metric.name(), &of);
        assert!(found.is_some(), "{} has no alarm", metric.name());
    }
}

/// The words behind `alarm =` in the sources.
fn words(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            words(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let after = text.split("alarm = \"").skip(1);
            found.extend(after.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}

#[test]
fn an_error_and_a_run_that_lambda_cut_off_are_counted_of_routes_and_of_workers() {
    let template = Template::local().unwrap();
    let alarm = template
        .alarms
        .iter()
        .find(|alarm| alarm.short == "errors-logged")
        .unwrap();
    assert!(alarm.hears_of(1), "{alarm:?}");
    for group in ["/vitrine/local/routes", "/vitrine/local/workers"] {
        for pattern in ["{ $.level = \"ERROR\" }", "?\"Task timed out\" ?\"Runtime exited\""] {
            let counted = template
                .log_metrics
                .iter()
                .any(|counted| counted.group == group && counted.pattern == pattern && counted.metric == alarm.metric);
            assert!(counted, "{pattern} is not counted in {group}");
        }
    }
}

#[test]
fn every_alarm_that_the_code_logs_is_counted_and_its_number_has_an_alarm() {
    let template = Template::local().unwrap();
    let mut logged = BTreeSet::new();
    for folder in ["shared/src", "functions"] {
        words(&root().join(folder), &mut logged);
    }
    assert!(logged.len() >= 3, "{logged:?}");
    for word in &logged {
        let pattern = format!("{{ $.alarm = \"{word}\" }}");
        let counted = template.log_metrics.iter().find(|counted| counted.pattern == pattern);
        let counted = counted.unwrap_or_else(|| panic!("nothing counts `{word}`"));
        assert!(
            alarm(&template, &counted.namespace, &counted.metric, &[]).is_some(),
            "{word} has no alarm"
        );
    }
    for counted in &template.log_metrics {
        assert!(
            alarm(&template, &counted.namespace, &counted.metric, &[]).is_some(),
            "{} is counted for nobody",
            counted.metric
        );
    }
}
