//! `vitrine ops ledger`: what it finds, in the table and in a dump.

use std::path::Path;
use std::process::Output;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::{Clock, Entropy, Ids, Platform};
use vitrine::client;
use vitrine::stack::{Options, Stack};

use crate::program::{bad, free_ports, good, run};

/// A stack in which two people have ordered pictures, and a client that may do everything to its tables.
async fn house(port: u16) -> (Stack, Client) {
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let options = Options {
        port,
        ..Options::in_memory(clock.clone(), Entropy::seeded(1))
    };
    let stack = Stack::start(options).await.unwrap();
    stack.run_in_background();
    for email in ["mei@example.com", "jun@example.com"] {
        let mut client = client::Client::new(stack.api_url(), stack.simulator_url()).unwrap();
        client.sign_up(email, "a kiln of quiet glazes").await.unwrap();
        let mut picture = client.order("a bowl").await.unwrap();
        while matches!(picture.state.as_str(), "queued" | "painting") {
            picture = client.picture(&picture.id).await.unwrap();
        }
    }
    let runtime = Runtime::local("operator", Some(stack.engines.dynamodb_url().parse().unwrap()));
    let (ids, entropy) = (Ids::new(clock.clone(), Entropy::system()), Entropy::system());
    let platform = Platform::with_secrets(runtime, clock, ids, entropy, Secrets::default());
    (stack, platform.dynamodb())
}

fn ledger(folder: &Path, port: u16, arguments: &[&str]) -> Output {
    let port = port.to_string();
    let (what, rest) = arguments.split_first().unwrap();
    run(folder, &[&["ops", "ledger", what, "--port", &port], rest].concat())
}

