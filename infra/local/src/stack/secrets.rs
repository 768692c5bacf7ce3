//! What lies in the local parameter store: keys made on this machine, and those of real providers if there are any.

use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use shared::auth::{JwkSet, SigningKey};
use shared::domain::Store;
use shared::{Clock, Entropy};

use crate::engine::ssm::Parameters;
use crate::template::Template;

/// Keys of real providers, from `.env`. A provider with a key is asked instead of its simulator.
#[derive(Clone, Default)]
pub struct RealKeys {
    /// Read from `DEEPSEEK_API_KEY`.
    pub deepseek: Option<String>,
    /// Read from `ARK_API_KEY`.
    pub seedream: Option<String>,
    /// Read from `DASHSCOPE_API_KEY`.
    pub dashscope: Option<String>,
    /// Read from `RESEND_API_KEY`.
    pub resend: Option<String>,
    /// Read from `PAYPAL_CLIENT_ID` and `PAYPAL_CLIENT_SECRET`, which belong together.
    pub paypal: Option<PayPalKeys>,
    /// Read from `MAIL_FROM`: the sender, at a domain that the mail company knows as yours.
    pub mail_from: Option<String>,
}

/// What PayPal knows an app by.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct PayPalKeys {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
}

impl PayPalKeys {
    pub(crate) fn from_parameter(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn in_parameter(&self) -> String {
        let Self {
            client_id,
            client_secret,
        } = self;
        json!({ "client_id": client_id, "client_secret": client_secret }).to_string()
    }
}

impl RealKeys {
    fn of(&self, parameter: &str) -> Option<String> {
        match parameter {
            "deepseek-key" => self.deepseek.clone(),
            "seedream-key" => self.seedream.clone(),
            "dashscope-key" => self.dashscope.clone(),
            "resend-key" => self.resend.clone(),
            "paypal-credentials" => self.paypal.as_ref().map(PayPalKeys::in_parameter),
            _ => None,
        }
    }
}

impl std::fmt::Debug for PayPalKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PayPalKeys(…)")
    }
}

impl std::fmt::Debug for RealKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RealKeys(…)")
    }
}

/// Puts every parameter that a function may read into the store, those that are there already excepted.
pub(crate) fn provide(template: &Template, parameters: &Parameters, entropy: &Entropy, keys: &RealKeys) -> Result<()> {
    let prefix = format!("/vitrine/{}/", template.stage);
    let wanted = template.functions.iter().flat_map(|function| {
        function
            .variables
            .iter()
            .filter(|(name, _)| name.ends_with("_PARAMETER"))
            .map(|(_, parameter)| parameter)
    });
    for name in wanted.filter(|name| !name.is_empty()) {
        let short = name
            .strip_prefix(&prefix)
            .with_context(|| format!("the parameter `{name}` has no name of ours"))?;
        if let Some(key) = keys.of(short) {
            parameters.put(name, &key)?;
        } else if parameters.get(name).is_none() || is_providers(short) {
            make(short, &prefix, parameters, entropy)?;
        }
    }
    for store in [Store::Cos, Store::Oss] {
        let name = owners(&template.stage, store);
        if parameters.get(&name).is_none() {
            make(&format!("{}-owner", store.as_str()), &prefix, parameters, entropy)?;
        }
    }
    Ok(())
}

/// What stands in the parameter store for the key of a company that is simulated.
const SIMULATED: &str = "sk-simulated";
const SIMULATED_RESEND: &str = "re_simulated";
const SIMULATED_PAYPAL: &str = r#"{"client_id":"simulated","client_secret":"simulated"}"#;

/// Whether this is no real company's key.
pub(crate) fn is_simulated(key: &str) -> bool {
    key == SIMULATED || key == SIMULATED_RESEND || key == SIMULATED_PAYPAL
}

/// Where the key pair of a store's owner lies. No function holds it: it is the account's own, with which people tend their
/// buckets.
pub(crate) fn owners(stage: &str, store: Store) -> String {
    format!("/vitrine/{stage}/{}-owner", store.as_str())
}

/// The public keys of deletions' receipts, as the local stack keeps them in its folder.
///
/// # Errors
/// When nothing was ever served there.
pub fn erasure_keys(data: &Path) -> Result<JwkSet> {
    let stored = Parameters::open(Some(data), Clock::system())?;
    let keys = stored.get("/vitrine/local/erasure-keys");
    let keys = keys.with_context(|| format!("no stack has served from `{}` that could have signed", data.display()))?;
    Ok(serde_json::from_str(&keys)?)
}

/// Whether the parameter is a provider's key. One that is no longer in `.env` is not used either.
fn is_providers(short: &str) -> bool {
    matches!(
        short,
        "deepseek-key" | "seedream-key" | "dashscope-key" | "resend-key" | "paypal-credentials"
    )
}

fn make(short: &str, prefix: &str, parameters: &Parameters, entropy: &Entropy) -> Result<()> {
    let put = |short: &str, value: &str| parameters.put(&format!("{prefix}{short}"), value);
    match short {
        "hash-key" => put(short, &entropy.hex::<32>()),
        "token-keys" | "token-signing-key" => {
            let key = SigningKey::generate("local-1", entropy)?;
            put(
                "token-signing-key",
                secrecy::ExposeSecret::expose_secret(&key.to_secret()),
            )?;
            put(
                "token-keys",
                &serde_json::to_string(&JwkSet {
                    keys: vec![key.public().clone()],
                })?,
            )
        }
        "erasure-keys" | "erasure-signing-key" => {
            let key = SigningKey::generate("local-erasure-1", entropy)?;
            put(
                "erasure-signing-key",
                secrecy::ExposeSecret::expose_secret(&key.to_secret()),
            )?;
            put(
                "erasure-keys",
                &serde_json::to_string(&JwkSet {
                    keys: vec![key.public().clone()],
                })?,
            )
        }
        "cos-reader" | "cos-painter" | "cos-eraser" | "cos-sweeper" | "cos-owner" | "oss-reader" | "oss-painter"
        | "oss-eraser" | "oss-sweeper" | "oss-owner" => {
            let id = if short.starts_with("cos") { "AKID" } else { "LTAI" };
            let pair = json!({ "id": format!("{id}{short}"), "secret": entropy.hex::<20>() });
            put(short, &pair.to_string())
        }
        "deepseek-key" | "seedream-key" | "dashscope-key" => put(short, SIMULATED),
        "resend-key" => put(short, SIMULATED_RESEND),
        "paypal-credentials" => put(short, SIMULATED_PAYPAL),
        "resend-webhook-secret" => put(short, &format!("whsec_{}", STANDARD.encode(entropy.bytes::<24>()))),
        "cdn-key" => put(short, &entropy.hex::<16>()),
        unknown => bail!("nobody knows how to make the parameter `{unknown}` for the local stack"),
    }
}
