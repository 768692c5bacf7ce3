//! How the simulated PayPal signs its events: with a key that an authority of its own vouches for.

use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

/// A key that guards nothing: only this simulator signs with it, and only a stack that runs on one machine trusts it.
/// It lies here because `rcgen` over `ring` makes no RSA keys.
const KEY: &str = include_str!("signer.pem");

/// The name of the certificate, in the form that PayPal's have.
const NAME: &str = "messageverificationcerts.simulated.paypal.com";

/// The years in which all of it is valid.
const YEARS: (i32, i32) = (2000, 2200);

/// The one way of signing.
pub(super) const ALGORITHM: &str = "SHA256withRSA";

/// The signer and who vouches for it, made once a process.
pub(super) struct Signer {
    /// The authority's certificate.
    pub(super) root: String,
    /// What lies at the address of the certificate.
    pub(super) chain: String,
    key: RsaKeyPair,
}

/// The one signer.
pub(super) fn get() -> Result<&'static Signer> {
    static MADE: OnceLock<Signer> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let made = Signer::make().context("could not make the certificates of the simulated PayPal")?;
    Ok(MADE.get_or_init(|| made))
}

impl Signer {
    fn make() -> Result<Self> {
        let authority = KeyPair::generate()?;
        let mut params = named("Vitrine's simulated authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&authority)?.pem();
        let subject = KeyPair::from_pem_and_sign_algo(KEY, &rcgen::PKCS_RSA_SHA256)?;
        let chain = named(NAME)?.signed_by(&subject, &Issuer::from_params(&params, &authority))?;
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes())?;
        let key = RsaKeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()).map_err(|error| anyhow!("the key: {error}"))?;
        Ok(Self {
            root,
            chain: chain.pem(),
            key,
        })
    }

    /// The signature over what a delivery is known by, in base64.
    pub(super) fn sign(&self, id: &str, time: &str, webhook: &str, body: &[u8]) -> Result<String> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed(id, time, webhook, body).as_bytes(),
                &mut signature,
            )
            .map_err(|_| anyhow!("the key signs nothing"))?;
        Ok(STANDARD.encode(signature))
    }

    /// Whether it has signed this.
    pub(super) fn has_signed(&self, id: &str, time: &str, webhook: &str, body: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else {
            return false;
        };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public())
            .verify(signed(id, time, webhook, body).as_bytes(), &signature)
            .is_ok()
    }
}

fn signed(id: &str, time: &str, webhook: &str, body: &[u8]) -> String {
    format!("{id}|{time}|{webhook}|{}", crc32fast::hash(body))
}

fn named(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(YEARS.0, 1, 1);
    params.not_after = date_time_ymd(YEARS.1, 1, 1);
    Ok(params)
}
