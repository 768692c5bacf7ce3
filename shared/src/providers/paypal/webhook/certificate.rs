//! PayPal's certificate: who vouches for it, whose it is, and what it has signed.

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};
use x509_parser::parse_x509_certificate;

/// How the name of the certificate begins and ends.
const NAME_BEGINS: &str = "messageverificationcerts";
const NAME_ENDS: &str = ".paypal.com";

/// The longest chain that is looked at.
const LONGEST_CHAIN: usize = 6;

/// A certificate that is PayPal's, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Certificate {
    leaf: CertificateDer<'static>,
    begins: Timestamp,
    ends: Timestamp,
}

impl Certificate {
    /// From a PEM file that holds it first and those that vouch for it behind it; none if it is not PayPal's, or not of `now`.
    pub(super) fn read(pem: &[u8], roots: &[TrustAnchor<'_>], now: Timestamp) -> Option<Self> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .take(LONGEST_CHAIN + 1)
            .collect::<Result<_, _>>()
            .ok()?;
        let (leaf, others) = chain.split_first().filter(|_| chain.len() <= LONGEST_CHAIN)?;
        let seconds = u64::try_from(now.as_second()).ok()?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let entity = EndEntityCert::try_from(leaf).ok()?;
        entity
            .verify_for_usage(
                ALL_VERIFICATION_ALGS,
                roots,
                others,
                time,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .ok()?;
        let (_, parsed) = parse_x509_certificate(leaf).ok()?;
        let mut names = parsed.subject().iter_common_name();
        let name = names.next()?.as_str().ok()?;
        let is_paypals = name.starts_with(NAME_BEGINS) && name.ends_with(NAME_ENDS) && names.next().is_none();
        let validity = parsed.validity();
        is_paypals.then_some(Self {
            begins: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            ends: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            leaf: leaf.clone(),
        })
    }

    /// Whether it is of this time.
    pub(super) fn is_of(&self, now: Timestamp) -> bool {
        (self.begins..=self.ends).contains(&now)
    }

    /// Whether its key has signed `message`: RSA of at least 2048 bits, PKCS#1 v1.5, over SHA-256.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let entity = EndEntityCert::try_from(&self.leaf);
        entity.is_ok_and(|entity| {
            let algorithm = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
            entity.verify_signature(algorithm, message, signature).is_ok()
        })
    }
}
