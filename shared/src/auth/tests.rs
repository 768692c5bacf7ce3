//! Tokens and keyed hashes: what is accepted, and everything near it that is not.

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;
use url::Url;

use super::*;
use crate::domain::Session;
use crate::http::{Json, with_manners};
use crate::{Clock, Entropy, Id, Ids, ids};

struct House {
    clock: Clock,
    key: SigningKey,
    keys: VerifyingKeys,
    session: Session,
    ids: Ids,
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn house() -> House {
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let entropy = Entropy::seeded(1);
    let ids = Ids::new(clock.clone(), entropy.clone());
    let key = SigningKey::generate("k1", &entropy).unwrap();
    let set = JwkSet {
        keys: vec![key.public().clone()],
    };
    let keys = VerifyingKeys::new(&set, &url("https://api.example.com/")).unwrap();
    House {
        clock,
        key,
        keys,
        session: Session::begun(ids.next(), ids.next(), None),
        ids,
    }
}

impl House {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn token(&self) -> String {
        let signer = TokenSigner::new(&self.key, &url("https://api.example.com"));
        signer.issue(&self.session, self.now()).unwrap().into_string()
    }

    fn claims(&self) -> Value {
        let now = self.now().as_second();
        json!({
            "iss": "https://api.example.com", "aud": "https://api.example.com",
            "sub": self.session.account, "sid": self.session.id, "gen": 0, "iat": now, "exp": now + 900,
        })
    }

    /// A token with this header and these claims, truly signed.
    fn forge(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.key.der()).unwrap();
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn verify(&self, token: &str) -> Result<(Id<ids::Account>, Id<ids::Session>), TokenError> {
        let verified = self.keys.verify(token, self.now())?;
        Ok((verified.account(), verified.session()))
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" })
}

fn with(mut value: Value, member: &str, other: Value) -> Value {
    value[member] = other;
    value
}

#[test]
fn a_token_names_whom_it_was_made_for() {
    let house = house();
    assert_eq!(
        house.verify(&house.token()),
        Ok((house.session.account, house.session.id))
    );
    assert_eq!(
        house.verify(&house.forge(&header(), &house.claims())),
        Ok((house.session.account, house.session.id))
    );
}

#[test]
fn a_token_lasts_fifteen_minutes_by_our_clock() {
    let house = house();
    let token = house.token();
    house.clock.advance(SignedDuration::from_secs(899));
    assert!(house.verify(&token).is_ok());
    house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(house.verify(&token), Err(TokenError::Expired));
    house.clock.advance(SignedDuration::from_secs(-900 - 61));
    assert_eq!(house.verify(&token), Err(TokenError::NotYet));
}

#[test]
fn no_other_algorithm_is_accepted_however_it_is_signed() {
    let house = house();
    for alg in ["none", "None", "NONE"] {
        let unsigned = format!("{}.", message(&with(header(), "alg", json!(alg)), &house.claims()));
        assert_eq!(house.verify(&unsigned), Err(TokenError::Malformed), "{alg}");
    }
    let public = serde_json::to_value(house.key.public()).unwrap();
    let public = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
    let message = message(&with(header(), "alg", json!("HS256")), &house.claims());
    let mut mac = Hmac::<Sha256>::new_from_slice(&public).unwrap();
    mac.update(message.as_bytes());
    let signed = format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    assert_eq!(house.verify(&signed), Err(TokenError::Refused));
    for alg in ["HS512", "RS256", "ES256", "PS256"] {
        assert_eq!(
            house.verify(&house.forge(&with(header(), "alg", json!(alg)), &house.claims())),
            Err(TokenError::Refused)
        );
    }
}

#[test]
fn each_header_and_claim_that_is_not_ours_is_refused() {
    let house = house();
    for (member, value, error) in [
        ("kid", json!("k2"), TokenError::UnknownKey),
        ("kid", json!(null), TokenError::UnknownKey),
        ("typ", json!("JWT"), TokenError::Malformed),
        ("crit", json!(["b64"]), TokenError::Malformed),
    ] {
        assert_eq!(
            house.verify(&house.forge(&with(header(), member, value), &house.claims())),
            Err(error),
            "{member}"
        );
    }
    let now = house.now().as_second();
    for (member, value) in [
        ("iss", json!("https://elsewhere.example.com")),
        ("iss", json!(null)),
        ("aud", json!("https://elsewhere.example.com")),
        (
            "aud",
            json!(["https://api.example.com", "https://elsewhere.example.com"]),
        ),
        ("sub", json!(house.session.id)),
        ("sub", json!("")),
        ("sid", json!(null)),
        ("gen", json!(-1)),
        ("exp", json!(now + 901)),
        ("exp", json!(i64::MAX)),
        ("exp", json!("soon")),
    ] {
        let token = house.forge(&header(), &with(house.claims(), member, value.clone()));
        assert_eq!(house.verify(&token), Err(TokenError::NotOurs), "{member}: {value}");
    }
}

#[test]
fn a_key_of_another_house_signs_nothing_here() {
    let (house, other) = (house(), SigningKey::generate("k1", &Entropy::seeded(2)).unwrap());
    let signer = TokenSigner::new(&other, &url("https://api.example.com"));
    let token = signer.issue(&house.session, house.now()).unwrap().into_string();
    assert_eq!(house.verify(&token), Err(TokenError::Refused));
}

#[test]
fn both_keys_are_accepted_while_they_change() {
    let house = house();
    let next = SigningKey::generate("k2", &Entropy::seeded(2)).unwrap();
    let set = JwkSet {
        keys: vec![next.public().clone(), house.key.public().clone()],
    };
    let keys = VerifyingKeys::new(&set, &url("https://api.example.com")).unwrap();
    let new = TokenSigner::new(&next, &url("https://api.example.com"));
    let new = new.issue(&house.session, house.now()).unwrap().into_string();
    assert!(keys.verify(&house.token(), house.now()).is_ok());
    assert!(keys.verify(&new, house.now()).is_ok());
}

#[test]
fn a_key_survives_the_parameter_store_and_is_not_printed() {
    use secrecy::ExposeSecret;
    let house = house();
    let secret = house.key.to_secret();
    let again: SigningKey = serde_json::from_str(secret.expose_secret()).unwrap();
    assert_eq!(again.public(), house.key.public());
    let stored: Value = serde_json::from_str(secret.expose_secret()).unwrap();
    let printed = format!(
        "{:?} {:?}",
        house.key,
        TokenSigner::new(&again, &url("https://api.example.com"))
    );
    assert!(!printed.contains(stored["pkcs8"].as_str().unwrap()));
    for bad in [
        r#"{"kid":"","pkcs8":""}"#,
        r#"{"kid":"k","pkcs8":"AAAA"}"#,
        r#"{"kid":"k","pkcs8":"!"}"#,
    ] {
        assert!(serde_json::from_str::<SigningKey>(bad).is_err());
    }
}

#[test]
fn a_key_set_must_hold_ed25519_keys() {
    let jwk = |x: &str| json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x, "use": "sig", "alg": "EdDSA" }] });
    for set in [json!({ "keys": [] }), jwk("AAAA"), jwk("!")] {
        let set: JwkSet = serde_json::from_value(set).unwrap();
        assert!(VerifyingKeys::new(&set, &url("https://api.example.com")).is_err());
    }
    let rsa = json!({ "keys": [{ "kty": "RSA", "kid": "k", "n": "AQ", "e": "AQAB" }] });
    assert!(serde_json::from_value::<JwkSet>(rsa).is_err());
}

