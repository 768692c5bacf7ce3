//! What the clock wakes, in the whole stack.

use jiff::SignedDuration;
use serde_json::Value;
use tests::TestApp;

use crate::support::app;

async fn desk(app: &TestApp, method: &str, path: &str) -> (u16, Value) {
    let url = format!("{}/_sim/schedules{path}", app.stack.simulator_url());
    let answer = app.http.request(method.parse().unwrap(), url).send().await.unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn each_schedule_wakes_its_function_when_it_is_due() {
    let app = app().await;
    app.advance(SignedDuration::from_mins(5));
    assert_eq!(app.stack.run_due_schedules().await.unwrap(), ["settle-stale"]);
    app.advance(SignedDuration::from_mins(55));
    assert_eq!(
        app.stack.run_due_schedules().await.unwrap(),
        [
            "accounts-erase",
            "objects-sweep",
            "requests-watch",
            "settle-stale",
            "stats-rollup"
        ]
    );
}

#[tokio::test]
async fn the_desk_shows_the_schedules_and_runs_one_at_once() {
    let app = app().await;
    let (status, before) = desk(&app, "GET", "").await;
    assert_eq!(status, 200);
    let names: Vec<_> = before["schedules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(
        names,
        [
            "accounts-erase",
            "objects-sweep",
            "requests-watch",
            "settle-stale",
            "stats-rollup"
        ]
    );
    assert_eq!(before["schedules"][3]["last_run"], Value::Null);
    assert_eq!(before["schedules"][3]["due"], "2026-11-22T09:05:00Z");

    app.advance(SignedDuration::from_mins(2));
    assert_eq!(desk(&app, "POST", "/settle-stale/run").await.0, 200);
    assert_eq!(desk(&app, "POST", "/nobody/run").await.0, 404);
    let (_, after) = desk(&app, "GET", "").await;
    assert_eq!(after["schedules"][1], before["schedules"][1]);
    assert_eq!(after["schedules"][3]["last_run"], "2026-11-22T09:02:00Z");
    assert_eq!(after["schedules"][3]["due"], "2026-11-22T09:07:00Z");
    assert_eq!(after["schedules"][3]["every"], "PT5M");
}
