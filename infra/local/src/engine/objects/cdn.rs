//! The delivery domain: only links of type D work, `/<key>?sign=<md5>&t=<second>`.

use http::{Method, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};

use super::sigv4::pairs;
use crate::engine::spec::CdnSpec;

/// The answer to a link that is forged, altered or past its time.
const REFUSED: StatusCode = StatusCode::FORBIDDEN;

/// Whether this link may be followed now; if not, the status that says so.
pub(super) fn check(cdn: &CdnSpec, method: &Method, uri: &Uri, now: Timestamp) -> Result<(), StatusCode> {
    if !matches!(method.as_str(), "GET" | "HEAD") {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let find = |wanted: &str| pairs(uri).find_map(|(name, value)| (name == wanted).then_some(value));
    let (Some(sign), Some(time)) = (find("sign"), find("t")) else {
        return Err(REFUSED);
    };
    let from = time
        .parse()
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .ok_or(REFUSED)?;
    let ours = hex::encode(Md5::digest(format!("{}{}{time}", cdn.key, uri.path())));
    let life = SignedDuration::try_from(cdn.valid).unwrap_or(SignedDuration::ZERO);
    if ours == sign && now.duration_since(from) <= life {
        Ok(())
    } else {
        Err(REFUSED)
    }
}
