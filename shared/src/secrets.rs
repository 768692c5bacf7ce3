//! Secrets, read from the parameter store at start and never printable.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::config::{ConfigError, Vars};

/// The secrets a function was allowed to read, by the parameter's name.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<String, SecretString>>);

impl Secrets {
    /// The given names and values.
    pub fn new(values: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        Self(Arc::new(values.into_iter().collect()))
    }

    /// The secret whose parameter is named by the variable `variable`.
    ///
    /// # Errors
    /// When the variable is not set or the parameter was not there.
    pub fn text(&self, vars: &Vars, variable: &str) -> Result<SecretString, ConfigError> {
        let parameter = vars.text(variable)?;
        self.0
            .get(&parameter)
            .cloned()
            .ok_or_else(|| Self::problem(variable, "is not in the parameter store"))
    }

    /// The secret whose parameter is named by `variable`, a JSON document read as a `T`.
    ///
    /// # Errors
    /// When the variable is not set, the parameter was not there, or its text is no `T`.
    pub fn json<T: DeserializeOwned>(&self, vars: &Vars, variable: &str) -> Result<T, ConfigError> {
        use secrecy::ExposeSecret;
        let text = self.text(vars, variable)?;
        // The cause is dropped on purpose: serde quotes what it could not read, and this is a secret.
        serde_json::from_str(text.expose_secret())
            .map_err(|_| Self::problem(variable, "is not the JSON document it should be"))
    }

    fn problem(variable: &str, problem: &str) -> ConfigError {
        ConfigError::Parameter {
            name: variable.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
