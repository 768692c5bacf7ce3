//! Checks the signature of OSS's own interface, version 4, `OSS4-HMAC-SHA256`, of headers and of links.

use jiff::SignedDuration;
use percent_encoding::utf8_percent_encode;
use ring::hmac::{HMAC_SHA256, Key, Tag, sign};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::answers::Refusal;
use super::sigv4::{LONGEST_LIFE, PATH, SKEW, Signed, Times, decoded, read_time};

const ALGORITHM: &str = "OSS4-HMAC-SHA256";

/// What a signature consists of.
struct Parts {
    id: String,
    day: String,
    region: String,
    product: String,
    additional: String,
    signature: String,
    date: String,
    /// How long a link lives; signed headers have no life.
    life: Option<SignedDuration>,
}

impl Parts {
    fn of(signed: Signed<'_>) -> Result<Self, Refusal> {
        let authorization = signed.header("authorization");
        let link = |name: &'static str| signed.query(name).ok_or_else(|| Refusal::bad_link(name));
        let (credential, additional, signature, date, life) = match authorization.strip_prefix(ALGORITHM) {
            Some(rest) => {
                let field = |name: &str| {
                    let found = rest
                        .split(',')
                        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
                    found.map(str::to_owned)
                };
                let whole = field("Credential").zip(field("Signature"));
                let (credential, signature) = whole.ok_or_else(Refusal::anonymous)?;
                let date = signed.header("x-oss-date");
                (credential, field("AdditionalHeaders"), signature, date, None)
            }
            None => {
                let life = link("x-oss-expires")?.parse().ok();
                let life = life.filter(|life| (1..=LONGEST_LIFE).contains(life));
                let life = life.ok_or_else(|| Refusal::bad_link("x-oss-expires"))?;
                (
                    link("x-oss-credential")?,
                    signed.query("x-oss-additional-headers"),
                    link("x-oss-signature")?,
                    link("x-oss-date")?,
                    Some(SignedDuration::from_secs(life)),
                )
            }
        };
        let scope: Vec<&str> = credential.rsplitn(5, '/').collect();
        let [end, product, region, day, id] = scope[..] else {
            return Err(Refusal::anonymous());
        };
        if end != "aliyun_v4_request" {
            return Err(Refusal::anonymous());
        }
        Ok(Self {
            id: id.to_owned(),
            day: day.to_owned(),
            region: region.to_owned(),
            product: product.to_owned(),
            additional: additional.unwrap_or_default(),
            signature,
            date,
            life,
        })
    }

    /// What this request's signature must be.
    fn expected(&self, signed: Signed<'_>, bucket: &str, secret: &str) -> String {
        let scope = format!("{}/{}/{}/aliyun_v4_request", self.day, self.region, self.product);
        let request = hex::encode(Sha256::digest(self.canonical(signed, bucket)));
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{request}", self.date);
        let keyed = |key: &[u8], text: &str| -> Tag { sign(&Key::new(HMAC_SHA256, key), text.as_bytes()) };
        let first = keyed(format!("aliyun_v4{secret}").as_bytes(), &self.day);
        let steps = [&self.region, &self.product, "aliyun_v4_request", &text];
        let last = steps.into_iter().fold(first, |key, step| keyed(key.as_ref(), step));
        hex::encode(last)
    }

    /// The request as it was signed.
    fn canonical(&self, signed: Signed<'_>, bucket: &str) -> String {
        let path = format!("/{bucket}{}", decoded(signed.uri.path()));
        // In the escapes that were sent: the signer saw no others.
        let mut query: Vec<&str> = signed.uri.query().unwrap_or_default().split('&').collect();
        query.retain(|pair| !pair.is_empty() && !pair.starts_with("x-oss-signature="));
        let mut query: Vec<_> = query.into_iter().map(|pair| pair.trim_end_matches('=')).collect();
        query.sort_unstable();
        let mut names: Vec<&str> = signed.headers.keys().map(http::HeaderName::as_str).collect();
        names.retain(|name| self.is_signed(name));
        names.sort_unstable();
        let headers: String = names
            .iter()
            .map(|name| format!("{name}:{}\n", signed.header(name)))
            .collect();
        let payload = match signed.header("x-oss-content-sha256") {
            none if none.is_empty() => "UNSIGNED-PAYLOAD".to_owned(),
            payload => payload,
        };
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload}",
            signed.method,
            utf8_percent_encode(&path, PATH),
            query.join("&"),
            self.additional,
        )
    }

    fn is_signed(&self, name: &str) -> bool {
        let always = name.starts_with("x-oss-") || matches!(name, "content-type" | "content-md5");
        always || self.additional.split(';').any(|additional| additional == name)
    }
}

/// Finds out whose key signed this, by looking up the secret of the id it names.
pub(super) fn verify(
    signed: Signed<'_>,
    bucket: &str,
    times: Times,
    secret: impl Fn(&str) -> Option<String>,
) -> Result<String, Refusal> {
    let parts = Parts::of(signed)?;
    let secret = secret(&parts.id).ok_or_else(Refusal::unknown_key)?;
    let from = read_time(&parts.date).ok_or_else(Refusal::no_date)?;
    if parts.life.is_none() && times.real.duration_since(from).abs() > SKEW {
        return Err(Refusal::skewed());
    }
    let is_abroad = signed.region.is_some_and(|region| region != parts.region);
    let is_dated = parts.date.starts_with(&parts.day);
    let ours = parts.expected(signed, bucket, &secret);
    let same: bool = ours.as_bytes().ct_eq(parts.signature.as_bytes()).into();
    if is_abroad || !is_dated || parts.product != "oss" || !same {
        return Err(Refusal::wrong_signature());
    }
    if let Some(life) = parts.life {
        if times.ours.duration_since(from) > life {
            return Err(Refusal::expired());
        }
        if from.duration_since(times.ours) > SKEW {
            return Err(Refusal::not_yet());
        }
    }
    Ok(parts.id)
}
