//! `vitrine ops`: what an operator sees of a picture.

use serde_json::Value;
use shared::{Clock, Entropy};
use vitrine::client::Client;
use vitrine::stack::{Options, Stack};

use crate::program::{free_ports, good, line, run, text};

const WORDS: &str = "a bowl for the neighbours";

/// A stack with two pictures, one painted and one refused, and their ids.
async fn pictures(port: u16) -> (Stack, String, String) {
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let options = Options {
        port,
        ..Options::in_memory(clock, Entropy::seeded(1))
    };
    let stack = Stack::start(options).await.unwrap();
    stack.run_in_background();
    let mut client = Client::new(stack.api_url(), stack.simulator_url()).unwrap();
    client
        .sign_up("mei@example.com", "a kiln of quiet glazes")
        .await
        .unwrap();
    let mut ids = Vec::new();
    for prompt in [WORDS, "FORBIDDEN"] {
        let mut picture = client.order(prompt).await.unwrap();
        while matches!(picture.state.as_str(), "queued" | "painting") {
            picture = client.picture(&picture.id).await.unwrap();
        }
        ids.push(picture.id);
    }
    let [painted, refused] = ids.try_into().unwrap();
    (stack, painted, refused)
}

fn show(port: u16, arguments: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let port = port.to_string();
    let all = [&["ops", "images", "show", "--port", &port], arguments].concat();
    run(folder.path(), &all)
}

#[test]
fn a_pictures_story_is_told_without_its_words() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let port = free_ports();
    let (stack, painted, refused) = runtime.block_on(pictures(port));

    let story = good(&show(port, &[&painted]));
    assert_eq!(story.lines().next(), Some(painted.as_str()));
    assert_eq!(line(&story, "ordered at"), "2026-11-22T09:00:00Z");
    assert!(line(&story, "by request").starts_with("req_"), "{story}");
    assert_eq!(line(&story, "state"), "ready");
    assert_eq!(line(&story, "credit"), "spent");
    assert_eq!(line(&story, "prompt"), format!("{} characters", WORDS.len()));
    assert_eq!(line(&story, "delivered"), "2048x2048");
    assert_eq!(line(&story, "in stores"), "cos");
    assert_eq!(line(&story, "expires at"), "2026-12-22T09:00:00Z");
    assert_eq!(
        line(&story, "hold"),
        "2026-11-22T09:00:00Z  entry 2: available -1, held +1"
    );
    assert_eq!(
        line(&story, "settle"),
        "2026-11-22T09:00:00Z  entry 3: held -1, spent +1"
    );
    assert!(!story.contains("bowl") && !story.contains("http"), "{story}");
    let account = line(&story, "account").to_owned();
    assert_eq!(good(&show(port, &[&painted, "--account", &account])), story);

    let story = good(&show(port, &[&refused]));
    assert_eq!(line(&story, "state"), "refused: prompt");
    assert_eq!(line(&story, "credit"), "given back");
    assert_eq!(
        line(&story, "release"),
        "2026-11-22T09:00:00Z  entry 5: available +1, held -1"
    );
    assert!(!story.contains("in stores"), "{story}");

    let other: Value = serde_json::json!(refused.replace("img_", "acc_"));
    let unknown = show(port, &[&painted, "--account", other.as_str().unwrap()]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        text(&unknown.stderr).contains("there is no picture"),
        "{}",
        text(&unknown.stderr)
    );
    runtime.block_on(stack.close());
}

#[test]
fn a_stack_that_does_not_serve_and_an_id_that_is_none_are_told_in_words() {
    let port = free_ports();
    let silent = show(port, &["img_01kb0v1cqhe8svdnq7tqw8vz6n"]);
    assert_eq!((silent.status.code(), text(&silent.stdout).as_str()), (Some(1), ""));
    let told = text(&silent.stderr);
    assert!(
        told.starts_with(&format!("vitrine: the local stack cannot be asked at port {port}")),
        "{told}"
    );

    let wrong = show(port, &["mug.jpg"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("must be an id that begins with `img_`"));
}
