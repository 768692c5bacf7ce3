//! The parameter store, as functions read it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_ssm::operation::get_parameters::GetParametersError;
use secrecy::SecretString;

use crate::Clock;
use crate::aws::Aws;
use crate::config::{ConfigError, Vars};

/// The parameter store gives at most so many parameters a call.
const PARAMETERS_A_CALL: usize = 10;

/// How the names of variables end that name a parameter.
const SUFFIX: &str = "_PARAMETER";

/// The parameter store, and the time.
#[derive(Clone)]
pub(crate) struct Source {
    aws: Aws,
    clock: Clock,
}

/// Why the parameter store gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// It turns us away for its load.
    #[error("the parameter store is busy ({0})")]
    Busy(String),
    /// It does not let us read them.
    #[error("the parameter store does not let this function read them ({0})")]
    Denied(String),
    /// It will not, for another reason.
    #[error("the parameter store refuses the question ({0})")]
    Refused(String),
    /// There is no answer.
    #[error("the parameter store does not answer")]
    Silent,
}

impl Source {
    pub(crate) fn new(aws: &Aws, clock: &Clock) -> Self {
        Self {
            aws: aws.clone(),
            clock: clock.clone(),
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Every parameter that a variable names, ten a call, all calls at once. A name that the store does not know is no failure here:
    /// whoever asks for it names the variable.
    pub(super) async fn all(&self, vars: &Vars) -> Result<BTreeMap<String, SecretString>, ConfigError> {
        let variables = vars.names_ending(SUFFIX);
        let names = variables.iter().filter_map(|variable| vars.peek(variable));
        let names: Vec<String> = names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect();
        let calls = names.chunks(PARAMETERS_A_CALL).map(|names| self.some(names.to_vec()));
        let found = futures::future::try_join_all(calls).await;
        let found = found.map_err(|cause| ConfigError::Secrets {
            names: variables.join(", "),
            cause: Box::new(cause),
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One parameter, if it is there.
    pub(super) async fn one(&self, name: &str) -> Result<Option<SecretString>, SourceError> {
        let found = self.some(vec![name.to_owned()]).await?;
        Ok(found.into_iter().next().map(|(_, value)| value))
    }

    async fn some(&self, names: Vec<String>) -> Result<Vec<(String, SecretString)>, SourceError> {
        let asked = self.aws.ssm().get_parameters().set_names(Some(names));
        // As a value a request of the SDK is kilobytes of future.
        let answer = Box::pin(asked.with_decryption(true).send()).await;
        let found = answer.map_err(|error| why(&error))?.parameters.unwrap_or_default();
        let found = found
            .into_iter()
            .filter_map(|parameter| Some((parameter.name?, SecretString::from(parameter.value?))));
        Ok(found.collect())
    }
}

fn why<R>(error: &SdkError<GetParametersError, R>) -> SourceError {
    let Some(refused) = error.as_service_error() else {
        return SourceError::Silent;
    };
    let code = refused.code().unwrap_or("no reason").to_owned();
    match code.as_str() {
        "ThrottlingException"
        | "TooManyUpdates"
        | "RequestLimitExceeded"
        | "ServiceUnavailable"
        | "InternalServerError" => SourceError::Busy(code),
        "AccessDeniedException" | "UnrecognizedClientException" | "ExpiredTokenException" => SourceError::Denied(code),
        _ => SourceError::Refused(code),
    }
}
