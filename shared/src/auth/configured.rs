//! Keys as functions get them: from the parameters that their variables name.

use crate::auth::{HashKey, JwkSet, SigningKey, TokenSigner, VerifyingKeys};
use crate::config::{ConfigError, Vars};
use crate::secrets::Secrets;

impl VerifyingKeys {
    /// The public keys of the parameter named by `TOKEN_KEYS_PARAMETER`, for tokens of the service at `PUBLIC_URL`.
    ///
    /// # Errors
    /// When one of the two is missing or wrong.
    pub fn configured(vars: &Vars, secrets: &Secrets) -> Result<Self, ConfigError> {
        let set: JwkSet = secrets.json(vars, "TOKEN_KEYS_PARAMETER")?;
        Self::new(&set, &vars.url("PUBLIC_URL")?).map_err(|error| unfit("TOKEN_KEYS_PARAMETER", &error))
    }
}

impl TokenSigner {
    /// The private key of the parameter named by `TOKEN_SIGNING_KEY_PARAMETER`, for tokens of the service at `PUBLIC_URL`.
    ///
    /// # Errors
    /// When one of the two is missing or wrong.
    pub fn configured(vars: &Vars, secrets: &Secrets) -> Result<Self, ConfigError> {
        let key: SigningKey = secrets.json(vars, "TOKEN_SIGNING_KEY_PARAMETER")?;
        Ok(Self::new(&key, &vars.url("PUBLIC_URL")?))
    }
}

impl HashKey {
    /// The key of the parameter named by `HASH_KEY_PARAMETER`.
    ///
    /// # Errors
    /// When it is missing or no key.
    pub fn configured(vars: &Vars, secrets: &Secrets) -> Result<Self, ConfigError> {
        Self::from_hex(&secrets.text(vars, "HASH_KEY_PARAMETER")?).map_err(|error| unfit("HASH_KEY_PARAMETER", &error))
    }
}

fn unfit(variable: &str, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::Parameter {
        name: variable.to_owned(),
        problem: error.to_string(),
    }
}
