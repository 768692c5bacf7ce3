//! Passwords and the count of sessions, which must not slip past each other.

use shared::domain::Profile;
use shared::store::Guard;

use crate::World;
use crate::people::hash;

#[tokio::test]
async fn a_session_that_begins_beside_a_change_of_the_password_is_noticed() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let read = world.account("mei@example.com").await;
    assert_eq!(
        world.commit([accounts.session_begun_write(&read).unwrap()]).await,
        [],
        "a session begins after the profile was read"
    );
    let change = accounts.password_write(&read, &hash("$2b$12$second"), 0).unwrap();
    let error = world.try_commit([change]).await.unwrap_err();
    assert!(
        accounts.is_active(error.refused(Guard::Account).unwrap()),
        "read again, and try again"
    );
    let read = accounts.profile(read.id).await.unwrap().unwrap();
    assert_eq!(read.sessions_begun, 1);
    let change = accounts.password_write(&read, &hash("$2b$12$second"), 1).unwrap();
    assert_eq!(world.commit([change]).await, []);
    let after = accounts.profile(read.id).await.unwrap().unwrap();
    assert_eq!(
        (after.sessions_begun, after.password_hash.as_str()),
        (2, "$2b$12$second")
    );
    // And no session begins with the old password any more.
    let late = accounts.session_begun_write(&read).unwrap();
    assert_eq!(world.commit([late]).await, [Guard::Account]);
}

#[tokio::test]
async fn of_two_changes_of_one_password_the_second_is_refused() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let read = world.account("mei@example.com").await;
    let (one, other) = (hash("$2b$12$one"), hash("$2b$12$other"));
    let change = |new| [accounts.password_write(&read, new, 0).unwrap()];
    let (first, second) = futures::join!(world.commit(change(&one)), world.commit(change(&other)));
    assert_eq!([first, second].concat(), [Guard::Account]);
}

#[tokio::test]
async fn nobodys_password_is_changed() {
    let world = World::with(&["accounts"]).await;
    let accounts = world.accounts();
    let nobody = Profile {
        id: world.ids.next(),
        ..world.profile(&world.sign_up("mei@example.com"))
    };
    let change = accounts.password_write(&nobody, &hash("x"), 0).unwrap();
    let error = world.try_commit([change]).await.unwrap_err();
    assert!(!accounts.is_active(error.refused(Guard::Account).unwrap()));
    assert_eq!(world.items("accounts").await.len(), 0);
}