#[test]
fn a_dump_verifies_without_the_stack_and_each_thing_planted_in_it_is_found() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, folder) = (free_ports(), tempfile::tempdir().unwrap());
    let (stack, _) = runtime.block_on(house(port));
    let all = good(&ledger(folder.path(), port, &["verify"]));
    assert_eq!(all.trim(), "2 ledgers with 6 entries: everything holds");
    let dump = good(&ledger(folder.path(), port, &["dump"]));
    runtime.block_on(stack.close());

    // Nobody's address, account or picture's words.
    assert!(
        !dump.contains("example.com") && !dump.contains("acc_") && !dump.contains("bowl"),
        "{dump}"
    );
    let verify = |dump: &str| {
        std::fs::write(folder.path().join("ledger.jsonl"), dump).unwrap();
        run(folder.path(), &["ops", "ledger", "verify", "--dump", "ledger.jsonl"])
    };
    assert_eq!(good(&verify(&dump)), all);

    let lines: Vec<&str> = dump.lines().collect();
    let held = lines
        .iter()
        .position(|line| line.contains(r#""cause":"hold:"#))
        .unwrap();
    let without = |gone: usize| -> String {
        let kept = lines.iter().enumerate().filter(|(number, _)| *number != gone);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    let flipped = dump.replacen(r#""credits":-1"#, r#""credits":-2"#, 1);
    let last = lines
        .iter()
        .position(|line| line.contains(r#""kind":"settle""#))
        .unwrap();
    for (what, planted, told) in [
        ("a flipped digit", flipped, "entry 2 does not match its hash"),
        (
            "a missing entry",
            without(held),
            "entry 3 does not follow the one before it",
        ),
        (
            "a missing last entry",
            without(last),
            "set aside by the entries or by its mark, and not by both",
        ),
        (
            "a duplicate",
            format!("{dump}\n{}", lines[held]).replace("\n\n", "\n"),
            "entry 2 does not follow the one before it",
        ),
        (
            "another kind",
            dump.replacen(r#""kind":"hold""#, r#""kind":"settle""#, 1),
            "entry 2 is of another kind than its cause",
        ),
        (
            "a changed balance",
            dump.replacen(r#""available":2"#, r#""available":9"#, 1),
            "and the balance says 3 with 9 and 0",
        ),
    ] {
        let said = bad(&verify(&planted), "one ledger is wrong");
        assert!(said.contains(told), "{what}: {said}");
        assert!(
            said.contains("2 ledgers with") && said.contains(": 1 wrong"),
            "{what}: {said}"
        );
    }
    let told = bad(&verify("{}\n"), "line 1 is no line of a ledger's dump");
    assert_eq!(told, "");
}

#[test]
fn an_entry_that_was_altered_or_removed_in_the_table_is_found_and_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, folder) = (free_ports(), tempfile::tempdir().unwrap());
    let (stack, client) = runtime.block_on(house(port));
    let table = stack.template.table("ledger").unwrap().name.clone();
    let found = runtime
        .block_on(client.scan().table_name(&table).send())
        .unwrap()
        .items
        .unwrap();
    let text_of = |value: &AttributeValue| value.as_s().unwrap().clone();
    let entry = found
        .into_iter()
        .find(|item| text_of(&item["sk"]) == "ENTRY#000000000002")
        .unwrap();
    let (pk, sk) = (entry["pk"].clone(), entry["sk"].clone());

    let mut altered = entry.clone();
    altered.insert("at".to_owned(), AttributeValue::S("2026-11-21T09:00:00Z".to_owned()));
    runtime
        .block_on(client.put_item().table_name(&table).set_item(Some(altered)).send())
        .unwrap();
    let said = bad(&ledger(folder.path(), port, &["verify"]), "one ledger is wrong");
    assert!(
        said.starts_with(&format!("{}  entry 2 does not match its hash", text_of(&pk))),
        "{said}"
    );

    let remove = client
        .delete_item()
        .table_name(&table)
        .key("pk", pk)
        .key("sk", sk)
        .send();
    runtime.block_on(remove).unwrap();
    let said = bad(&ledger(folder.path(), port, &["verify"]), "one ledger is wrong");
    assert!(said.contains("entry 3 does not follow the one before it"), "{said}");

    runtime
        .block_on(client.put_item().table_name(&table).set_item(Some(entry)).send())
        .unwrap();
    good(&ledger(folder.path(), port, &["verify"]));
    let nobody = ledger(
        folder.path(),
        port,
        &["verify", "--account", "acc_01kb0v1cqhe8svdnq7tqw8vz6n"],
    );
    bad(&nobody, "there is no account acc_01kb0v1cqhe8svdnq7tqw8vz6n");
    runtime.block_on(stack.close());
}

#[test]
fn an_operator_gives_credits_once_for_each_act_and_the_ledger_still_verifies() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, folder) = (free_ports(), tempfile::tempdir().unwrap());
    let (stack, client) = runtime.block_on(house(port));
    let table = |short: &str| stack.template.table(short).unwrap().name.clone();
    let items = |short: &str| {
        let scan = client.scan().table_name(table(short)).send();
        runtime.block_on(scan).unwrap().items.unwrap()
    };
    let account = items("accounts")
        .into_iter()
        .find(|item| item["sk"].as_s().unwrap() == "profile")
        .unwrap();
    let account = account["pk"].as_s().unwrap().clone();
    let credit = |arguments: &[&str]| {
        let port = port.to_string();
        run(
            folder.path(),
            &[&["ops", "accounts", "credit", "--port", &port, &account], arguments].concat(),
        )
    };
    let said = good(&credit(&["20", "--reason", "the model was out all day"]));
    assert!(
        said.contains("available") && said.contains("2 before, 22 after"),
        "{said}"
    );
    let act = said.lines().next().unwrap().to_owned();
    bad(
        &credit(&["20", "--reason", "once more", "--act", &act]),
        &format!("{act} was done before; nothing was done now"),
    );
    bad(
        &credit(&["0", "--reason", "nothing"]),
        "the number of credits must be 1 to 10000",
    );
    bad(
        &credit(&["5", "--reason", " "]),
        "the reason must have 1 to 200 characters",
    );
    let kept = items("audit");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["id"].as_s().unwrap(), &act);
    assert!(!format!("{kept:?}").contains(&account), "the audit names nobody");
    let verified = good(&ledger(folder.path(), port, &["verify", "--account", &account]));
    assert_eq!(verified.trim(), "1 ledger with 4 entries: everything holds");
    runtime.block_on(stack.close());
}
