//! `vitrine ops stats`: the table, and the chart.

use serde_json::json;
use shared::{Clock, Entropy};
use vitrine::client::Client;
use vitrine::stack::{Options, Stack};

use crate::program::{free_ports, good, run};

#[test]
fn usage_is_shown_day_by_day_and_drawn_for_a_report() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, folder) = (free_ports(), tempfile::tempdir().unwrap());
    let options = Options {
        port,
        ..Options::in_memory(Clock::system(), Entropy::seeded(1))
    };
    let stack = runtime.block_on(Stack::start(options)).unwrap();
    runtime.block_on(async {
        stack.run_in_background();
        let mut client = Client::new(stack.api_url(), stack.simulator_url()).unwrap();
        client
            .sign_up("mei@example.com", "a kiln of quiet glazes")
            .await
            .unwrap();
        let mut picture = client.order("a bowl").await.unwrap();
        while matches!(picture.state.as_str(), "queued" | "painting") {
            picture = client.picture(&picture.id).await.unwrap();
        }
        let http = vitrine::client::http().unwrap();
        for page in ["/", "/", "/pricing"] {
            let view = http.post(format!("{}/v1/page-views", stack.api_url()));
            let view = view
                .header("user-agent", "Mozilla/5.0 Firefox")
                .body(json!({ "page": page }).to_string());
            assert_eq!(view.send().await.unwrap().status(), 204);
        }
    });
    let port = port.to_string();
    let told = good(&run(
        folder.path(),
        &["ops", "stats", "--days", "7", "--svg", "usage.svg", "--port", &port],
    ));
    let today = Clock::system().now().to_string()[..10].to_owned();
    let line = told.lines().find(|line| line.starts_with("together")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["together", "3", "1", "0", "0"],
        "{told}"
    );
    assert!(
        told.contains(&today) && told.contains("doubao-seedream-5-0-260128 ready"),
        "{told}"
    );
    let pages: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("  /"))
        .map(str::trim)
        .collect();
    assert!(
        pages[0].starts_with("/ ") && pages[0].ends_with('2') && pages[1].starts_with("/pricing"),
        "{told}"
    );
    assert_eq!(told.lines().filter(|line| line.starts_with("20")).count(), 7, "{told}");

    let chart = std::fs::read_to_string(folder.path().join("usage.svg")).unwrap();
    assert!(
        chart.starts_with("<svg") && chart.trim_end().ends_with("</svg>"),
        "{chart}"
    );
    for part in ["Page views a day", "Pictures a day", "class=\"part0\"", &today] {
        assert!(chart.contains(part), "`{part}` is not drawn");
    }
    runtime.block_on(stack.close());
}
