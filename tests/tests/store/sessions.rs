//! Sessions.

use jiff::SignedDuration;
use shared::Id;
use shared::domain::Session;
use shared::domain::session::SESSION_LIFE;
use shared::ids;
use shared::store::Guard;

use crate::World;

async fn begun(world: &World, account: Id<ids::Account>) -> Session {
    let session = Session::begun(world.ids.next(), account, Some("Laptop".parse().unwrap()));
    let write = world.sessions().begin_write(&session).unwrap();
    assert_eq!(world.commit([write]).await, []);
    session
}

#[tokio::test]
async fn a_session_is_found_until_its_ninety_days_are_over() {
    let world = World::with(&["sessions"]).await;
    let (sessions, account) = (world.sessions(), world.ids.next());
    let session = begun(&world, account).await;
    assert_eq!(
        world.commit([sessions.begin_write(&session).unwrap()]).await,
        [Guard::New],
        "the same session began twice"
    );
    let found = || sessions.find(account, session.id, world.now());
    assert_eq!(found().await.unwrap(), Some(session.clone()));
    assert_eq!(
        sessions.find(world.ids.next(), session.id, world.now()).await.unwrap(),
        None
    );
    world.advance(SESSION_LIFE);
    assert_eq!(found().await.unwrap(), None);
    assert_eq!(sessions.list(account, None, 10, world.now()).await.unwrap(), []);
    assert_eq!(world.items("sessions").await.len(), 1, "it lies there and is not there");
}

#[tokio::test]
async fn sessions_are_listed_newest_first_page_by_page() {
    let world = World::with(&["sessions"]).await;
    let (sessions, account) = (world.sessions(), world.ids.next());
    let mut all = Vec::new();
    for _ in 0..7 {
        all.push(begun(&world, account).await);
        begun(&world, world.ids.next()).await;
        world.advance(SignedDuration::from_millis(1));
    }
    all.reverse();
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = sessions.list(account, before, 3, world.now()).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        listed.extend(page);
    }
    assert_eq!(listed, all);
}

#[tokio::test]
async fn of_twenty_who_go_on_from_one_generation_one_does() {
    let world = World::with(&["sessions"]).await;
    let (sessions, account) = (world.sessions(), world.ids.next());
    let session = begun(&world, account).await;
    world.advance(SignedDuration::from_mins(5));
    let next = session.refreshed(world.now());
    let tries = futures::future::join_all((0..20).map(|_| sessions.replace(&session, &next))).await;
    assert_eq!(tries.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 1);
    let found = sessions.find(account, session.id, world.now()).await.unwrap();
    assert_eq!(found, Some(next));
}

#[tokio::test]
async fn only_the_newest_generation_is_marked_as_used_and_nothing_brings_a_session_back() {
    let world = World::with(&["sessions"]).await;
    let (sessions, account) = (world.sessions(), world.ids.next());
    let session = begun(&world, account).await;
    let next = session.refreshed(world.now());
    assert!(sessions.replace(&session, &next).await.unwrap());
    sessions.mark_used(&session, world.now()).await.unwrap();
    let found = || async { sessions.find(account, session.id, world.now()).await.unwrap() };
    assert!(!found().await.unwrap().used);
    sessions.mark_used(&next, world.now()).await.unwrap();
    assert!(found().await.unwrap().used);
    assert!(sessions.end(account, session.id).await.unwrap());
    assert!(!sessions.end(account, session.id).await.unwrap());
    sessions.mark_used(&next, world.now()).await.unwrap();
    assert!(!sessions.replace(&next, &next.refreshed(world.now())).await.unwrap());
    assert_eq!(
        world.commit([sessions.end_write(account, session.id).unwrap()]).await,
        []
    );
    assert_eq!(world.items("sessions").await.len(), 0);
}

#[tokio::test]
async fn all_sessions_end_but_the_one_that_is_spared_however_many_there_are() {
    let world = World::with(&["sessions"]).await;
    let (sessions, account, other) = (world.sessions(), world.ids.next(), world.ids.next());
    let mut mine = Vec::new();
    for _ in 0..120 {
        mine.push(begun(&world, account).await.id);
    }
    let theirs = begun(&world, other).await.id;
    let spared = mine[17];
    sessions.end_all(account, Some(spared)).await.unwrap();
    let left = || async {
        let left = sessions.list(account, None, 200, world.now()).await.unwrap();
        left.iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(left().await, [spared]);
    world.advance(SignedDuration::from_millis(1));
    let younger = begun(&world, account).await.id;
    sessions.end_before(account, Some(younger), None).await.unwrap();
    assert_eq!(left().await, [younger]);
    assert!(sessions.find(other, theirs, world.now()).await.unwrap().is_some());
}
