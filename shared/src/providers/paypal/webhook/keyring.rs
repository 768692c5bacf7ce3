//! Certificates by their addresses: which may be fetched, which were, and which are not worth another try.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use url::Url;

use super::CertUrl;
use super::certificate::Certificate;
use crate::Platform;
use crate::config::{ConfigError, Vars, is_loopback};
use crate::outbound::{Egress, Outbound};

/// Where PayPal's certificates lie.
const FOLDER: &str = "/v1/notifications/certs/";

/// The longest address that is looked at.
const LONGEST_URL: usize = 200;

/// How long fetching may take, and how much is read.
const FETCHING: Duration = Duration::from_secs(5);
const LARGEST: usize = 64 * 1024;

/// How many certificates are kept. PayPal uses one at a time.
const KEPT: usize = 8;

/// How many addresses that led to nothing are remembered, and for how long.
const REMEMBERED: usize = 64;
const FORGIVEN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How many certificates are fetched in a minute: whoever invents addresses is not to keep us busy.
const FETCHES_A_MINUTE: usize = 10;

const EXTRA_ROOT: &str = "PAYPAL_EXTRA_ROOT";

/// The certificates.
pub(super) struct Keyring {
    place: Place,
    outbound: Outbound,
    extra_root: Option<CertificateDer<'static>>,
    kept: Mutex<Kept>,
    /// Held by whoever fetches, so that deliveries that come together fetch once.
    fetching: tokio::sync::Mutex<()>,
    fetches: AtomicU64,
}

/// Where certificates may come from.
enum Place {
    /// These hosts, by https.
    Hosts([&'static str; 2]),
    /// This machine, for the simulator.
    Here(Url),
}

#[derive(Default)]
struct Kept {
    good: Vec<(String, Arc<Certificate>)>,
    bad: Vec<(String, Timestamp)>,
    fetched: Vec<Timestamp>,
}

/// What is known of an address.
pub(super) enum Had {
    /// PayPal's certificate.
    Certificate(Arc<Certificate>),
    /// None that could be had or trusted.
    Nothing,
}

impl Keyring {
    pub(super) fn new(base: &Url, vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let is_here = base.host().is_some_and(|host| is_loopback(&host));
        let host = base.host_str().unwrap_or_default();
        let place = match host {
            _ if is_here => Place::Here(base.clone()),
            "api-m.sandbox.paypal.com" => Place::Hosts(["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"]),
            _ => Place::Hosts(["api.paypal.com", "api-m.paypal.com"]),
        };
        // Not even read where PayPal is not this machine.
        let extra_root = match &place {
            Place::Here(_) => vars.optional(EXTRA_ROOT),
            Place::Hosts(_) => None,
        };
        let extra_root = extra_root.map(|pem| {
            let root = CertificateDer::from_pem_slice(pem.as_bytes());
            root.map_err(|_| ConfigError::invalid(EXTRA_ROOT, "must be a certificate in PEM"))
        });
        let extra_root = extra_root.transpose()?;
        let egress = match &place {
            Place::Here(url) => Egress::to(url),
            Place::Hosts(hosts) => hosts.join(",").parse().unwrap_or_default(),
        };
        Ok(Self {
            place,
            outbound: platform.outbound(egress)?,
            extra_root,
            kept: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            fetches: AtomicU64::default(),
        })
    }

    /// The address, if a certificate of PayPal's may lie there. Nothing is fetched to find out.
    pub(super) fn admit(&self, text: &str) -> Option<CertUrl> {
        let url: Url = Some(text).filter(|text| text.len() <= LONGEST_URL)?.parse().ok()?;
        let name = url.path().strip_prefix(FOLDER)?;
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let is_bare =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        let is_place = match &self.place {
            Place::Hosts(hosts) => {
                let host = url.host_str().unwrap_or_default();
                url.scheme() == "https" && url.port().is_none() && hosts.contains(&host)
            }
            Place::Here(base) => url.origin() == base.origin(),
        };
        // Written in another way than we would write it, it is not how PayPal writes it either.
        (is_name && is_bare && is_place && url.as_str() == text).then_some(CertUrl(url))
    }

    /// The certificate at this address.
    pub(super) async fn get(&self, address: &CertUrl, now: Timestamp) -> Had {
        if let Some(had) = self.kept().find(address, now) {
            return had;
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(had) = self.kept().find(address, now) {
            return had;
        }
        if !self.kept().may_fetch(now) {
            tracing::warn!("Too many certificates are wanted; this one is not fetched");
            return Had::Nothing;
        }
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let certificate = self.fetch(&address.0, now).await;
        self.kept().keep(address, certificate, now)
    }

    pub(super) fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self, url: &Url, now: Timestamp) -> Option<Certificate> {
        let call = self.outbound.get(url).within(FETCHING).read_capped(LARGEST);
        let answer = call
            .send()
            .await
            .ok()
            .filter(|answer| answer.status == StatusCode::OK)?;
        let mut roots: Vec<TrustAnchor<'_>> = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let extra = self.extra_root.as_ref().map(webpki::anchor_from_trusted_cert);
        roots.extend(extra.transpose().ok()?);
        Certificate::read(&answer.body, &roots, now)
    }
}

impl Kept {
    fn find(&mut self, address: &CertUrl, now: Timestamp) -> Option<Had> {
        let address = address.0.as_str();
        self.good.retain(|(_, certificate)| certificate.is_of(now));
        self.bad.retain(|(_, until)| *until > now);
        if let Some((_, certificate)) = self.good.iter().find(|(known, _)| known == address) {
            return Some(Had::Certificate(Arc::clone(certificate)));
        }
        self.bad
            .iter()
            .any(|(known, _)| known == address)
            .then_some(Had::Nothing)
    }

    fn may_fetch(&mut self, now: Timestamp) -> bool {
        let minute_ago = now - SignedDuration::from_mins(1);
        self.fetched.retain(|at| *at > minute_ago && *at <= now);
        let may = self.fetched.len() < FETCHES_A_MINUTE;
        if may {
            self.fetched.push(now);
        }
        may
    }

    fn keep(&mut self, address: &CertUrl, certificate: Option<Certificate>, now: Timestamp) -> Had {
        let address = address.0.as_str().to_owned();
        let Some(certificate) = certificate.map(Arc::new) else {
            tracing::warn!("A certificate that an event names could not be had or is not PayPal's");
            push(&mut self.bad, (address, now + FORGIVEN_AFTER), REMEMBERED);
            return Had::Nothing;
        };
        push(&mut self.good, (address, Arc::clone(&certificate)), KEPT);
        Had::Certificate(certificate)
    }
}

/// Keeps the latest `most`.
fn push<T>(kept: &mut Vec<T>, one: T, most: usize) {
    if kept.len() >= most {
        kept.remove(0);
    }
    kept.push(one);
}
