//! The CDN before the COS bucket, with Tencent's URL authentication of type D.

use jiff::Timestamp;
use md5::{Digest as _, Md5};
use secrecy::ExposeSecret as _;
use url::Url;

use super::LONGEST_LINK;
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::ObjectKey;
use crate::secrets::Key;

const DOMAIN: &str = "CDN_DOMAIN";
const KEY: &str = "CDN_KEY_PARAMETER";

/// The CDN's origin, and the key its links are signed with.
#[derive(Debug, Clone)]
pub(super) struct Cdn {
    origin: Url,
    key: Key,
}

impl Cdn {
    /// Reads `CDN_DOMAIN` and `CDN_KEY_PARAMETER`; blank together they are no CDN.
    pub(super) fn configured(vars: &Vars, platform: &Platform) -> Result<Option<Self>, ConfigError> {
        let (domain, _) = (vars.optional(DOMAIN), vars.optional(KEY));
        let Some(domain) = domain else { return Ok(None) };
        let origin = Url::parse(&format!("https://{domain}/"))
            .ok()
            .filter(|url| url.host_str() == Some(domain.as_str()))
            .ok_or_else(|| ConfigError::invalid(DOMAIN, "must be a host name in lower case"))?;
        let key = platform.secrets.key_as(vars, KEY, |key| {
            let text = key.expose_secret();
            let fits = (6..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
            let wrong = || "must be 6 to 40 letters and digits".to_owned();
            fits.then(|| key.clone()).ok_or_else(wrong)
        })?;
        Ok(Some(Self { origin, key }))
    }

    /// A link that dies at `expires_at`. The CDN adds its own hour to the time in the link, so a link that shall die
    /// earlier says it was made earlier.
    pub(super) async fn link(&self, key: &ObjectKey, expires_at: Timestamp) -> Url {
        let made_at = (expires_at - LONGEST_LINK).as_second();
        let mut url = self.origin.clone();
        url.set_path(key.as_str());
        let signed = format!("{}{}{made_at}", self.key.young().await.expose_secret(), url.path());
        let sign = hex::encode(Md5::digest(signed));
        url.set_query(Some(&format!("sign={sign}&t={made_at}")));
        url
    }
}
