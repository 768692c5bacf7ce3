//! What stands before the API (`infra/edge.yaml`), and how a request shows that it came through it.
//!
//! CloudFront adds a secret header to whatever it passes on, and the address of whoever asked: API Gateway sees only CloudFront's own.
//! The secret's SHA-256 is configuration and no secret: from it nobody finds 32 random bytes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::kind::Kind;
use super::problem::Problem;
use crate::auth::keyed_hash::constant_time_eq;
use crate::config::{ConfigError, Vars};

/// The header by which the edge is known.
const X_ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-origin-secret");

/// Where CloudFront says who asks: an address, a colon and a port, also after an address with colons of its own.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");

/// The variable that holds the secrets' hashes.
const HASHES: &str = "EDGE_SECRET_SHA256";

/// What stands before the API, if anything does. The host puts it among a request's extensions.
#[derive(Clone, Default)]
pub struct Edge(Arc<[[u8; 32]]>);

impl Edge {
    /// Reads `EDGE_SECRET_SHA256`: the SHA-256 of the edge's secret in hexadecimal, or of two of them with a comma between, while one
    /// follows the other. Without it nothing stands before the API.
    ///
    /// # Errors
    /// When it is something else.
    pub fn configured(vars: &Vars) -> Result<Self, ConfigError> {
        let Some(text) = vars.optional(HASHES) else {
            return Ok(Self::default());
        };
        let hash = |text: &str| hex::decode(text.trim()).ok()?.try_into().ok();
        let hashes: Option<Vec<[u8; 32]>> = text.split(',').map(hash).collect();
        let hashes = hashes.ok_or_else(|| {
            ConfigError::invalid(HASHES, "must be a SHA-256 in hexadecimal, or two with a comma between")
        })?;
        Ok(Self(hashes.into()))
    }

    /// Who asks: whom the edge says it is, if there is an edge, and else `seen`.
    ///
    /// # Errors
    /// When there is an edge and the request did not come through it.
    pub(super) fn asker(&self, headers: &HeaderMap, seen: Option<IpAddr>) -> Result<Option<IpAddr>, Problem> {
        if self.0.is_empty() {
            return Ok(seen);
        }
        let secret = headers.get(X_ORIGIN_SECRET).map_or(&b""[..], |value| value.as_bytes());
        let hash = Sha256::digest(secret);
        // All of them, so that the time does not tell which it was.
        let known = self
            .0
            .iter()
            .filter(|known| constant_time_eq(&known[..], &hash))
            .count();
        if known == 0 {
            let detail = "This service is reached under its own name only, not past what stands before it.";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        let address = headers.get(VIEWER_ADDRESS).and_then(|value| value.to_str().ok());
        let address = address.and_then(|address| address.rsplit_once(':')?.0.parse().ok());
        Ok(address)
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edge({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(value: &str) -> Result<Edge, ConfigError> {
        Edge::configured(&Vars::from_pairs([(HASHES, value)]))
    }

    fn hash(secret: &str) -> String {
        hex::encode(Sha256::digest(secret))
    }

    fn asker(edge: &Edge, headers: &[(&'static str, &str)]) -> Result<Option<IpAddr>, Problem> {
        let pairs = headers.iter();
        let headers = pairs.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        edge.asker(&headers.collect(), Some("192.0.2.1".parse().unwrap()))
    }

    #[test]
    fn without_an_edge_the_gateway_says_who_asks_and_no_header_does() {
        let forged = [("cloudfront-viewer-address", "203.0.113.9:1"), ("x-origin-secret", "x")];
        assert_eq!(
            asker(&edge(" ").unwrap(), &forged).unwrap(),
            Some("192.0.2.1".parse().unwrap())
        );
    }

    #[test]
    fn with_an_edge_it_says_who_asks_and_whoever_goes_past_it_is_refused() {
        let edge = edge(&format!("{},{}", hash("new"), hash("old"))).unwrap();
        for secret in ["new", "old"] {
            for (shown, address) in [
                ("198.51.100.7:51786", Some("198.51.100.7")),
                ("2001:db8:0:0:0:0:17e:7:51786", Some("2001:db8::17e:7")),
                ("unknown", None),
            ] {
                let headers = [("x-origin-secret", secret), ("cloudfront-viewer-address", shown)];
                let expected = address.map(|address| address.parse().unwrap());
                assert_eq!(asker(&edge, &headers).unwrap(), expected, "{shown}");
            }
        }
        for headers in [
            vec![],
            vec![("x-origin-secret", "")],
            vec![("x-origin-secret", "older")],
        ] {
            assert!(asker(&edge, &headers).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_hash_stops_the_start_by_the_variables_name() {
        for value in ["x", "abcd", &format!("{},", hash("new"))] {
            assert_eq!(
                edge(value).unwrap_err().to_string(),
                "the variable EDGE_SECRET_SHA256 must be a SHA-256 in hexadecimal, or two with a comma between"
            );
        }
    }
}
