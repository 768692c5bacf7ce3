//! `vitrine ops privacy`, `ops erasures` and `ops receipt`: what a person answers, what a backup undid, and what anybody can check.

use std::path::Path;

use jiff::SignedDuration;
use serde_json::json;

use crate::program::{bad, good, run};
use crate::world::{EMAIL, PASSWORD, World};

#[test]
fn a_request_that_waits_is_answered_or_refused_once_and_the_person_is_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    assert_eq!(
        good(&world.ops(&["privacy", "list"])),
        "No request waits for an answer\n"
    );
    let id = runtime.block_on(world.correction());
    let list = good(&world.ops(&["privacy", "list"]));
    assert!(list.contains(&format!("29  correction  {id}")), "{list}");
    let shown = good(&world.ops(&["privacy", "show", &id]));
    assert!(
        shown.contains("My name is written wrong.") && shown.contains(EMAIL),
        "{shown}"
    );

    let said = good(&world.ops(&["privacy", "answer", &id, "--text", "It is Mei now."]));
    assert!(
        said.starts_with(&format!("{id} is done; the answer is on its way (act_")),
        "{said}"
    );
    assert_eq!(
        good(&world.ops(&["privacy", "list"])),
        "No request waits for an answer\n"
    );
    let again = format!("{id} does not wait for an answer: it is done");
    bad(&world.ops(&["privacy", "refuse", &id, "--reason", "no"]), &again);
    let shown = good(&world.ops(&["privacy", "show", &id]));
    assert!(!shown.contains("written wrong"), "what was written is kept: {shown}");
    runtime.block_on(world.stack.drain()).unwrap();
    let mail = world.stack.simulators.mails(Some(EMAIL)).into_iter().next().unwrap();
    assert!(mail.text.unwrap().contains("It is Mei now."));

    let id = runtime.block_on(world.correction());
    good(&world.ops(&["privacy", "refuse", &id, "--reason", "It is your name."]));
    let shown = good(&world.ops(&["privacy", "show", &id]));
    assert!(
        shown.contains("refused") && shown.contains("It is your name."),
        "{shown}"
    );
    runtime.block_on(world.stack.drain()).unwrap();
    let acts = world.acts();
    assert!(
        acts.len() == 2 && acts.iter().all(|act| !act.contains(EMAIL)),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}

#[test]
fn of_two_operators_who_answer_at_once_one_does_and_the_other_is_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    for round in 1..4 {
        // Three codes an hour are mailed to an address.
        world.clock.advance(SignedDuration::from_hours(1));
        let id = runtime.block_on(world.correction());
        let answers: [&[&str]; 2] = [
            &["privacy", "answer", &id, "--text", "It is Mei now."],
            &["privacy", "refuse", &id, "--reason", "It is your name."],
        ];
        let outputs = std::thread::scope(|scope| {
            answers
                .map(|arguments| scope.spawn(|| world.ops(arguments)))
                .map(|answering| answering.join().unwrap())
        });
        let went_well = outputs.iter().filter(|output| output.status.success()).count();
        assert_eq!(went_well, 1, "{outputs:?}");
        for output in outputs.iter().filter(|output| !output.status.success()) {
            let said = String::from_utf8_lossy(&output.stderr);
            let known = ["somebody else has answered", "does not wait for an answer"];
            assert!(known.iter().any(|known| said.contains(known)), "{said}");
        }
        assert_eq!(world.acts().len(), round, "an act was written down that was not done");
        let answers = world.items("outbox").into_iter();
        assert_eq!(
            answers.filter(|mail| mail["kind"]["S"] == "privacy_answer").count(),
            round
        );
        runtime.block_on(world.stack.drain()).unwrap();
    }
    runtime.block_on(world.stack.close());
}

#[test]
fn a_receipt_verifies_without_a_network_and_what_a_backup_brings_back_is_erased_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.stack.drain()).unwrap();
    let tables = ["accounts", "sessions", "outbox"];
    let backup = tables.map(|table| (table, world.items(table)));
    let closed = runtime.block_on(world.ask("DELETE", "/v1/account", json!({ "password": PASSWORD })));
    let list = good(&world.ops(&["erasures", "list"]));
    assert!(list.contains("waiting"), "{list}");
    world.clock.advance(SignedDuration::from_hours(72));
    runtime.block_on(async {
        world.stack.run_due_schedules().await.unwrap();
        world.stack.drain().await.unwrap();
    });
    assert_eq!(good(&world.ops(&["erasures", "list"])), "No deletion is open\n");

    let file = world.folder.path().join("receipt.jws");
    let receipt = runtime.block_on(async {
        let http = vitrine::client::http().unwrap();
        let request = http.get(closed["receipt_url"].as_str().unwrap());
        let answer = request.header("accept", "application/jose").send().await.unwrap();
        answer.text().await.unwrap()
    });
    std::fs::write(&file, &receipt).unwrap();

    for (table, items) in &backup {
        world.put_back(table, items);
    }
    let said = good(&world.ops(&["erasures", "replay"]));
    assert!(said.starts_with("one erasure begins anew"), "{said}");
    runtime.block_on(async {
        world.stack.run_schedule("accounts-erase").await.unwrap();
        world.stack.drain().await.unwrap();
    });
    for table in tables {
        let left: Vec<String> = world.items(table).iter().map(ToString::to_string).collect();
        assert!(left.iter().all(|item| !item.contains(EMAIL)), "{table}: {left:?}");
    }
    assert_eq!(good(&world.ops(&["erasures", "list"])), "No deletion is open\n");

    // Nobody serves any more.
    runtime.block_on(world.stack.close());
    let verify = |folder: &Path| run(folder, &["ops", "receipt", "verify", "receipt.jws"]);
    let said = good(&verify(world.folder.path()));
    assert!(
        said.contains("The signature holds") && said.contains("1  profile"),
        "{said}"
    );
    std::fs::write(&file, receipt.replacen('A', "B", 1)).unwrap();
    let changed = verify(world.folder.path());
    assert_eq!(changed.status.code(), Some(1));
}
