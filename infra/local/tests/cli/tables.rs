//! `vitrine ops tables`: a table is put back as a copy of it is, or only what is missing from it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{bad, good, line};
use crate::world::{EMAIL, PASSWORD, World};

const REASON: [&str; 2] = ["--reason", "a bad day"];

/// How many items a comparison counts of each kind.
#[track_caller]
fn counts(told: &str) -> [u64; 5] {
    let rows = [
        "as in the copy",
        "changed since",
        "removed since",
        "new since",
        "in the copy, and stay away: their end has passed, or their file is gone",
    ];
    rows.map(|row| {
        let found = told.lines().find_map(|line| line.strip_suffix(row));
        let count = found.and_then(|count| count.trim().parse().ok());
        count.unwrap_or_else(|| panic!("no row `{row}` in:\n{told}"))
    })
}

fn lines(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn a_table_becomes_what_its_copy_is_and_the_books_are_right_again() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let (copy, then) = (world.copied("ledger"), world.items("ledger"));
    runtime.block_on(world.painted("a jug"));
    let now = world.items("ledger");

    let compared = good(&world.ops(&["tables", "compare", "ledger", "--with", &copy]));
    let [same, changed, missing, newer, away] = counts(&compared);
    assert_eq!(
        (missing, newer, away),
        (0, u64::try_from(now.len() - then.len()).unwrap(), 0)
    );
    assert!(newer > 0 && changed > 0, "{compared}");
    assert_eq!(same + changed, u64::try_from(then.len()).unwrap());
    assert_eq!(
        lines(&world.items("ledger")),
        lines(&now),
        "looking has changed something"
    );

    let recover = [&["tables", "recover", "ledger", "--from", &copy][..], &REASON].concat();
    let told = good(&world.ops(&recover));
    assert_eq!(counts(&told), [same, changed, missing, newer, away]);
    assert_eq!(line(&told, "the table is as it was;"), "now `ops erasures replay`");
    assert_eq!(lines(&world.items("ledger")), lines(&then));
    let again = good(&world.ops(&recover));
    assert_eq!(counts(&again), [same + changed, 0, 0, 0, 0]);
    good(&world.ops(&["ledger", "verify"]));
    let acts = world.acts();
    assert!(
        acts.len() == 2 && acts.iter().all(|act| act.contains("tables recover ledger")),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}

#[test]
fn only_what_is_missing_comes_back_and_of_that_nothing_that_has_ended() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let waiting = runtime.block_on(world.client.order("a jug")).unwrap().id;
    let copy = world.copied("images");
    let before = world.items("images");
    let ready = before.iter().find(|item| item["state"]["S"] == "ready").unwrap();
    world.removed("images", before.as_slice());
    runtime.block_on(async {
        world.stack.drain().await.unwrap();
        world.client.order("a plate").await.unwrap();
    });
    let plate = world.items("images");

    let recover = [
        &["tables", "recover", "images", "--missing", "--from", &copy][..],
        &REASON,
    ]
    .concat();
    let told = good(&world.ops(&recover));
    assert_eq!(counts(&told), [0, 0, 1, 1, 1], "{told}");
    let after = lines(&world.items("images"));
    assert!(after.is_superset(&lines(&plate)), "what is new is gone: {after:?}");
    assert!(
        !after.contains(&ready.to_string()),
        "a picture whose file is gone is back"
    );
    runtime.block_on(async {
        world.stack.drain().await.unwrap();
        assert_eq!(world.client.picture(&waiting).await.unwrap().state, "ready");
    });
    runtime.block_on(world.stack.close());
}

#[test]
fn what_has_passed_its_end_does_not_come_back_and_what_is_new_goes() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let before = world.items("accounts");
    let [ended, newer] = ["ended", "newer"].map(|name| {
        let end = world.clock.now() - SignedDuration::from_hours(1);
        json!({ "pk": { "S": name }, "sk": { "S": name }, "expires_at": { "N": end.as_second().to_string() } })
    });
    world.put_back("accounts", std::slice::from_ref(&ended));
    let copy = world.copied("accounts");
    world.removed("accounts", &[ended]);
    world.put_back("accounts", &[newer]);

    let recover = [&["tables", "recover", "accounts", "--from", &copy][..], &REASON].concat();
    let same = u64::try_from(before.len()).unwrap();
    assert_eq!(counts(&good(&world.ops(&recover))), [same, 0, 0, 1, 1]);
    assert_eq!(lines(&world.items("accounts")), lines(&before));
    runtime.block_on(world.stack.close());
}

#[test]
fn an_account_that_was_erased_since_is_erased_again_after_its_tables_were_recovered() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let tables = ["accounts", "images", "orders", "privacy"];
    let copies = tables.map(|table| (table, world.copied(table)));
    runtime.block_on(async {
        world
            .ask("DELETE", "/v1/account", json!({ "password": PASSWORD }))
            .await;
        world.clock.advance(SignedDuration::from_hours(72));
        world.stack.run_due_schedules().await.unwrap();
        world.stack.drain().await.unwrap();
    });
    let everything = || {
        tables
            .map(|table| lines(&world.items(table)).into_iter().collect::<String>())
            .concat()
    };
    assert!(!everything().contains(EMAIL), "the account is not erased");

    for (table, copy) in &copies {
        let all = [&["tables", "recover", table, "--from", copy][..], &REASON].concat();
        let recover = if *table == "privacy" {
            [&all[..], &["--missing"]].concat()
        } else {
            all
        };
        good(&world.ops(&recover));
    }
    assert!(everything().contains(EMAIL), "nothing was recovered");
    good(&world.ops(&["erasures", "replay"]));
    runtime.block_on(async {
        world.stack.run_schedule("accounts-erase").await.unwrap();
        world.stack.drain().await.unwrap();
    });
    assert!(!everything().contains(EMAIL), "what was recovered is not erased again");
    runtime.block_on(world.stack.close());
}

#[test]
fn what_cannot_be_recovered_is_told_and_nothing_is_written_down() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let (audit, ledger) = (world.copied("audit"), world.copied("ledger"));
    let recover =
        |table: &str, copy: &str| world.ops(&[&["tables", "recover", table, "--from", copy][..], &REASON].concat());
    let kept = |table| format!("what was written to `{table}` since must not be lost: put back what is `--missing`");
    bad(&recover("audit", &audit), &kept("audit"));
    bad(&recover("privacy", &audit), &kept("privacy"));
    bad(
        &recover("ledger", "vitrine-local-ledgers"),
        "there is no table `vitrine-local-ledgers`",
    );
    bad(
        &recover("ledger", &audit),
        "`vitrine-local-audit-then` is no copy of `vitrine-local-ledger`: their keys differ",
    );
    bad(
        &recover("ledger", "vitrine-local-ledger"),
        "`vitrine-local-ledger` is the table itself",
    );
    let sessions = recover("sessions", &ledger);
    assert_eq!(sessions.status.code(), Some(2));
    let told = String::from_utf8(sessions.stderr).unwrap();
    assert!(told.contains("sessions that were ended must not begin again"), "{told}");
    assert!(world.acts().is_empty(), "{:?}", world.acts());
    runtime.block_on(world.stack.close());
}
