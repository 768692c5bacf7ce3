//! `vitrine ops keys rotate`: a key is changed for a new one while people are signed in.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::good;
use crate::world::{EMAIL, PASSWORD, World};

const DAY_S: i64 = 24 * 60 * 60;

/// Whether a run went wrong and said this among other things.
#[track_caller]
fn bad(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{said}");
}

/// The keys that are published, by name.
fn published(runtime: &Runtime, world: &World) -> BTreeSet<String> {
    let answer = runtime.block_on(world.client.ask("GET", "/.well-known/jwks.json", None));
    let keys = answer.unwrap().body["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Which key has signed a token.
fn signed_by(token: &str) -> String {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// A new access token.
fn signed_in(runtime: &Runtime, world: &World) -> String {
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = runtime.block_on(world.client.ask("POST", "/v1/sessions", Some(credentials)));
    answer.unwrap().body["access_token"].as_str().unwrap().to_owned()
}

/// What the account is answered with, for whoever shows this token.
fn shown(runtime: &Runtime, world: &World, token: &str) -> u16 {
    let url = format!("{}/v1/account", world.stack.api_url());
    let asked = vitrine::client::http().unwrap().get(url).bearer_auth(token).send();
    runtime.block_on(asked).unwrap().status().as_u16()
}

#[test]
fn tokens_of_both_keys_are_good_until_the_old_one_is_retired_and_every_step_waits_for_the_one_before() {
    let runtime = Runtime::new().unwrap();
    let mut world = runtime.block_on(World::begin());
    let old = signed_in(&runtime, &world);
    let first = signed_by(&old);
    let rotate = |world: &World, more: &[&str]| world.ops(&[&["keys", "rotate", "tokens"][..], more].concat());

    let told = good(&rotate(&world, &[]));
    let next = told.split_whitespace().next().unwrap().to_owned();
    assert!(told.contains("is published, and signs nothing yet"), "{told}");
    bad(&rotate(&world, &[]), "the next step is safe from");
    world = runtime.block_on(world.start_anew(DAY_S));
    assert!(published(&runtime, &world).is_superset(&BTreeSet::from([first.clone(), next.clone()])));
    assert_eq!(
        signed_by(&signed_in(&runtime, &world)),
        first,
        "it signs before every function knows it"
    );

    let told = good(&rotate(&world, &[]));
    assert!(told.starts_with(&format!("{next} signs in every function")), "{told}");
    bad(&rotate(&world, &["--started-anew"]), "the next step is safe from");
    world = runtime.block_on(world.start_anew(DAY_S));
    let new = signed_in(&runtime, &world);
    assert_eq!(signed_by(&new), next);
    assert_eq!(
        (shown(&runtime, &world, &old), shown(&runtime, &world, &new)),
        (200, 200)
    );

    let told = good(&rotate(&world, &[]));
    assert_eq!(told, "one key is not published any more; the change is done\n");
    world = runtime.block_on(world.start_anew(0));
    assert_eq!(
        (shown(&runtime, &world, &old), shown(&runtime, &world, &new)),
        (401, 200)
    );
    assert!(!published(&runtime, &world).contains(&first));
    let acts = world.items("audit");
    assert_eq!(acts.len(), 3);
    assert!(
        acts.iter().all(|act| act["what"]["S"] == "keys rotate tokens"),
        "{acts:?}"
    );
    runtime.block_on(world.stack.close());
}

#[test]
fn a_receipt_of_the_key_before_is_still_verified_and_that_key_stays_published() {
    let runtime = Runtime::new().unwrap();
    let mut world = runtime.block_on(World::begin());
    let before = published(&runtime, &world);
    for told in ["is published, and signs nothing yet", "signs in every function"] {
        let rotated = good(&world.ops(&["keys", "rotate", "receipts", "--started-anew"]));
        assert!(rotated.contains(told), "{rotated}");
        world = runtime.block_on(world.start_anew(0));
    }
    // Receipts are verified for a year: the next change begins, and nothing is retired.
    world = runtime.block_on(world.start_anew(DAY_S * 300));
    let told = good(&world.ops(&["keys", "rotate", "receipts"]));
    assert!(told.contains("is published"), "{told}");
    world = runtime.block_on(world.start_anew(0));
    assert!(published(&runtime, &world).is_superset(&before));
    assert_eq!(published(&runtime, &world).len(), before.len() + 2);
    runtime.block_on(world.stack.close());
}

#[test]
fn keys_that_do_not_fit_together_are_told_and_left_alone() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::begin());
    let name = "/vitrine/local/token-keys";
    let whole = world.stack.engines.parameters.get(name).unwrap();
    world.stack.engines.parameters.put(name, r#"{"keys":[]}"#).unwrap();
    bad(
        &world.ops(&["keys", "rotate", "tokens"]),
        "which is not in `token-keys`",
    );
    world.stack.engines.parameters.put(name, "hush-hush").unwrap();
    let refused = world.ops(&["keys", "rotate", "tokens"]);
    bad(&refused, "token-keys is not the JSON document it should be");
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("hush-hush"));
    world.stack.engines.parameters.put(name, &whole).unwrap();
    runtime.block_on(world.stack.close());
}
