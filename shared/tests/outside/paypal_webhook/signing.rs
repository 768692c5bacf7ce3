//! Signing as PayPal does, with an authority of the tests' own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use shared::providers::paypal::webhook::{Event, WebhookError, Webhooks};

use crate::server::Server;

pub(super) const SIGNER: &str = include_str!("keys/signer.pem");
pub(super) const OTHER: &str = include_str!("keys/other.pem");
pub(super) const NAME: &str = "messageverificationcerts.simulated.paypal.com";
pub(super) const WEBHOOK: &str = "WH-LOCAL";
pub(super) const BODY: &[u8] = br#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"3C679366HH908993F","custom_id":"ord_01kb0v1cqhe8svdnq7tqw8vz6n"}}"#;

pub(super) fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// Who vouches for certificates.
pub(super) struct Authority {
    key: KeyPair,
    params: CertificateParams,
    pub(super) pem: String,
}

/// What a certificate is to say.
pub(super) struct Wanted {
    pub(super) name: &'static str,
    pub(super) from: i32,
    pub(super) until: i32,
}

pub(super) const RIGHT: Wanted = Wanted {
    name: NAME,
    from: 2020,
    until: 2040,
};

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "An authority for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { key, params, pem }
    }

    /// A certificate for the key.
    pub(super) fn vouches(&self, key: &KeyPair, wanted: &Wanted) -> String {
        let issuer = Issuer::from_params(&self.params, &self.key);
        leaf(wanted).signed_by(key, &issuer).unwrap().pem()
    }
}

pub(super) fn leaf(wanted: &Wanted) -> CertificateParams {
    let mut params = CertificateParams::new(vec![wanted.name.to_owned()]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, wanted.name);
    params.not_before = date_time_ymd(wanted.from, 1, 1);
    params.not_after = date_time_ymd(wanted.until, 1, 1);
    params
}

pub(super) fn rsa(pem: &str) -> KeyPair {
    KeyPair::from_pem_and_sign_algo(pem, &rcgen::PKCS_RSA_SHA256).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(lines).unwrap()
}

/// A delivery as PayPal makes it.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) time: String,
    pub(super) signature: Vec<u8>,
    pub(super) cert_url: String,
    pub(super) algorithm: String,
    pub(super) body: Vec<u8>,
}

impl Delivery {
    pub(super) fn signed_with(key: &str, origin: &str, body: &[u8]) -> Self {
        let (id, time) = ("69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2026-11-22T08:59:58Z");
        let message = format!("{id}|{time}|{WEBHOOK}|{}", crc32fast::hash(body));
        let key = RsaKeyPair::from_pkcs8(&der(key)).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        Self {
            id: id.to_owned(),
            time: time.to_owned(),
            signature,
            cert_url: format!("{origin}/v1/notifications/certs/CERT-1"),
            algorithm: "SHA256withRSA".to_owned(),
            body: body.to_vec(),
        }
    }

    pub(super) fn of(server: &Server) -> Self {
        Self::signed_with(SIGNER, &server.origin(), BODY)
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("paypal-transmission-id", self.id.clone()),
            ("paypal-transmission-time", self.time.clone()),
            ("paypal-transmission-sig", STANDARD.encode(&self.signature)),
            ("paypal-cert-url", self.cert_url.clone()),
            ("paypal-auth-algo", self.algorithm.clone()),
        ] {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        headers
    }

    pub(super) async fn to(&self, webhooks: &Webhooks) -> Result<Event, WebhookError> {
        webhooks.verify(&self.headers(), &self.body, now()).await
    }
}
