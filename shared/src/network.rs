//! What both HTTP stacks (AWS's and ours) need to agree on: whom to trust, and where `*.localhost` is.
//!
//! Nothing here reads the system's certificates: parsing them was most of the conventional cold start.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::parse_x509_certificate;

use crate::config::ConfigError;
use crate::wire::Wire;

/// Certificates from a PEM file, trusted beside the built-in ones: a company's proxy, or a test's own authority.
///
/// Checked when made, because the AWS client panics over a file it cannot parse. Those that have expired are left out: neither client
/// would ask a root for its own end, and would trust for ever whom nobody vouches for any more.
#[derive(Clone)]
pub struct CaBundle {
    certificates: Arc<[CertificateDer<'static>]>,
}

impl CaBundle {
    /// Reads the PEM file at `path`, as of `now`; `variable` is named when that does not work.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no certificate, a broken one, or none that has not expired.
    pub fn read(variable: &str, path: &str, now: Timestamp) -> Result<Self, ConfigError> {
        let pem =
            std::fs::read(path).map_err(|_| ConfigError::invalid(variable, "must name a file that can be read"))?;
        Self::parse(variable, &pem, now)
    }

    fn parse(variable: &str, pem: &[u8], now: Timestamp) -> Result<Self, ConfigError> {
        let broken = || ConfigError::invalid(variable, "must name a PEM file of certificates");
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| broken())?;
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|_| broken())?;
        }
        if certificates.is_empty() {
            return Err(broken());
        }
        let (mut good, mut expired, mut last) = (Vec::new(), 0_usize, Timestamp::MIN);
        for certificate in certificates {
            let ends = not_after(&certificate).ok_or_else(broken)?;
            if ends >= now {
                good.push(certificate);
            } else {
                expired += 1;
                last = last.max(ends);
            }
        }
        let last = last.to_zoned(TimeZone::UTC).date();
        if good.is_empty() {
            let problem = format!("names a file whose certificates have all expired, the last on {last}");
            return Err(ConfigError::invalid(variable, problem));
        }
        if expired > 0 {
            tracing::warn!(
                variable,
                expired,
                last = %last,
                "Certificates that have expired are not trusted: {expired} of the file that {variable} names, the last on {last}"
            );
        }
        Ok(Self {
            certificates: good.into(),
        })
    }

    /// Those that are trusted, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificates.iter().map(|certificate| pem(certificate)).collect()
    }
}

/// When a certificate ends; `None` if it cannot be told.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let ends = certificate.validity().not_after.timestamp();
    // The end of time, which some certificates name, is beyond ours.
    Some(Timestamp::from_second(ends).unwrap_or(Timestamp::MAX))
}

/// A certificate as PEM, on one line, which the AWS client takes.
pub(crate) fn pem(certificate: &[u8]) -> String {
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(certificate)
    )
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaBundle({} certificates)", self.certificates.len())
    }
}

/// How requests leave a host: whom it trusts beside the built-in roots, and the wire if one stands in the network's place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    pub(crate) ca_bundle: Option<CaBundle>,
    pub(crate) wire: Option<Arc<dyn Wire>>,
}

/// The public roots, and those of `extra`.
#[must_use]
pub(crate) fn public_roots(extra: Option<&CaBundle>) -> RootCertStore {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(bundle) = extra {
        roots.add_parsable_certificates(bundle.certificates.iter().cloned());
    }
    roots
}

/// The addresses of `host`. `*.localhost` is this machine, whatever the system's resolver thinks: some do not know such
/// names, and virtual-hosted buckets of the local stack need them.
///
/// # Errors
/// When the system's resolver has no address for another name.
pub(crate) async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    if host == "localhost" || host.ends_with(".localhost") {
        return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }
    Ok(tokio::net::lookup_host((host, 0))
        .await?
        .map(|address| address.ip())
        .collect())
}

/// [`resolve`] for reqwest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolver;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let addresses = resolve(name.as_str()).await?;
            let sockets = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(sockets) as reqwest::dns::Addrs)
        })
    }
}

impl aws_smithy_runtime_api::client::dns::ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> aws_smithy_runtime_api::client::dns::DnsFuture<'a> {
        use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDnsError};
        DnsFuture::new(async move { resolve(name).await.map_err(ResolveDnsError::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bucket_of_localhost_is_this_machine() {
        let found = resolve("pictures-1250000000.cos.localhost").await.unwrap();
        assert_eq!(found, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn a_bundle_that_holds_no_certificate_is_refused_by_the_variables_name() {
        for pem in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let error = CaBundle::parse("AWS_CA_BUNDLE", pem.as_bytes(), Timestamp::MIN).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the variable AWS_CA_BUNDLE must name a PEM file of certificates"
            );
        }
    }
}
