//! `vitrine ops accounts`: found by address, looked at, blocked and let go.

use serde_json::json;

use crate::program::{bad, good};
use crate::world::{EMAIL, PASSWORD, World};

#[test]
fn an_account_is_found_blocked_and_let_go_and_the_audit_names_nobody() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let sign_in = || {
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        runtime
            .block_on(world.client.ask("POST", "/v1/sessions", Some(credentials)))
            .unwrap()
    };
    let found = good(&world.ops(&["accounts", "find", "MEI@example.com"]));
    let id = found.lines().next().unwrap().to_owned();
    assert!(
        found.contains("active") && found.contains("3 available, 0 held"),
        "{found}"
    );
    assert_eq!(good(&world.ops(&["accounts", "show", &id])), found);
    bad(
        &world.ops(&["accounts", "find", "nobody@example.com"]),
        "no account has this address",
    );

    let blocked = good(&world.ops(&["accounts", "block", &id, "--reason", "used against the rules"]));
    assert!(blocked.starts_with(&format!("{id} is blocked (act_")), "{blocked}");
    let refused = sign_in();
    assert_eq!(
        (refused.status, refused.body["type"].as_str()),
        (403, Some("/problems/account-blocked"))
    );
    let mine = runtime.block_on(world.client.ask("GET", "/v1/account", None)).unwrap();
    assert_eq!(mine.status, 401, "its session goes on");
    let again = good(&world.ops(&["accounts", "block", &id, "--reason", "once more"]));
    assert_eq!(again, format!("{id} was blocked before\n"));

    let free = good(&world.ops(&["accounts", "unblock", &id, "--reason", "a mistake"]));
    assert!(free.starts_with(&format!("{id} is active again (act_")), "{free}");
    assert_eq!(sign_in().status, 201);
    let nothing = format!("{id} is active; nothing was done");
    bad(&world.ops(&["accounts", "unblock", &id, "--reason", "twice"]), &nothing);
    let looks = world
        .items("audit")
        .into_iter()
        .filter(|act| act["reason"]["S"] == "a look");
    let looks: Vec<_> = looks.map(|act| act["what"]["S"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        looks.iter().filter(|what| *what == "accounts find").count(),
        2,
        "{looks:?}"
    );
    assert_eq!(
        looks.iter().filter(|what| *what == "accounts show").count(),
        1,
        "{looks:?}"
    );
    let acts = world.acts();
    assert_eq!(acts.len(), 2);
    assert!(
        acts.iter().all(|act| !act.contains(EMAIL) && !act.contains(&id)),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}
