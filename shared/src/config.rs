//! Configuration: read once, at start, into types. A wrong value stops the start with one line that names its variable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use url::{Host, Url};

use crate::telemetry::chain;

/// The variables a function was given, and a record of which of them it read.
///
/// In Lambda they are the environment; the local stack and the tests hand in what `template.yaml` gives the function.
#[derive(Clone)]
pub struct Vars {
    values: Arc<BTreeMap<String, String>>,
    read: Arc<Mutex<BTreeSet<String>>>,
}

/// What is wrong with the configuration. Its text names the variable and never repeats its value, which may be a secret.
#[derive(thiserror::Error)]
pub enum ConfigError {
    /// The variable is absent or empty.
    #[error("the variable {name} is not set")]
    Missing {
        /// The variable.
        name: String,
    },
    /// The variable is there but cannot be used.
    #[error("the variable {name} {problem}")]
    Invalid {
        /// The variable.
        name: String,
        /// What it must be, as the end of a sentence that begins with the variable's name.
        problem: String,
    },
    /// A secret could not be had from the parameter store.
    #[error("the parameter named by {name} {problem}")]
    Parameter {
        /// The variable that holds the parameter's name.
        name: String,
        /// What is wrong, as the end of a sentence.
        problem: String,
    },
    /// The parameter store gave no secrets.
    #[error("the secrets named by {names} could not be had")]
    Secrets {
        /// The variables that hold the parameters' names.
        names: String,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A client could not be built.
    #[error("{what} could not be set up")]
    Setup {
        /// What was being set up.
        what: &'static str,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl fmt::Debug for ConfigError {
    /// In words: a function that cannot start prints its error so, and somebody has to read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

impl ConfigError {
    /// A variable that is there but cannot be used; `problem` ends a sentence that begins with the name.
    pub fn invalid(name: &str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            name: name.to_owned(),
            problem: problem.into(),
        }
    }
}

impl Vars {
    /// The process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_pairs(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// The given names and values.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            values: Arc::new(values),
            read: Arc::default(),
        }
    }

    /// The variable's text, trimmed.
    ///
    /// # Errors
    /// When it is absent or blank.
    pub fn text(&self, name: &str) -> Result<String, ConfigError> {
        self.optional(name)
            .ok_or_else(|| ConfigError::Missing { name: name.to_owned() })
    }

    /// The variable's text, trimmed; `None` when it is absent or blank.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned());
        self.values
            .get(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// The variable parsed as a `T`; `expected` ends the sentence "the variable X must be …".
    ///
    /// # Errors
    /// When it is absent, blank or no `T`.
    pub fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, ConfigError> {
        self.text(name)?
            .parse()
            .map_err(|_| ConfigError::invalid(name, format!("must be {expected}")))
    }

    /// The variable as a web address: `https`, or `http` to a loopback literal or a `*.localhost` name, which our clients
    /// resolve to 127.0.0.1 themselves. No switch widens this.
    ///
    /// # Errors
    /// When it is absent, no address, or plain `http` to anywhere else.
    pub fn url(&self, name: &str) -> Result<Url, ConfigError> {
        let url: Url = self.parsed(name, "a web address")?;
        if is_private(&url) {
            Ok(url)
        } else {
            Err(ConfigError::invalid(
                name,
                "must be https (plain http is for loopback alone)",
            ))
        }
    }

    /// The names of all variables asked for so far; the house tests compare them with the template.
    #[must_use]
    pub fn names_read(&self) -> BTreeSet<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of all variables that are set and end in `suffix`, without counting them as read.
    #[must_use]
    pub fn names_ending(&self, suffix: &str) -> Vec<String> {
        self.values
            .iter()
            .filter(|(name, value)| name.ends_with(suffix) && !value.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// A variable's text for a host of functions that is not itself a function, without counting it as read.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Whether nobody between here and there can read along: `https`, or a connection that never leaves the machine.
#[must_use]
pub fn is_private(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => is_loopback(&host),
        _ => false,
    }
}

/// Whether the host is a loopback literal or a `*.localhost` name.
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_variable_is_named() {
        let vars = Vars::from_pairs([("B", " ")]);
        assert_eq!(vars.text("A").unwrap_err().to_string(), "the variable A is not set");
        assert_eq!(vars.text("B").unwrap_err().to_string(), "the variable B is not set");
    }

    #[test]
    fn a_function_that_cannot_start_says_why_in_words() {
        let error = Vars::from_pairs([("X_URL", "http://example.com/secret")])
            .url("X_URL")
            .unwrap_err();
        assert_eq!(
            format!("Error: {error:?}"),
            "Error: the variable X_URL must be https (plain http is for loopback alone)"
        );
        let cause = Box::new(std::io::Error::other("no route"));
        let error = ConfigError::Setup {
            what: "the client",
            cause,
        };
        assert_eq!(format!("{error:?}"), "the client could not be set up: no route");
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for (text, fine) in [
            ("https://api.deepseek.com", true),
            ("http://127.0.0.1:8001", true),
            ("http://[::1]:8001", true),
            ("http://pictures.cos.localhost:8002", true),
            ("http://api.deepseek.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com", false),
            ("ftp://127.0.0.1", false),
        ] {
            assert_eq!(Vars::from_pairs([("X_URL", text)]).url("X_URL").is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn printing_variables_does_not_print_their_values() {
        let vars = Vars::from_pairs([("KEY", "sk-secret")]);
        assert!(!format!("{vars:?}").contains("secret"));
    }
}
