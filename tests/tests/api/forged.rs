//! Access tokens that somebody made himself, and tokens whose time, session, account or key is gone.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};
use shared::auth::{JwkSet, SigningKey};
use shared::ids::Image;
use shared::{Entropy, Ids};
use tests::{Person, TestApp};

use crate::logs;
use crate::support::{World, app, items};

const SIGNING: &str = "/vitrine/local/token-signing-key";
const PUBLIC: &str = "/vitrine/local/token-keys";

fn parameter(app: &TestApp, name: &str) -> Value {
    serde_json::from_str(&app.stack.engines.parameters.get(name).unwrap()).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Header and claims of a token of ours.
fn read(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

fn with(mut value: Value, member: &str, new: Value) -> Value {
    value[member] = new;
    value
}

/// Truly signed by the service's own key.
fn signed(app: &TestApp, header: &Value, claims: &Value) -> String {
    let pkcs8 = parameter(app, SIGNING)["pkcs8"].as_str().unwrap().to_owned();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(pkcs8).unwrap()).unwrap();
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

async fn status(app: &TestApp, token: &str) -> u16 {
    app.request("GET", "/v1/account", Some(token), &[], None).await.status
}

#[tokio::test]
async fn a_token_that_is_signed_but_says_something_else_opens_nothing() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    app.get(&mei, "/v1/account").await.expect(200);
    let (header, claims) = read(&mei.token);
    let before = World::of(&app);
    assert_eq!(
        status(&app, &signed(&app, &header, &claims)).await,
        200,
        "the forger's tools work"
    );
    let now = claims["iat"].as_i64().unwrap();
    for (what, header, claims) in [
        (
            "no algorithm",
            with(header.clone(), "alg", json!("none")),
            claims.clone(),
        ),
        (
            "another algorithm",
            with(header.clone(), "alg", json!("RS256")),
            claims.clone(),
        ),
        (
            "another kid",
            with(header.clone(), "kid", json!("local-2")),
            claims.clone(),
        ),
        ("no kid", with(header.clone(), "kid", Value::Null), claims.clone()),
        (
            "another kind of token",
            with(header.clone(), "typ", json!("JWT")),
            claims.clone(),
        ),
        (
            "another audience",
            header.clone(),
            with(claims.clone(), "aud", json!("https://example.com")),
        ),
        (
            "another issuer",
            header.clone(),
            with(claims.clone(), "iss", json!("https://example.com")),
        ),
        (
            "expired",
            header.clone(),
            with(with(claims.clone(), "iat", json!(now - 900)), "exp", json!(now)),
        ),
        (
            "a longer life",
            header.clone(),
            with(claims.clone(), "exp", json!(now + 86_400)),
        ),
        (
            "from the future",
            header.clone(),
            with(with(claims.clone(), "iat", json!(now + 3600)), "exp", json!(now + 4500)),
        ),
        (
            "somebody else's account",
            header.clone(),
            with(claims.clone(), "sub", json!(other.account)),
        ),
        (
            "somebody else's session",
            header.clone(),
            with(claims.clone(), "sid", json!(other.session)),
        ),
        ("no account", header.clone(), with(claims.clone(), "sub", Value::Null)),
    ] {
        let token = signed(&app, &header, &claims);
        assert_eq!(status(&app, &token).await, 401, "{what}");
    }
    assert!(World::of(&app) == before);
    logs::tell_nothing();
}

#[tokio::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let app = app().await;
    let mei = app.person("mei").await;
    let (header, claims) = read(&mei.token);
    let published = app.ask("GET", "/.well-known/jwks.json", None).await.expect(200);
    let key = published.json["keys"][0].clone();
    let raw = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let hs256 = with(header.clone(), "alg", json!("HS256"));
    for secret in [
        raw,
        key["x"].as_str().unwrap().as_bytes().to_vec(),
        key.to_string().into_bytes(),
        published.text.clone().into_bytes(),
        Vec::new(),
    ] {
        for header in [&hs256, &header] {
            let message = format!("{}.{}", part(header), part(&claims));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
            assert_eq!(status(&app, &token).await, 401);
        }
    }
    let unsigned = format!("{}.{}.", part(&with(header, "alg", json!("none"))), part(&claims));
    assert_eq!(status(&app, &unsigned).await, 401);
}

/// Puts this key to use, and publishes these beside it, as a deployment does.
fn rotate(app: &TestApp, key: &SigningKey, published: &[&SigningKey]) {
    use secrecy::ExposeSecret;
    let keys = published.iter().map(|key| key.public().clone()).collect();
    let set = serde_json::to_string(&JwkSet { keys }).unwrap();
    let parameters = &app.stack.engines.parameters;
    parameters.put(SIGNING, key.to_secret().expose_secret()).unwrap();
    parameters.put(PUBLIC, &set).unwrap();
    app.stack.replace_functions();
}

#[tokio::test]
async fn a_token_of_the_key_before_is_good_while_keys_change_and_refused_afterwards() {
    let app = app().await;
    let before: SigningKey = serde_json::from_value(parameter(&app, SIGNING)).unwrap();
    let next = SigningKey::generate("local-2", &Entropy::seeded(9)).unwrap();
    let mei = app.person("mei").await;
    // First everybody learns the new key, then it is signed with.
    rotate(&app, &before, &[&before, &next]);
    assert_eq!(status(&app, &mei.token).await, 200);
    rotate(&app, &next, &[&before, &next]);
    let new = app.sign_in(&mei).await;
    assert_eq!(read(&new.token).0["kid"], "local-2");
    assert_eq!(
        (status(&app, &mei.token).await, status(&app, &new.token).await),
        (200, 200)
    );
    rotate(&app, &next, &[&next]);
    assert_eq!(
        (status(&app, &mei.token).await, status(&app, &new.token).await),
        (401, 200)
    );
    // A refresh token outlives the key of access tokens.
    let back = mei.in_session(&app.refresh(&mei.refresh).await.expect(200).json);
    assert_eq!(status(&app, &back.token).await, 200);
}

/// Erases every item of the account that names it, as carrying out a deletion does.
fn erase(app: &TestApp, person: &Person) {
    for (table, keys) in [("accounts", ["pk", "sk"]), ("sessions", ["account_id", "id"])] {
        let name = app.stack.template.table(table).unwrap().name.clone();
        for item in items(app, table) {
            if item.to_string().contains(&person.account) {
                let key = json!({ keys[0]: item[keys[0]], keys[1]: item[keys[1]] });
                let request = serde_json::from_value(json!({ "TableName": name, "Key": key })).unwrap();
                app.stack.engines.tables.database().delete_item(request).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_an_erased_account_opens_nothing_and_brings_nothing_back() {
    let app = app().await;
    let mei = app.person("mei").await;
    erase(&app, &mei);
    let before = World::of(&app);
    // An id of long ago is answered as gone, whoever asks.
    let fresh = Ids::new(app.clock.clone(), Entropy::seeded(9))
        .next::<Image>()
        .to_string();
    for (method, path) in crate::tokens::CLOSED {
        let path = &path.replace("img_01kb0v1cqhe8svdnq7tqw8vz6n", &fresh);
        let headers = [("idempotency-key", "erased-1")];
        let field = if path == "/v1/prompts" { "description" } else { "prompt" };
        let body = json!({ field: "a mug" });
        let sent = (method == "POST").then(|| body.to_string());
        let answer = app.request(method, path, Some(&mei.token), &headers, sent).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (401, "session-ended"),
            "{method} {path}"
        );
    }
    assert_eq!(app.refresh(&mei.refresh).await.problem(), "session-ended");
    assert!(World::of(&app) == before);
}
