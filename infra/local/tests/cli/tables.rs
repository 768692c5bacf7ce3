//! `vitrine ops tables`: what a table lacks of a copy of it comes back, and what was rightly removed stays away.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::process::Output;
use std::task::Poll;

use jiff::SignedDuration;
use ops::recovery::Recoverable;
use ops::{Ops, Place};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{bad, good, text};
use crate::world::{EMAIL, PASSWORD, World};

/// How many items are as in the copy, changed, missing, and stay away.
#[track_caller]
fn counts(told: &str) -> [usize; 4] {
    let rows = [
        "as in the copy",
        "changed since, and stay as they are",
        "missing, and come back",
        "missing, and stay away: they have ended, or were rightly removed",
    ];
    rows.map(|row| {
        let found = told.lines().find_map(|line| line.strip_suffix(row));
        let count = found.and_then(|count| count.trim().parse().ok());
        count.unwrap_or_else(|| panic!("no row `{row}` in:\n{told}"))
    })
}

fn recover(world: &World, table: &str, copy: &str) -> Output {
    world.ops(&["tables", "recover", table, "--from", copy, "--reason", "a bad day"])
}

/// What is in a table that a text is part of.
fn with(world: &World, table: &str, text: &str) -> Vec<Value> {
    let mut items = world.items(table);
    items.retain(|item| item.to_string().contains(text));
    items
}

fn lines(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn entries_that_are_missing_come_back_and_everything_that_is_there_stays_as_it_is() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let (copy, then) = (world.copied("ledger"), world.items("ledger"));
    runtime.block_on(world.painted("a jug"));
    let whole = world.items("ledger");
    world.removed("ledger", &with(&world, "ledger", "ENTRY#000000000001"));
    world.removed("ledger", &with(&world, "ledger", "CAUSE#bonus"));
    assert_eq!(world.ops(&["ledger", "verify"]).status.code(), Some(1));

    let less = world.items("ledger");
    let compared = good(&world.ops(&["tables", "compare", "ledger", "--with", &copy]));
    // The balance alone has changed.
    assert_eq!(counts(&compared), [then.len() - 3, 1, 2, 0]);
    assert_eq!(
        lines(&world.items("ledger")),
        lines(&less),
        "looking has changed something"
    );
    assert!(world.acts().is_empty());

    assert_eq!(counts(&good(&recover(&world, "ledger", &copy))), counts(&compared));
    assert_eq!(lines(&world.items("ledger")), lines(&whole));
    good(&world.ops(&["ledger", "verify"]));
    let again = good(&recover(&world, "ledger", &copy));
    assert_eq!(counts(&again), [then.len() - 1, 1, 0, 0]);
    let acts = world.acts();
    assert!(
        acts.len() == 2 && acts.iter().all(|act| act.contains("tables recover ledger")),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}

/// What comes of something that is dropped after so many steps; nothing if it has not ended by then.
async fn cut_off<F: Future>(after: u32, work: F) -> Option<F::Output> {
    let (mut work, mut steps) = (pin!(work), 0..after);
    poll_fn(|cx| match steps.next() {
        None => Poll::Ready(None),
        Some(_) => work.as_mut().poll(cx).map(Some),
    })
    .await
}

#[test]
fn wherever_a_recovery_is_cut_off_the_next_one_ends_it() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let (copy, whole) = (world.copied("ledger"), world.items("ledger"));
    let ops = Ops::at(Place::Local(world.port)).unwrap();
    let recover = || ops.recover(Recoverable::Ledger, &copy, "a bad day", drop);
    let mut halfway = 0;
    for steps in 1.. {
        world.removed("ledger", &whole);
        let ended = runtime.block_on(cut_off(steps, recover()));
        let back = lines(&world.items("ledger"));
        assert!(back.is_subset(&lines(&whole)), "after {steps} steps: {back:?}");
        halfway += usize::from((1..whole.len()).contains(&back.len()));
        if let Some(ended) = ended {
            ended.unwrap();
            break;
        }
        runtime.block_on(recover()).unwrap();
        assert_eq!(lines(&world.items("ledger")), lines(&whole), "after {steps} steps");
    }
    assert!(halfway > 0, "it was never cut off between two items");
    assert_eq!(lines(&world.items("ledger")), lines(&whole));
    good(&world.ops(&["ledger", "verify"]));
    runtime.block_on(world.stack.close());
}

#[test]
fn the_doctor_tells_of_a_copy_that_was_left_lying() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    assert!(!text(&world.ops(&["doctor"]).stdout).contains("none of the template's"));
    let copy = world.copied("accounts");
    let told = text(&world.ops(&["doctor"]).stdout);
    assert!(told.contains(&format!("{copy} is none of the template's")), "{told}");
    runtime.block_on(world.stack.close());
}

#[test]
fn of_a_lost_table_of_limits_only_who_has_had_the_bonus_comes_back() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let bonus = with(&world, "limits", "bonus#");
    let copy = world.copied("limits");
    let all = world.items("limits");
    world.removed("limits", &all);
    let [same, changed, missing, away] = counts(&good(&recover(&world, "limits", &copy)));
    assert_eq!((same, changed, missing, away), (0, 0, 1, all.len() - 1));
    assert_eq!(world.items("limits"), bonus);
    runtime.block_on(world.stack.close());
}

