//! PayPal's events are known by their signature and by nothing else.

mod events;
mod signing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use http::HeaderMap;
use jiff::SignedDuration;
use proptest::prelude::*;
use rcgen::KeyPair;
use serde_json::json;
use shared::providers::paypal::webhook::{Event, WebhookError, Webhooks};

use crate::server::{Reply, Server};
use crate::{platform_with, vars};
use signing::{Authority, BODY, Delivery, OTHER, RIGHT, SIGNER, WEBHOOK, Wanted, leaf, now, rsa};

const CREDENTIALS: &str = r#"{"client_id":"id","client_secret":"s"}"#;

fn webhooks_at(url: &str, root: &str, verification: &str, id: &str) -> Result<Webhooks, String> {
    let vars = vars(
        &[
            ("PAYPAL_URL", url),
            ("PAYPAL_CREDENTIALS_PARAMETER", "/c"),
            ("PAYPAL_WEBHOOK_ID", id),
        ],
        &[
            ("PAYPAL_WEBHOOK_VERIFICATION", verification),
            ("PAYPAL_EXTRA_ROOT", root),
        ],
    );
    Webhooks::configured(&vars, &platform_with(&[("/c", CREDENTIALS)])).map_err(|error| error.to_string())
}

fn webhooks(server: &Server, authority: &Authority) -> Webhooks {
    webhooks_at(&server.origin(), &authority.pem, "offline", WEBHOOK).unwrap()
}

fn file(pem: &str) -> Reply {
    Reply::new(200, &[("content-type", "text/plain")], pem.as_bytes())
}

/// PayPal as it ought to be: a certificate that the authority vouches for.
fn paypal() -> (Server, Authority, Webhooks) {
    let authority = Authority::new();
    let server = Server::playing([file(&authority.vouches(&rsa(SIGNER), &RIGHT))]);
    let webhooks = webhooks(&server, &authority);
    (server, authority, webhooks)
}

#[tokio::test]
async fn what_paypal_signed_is_an_event_that_names_its_order_and_one_fetch_is_enough_for_all() {
    let (server, _, webhooks) = paypal();
    let delivery = Delivery::of(&server);
    for outcome in join_all([(); 5].map(|()| delivery.to(&webhooks))).await {
        let event = outcome.unwrap();
        assert_eq!(event.id(), "WH-1");
        let hint = event.hint().unwrap();
        assert_eq!(hint.order.unwrap().to_string(), "ord_01kb0v1cqhe8svdnq7tqw8vz6n");
        assert_eq!(hint.capture.as_ref().unwrap().as_str(), "3C679366HH908993F");
    }
    assert_eq!((webhooks.fetches(), server.requests().len()), (1, 1));
    assert_eq!(server.requests()[0].line, "GET /v1/notifications/certs/CERT-1 HTTP/1.1");
}

