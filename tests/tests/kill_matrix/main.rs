//! The kill matrix: workers die at every point at which they wait, and life goes on.
//!
//! Nobody wrote down where those points are. Each world is run again and again, and the function is dropped at its first
//! suspension, then at its second, until it has come to its end alive. After every death everything must hold by the books of
//! the outside world: no picture billed twice, none without its charge and no charge without its picture, no credit left set
//! aside, no object without an item and no ready item without its object.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so at once, and this one says how many deaths it died"
)]

mod leaving;
mod payments;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use shared::domain::Store;
use tests::day::{Day, ERASE, PAINT, SEND};
use vitrine::lab::{self, Fault as Trouble, Loss, Party, kill_at};
use vitrine::sim::{Fault, Link, Provider};

/// Kills `victim` in the world that `arrange` makes, at every point at which it waits.
#[track_caller]
fn die_everywhere(arrange: impl AsyncFn(&Day), victim: impl Fn(&Day) -> BoxFuture<'static, ()>) {
    for n in 1.. {
        let lived = lab::run(async {
            let day = Day::begin(n).await;
            arrange(&day).await;
            day.lab.pump().unwrap();
            let life = kill_at(n, victim(&day)).await;
            day.evening(&format!("killed at its {n}th suspension")).await;
            life.output.is_some()
        })
        .unwrap();
        if lived {
            println!("{} points", n - 1);
            assert!(n > 4, "it hardly ever waited");
            return;
        }
    }
}

fn painter(day: &Day) -> BoxFuture<'static, ()> {
    day.lab.work(PAINT).map(drop).boxed()
}

fn eraser(day: &Day) -> BoxFuture<'static, ()> {
    day.lab.work(ERASE).map(drop).boxed()
}

fn settler(day: &Day) -> BoxFuture<'static, ()> {
    day.lab.run("settle-stale").map(drop).boxed()
}

fn sweeper(day: &Day) -> BoxFuture<'static, ()> {
    day.lab.run("objects-sweep").map(drop).boxed()
}

fn status(status: u16) -> Fault {
    Fault {
        status: Some(status),
        ..Fault::default()
    }
}

/// A worker that dies after so many suspensions, before the one that the matrix is about.
async fn dies(day: &Day, n: u64) {
    day.lab.pump().unwrap();
    let life = kill_at(n, day.lab.work(PAINT)).await;
    assert!(life.output.is_none(), "it did not live that long");
}

#[test]
fn a_painter_that_dies_while_all_is_well_loses_nothing() {
    die_everywhere(async |day| _ = day.order("bowl").await, painter);
}

#[test]
fn a_painter_that_dies_on_its_way_to_the_backup_loses_nothing() {
    let arrange = async |day: &Day| {
        day.fault(Provider::Seedream, 2, status(503));
        day.order("bowl").await;
    };
    die_everywhere(arrange, painter);
}

#[test]
fn a_painter_that_dies_over_a_long_task_loses_nothing() {
    let arrange = async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        let task = Fault {
            task_s: 300,
            ..Fault::default()
        };
        day.fault(Provider::Dashscope, 1, task);
        day.order("bowl").await;
    };
    die_everywhere(arrange, painter);
}

#[test]
fn a_painter_that_dies_over_a_probe_and_a_trial_loses_nothing() {
    let arrange = async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        assert_eq!(day.fate("cup").await.dashscope, 1);
        day.minutes(2).await;
        day.order("bowl").await;
    };
    die_everywhere(arrange, painter);
}

#[test]
fn a_painter_that_dies_over_a_refusal_loses_nothing() {
    die_everywhere(async |day| _ = day.order("FORBIDDEN bowl").await, painter);
}

#[test]
fn a_painter_that_dies_on_its_way_to_the_second_store_loses_nothing() {
    let arrange = async |day: &Day| {
        let down = Trouble::next(20, Party::Store(Store::Cos), Loss::Reply);
        day.lab.fault(down.saying("PUT"));
        day.order("bowl").await;
    };
    die_everywhere(arrange, painter);
}

#[test]
fn a_painter_that_dies_over_a_picture_its_owner_does_not_want_any_more_loses_nothing() {
    let arrange = async |day: &Day| {
        let key = day.order("bowl").await;
        dies(day, 12).await;
        day.delete(key).await;
        day.minutes(31).await;
    };
    die_everywhere(arrange, painter);
}

#[test]
fn a_painter_that_dies_over_a_lost_result_loses_nothing() {
    let arrange = async |day: &Day| {
        let dead = Fault {
            link: Some(Link::Dead),
            ..Fault::default()
        };
        day.fault(Provider::Seedream, 1, dead);
        day.order("bowl").await;
    };
    die_everywhere(arrange, painter);
}

#[test]
fn a_painter_that_dies_where_another_has_died_before_loses_nothing() {
    // Claimed, dispatched, painted, stored: whatever the first one left.
    for n in [4, 8, 12, 16, 18, 20, 22] {
        let arrange = async |day: &Day| {
            day.order("bowl").await;
            dies(day, n).await;
            day.minutes(31).await;
        };
        die_everywhere(arrange, painter);
    }
}

#[test]
fn an_eraser_that_dies_leaves_no_object() {
    let arrange = async |day: &Day| {
        let lost = Trouble::next(20, Party::Store(Store::Cos), Loss::Reply);
        day.lab.fault(lost.saying("PUT"));
        let key = day.order("bowl").await;
        day.lab.live_on().await.unwrap();
        day.lab.clear_up();
        day.delete(key).await;
    };
    die_everywhere(arrange, eraser);
}

#[test]
fn a_sender_that_dies_sends_its_mail_once() {
    let arrange = async |day: &Day| _ = day.lab.mail(&day.seller).await.unwrap();
    die_everywhere(arrange, |day| day.lab.work(SEND).map(drop).boxed());
}

#[test]
fn a_run_that_settles_and_gives_a_mail_up_and_dies_leaves_nothing_stuck() {
    let arrange = async |day: &Day| {
        day.lab.mail(&day.seller).await.unwrap();
        day.lab.pump().unwrap();
        let queue = day.lab.messages(SEND).unwrap()[0].queue.clone();
        day.lab.engines.queues.purge(&queue).unwrap();
        day.minutes(121).await;
    };
    die_everywhere(arrange, settler);
}

#[test]
fn a_run_that_settles_and_dies_leaves_nothing_stuck() {
    let arrange = async |day: &Day| {
        // One of each kind: never begun, claimed, dispatched, painted.
        for (prompt, n) in [("claimed", 4), ("dispatched", 12), ("painted", 16)] {
            day.order(prompt).await;
            dies(day, n).await;
        }
        day.order("queued").await;
        day.lab.mail(&day.seller).await.unwrap();
        day.lab.pump().unwrap();
        for queue in [PAINT, SEND] {
            let queue = day.lab.messages(queue).unwrap()[0].queue.clone();
            day.lab.engines.queues.purge(&queue).unwrap();
        }
        day.minutes(15).await;
    };
    die_everywhere(arrange, settler);
}

#[test]
fn a_sweep_that_dies_removes_what_it_should_and_nothing_else() {
    let arrange = async |day: &Day| {
        day.order("kept").await;
        day.lab.live_on().await.unwrap();
        day.order("lost").await;
        dies(day, 24).await;
        day.minutes(26 * 60).await;
        day.lab.run("objects-sweep").await.unwrap();
        day.minutes(61).await;
    };
    die_everywhere(arrange, sweeper);
}
