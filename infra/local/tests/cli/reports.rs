//! `vitrine ops reports`: what strangers report, and what becomes of it.

use serde_json::json;

use crate::program::{bad, good};
use crate::world::{EMAIL, World};

const WORDS: &str = "That is my face on the poster.";

#[test]
fn a_report_is_listed_and_closed_and_with_remove_the_picture_goes_and_its_owner_is_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    assert_eq!(good(&world.ops(&["reports", "list"])), "No report is open\n");
    let (image, link) = runtime.block_on(world.painted("a poster"));
    let reported = |picture: &str| {
        let body = json!({ "picture": picture, "reason": "likeness", "message": WORDS });
        let answer = runtime.block_on(world.client.ask("POST", "/v1/reports", Some(body)));
        answer.unwrap().body["id"].as_str().unwrap().to_owned()
    };
    let (kept, removed, late) = (reported(&image), reported(&link), reported(&link));

    let listed = good(&world.ops(&["reports", "list"]));
    let order: Vec<usize> = [&kept, &removed].map(|id| listed.find(id.as_str()).unwrap()).to_vec();
    assert!(order.is_sorted(), "the oldest is not first: {listed}");
    assert_eq!(
        listed.matches(&format!("picture  {image} of acc_")).count(),
        3,
        "{listed}"
    );
    assert_eq!(listed.matches(WORDS).count(), 3, "{listed}");

    let close = |id: &str, more: &[&str]| {
        world.ops(
            &[
                &["reports", "close", id, "--reason", "the face of somebody else"][..],
                more,
            ]
            .concat(),
        )
    };
    let told = good(&close(&kept, &[]));
    assert!(
        told.starts_with(&format!("{kept} is closed; the picture stays (act_")),
        "{told}"
    );
    let told = good(&close(&removed, &["--remove"]));
    let gone = format!("{removed} is closed; {image} goes, and its owner is told (act_");
    assert!(told.starts_with(&gone), "{told}");
    let told = good(&close(&late, &["--remove"]));
    assert!(told.contains("the picture was gone already"), "{told}");
    bad(&close(&kept, &[]), &format!("there is no open report {kept}"));

    runtime.block_on(world.stack.drain()).unwrap();
    let path = format!("/v1/images/{image}");
    assert_eq!(
        runtime.block_on(world.client.ask("GET", &path, None)).unwrap().status,
        404
    );
    let mails = world.stack.simulators.mails(Some(EMAIL));
    let text = mails[0].text.as_ref().unwrap();
    assert!(
        text.contains(&image) && text.contains("the face of somebody else"),
        "{text}"
    );
    assert!(!text.contains(WORDS), "a stranger's words were mailed: {text}");
    let acts = world.acts();
    assert_eq!(acts.len(), 3);
    assert!(
        acts.iter().all(|act| !act.contains(EMAIL) && !act.contains(WORDS)),
        "{acts:?}"
    );
    assert!(world.items("privacy").is_empty(), "something of a report stays");
    runtime.block_on(world.stack.close());
}

#[test]
fn whoever_is_being_erased_is_mailed_nothing_about_a_picture_that_is_removed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let (image, _) = runtime.block_on(world.painted("a poster"));
    let body = json!({ "picture": image, "reason": "other" });
    let reported = runtime.block_on(world.client.ask("POST", "/v1/reports", Some(body)));
    let report = reported.unwrap().body["id"].as_str().unwrap().to_owned();
    let mut profiles = world.items("accounts");
    profiles.retain(|item| item["sk"]["S"] == "profile");
    profiles[0]["status"]["S"] = json!("erasing");
    world.put_back("accounts", &profiles);
    let told = good(&world.ops(&["reports", "close", &report, "--remove", "--reason", "not allowed"]));
    let nobody = format!("{report} is closed; {image} goes, and nobody is told: its owner is being erased (act_");
    assert!(told.starts_with(&nobody), "{told}");
    let mails = world.items("outbox");
    assert!(
        mails.iter().all(|mail| mail["kind"]["S"] != "picture_removed"),
        "{mails:?}"
    );
    runtime.block_on(world.stack.drain()).unwrap();
    assert!(world.items("images").is_empty(), "the picture is still there");
    runtime.block_on(world.stack.close());
}