/// The text with one bit of one byte flipped.
fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[tokio::test]
async fn no_bit_of_any_signed_part_may_be_another() {
    let (server, authority, webhooks) = paypal();
    let right = Delivery::of(&server);
    right.to(&webhooks).await.unwrap();
    let mut tried = 0;
    let mut all = Vec::new();
    for bit in 0..right.signature.len() * 8 {
        all.push(Delivery {
            signature: flipped(&right.signature, bit),
            ..right.clone()
        });
    }
    for bit in 0..right.body.len() * 8 {
        all.push(Delivery {
            body: flipped(&right.body, bit),
            ..right.clone()
        });
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for bit in 0..right.id.len() * 8 {
        all.push(Delivery {
            id: text(&flipped(right.id.as_bytes(), bit)),
            ..right.clone()
        });
    }
    for bit in 0..right.time.len() * 8 {
        all.push(Delivery {
            time: text(&flipped(right.time.as_bytes(), bit)),
            ..right.clone()
        });
    }
    for delivery in all {
        assert!(delivery.to(&webhooks).await.is_err(), "{:?}", delivery.headers());
        tried += 1;
    }
    assert!(tried > 3_000);
    // The webhook's own name is signed too, and is not in the request.
    for bit in 0..WEBHOOK.len() * 8 {
        let id = text(&flipped(WEBHOOK.as_bytes(), bit));
        if id.trim() != id {
            continue;
        }
        let server = Server::playing([file(&authority.vouches(&rsa(SIGNER), &RIGHT))]);
        let webhooks = webhooks_at(&server.origin(), &authority.pem, "offline", &id).unwrap();
        let refused = Delivery::of(&server).to(&webhooks).await.unwrap_err();
        assert_eq!(refused, WebhookError::Forged, "{id}");
    }
}

#[tokio::test]
async fn a_certificate_that_lies_elsewhere_is_not_even_fetched() {
    let (server, authority, webhooks) = paypal();
    let (origin, port) = (server.origin(), server.port());
    let live = webhooks_at("https://api-m.paypal.com", "", "offline", WEBHOOK).unwrap();
    let sandbox = webhooks_at("https://api-m.sandbox.paypal.com", "", "offline", WEBHOOK).unwrap();
    let other_port = Server::playing([file(&authority.vouches(&rsa(SIGNER), &RIGHT))]);
    for (asked, urls) in [
        (
            &webhooks,
            vec![
                format!("{origin}/v1/notifications/certs/"),
                format!("{origin}/v1/notifications/certs/a/b"),
                format!("{origin}/v1/notifications/certs/../CERT-1"),
                format!("{origin}/v1/notifications/certs/%2e%2e"),
                format!("{origin}/v1/notifications/certs/CERT-1?x=1"),
                format!("{origin}/v1/notifications/certs/CERT-1#x"),
                format!("{origin}/v1/other/CERT-1"),
                format!("http://u@127.0.0.1:{port}/v1/notifications/certs/CERT-1"),
                format!("https://127.0.0.1:{port}/v1/notifications/certs/CERT-1"),
                format!("http://localhost:{port}/v1/notifications/certs/CERT-1"),
                format!("{}/v1/notifications/certs/CERT-1", other_port.origin()),
                format!("{origin}/v1/notifications/certs/{}", "A".repeat(300)),
                "nonsense".to_owned(),
            ],
        ),
        (
            &live,
            [
                "http://api.paypal.com/v1/notifications/certs/CERT-1",
                "https://api.paypal.com:443/v1/notifications/certs/CERT-1",
                "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
                "https://API.paypal.com/v1/notifications/certs/CERT-1",
                "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
                "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
                "https://evil.example/v1/notifications/certs/CERT-1",
                "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        (
            &sandbox,
            vec!["https://api.paypal.com/v1/notifications/certs/CERT-1".to_owned()],
        ),
    ] {
        for cert_url in urls {
            let delivery = Delivery {
                cert_url: cert_url.clone(),
                ..Delivery::of(&server)
            };
            assert!(delivery.to(asked).await.is_err(), "{cert_url}");
            assert_eq!(asked.fetches(), 0, "{cert_url}");
        }
    }
    assert_eq!((server.connections(), other_port.connections()), (0, 0));
}

/// What an event with this file in the certificate's place is taken for.
async fn with_certificate(authority: &Authority, reply: Reply) -> Result<Event, WebhookError> {
    let server = Server::playing([reply]);
    let outcome = Delivery::of(&server).to(&webhooks(&server, authority)).await;
    assert_eq!(server.requests().len(), 1, "it was fetched once");
    outcome
}

#[tokio::test]
async fn a_certificate_that_is_not_paypals_or_not_of_today_is_worth_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let signer = rsa(SIGNER);
    let right = authority.vouches(&signer, &RIGHT);
    assert!(with_certificate(&authority, file(&right)).await.is_ok());
    let named = |name| authority.vouches(&signer, &Wanted { name, ..RIGHT });
    let endless = "x".repeat(10 << 20);
    for (what, reply) in [
        (
            "expired",
            file(&authority.vouches(&signer, &Wanted { until: 2026, ..RIGHT })),
        ),
        (
            "not yet",
            file(&authority.vouches(&signer, &Wanted { from: 2027, ..RIGHT })),
        ),
        ("self-signed", file(&leaf(&RIGHT).self_signed(&signer).unwrap().pem())),
        ("another authority's", file(&stranger.vouches(&signer, &RIGHT))),
        (
            "another authority's, with its root",
            file(&format!("{}{}", stranger.vouches(&signer, &RIGHT), stranger.pem)),
        ),
        ("another name", file(&named("www.paypal.com"))),
        (
            "a name that only ends well",
            file(&named("evil.messageverificationcerts.paypal.com")),
        ),
        (
            "a name that only begins well",
            file(&named("messageverificationcerts.paypal.com.evil.example")),
        ),
        ("an authority itself", file(&authority.pem)),
        ("no certificate", file("hello")),
        ("nothing", file("")),
        ("a broken one", file(&right.replacen("MII", "MIJ", 1))),
        (
            "a redirect",
            Reply::new(302, &[("location", "/v1/notifications/certs/CERT-2")], b""),
        ),
        ("an error", Reply::new(500, &[], right.as_bytes())),
        ("ten megabytes", file(&endless)),
        ("more than anybody needs", file(&right.repeat(40))),
    ] {
        let refused = with_certificate(&authority, reply).await.unwrap_err();
        assert_eq!(refused, WebhookError::Undecided, "{what}");
    }
    // And one that is PayPal's, of a key that did not sign.
    let others = authority.vouches(&rsa(OTHER), &RIGHT);
    assert_eq!(
        with_certificate(&authority, file(&others)).await.unwrap_err(),
        WebhookError::Forged
    );
    let elliptic = authority.vouches(&KeyPair::generate().unwrap(), &RIGHT);
    assert_eq!(
        with_certificate(&authority, file(&elliptic)).await.unwrap_err(),
        WebhookError::Forged
    );
}

#[tokio::test]
async fn what_led_to_nothing_is_not_asked_again_for_five_minutes_and_invented_addresses_run_dry() {
    let authority = Authority::new();
    let nothing = || Reply::new(404, &[], b"");
    let replies = (0..40).map(|_| nothing());
    let server = Server::playing(replies);
    let webhooks = webhooks(&server, &authority);
    let delivery = Delivery::of(&server);
    for _ in 0..3 {
        delivery.to(&webhooks).await.unwrap_err();
    }
    assert_eq!(webhooks.fetches(), 1);
    let later = now() + SignedDuration::from_mins(6);
    webhooks
        .verify(&delivery.headers(), &delivery.body, later)
        .await
        .unwrap_err();
    assert_eq!(webhooks.fetches(), 2);
    for number in 0..30 {
        let cert_url = format!("{}/v1/notifications/certs/INVENTED-{number}", server.origin());
        let invented = Delivery {
            cert_url,
            ..delivery.clone()
        };
        webhooks
            .verify(&invented.headers(), &invented.body, later)
            .await
            .unwrap_err();
    }
    assert_eq!(webhooks.fetches(), 11, "ten a minute");
}

#[tokio::test]
async fn a_certificate_that_is_kept_is_not_good_beyond_its_end() {
    let (server, _, webhooks) = paypal();
    let delivery = Delivery::of(&server);
    delivery.to(&webhooks).await.unwrap();
    let late = Delivery {
        time: "2041-01-01T00:00:00Z".to_owned(),
        ..delivery
    };
    let then = "2041-01-01T00:00:00Z".parse().unwrap();
    assert!(webhooks.verify(&late.headers(), &late.body, then).await.is_err());
    assert_eq!(webhooks.fetches(), 2, "it is not the kept one that is asked");
}

#[tokio::test]
async fn a_delivery_is_of_this_time_and_its_headers_are_there_once() {
    let (server, _, webhooks) = paypal();
    let delivery = Delivery::of(&server);
    for (time, refused) in [
        ("2026-11-22T09:05:00Z", WebhookError::Forged),
        ("2026-11-22T09:05:01Z", WebhookError::Stale),
        ("2026-11-18T09:00:00Z", WebhookError::Forged),
        ("2026-11-18T08:59:59Z", WebhookError::Stale),
        ("yesterday", WebhookError::Unsigned),
    ] {
        let other = Delivery {
            time: time.to_owned(),
            ..delivery.clone()
        };
        assert_eq!(other.to(&webhooks).await.unwrap_err(), refused, "{time}");
    }
    for name in delivery.headers().keys() {
        let (mut less, mut more) = (delivery.headers(), delivery.headers());
        less.remove(name);
        more.append(name, more[name].clone());
        for headers in [less, more] {
            let refused = webhooks.verify(&headers, BODY, now()).await.unwrap_err();
            assert_eq!(refused, WebhookError::Unsigned, "{name}");
        }
    }
    let algorithm = "SHA1withRSA".to_owned();
    let weak = Delivery { algorithm, ..delivery };
    assert_eq!(weak.to(&webhooks).await.unwrap_err(), WebhookError::Unsigned);
}

#[tokio::test]
async fn paypal_is_asked_about_what_cannot_be_decided_here_and_about_nothing_else() {
    let authority = Authority::new();
    let token = || Reply::json(200, r#"{"access_token":"A21","expires_in":31668}"#);
    let said = |status: &str| Reply::json(200, &json!({ "verification_status": status }).to_string());
    let asking =
        |server: &Server| webhooks_at(&server.origin(), &authority.pem, "offline-then-postback", WEBHOOK).unwrap();
    for (answer, outcome) in [
        (said("SUCCESS"), Ok(())),
        (said("FAILURE"), Err(WebhookError::Forged)),
        (Reply::new(503, &[], b"{}"), Err(WebhookError::Undecided)),
    ] {
        let server = Server::playing([Reply::new(404, &[], b""), token(), answer]);
        let delivery = Delivery::of(&server);
        assert_eq!(delivery.to(&asking(&server)).await.map(drop), outcome);
        let question = &server.requests()[2];
        assert_eq!(
            question.line,
            "POST /v1/notifications/verify-webhook-signature HTTP/1.1"
        );
        let text = String::from_utf8(question.body.clone()).unwrap();
        assert!(
            text.contains(std::str::from_utf8(BODY).unwrap()),
            "the event is spliced in as it came"
        );
        assert_eq!(question.json()["webhook_id"], WEBHOOK);
        assert_eq!(
            question.json()["transmission_sig"],
            STANDARD.encode(&delivery.signature)
        );
    }
    // A certificate that is there and did not sign this needs no second opinion.
    let server = Server::playing([file(&authority.vouches(&rsa(OTHER), &RIGHT))]);
    assert_eq!(
        Delivery::of(&server).to(&asking(&server)).await.unwrap_err(),
        WebhookError::Forged
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_root_of_ones_own_is_for_loopback_alone() {
    let authority = Authority::new();
    for (url, root, verification, said) in [
        ("http://127.0.0.1:8001", authority.pem.as_str(), "offline", None),
        ("https://api-m.paypal.com", "", "offline", None),
        // Elsewhere it is not even looked at, so it can be no certificate at all.
        ("https://api-m.paypal.com", "hello", "offline", None),
        ("http://127.0.0.1:8001", "hello", "offline", Some("PAYPAL_EXTRA_ROOT")),
        (
            "https://api-m.paypal.com",
            "",
            "never",
            Some("PAYPAL_WEBHOOK_VERIFICATION"),
        ),
        ("https://evil.example", "", "offline", Some("PAYPAL_URL")),
    ] {
        let refused = webhooks_at(url, root, verification, WEBHOOK).err();
        match said {
            None => assert_eq!(refused, None, "{url}"),
            Some(variable) => assert!(refused.unwrap().contains(variable), "{url}"),
        }
    }
}

proptest! {
    #[test]
    fn no_headers_make_verifying_panic(values in prop::collection::vec("\\PC{0,40}", 5), body in prop::collection::vec(any::<u8>(), 0..80)) {
        let webhooks = webhooks_at("https://api-m.paypal.com", "", "offline", WEBHOOK).unwrap();
        let names = ["paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url", "paypal-auth-algo"];
        let mut headers = HeaderMap::new();
        for (name, value) in names.into_iter().zip(values) {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert!(runtime.block_on(webhooks.verify(&headers, &body, now())).is_err());
    }
}
