//! One request as the store reads it, and what can be wrong with it in itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::answers::Refusal;
use super::dialect::Dialect;
use super::listing;
use super::operation::Operation;
use super::sigv4::{Signed, decoded, pairs};
use super::tongue::Tongue;
use crate::engine::spec::RoleSpec;

/// What a request is about.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) operation: Operation,
    pub(super) tongue: Tongue,
}

impl Asked {
    /// Reads a request that came to a bucket's own host.
    pub(super) fn read(dialect: &Dialect, bucket: String, request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let key = decoded(parts.uri.path().trim_start_matches('/'));
        let operation = Operation::of(&parts.method, &parts.uri, &parts.headers, !key.is_empty());
        Self {
            tongue: Tongue::of(dialect, &parts.uri, &parts.headers),
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            bucket,
            key,
            operation,
        }
    }

    /// What its signature speaks of; a scope of another region than this does not match.
    pub(super) fn signed<'a>(&'a self, region: Option<&'a str>) -> Signed<'a> {
        Signed {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
            region,
        }
    }

    /// Whether it is signed in its query.
    pub(super) fn is_link(&self, dialect: &Dialect) -> bool {
        pairs(&self.uri).any(|(name, _)| name == "X-Amz-Signature" || name == dialect.own.signature)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Keys are files here: none may climb out of its bucket.
    pub(super) fn check_key(&self, dialect: &Dialect) -> Result<(), Refusal> {
        let climbs = self.key.split('/').any(|part| matches!(part, "." | ".."));
        if climbs || self.key.len() > dialect.longest_key {
            Err(Refusal::bad_key())
        } else {
            Ok(())
        }
    }

    /// Neither company knows chunked signatures and trailers.
    pub(super) fn check_encoding(&self, dialect: &Dialect) -> Result<(), Refusal> {
        let hash = self
            .header("x-amz-content-sha256")
            .filter(|hash| hash.starts_with("STREAMING-"));
        let encoding = self
            .header("content-encoding")
            .filter(|encoding| encoding.contains("aws-chunked"));
        match hash.or(encoding).or_else(|| self.header("x-amz-trailer")) {
            Some(form) => Err(Refusal::chunked(dialect, form)),
            None => Ok(()),
        }
    }

    /// Whether the body is the one that was signed and digested.
    pub(super) fn check_digests(&self, dialect: &Dialect) -> Result<(), Refusal> {
        let hash = self
            .header("x-amz-content-sha256")
            .filter(|hash| *hash != "UNSIGNED-PAYLOAD");
        if hash.is_some_and(|hash| hash != hex::encode(Sha256::digest(&self.body))) {
            return Err(Refusal::wrong_payload_hash());
        }
        match self.header("content-md5") {
            None if self.operation.wants_md5() => Err(Refusal::no_md5(dialect)),
            None => Ok(()),
            Some(text) => match STANDARD.decode(text) {
                Ok(digest) if digest.len() != 16 => Err(Refusal::no_digest()),
                Ok(digest) if digest == Md5::digest(&self.body).as_slice() => Ok(()),
                Ok(_) => Err(Refusal::wrong_md5(dialect)),
                Err(_) => Err(Refusal::no_digest()),
            },
        }
    }

    /// Alters what was sent, after it was found to be whole.
    pub(super) fn damage(&mut self) {
        let mut body = self.body.to_vec();
        if let Some(last) = body.last_mut() {
            *last ^= 1;
        }
        self.body = body.into();
        self.headers.remove("content-md5");
    }

    /// An answer's body as this caller reads it: lists differ, objects do not.
    pub(super) fn rewritten(&self, body: Bytes) -> Result<Bytes, Refusal> {
        if !self.key.is_empty() || body.is_empty() {
            return Ok(body);
        }
        let rewritten = listing::rewritten(&String::from_utf8_lossy(&body), self.tongue);
        rewritten
            .map(Bytes::from)
            .map_err(|error| Refusal::internal(&error.to_string()))
    }

    /// The address that the engine knows: in path style, and without a signature.
    pub(super) fn uri_behind(&self, dialect: &Dialect) -> Result<Uri, Refusal> {
        let query = self.uri.query().unwrap_or_default().split('&');
        let signature = |pair: &str| pair.starts_with("X-Amz-") || pair.starts_with(dialect.own.parameters);
        // The engine takes an empty delimiter for one, which the stores do not.
        let means_nothing = |pair: &str| matches!(pair, "" | "delimiter" | "delimiter=");
        let query: Vec<_> = query.filter(|pair| !means_nothing(pair) && !signature(pair)).collect();
        let uri = format!("/{}{}?{}", self.bucket, self.uri.path(), query.join("&"));
        uri.trim_end_matches('?')
            .parse()
            .map_err(|_| Refusal::internal("not a path that can be passed on"))
    }

    /// Whether this role may do it.
    pub(super) fn is_allowed(&self, role: &RoleSpec) -> bool {
        // Overrides such as response-content-disposition would unmake the forced download.
        let plain = !pairs(&self.uri).any(|(name, _)| name.starts_with("response-"));
        let action = self
            .operation
            .needs
            .is_some_and(|action| role.actions.contains(&action));
        role.bucket == self.bucket && (role.owner || (action && plain))
    }
}
