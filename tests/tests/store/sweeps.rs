//! How far the sweeps have come.

use jiff::SignedDuration;
use shared::domain::{ObjectKey, Store};
use shared::store::sweeps::{Count, Progress};

use crate::World;

#[tokio::test]
async fn of_two_runs_at_once_one_goes_on_with_a_walk() {
    let world = World::with(&["limits"]).await;
    let sweeps = world.sweeps();
    assert_eq!(sweeps.progress("cos").await.unwrap(), Progress::default());
    for step in 1..4_u64 {
        let (mut one, mut other) = (
            sweeps.progress("cos").await.unwrap(),
            sweeps.progress("cos").await.unwrap(),
        );
        one.cursor = Some(format!("page {step}"));
        one.seen = Count {
            objects: step * 1_000,
            orphans: step,
            removed: 0,
        };
        let (first, second) = futures::join!(sweeps.save("cos", &mut one), sweeps.save("cos", &mut other));
        assert_eq!(usize::from(first.unwrap()) + usize::from(second.unwrap()), 1);
    }
    assert_eq!(sweeps.progress("oss").await.unwrap(), Progress::default());
}

#[tokio::test]
async fn a_walk_goes_on_where_it_was_and_remembers_the_pass_before() {
    let world = World::with(&["limits"]).await;
    let sweeps = world.sweeps();
    let mut progress = sweeps.progress("cos").await.unwrap();
    progress.cursor = Some("next".to_owned());
    progress.seen = Count {
        objects: 70,
        orphans: 1,
        removed: 3,
    };
    assert!(sweeps.save("cos", &mut progress).await.unwrap());
    let mut progress = sweeps.progress("cos").await.unwrap();
    assert_eq!(progress.cursor.as_deref(), Some("next"));
    progress.end_pass(world.now());
    assert!(sweeps.save("cos", &mut progress).await.unwrap());
    let kept = sweeps.progress("cos").await.unwrap();
    assert_eq!((kept.pass, kept.cursor, kept.before.removed), (1, None, 3));
    assert_eq!(kept.ended_at, Some(world.now()));
}

#[tokio::test]
async fn an_object_that_nobody_names_is_marked_once_for_a_month() {
    let world = World::with(&["limits"]).await;
    let sweeps = world.sweeps();
    let object = ObjectKey::new(&world.entropy, "jpg");
    let missed = |store, pass| sweeps.first_missed(store, &object, pass, world.now());
    assert_eq!(missed(Store::Cos, 4).await.unwrap(), 4);
    assert_eq!(missed(Store::Cos, 5).await.unwrap(), 4);
    assert_eq!(missed(Store::Oss, 6).await.unwrap(), 6);
    world.advance(SignedDuration::from_hours(31 * 24));
    assert_eq!(missed(Store::Cos, 9).await.unwrap(), 9);
}
