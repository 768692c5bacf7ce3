//! The two interfaces of each store, on the same hosts: S3's, and the company's own, which its own SDK speaks.
//!
//! They differ in their signatures, in how their headers begin, and in a namespace that only S3's XML has. The engine knows
//! S3's alone, so what is said in the other is put into S3's words on the way in and back on the way out.

use http::{HeaderMap, HeaderName, Uri, header};

use super::dialect::Dialect;
use super::sigv4::pairs;

/// The beginning of S3's headers.
const S3_HEADERS: &str = "x-amz-";
/// The beginning of what people may add to an object, behind the interface's own beginning.
const METADATA: &str = "meta-";

/// Which interface a request speaks. Its signature tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    /// Amazon's, as both companies understand it.
    S3,
    /// The company's own.
    Own,
}

/// How a company's own interface is told apart.
#[derive(Debug)]
pub(super) struct Own {
    /// How its headers begin.
    pub(super) headers: &'static str,
    /// How its `Authorization` begins.
    pub(super) authorization: &'static str,
    /// How the parameters of its signed links begin.
    pub(super) parameters: &'static str,
    /// The parameter of a signed link that holds the signature.
    pub(super) signature: &'static str,
}

impl Tongue {
    /// Reads it off the signature; what has none counts as S3's.
    pub(super) fn of(dialect: &Dialect, uri: &Uri, headers: &HeaderMap) -> Self {
        let own = &dialect.own;
        let signed = headers
            .get(header::AUTHORIZATION)
            .is_some_and(|value| value.as_bytes().starts_with(own.authorization.as_bytes()));
        if signed || pairs(uri).any(|(name, _)| name == own.signature) {
            Self::Own
        } else {
            Self::S3
        }
    }

    /// The headers as the engine reads them.
    pub(super) fn inward(self, dialect: &Dialect, headers: &HeaderMap) -> HeaderMap {
        match self {
            Self::S3 => headers.clone(),
            Self::Own => renamed(headers, dialect.own.headers, S3_HEADERS),
        }
    }

    /// The engine's headers as the caller reads them.
    pub(super) fn outward(self, dialect: &Dialect, headers: &HeaderMap) -> HeaderMap {
        match self {
            Self::S3 => headers.clone(),
            Self::Own => renamed(headers, S3_HEADERS, dialect.own.headers),
        }
    }
}

/// Metadata begins differently; all other headers of the first interface are dropped.
fn renamed(headers: &HeaderMap, from: &str, to: &str) -> HeaderMap {
    let rename = |name: &HeaderName| match name.as_str().strip_prefix(from) {
        None => Some(name.clone()),
        Some(rest) if rest.starts_with(METADATA) => HeaderName::try_from(format!("{to}{rest}")).ok(),
        Some(_) => None,
    };
    headers
        .iter()
        .filter_map(|(name, value)| Some((rename(name)?, value.clone())))
        .collect()
}
