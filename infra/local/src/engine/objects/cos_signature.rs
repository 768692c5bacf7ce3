//! Checks the signature of COS's own interface, `q-sign-algorithm=sha1&…`, of headers and of links.

use std::collections::BTreeMap;

use percent_encoding::utf8_percent_encode;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use subtle::ConstantTimeEq as _;

use jiff::Timestamp;

use super::answers::Refusal;
use super::sigv4::{QUERY, SKEW, Signed, Times, decoded};

/// What a signature consists of, by name.
struct Parts(BTreeMap<String, String>);

impl Parts {
    fn of(signed: Signed<'_>) -> Self {
        let authorization = signed.header("authorization");
        if authorization.is_empty() {
            return Self(signed.pairs().filter(|(name, _)| name.starts_with("q-")).collect());
        }
        let pairs = authorization.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn get(&self, name: &str) -> Result<&str, Refusal> {
        self.0.get(name).map(String::as_str).ok_or_else(Refusal::anonymous)
    }
}

/// Finds out whose key signed this, by looking up the secret of the id it names.
pub(super) fn verify(
    signed: Signed<'_>,
    times: Times,
    secret: impl Fn(&str) -> Option<String>,
) -> Result<String, Refusal> {
    let is_link = signed.header("authorization").is_empty();
    let parts = Parts::of(signed);
    if parts.get("q-sign-algorithm")? != "sha1" {
        return Err(Refusal::anonymous());
    }
    let id = parts.get("q-ak")?;
    let secret = secret(id).ok_or_else(Refusal::unknown_key)?;
    let (key_time, sign_time) = (parts.get("q-key-time")?, parts.get("q-sign-time")?);
    let (from, until) = window(sign_time).ok_or_else(Refusal::anonymous)?;

    let hex_of = |key: &str, text: &str| {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        hex::encode(sign(&key, text.as_bytes()))
    };
    let request = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, canonical(signed, &parts)?.as_bytes()));
    let key = hex_of(&secret, key_time);
    let ours = hex_of(&key, &format!("sha1\n{sign_time}\n{request}\n"));
    let same: bool = ours.as_bytes().ct_eq(parts.get("q-signature")?.as_bytes()).into();
    if !same {
        return Err(Refusal::wrong_signature());
    }
    let now = if is_link { times.ours } else { times.real };
    if now > until {
        return Err(Refusal::expired());
    }
    if from.duration_since(now) > SKEW {
        return Err(Refusal::not_yet());
    }
    Ok(id.to_owned())
}

/// The request as it was signed: what the two lists name, each in order.
fn canonical(signed: Signed<'_>, parts: &Parts) -> Result<String, Refusal> {
    let escape = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let listed = |list: &str| -> Vec<String> {
        let names = list.split(';').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    let parameters: BTreeMap<String, String> = signed
        .pairs()
        .map(|(name, value)| (escape(&name).to_lowercase(), escape(&value)))
        .collect();
    let parameters = listed(parts.get("q-url-param-list")?)
        .into_iter()
        .map(|name| {
            let value = parameters.get(&name).ok_or_else(Refusal::wrong_signature)?;
            Ok(format!("{name}={value}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let headers: Vec<_> = listed(parts.get("q-header-list")?)
        .into_iter()
        .map(|name| {
            let value = signed.header(&decoded(&name));
            // COS is on the usual ports, which a host does not name, and its SDK signs the name alone.
            let value = match value.split_once(':') {
                Some((host, _)) if name == "host" => host,
                _ => &value,
            };
            format!("{name}={}", escape(value))
        })
        .collect();
    Ok(format!(
        "{}\n{}\n{}\n{}\n",
        signed.method.as_str().to_lowercase(),
        decoded(signed.uri.path()),
        parameters.join("&"),
        headers.join("&"),
    ))
}

/// `from;until`, in seconds.
fn window(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (from, until) = text.split_once(';')?;
    let second = |text: &str| Timestamp::from_second(text.parse().ok()?).ok();
    Some((second(from)?, second(until)?))
}
