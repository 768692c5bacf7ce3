//! The delivery domain: only links of type D work, `/<key>?sign=<md5>&t=<second>`.

use http::{Method, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};

use super::answers::{Answer, plain};
use super::sigv4::pairs;
use crate::engine::spec::CdnSpec;

/// Whether this link may be followed now; if not, what to answer.
pub(super) fn check(cdn: &CdnSpec, method: &Method, uri: &Uri, now: Timestamp) -> Result<(), Answer> {
    let refuse = || plain(StatusCode::FORBIDDEN, "");
    if !matches!(method.as_str(), "GET" | "HEAD") {
        return Err(plain(StatusCode::METHOD_NOT_ALLOWED, ""));
    }
    let find = |wanted: &str| pairs(uri).find_map(|(name, value)| (name == wanted).then_some(value));
    let (Some(sign), Some(time)) = (find("sign"), find("t")) else {
        return Err(refuse());
    };
    let from = time
        .parse()
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .ok_or_else(refuse)?;
    let ours = hex::encode(Md5::digest(format!("{}{}{time}", cdn.key, uri.path())));
    let life = SignedDuration::try_from(cdn.valid).unwrap_or(SignedDuration::ZERO);
    if ours == sign && now.duration_since(from) <= life {
        Ok(())
    } else {
        Err(refuse())
    }
}