#[test]
fn of_pictures_only_those_come_back_that_are_still_owed() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let jug = runtime.block_on(world.client.order("a jug")).unwrap().id;
    let plate = runtime.block_on(world.client.order("a plate")).unwrap().id;
    let (images, ledger) = (world.copied("images"), world.copied("ledger"));
    world.removed("images", &with(&world, "images", &jug));
    runtime.block_on(async {
        world.stack.drain().await.unwrap();
        let deleted = world.client.ask("DELETE", &format!("/v1/images/{plate}"), None).await;
        assert_eq!(deleted.unwrap().status, 204);
        world.stack.drain().await.unwrap();
    });
    world.removed("images", &with(&world, "images", "a bowl"));

    // The hold of the plate was resolved since.
    assert_eq!(counts(&good(&recover(&world, "ledger", &ledger)))[2..], [0, 1]);
    assert_eq!(counts(&good(&recover(&world, "images", &images))), [0, 0, 1, 2]);
    runtime.block_on(async {
        world.stack.drain().await.unwrap();
        assert_eq!(world.client.picture(&jug).await.unwrap().state, "ready");
    });
    assert_eq!(world.items("images").len(), 1);
    good(&world.ops(&["ledger", "verify"]));
    runtime.block_on(world.stack.close());
}

#[test]
fn nothing_of_an_account_that_was_erased_since_comes_back() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(world.painted("a bowl"));
    let tables = ["privacy", "accounts", "orders", "images"];
    let copies = tables.map(|table| (table, world.copied(table)));
    runtime.block_on(async {
        world
            .ask("DELETE", "/v1/account", json!({ "password": PASSWORD }))
            .await;
        world.clock.advance(SignedDuration::from_hours(72));
        world.stack.run_due_schedules().await.unwrap();
        world.stack.drain().await.unwrap();
    });
    let left = tables.map(|table| lines(&world.items(table)));
    let mut stay_away = 0;
    for (table, copy) in &copies {
        let [_, _, missing, away] = counts(&good(&recover(&world, table, copy)));
        assert_eq!(missing, 0, "{table}");
        stay_away += away;
    }
    assert!(stay_away >= 3, "profile, address and picture were in the copies");
    assert_eq!(tables.map(|table| lines(&world.items(table))), left);
    runtime.block_on(world.stack.close());
}

#[test]
fn an_account_that_is_lost_comes_back_with_its_address_and_without_what_was_for_minutes() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let before = world.items("accounts");
    let end = (world.clock.now() + SignedDuration::from_hours(1)).as_second();
    let waiting = json!({
        "pk": { "S": "address#lin@example.com" }, "sk": { "S": "signup#1" }, "expires_at": { "N": end.to_string() },
    });
    world.put_back("accounts", &[waiting]);
    let copy = world.copied("accounts");
    world.removed("accounts", &world.items("accounts"));
    assert_eq!(
        counts(&good(&recover(&world, "accounts", &copy))),
        [0, 0, before.len(), 1]
    );
    assert_eq!(lines(&world.items("accounts")), lines(&before));
    let found = good(&world.ops(&["accounts", "find", EMAIL]));
    assert!(found.contains("active"), "{found}");
    runtime.block_on(world.stack.close());
}

#[test]
fn neither_a_deletion_that_was_taken_back_nor_an_address_that_was_changed_comes_back() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    runtime.block_on(async {
        let password = json!({ "password": PASSWORD });
        world.ask("DELETE", "/v1/account", password).await;
        world.correction().await;
    });
    let copies = [
        ("privacy", world.copied("privacy")),
        ("accounts", world.copied("accounts")),
    ];
    runtime.block_on(async {
        let both = json!({ "email": EMAIL, "password": PASSWORD });
        world.ask("POST", "/v1/accounts/restore", both).await;
    });
    // As if the address had been changed: its owner's profile has another one.
    let [profile, owner] = ["profile", "owner"].map(|kind| {
        let mut items = world.items("accounts");
        items.retain(|item| item["sk"]["S"] == kind);
        items.remove(0)
    });
    let mut moved = profile;
    moved["email"]["S"] = json!("lin@example.com");
    world.put_back("accounts", &[moved]);
    world.removed("accounts", &[owner]);
    let deletions = with(&world, "privacy", "deletion#");
    assert!(deletions.is_empty(), "{deletions:?}");

    let [privacy, accounts] = copies.map(|(table, copy)| counts(&good(&recover(&world, table, &copy))));
    assert_eq!(
        (privacy[2..].to_vec(), accounts[2..].to_vec()),
        (vec![0, 1], vec![0, 1])
    );
    runtime.block_on(world.stack.close());
}

#[test]
fn what_cannot_be_recovered_is_told_and_nothing_is_written_down() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let (accounts, ledger) = (world.copied("accounts"), world.copied("ledger"));
    for (table, copy) in [("ledger", &accounts), ("accounts", &ledger), ("audit", &ledger)] {
        let why = format!("`{copy}` was not recovered from `vitrine-local-{table}`");
        bad(&recover(&world, table, copy), &why);
    }
    let itself = "vitrine-local-ledger";
    bad(
        &recover(&world, "ledger", itself),
        &format!("`{itself}` was not recovered from `{itself}`"),
    );
    let nowhere = "vitrine-local-ledger-now";
    bad(
        &recover(&world, "ledger", nowhere),
        &format!("there is no table `{nowhere}`"),
    );
    let sessions = recover(&world, "sessions", &ledger);
    assert_eq!(sessions.status.code(), Some(2));
    let told = String::from_utf8(sessions.stderr).unwrap();
    assert!(told.contains("sessions that were ended must not begin again"), "{told}");
    assert!(world.acts().is_empty(), "{:?}", world.acts());
    runtime.block_on(world.stack.close());
}