#[derive(Clone, FromRef)]
struct Deps {
    clock: Clock,
    keys: VerifyingKeys,
}

#[tokio::test]
async fn a_handler_with_a_caller_is_reached_with_a_valid_token_only() {
    let house = house();
    let token = house.token();
    let deps = Deps {
        clock: house.clock.clone(),
        keys: house.keys.clone(),
    };
    let routes = Router::new().route(
        "/me",
        get(|bearer: Bearer| async move { Json(bearer.verified().account().to_string()) }),
    );
    let router = with_manners(routes.with_state(deps), house.ids.clone());
    let expired = "The access token has expired; get the next one with the refresh token.";
    for (headers, status, challenge, detail) in [
        (
            vec![],
            401,
            Some("Bearer"),
            "This request needs an access token: Authorization: Bearer …",
        ),
        (vec![format!("Bearer {token}")], 200, None, ""),
        (vec![format!("bearer  {token}")], 200, None, ""),
        (
            vec![format!("Bearer {token}x")],
            401,
            Some("Bearer error=\"invalid_token\""),
            "The access token is not valid.",
        ),
        (
            vec!["Basic bWVpOm1laQ==".into()],
            401,
            Some("Bearer error=\"invalid_token\""),
            "The Authorization header must be given once, as: Bearer …",
        ),
        (
            vec![format!("Bearer {token}"), format!("Bearer {token}")],
            401,
            Some("Bearer error=\"invalid_token\""),
            "The Authorization header must be given once, as: Bearer …",
        ),
        (
            vec!["late".into()],
            401,
            Some("Bearer error=\"invalid_token\""),
            expired,
        ),
    ] {
        let mut request = Request::builder().uri("/me");
        for value in &headers {
            if value == "late" {
                house.clock.advance(SignedDuration::from_mins(15));
            }
            let value = if value == "late" {
                format!("Bearer {token}")
            } else {
                value.clone()
            };
            request = request.header("authorization", value);
        }
        let response = router
            .clone()
            .oneshot(request.body(axum::body::Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{headers:?}");
        let given = response
            .headers()
            .get("www-authenticate")
            .map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(given.as_deref(), challenge);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if status == 401 {
            assert_eq!(
                (&body["type"], &body["detail"]),
                (&json!("/problems/unauthorized"), &json!(detail))
            );
        }
    }
}

#[test]
fn hashes_of_different_uses_never_meet() {
    let key = HashKey::from_hex(&"ab".repeat(32).into()).unwrap();
    let other = HashKey::from_hex(&"cd".repeat(32).into()).unwrap();
    let hash = key.hash("code", b"123456");
    assert!(hash == key.hash("code", b"123456") && hash.is_hex(&hash.to_hex()));
    assert!(hash != key.hash("address", b"123456"));
    assert!(hash != other.hash("code", b"123456"));
    assert!(key.hash("ab", b"c") != key.hash("a", b"bc"));
    for bad in ["", "zz", &"ab".repeat(31)] {
        assert!(HashKey::from_hex(&bad.to_owned().into()).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_is_a_token_or_makes_the_check_panic(text in ".{0,200}") {
        prop_assert!(house().verify(&text).is_err());
    }

    #[test]
    fn a_token_changed_anywhere_is_refused(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_-]") {
        let house = house();
        let token = house.token();
        let place = place.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(place..=place, &letter);
        prop_assume!(changed != token);
        prop_assert!(house.verify(&changed).is_err());
    }
}
