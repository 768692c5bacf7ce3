//! `vitrine ops storage` and `ops retention`: the stores' own rule, and how old what lies in them is.

use jiff::{SignedDuration, Timestamp};
use shared::Clock;
use tokio::runtime::Runtime;
use vitrine::engine::objects::Fault;

use crate::program::{bad, good, run};
use crate::world::World;

#[test]
fn the_stores_own_rule_is_shown_set_once_and_never_in_place_of_others() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let lifecycle = |more: &[&str]| world.ops(&[&["storage", "lifecycle"][..], more].concat());
    let told = bad(&lifecycle(&[]), "2 stores have no rule as it should be");
    assert_eq!(told.matches("has no such rule: set it with --set").count(), 2, "{told}");
    let set = good(&lifecycle(&["--set"]));
    assert_eq!(
        set.matches("removes pictures of more than thirty days by itself")
            .count(),
        2,
        "{set}"
    );
    let puts = |world: &World| {
        let seen = world.stack.engines.objects.book().seen();
        seen.iter()
            .filter(|seen| seen.operation == "PutBucketLifecycleConfiguration")
            .count()
    };
    assert_eq!(puts(&world), 1);
    assert_eq!(good(&lifecycle(&["--set"])), set);
    assert_eq!(puts(&world), 1, "what is there is not set again");

    // Somebody else's rule in the first store, and ours gone.
    let file = format!(".vitrine/objects/.lifecycle-{}.xml", world.stack.bucket().unwrap());
    let file = world.folder.path().join(file);
    let rules = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, rules.replace("vitrine-thirty-days", "backups")).unwrap();
    let told = bad(&lifecycle(&["--set"]), "one store has no rule as it should be");
    assert!(
        told.contains("setting ours would remove: backups (Enabled, `p/`)"),
        "{told}"
    );
    assert!(std::fs::read_to_string(&file).unwrap().contains("backups"));
    std::fs::write(&file, rules).unwrap();

    world.stack.engines.oss.book().trouble(Fault::down());
    let told = bad(&lifecycle(&[]), "one store has no rule as it should be");
    assert!(told.contains("oss  the store is unavailable"), "{told}");
    runtime.block_on(world.stack.close());
}

#[test]
fn the_report_tells_the_oldest_picture_and_what_the_sweep_did_and_fails_when_one_is_too_old() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let report = || world.ops(&["retention", "report"]);
    let told = good(&report());
    assert!(told.contains("cos            0              0  nothing"), "{told}");
    assert!(told.contains("expired  never"), "{told}");

    runtime.block_on(world.painted("a bowl"));
    runtime.block_on(world.stack.run_schedule("objects-sweep")).unwrap();
    let told = good(&report());
    assert!(told.contains("0 d 0 h of p/"), "{told}");
    let line = told.lines().rfind(|line| line.starts_with("cos      ")).unwrap();
    let fields: Vec<_> = line.split_whitespace().collect();
    assert_eq!(fields[2..], ["1", "1", "0", "0"], "{told}");
    let ended: Timestamp = fields[1].parse().unwrap();
    assert!(ended <= Clock::system().now(), "{told}");

    // A file that lies there since before the world began, in a bucket that has a thing of somebody else's too.
    let bucket = world.stack.bucket().unwrap();
    let place = |key: &str| world.stack.engines.objects.place(&bucket, key, b"no picture").unwrap();
    place("notes.txt");
    let back = SignedDuration::from_hours(-32 * 24);
    world.clock.advance(back);
    place("p/00000000000000000000000000000001.jpg");
    world.clock.advance(-back);
    let told = bad(&report(), "one file is older than it may be, or a store does not tell");
    assert!(
        told.contains("32 d 0 h of p/00000000000000000000000000000001.jpg"),
        "{told}"
    );
    assert!(told.contains("and 1 objects that are no pictures of ours"), "{told}");
    runtime.block_on(world.stack.close());
}

#[test]
fn an_owner_without_keys_is_told_which_variable_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &["ops", "storage", "lifecycle", "--stage", "dev"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("the variable AWS_"), "{said}");
}
