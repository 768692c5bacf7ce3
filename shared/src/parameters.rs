//! The parameter store as operators use it: functions read theirs at start, by [`crate::secrets`], and change none.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::Platform;
use crate::store::BoxError;

/// The parameter store of AWS Systems Manager.
#[derive(Clone, Debug)]
pub struct ParameterStore {
    ssm: aws_sdk_ssm::Client,
}

/// A secret and since when it is there.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The value.
    pub value: SecretString,
    /// When it was put.
    pub since: Timestamp,
}

/// The parameter store did not answer, or would not.
#[derive(Debug, thiserror::Error)]
#[error("the parameter store would not {what}")]
pub struct ParameterError {
    what: &'static str,
    #[source]
    cause: BoxError,
}

impl ParameterStore {
    /// The one of this platform.
    #[must_use]
    pub fn new(platform: &Platform) -> Self {
        Self { ssm: platform.ssm() }
    }

    /// Those of the parameters that are there, ten names at most.
    ///
    /// # Errors
    /// When the store does not answer, or forbids it.
    pub async fn read(&self, names: &[String]) -> Result<BTreeMap<String, Parameter>, ParameterError> {
        let asked = self.ssm.get_parameters().set_names(Some(names.to_vec()));
        let answer = asked.with_decryption(true).send().await;
        let answer = answer.map_err(|cause| ParameterError {
            what: "show parameters",
            cause: cause.into(),
        })?;
        let found = answer.parameters.unwrap_or_default().into_iter();
        Ok(found
            .filter_map(|parameter| {
                let since = parameter.last_modified_date.map_or(0, |date| date.secs());
                let read = Parameter {
                    value: SecretString::from(parameter.value?),
                    since: Timestamp::from_second(since).unwrap_or(Timestamp::UNIX_EPOCH),
                };
                Some((parameter.name?, read))
            })
            .collect())
    }

    /// Keeps a secret under a name, in place of what was there.
    ///
    /// # Errors
    /// When the store does not answer, or forbids it.
    pub async fn put(&self, name: &str, value: &SecretString) -> Result<(), ParameterError> {
        let put = self.ssm.put_parameter().name(name).value(value.expose_secret());
        let put = put.r#type(ParameterType::SecureString).overwrite(true).send().await;
        put.map(|_version| ()).map_err(|cause| ParameterError {
            what: "keep a parameter",
            cause: cause.into(),
        })
    }
}
