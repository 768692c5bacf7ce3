//! Secrets, read from the parameter store at start and never printable; a company's key is read again once the company takes it no
//! more.

mod key;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use crate::config::{ConfigError, Vars};

pub use key::Key;
pub(crate) use key::is_wrong_key;
pub(crate) use source::Source;

/// The secrets a function was allowed to read, by the parameter's name.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Arc<BTreeMap<String, SecretString>>,
    source: Option<Source>,
}

impl Secrets {
    /// The given names and values, which nobody changes.
    pub fn new(values: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        Self {
            values: Arc::new(values.into_iter().collect()),
            source: None,
        }
    }

    /// What `source` holds for the variables that name a parameter.
    pub(crate) async fn read(vars: &Vars, source: Source) -> Result<Self, ConfigError> {
        let values = source.all(vars).await?;
        Ok(Self {
            values: Arc::new(values),
            source: Some(source),
        })
    }

    /// The secret whose parameter is named by the variable `variable`.
    ///
    /// # Errors
    /// When the variable is not set or the parameter was not there.
    pub fn text(&self, vars: &Vars, variable: &str) -> Result<SecretString, ConfigError> {
        self.named(vars, variable).map(|(_, text)| text)
    }

    /// The secret whose parameter is named by `variable`, a JSON document read as a `T`.
    ///
    /// # Errors
    /// When the variable is not set, the parameter was not there, or its text is no `T`.
    pub fn json<T: DeserializeOwned>(&self, vars: &Vars, variable: &str) -> Result<T, ConfigError> {
        let text = self.text(vars, variable)?;
        from_json(&text).map_err(|wrong| problem(variable, &wrong))
    }

    /// A company's key, whose parameter is named by `variable`.
    ///
    /// # Errors
    /// When the variable is not set or the parameter was not there.
    pub fn key(&self, vars: &Vars, variable: &str) -> Result<Key, ConfigError> {
        self.key_as(vars, variable, |text| {
            let key = text.expose_secret();
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
            let wrong = || "must be one word of visible characters".to_owned();
            is_key.then(|| text.clone()).ok_or_else(wrong)
        })
    }

    /// The same, in the form of a JSON document.
    ///
    /// # Errors
    /// When the variable is not set, the parameter was not there, or its text is no `T`.
    pub fn json_key<T: DeserializeOwned>(&self, vars: &Vars, variable: &str) -> Result<Key<T>, ConfigError> {
        self.key_as(vars, variable, from_json)
    }

    /// The same, in whatever form `read` understands; what that says is wrong ends a sentence that begins with the parameter.
    ///
    /// # Errors
    /// When the variable is not set, the parameter was not there, or its text is not in that form.
    pub fn key_as<T>(
        &self,
        vars: &Vars,
        variable: &str,
        read: fn(&SecretString) -> Result<T, String>,
    ) -> Result<Key<T>, ConfigError> {
        let (parameter, text) = self.named(vars, variable)?;
        let value = read(&text).map_err(|wrong| problem(variable, &wrong))?;
        Ok(Key::new(parameter, text, (value, read), self.source.clone()))
    }

    fn named(&self, vars: &Vars, variable: &str) -> Result<(String, SecretString), ConfigError> {
        let parameter = vars.text(variable)?;
        let text = self.values.get(&parameter);
        let text = text.ok_or_else(|| problem(variable, "is not in the parameter store"))?;
        let text = trimmed(text);
        if text.expose_secret().is_empty() {
            return Err(problem(variable, "is blank"));
        }
        Ok((parameter, text))
    }
}

/// Without the line break that an editor leaves at the end of a file.
fn trimmed(text: &SecretString) -> SecretString {
    text.expose_secret().trim().into()
}

/// The cause is dropped on purpose: serde quotes what it could not read, and this is a secret.
fn from_json<T: DeserializeOwned>(text: &SecretString) -> Result<T, String> {
    serde_json::from_str(text.expose_secret()).map_err(|_| "is not the JSON document it should be".to_owned())
}

fn problem(variable: &str, problem: &str) -> ConfigError {
    ConfigError::Parameter {
        name: variable.to_owned(),
        problem: problem.to_owned(),
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
