//! The cryptography that `jsonwebtoken` asks for, over `ring`: Ed25519 and nothing else.
//!
//! Whatever another algorithm would need is refused here as well, so that no header of a token can talk us into one.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
};

/// Makes `jsonwebtoken` use this module. Once is enough, more often does no harm.
pub(super) fn install() {
    // The error says that a provider is there already; nothing in the workspace installs another one.
    let _ = PROVIDER.install_default();
}

struct Ring<K>(K);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    match Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes()) {
        Ok(pair) => Ok(Box::new(Ring(pair))),
        Err(_) => Err(ErrorKind::InvalidKeyFormat.into()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let public = key.try_get_as_bytes()?.to_vec();
    Ok(Box::new(Ring(UnparsedPublicKey::new(&ED25519, public))))
}

impl Signer<Vec<u8>> for Ring<Ed25519KeyPair> {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Ring<Ed25519KeyPair> {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Verifier<Vec<u8>> for Ring<UnparsedPublicKey<Vec<u8>>> {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        self.0.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ring<UnparsedPublicKey<Vec<u8>>> {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
