//! Keys that companies take no more.

use std::collections::BTreeSet;
use std::sync::Mutex;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::book::lock;

/// The keys that were revoked.
#[derive(Default)]
pub(super) struct Revoked(Mutex<BTreeSet<String>>);

impl Revoked {
    pub(super) fn add(&self, key: &str) {
        lock(&self.0).insert(key.to_owned());
    }

    /// Whether a request comes with one of them: as it is, or as name and password.
    pub(super) fn has(&self, headers: &HeaderMap) -> bool {
        let credentials = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, key)) = credentials.and_then(|text| text.split_once(' ')) else {
            return false;
        };
        let pair = || String::from_utf8(STANDARD.decode(key.trim()).ok()?).ok();
        let key = match scheme {
            "Basic" => pair().unwrap_or_default(),
            _ => key.trim().to_owned(),
        };
        lock(&self.0).contains(&key)
    }
}
