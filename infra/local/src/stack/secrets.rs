//! What lies in the local parameter store: keys made on this machine, and those of real providers if there are any.

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::Entropy;
use shared::auth::{JwkSet, SigningKey};
use shared::domain::Store;

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
    /// Read from `MAIL_FROM`: the sender, at a domain that the mail company knows as yours.
    pub mail_from: Option<String>,
}

impl RealKeys {
    fn of(&self, parameter: &str) -> Option<&str> {
        match parameter {
            "deepseek-key" => self.deepseek.as_deref(),
            "seedream-key" => self.seedream.as_deref(),
            "dashscope-key" => self.dashscope.as_deref(),
            "resend-key" => self.resend.as_deref(),
            _ => None,
        }
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
            parameters.put(name, key)?;
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

/// Whether this is no real company's key.
pub(crate) fn is_simulated(key: &str) -> bool {
    key == SIMULATED || key == SIMULATED_RESEND
}

/// Where the key pair of a store's owner lies. No function holds it: it is the account's own, with which people tend their
/// buckets.
pub(crate) fn owners(stage: &str, store: Store) -> String {
    format!("/vitrine/{stage}/{}-owner", store.as_str())
}

/// Whether the parameter is a provider's key. One that is no longer in `.env` is not used either.
fn is_providers(short: &str) -> bool {
    matches!(short, "deepseek-key" | "seedream-key" | "dashscope-key" | "resend-key")
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
        "cos-reader" | "cos-painter" | "cos-eraser" | "cos-sweeper" | "cos-owner" | "oss-reader" | "oss-painter"
        | "oss-eraser" | "oss-sweeper" | "oss-owner" => {
            let id = if short.starts_with("cos") { "AKID" } else { "LTAI" };
            let pair = serde_json::json!({ "id": format!("{id}{short}"), "secret": entropy.hex::<20>() });
            put(short, &pair.to_string())
        }
        "deepseek-key" | "seedream-key" | "dashscope-key" => put(short, SIMULATED),
        "resend-key" => put(short, SIMULATED_RESEND),
        "resend-webhook-secret" => put(short, &format!("whsec_{}", STANDARD.encode(entropy.bytes::<24>()))),
        "cdn-key" => put(short, &entropy.hex::<16>()),
        unknown => bail!("nobody knows how to make the parameter `{unknown}` for the local stack"),
    }
}
