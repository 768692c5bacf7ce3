//! The key pairs of those who own the buckets. No function holds one: locally they lie beside the functions' own, for a deployed stage
//! they stand in the operator's environment, under the names that each company's own tools read.

use anyhow::{Context as _, Result};
use secrecy::SecretString;
use serde_json::json;
use shared::config::Vars;
use shared::domain::Store;
use shared::parameters::ParameterStore;

use super::site::Site;
use crate::stack::secrets;

/// A company that stores pictures, and how its tools call a key pair.
pub(super) struct Company {
    store: Store,
    /// What our variables about it begin with.
    pub(super) prefix: &'static str,
    id: &'static str,
    secret: &'static str,
}

/// Both of them.
pub(super) const COMPANIES: [Company; 2] = [
    Company {
        store: Store::Cos,
        prefix: "COS",
        id: "TENCENTCLOUD_SECRET_ID",
        secret: "TENCENTCLOUD_SECRET_KEY",
    },
    Company {
        store: Store::Oss,
        prefix: "OSS",
        id: "ALIBABA_CLOUD_ACCESS_KEY_ID",
        secret: "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    },
];

/// The owner's key pair, in the form of a parameter.
pub(super) async fn pair(site: &Site, company: &Company) -> Result<SecretString> {
    if site.is_local() {
        let name = secrets::owners(&site.template.stage, company.store);
        let names = [name.clone()];
        let mut found = ParameterStore::new(&site.operator).read(&names).await?;
        let found = found.remove(&name);
        return Ok(found
            .with_context(|| format!("the parameter `{name}` is missing"))?
            .value);
    }
    let environment = Vars::from_env();
    let pair = json!({ "id": environment.text(company.id)?, "secret": environment.text(company.secret)? });
    Ok(pair.to_string().into())
}
