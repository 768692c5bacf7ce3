//! Checks AWS Signature Version 4, of headers and of links, by making the signature again.

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, Method, Uri};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::answers::Refusal;
use crate::engine::signature::Authorization;

/// What stays as it is in a canonical path: RFC 3986's unreserved characters, and the slash.
pub(super) const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// The same for names and values of a query, where a slash is escaped.
pub(super) const QUERY: &AsciiSet = &PATH.add(b'/');

/// How far a signer's clock may be off.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(900);

/// The longest life of a signed link.
pub(super) const LONGEST_LIFE: i64 = 604_800;

/// A request as far as its signature speaks of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    /// The region that the scope must name; `None` takes any.
    pub(super) region: Option<&'a str>,
}

/// The two times a signature is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The machine's: AWS's clients sign by it.
    pub(super) real: Timestamp,
    /// Ours: links live and die by it.
    pub(super) ours: Timestamp,
}

impl Signed<'_> {
    fn is_link(self) -> bool {
        self.query("X-Amz-Signature").is_some()
    }

    /// Finds out whose key signed this, by looking up the secret of the id it names.
    pub(super) fn verify(self, times: Times, secret: impl Fn(&str) -> Option<String>) -> Result<String, Refusal> {
        if self.is_link() {
            self.verify_link(times, secret)
        } else {
            self.verify_header(times, secret)
        }
    }

    fn verify_header(self, times: Times, secret: impl Fn(&str) -> Option<String>) -> Result<String, Refusal> {
        let authorization = Authorization::of(self.headers).ok_or_else(Refusal::anonymous)?;
        let secret = secret(authorization.id).ok_or_else(Refusal::unknown_key)?;
        let date = self
            .headers
            .get("x-amz-date")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let signed_at = read_time(date).ok_or_else(Refusal::no_date)?;
        if times.real.duration_since(signed_at).abs() > SKEW {
            return Err(Refusal::skewed());
        }
        let payload = self
            .headers
            .get("x-amz-content-sha256")
            .and_then(|value| value.to_str().ok());
        let payload = payload.ok_or_else(Refusal::no_payload_hash)?;
        let names: Vec<_> = authorization.signed_headers.split(';').collect();
        let unsigned = self
            .headers
            .keys()
            .find(|name| name.as_str().starts_with("x-amz-") && !names.contains(&name.as_str()));
        if let Some(name) = unsigned {
            return Err(Refusal::unsigned_header(name.as_str()));
        }
        self.compare(&authorization, &secret, date, signed_at, payload)?;
        Ok(authorization.id.to_owned())
    }

    fn verify_link(self, times: Times, secret: impl Fn(&str) -> Option<String>) -> Result<String, Refusal> {
        let part = |name| self.query(name).ok_or_else(|| Refusal::bad_link(name));
        let (credential, names) = (part("X-Amz-Credential")?, part("X-Amz-SignedHeaders")?);
        let (date, signature) = (part("X-Amz-Date")?, part("X-Amz-Signature")?);
        let life: i64 = part("X-Amz-Expires")?
            .parse()
            .map_err(|_| Refusal::bad_link("X-Amz-Expires"))?;
        if !(1..=LONGEST_LIFE).contains(&life) {
            return Err(Refusal::bad_link("X-Amz-Expires"));
        }
        let authorization = Authorization::assemble(&credential, &names, &signature)
            .ok_or_else(|| Refusal::bad_link("X-Amz-Credential"))?;
        let secret = secret(authorization.id).ok_or_else(Refusal::unknown_key)?;
        let from = read_time(&date).ok_or_else(|| Refusal::bad_link("X-Amz-Date"))?;
        self.compare(&authorization, &secret, &date, from, "UNSIGNED-PAYLOAD")?;
        if times.ours.duration_since(from) > SignedDuration::from_secs(life) {
            return Err(Refusal::expired());
        }
        if from.duration_since(times.ours) > SKEW {
            return Err(Refusal::not_yet());
        }
        Ok(authorization.id.to_owned())
    }

    fn compare(
        self,
        authorization: &Authorization<'_>,
        secret: &str,
        date: &str,
        signed_at: Timestamp,
        payload: &str,
    ) -> Result<(), Refusal> {
        let mut names = authorization.signed_headers.split(';');
        let is_abroad = self.region.is_some_and(|region| region != authorization.region);
        let is_dated = date.starts_with(authorization.day);
        if is_abroad || authorization.service != "s3" || !is_dated || !names.any(|name| name == "host") {
            return Err(Refusal::wrong_signature());
        }
        let canonical = self.canonical(authorization.signed_headers, payload);
        let scope = format!("{}/{}/s3/aws4_request", authorization.day, authorization.region);
        let digest = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
        let key = generate_signing_key(secret, signed_at.into(), authorization.region, "s3");
        let ours = calculate_signature(key, text.as_bytes());
        let same: bool = ours.as_bytes().ct_eq(authorization.signature.as_bytes()).into();
        if same { Ok(()) } else { Err(Refusal::wrong_signature()) }
    }

    fn canonical(self, signed_headers: &str, payload: &str) -> String {
        let path = utf8_percent_encode(&decoded(self.uri.path()), PATH).to_string();
        let mut query: Vec<_> = self.pairs().filter(|(name, _)| name != "X-Amz-Signature").collect();
        let escape = |text: &str| utf8_percent_encode(text, QUERY).to_string();
        query
            .iter_mut()
            .for_each(|(name, value)| (*name, *value) = (escape(name), escape(value)));
        query.sort();
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers: String = signed_headers
            .split(';')
            .map(|name| format!("{name}:{}\n", self.header(name)))
            .collect();
        let query = query.join("&");
        format!(
            "{}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}",
            self.method
        )
    }

    /// A header's value; of several, all of them, and of none nothing.
    pub(super) fn header(self, name: &str) -> String {
        let values = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values: Vec<_> = values
            .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        values.join(",")
    }

    /// The value of a parameter of the query.
    pub(super) fn query(self, wanted: &str) -> Option<String> {
        self.pairs().find_map(|(name, value)| (name == wanted).then_some(value))
    }

    /// Names and values of the query, with their escapes undone.
    pub(super) fn pairs(self) -> impl Iterator<Item = (String, String)> {
        pairs(self.uri)
    }
}

/// Names and values of a query, with their escapes undone.
pub(super) fn pairs(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    let query = uri.query().unwrap_or_default();
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// `text` with its escapes undone.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A time as all three signatures write it.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}
