//! What a function is handed by its host, be that Lambda, the local stack or a test: time, chance, ids, secrets, and the
//! clients that reach outside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::aws::Aws;
use crate::config::{ConfigError, Vars, is_private};
use crate::network::{CaBundle, Network};
use crate::outbound::{Egress, Outbound};
use crate::secrets::{Secrets, Source};
use crate::store::Db;
use crate::wire::Wire;
use crate::{Clock, Entropy, Ids};

/// What the host itself owns: no function's variable, and in no template.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Read from `AWS_REGION`.
    pub region: String,
    /// Read from `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// Read from `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
    /// Read from `AWS_SESSION_TOKEN`.
    pub session_token: Option<SecretString>,
    /// Read from `AWS_ENDPOINT_URL_DYNAMODB`: `https`, or `http` to loopback. AWS's own when absent.
    pub dynamodb_url: Option<Url>,
    /// Read from `AWS_ENDPOINT_URL_SSM`, likewise.
    pub ssm_url: Option<Url>,
    /// Read from `AWS_ENDPOINT_URL_SCHEDULER`, likewise.
    pub scheduler_url: Option<Url>,
    /// Read from `AWS_ENDPOINT_URL_SQS`, likewise.
    pub sqs_url: Option<Url>,
    /// Read from the file that `AWS_CA_BUNDLE` names: certificates trusted beside the built-in ones, but for those that have expired.
    pub ca_bundle: Option<CaBundle>,
    /// Read from `VITRINE_CLOCK_FILE`: the local stack moves time by it.
    pub clock_file: Option<PathBuf>,
    /// What carries requests in the network's place; only a laboratory hands one in.
    pub wire: Option<Arc<dyn Wire>>,
}

impl Runtime {
    /// What the host put into the environment, `vars`.
    ///
    /// # Errors
    /// When something that must be there is not, or cannot be used.
    pub fn from_env(vars: &Vars) -> Result<Self, ConfigError> {
        let optional = |name| vars.peek(name).map(str::to_owned);
        let required = |name: &str| {
            vars.peek(name)
                .map(str::to_owned)
                .ok_or_else(|| ConfigError::Missing { name: name.to_owned() })
        };
        let clock_file = optional("VITRINE_CLOCK_FILE").map(PathBuf::from);
        Ok(Self {
            region: required("AWS_REGION")?,
            access_key_id: required("AWS_ACCESS_KEY_ID")?,
            secret_access_key: required("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: optional("AWS_SESSION_TOKEN").map(SecretString::from),
            dynamodb_url: endpoint(vars, "AWS_ENDPOINT_URL_DYNAMODB")?,
            ssm_url: endpoint(vars, "AWS_ENDPOINT_URL_SSM")?,
            scheduler_url: endpoint(vars, "AWS_ENDPOINT_URL_SCHEDULER")?,
            sqs_url: endpoint(vars, "AWS_ENDPOINT_URL_SQS")?,
            ca_bundle: vars
                .peek("AWS_CA_BUNDLE")
                .map(|path| CaBundle::read("AWS_CA_BUNDLE", path, clock_of(clock_file.as_deref()).now()))
                .transpose()?,
            clock_file,
            wire: None,
        })
    }

    /// A host on this machine, whose engine answers for DynamoDB, the parameter store, the scheduler and the queues at `engine` and knows
    /// the caller by the name `function`, which is key id and secret at once.
    #[must_use]
    pub fn local(function: &str, engine: Option<Url>) -> Self {
        Self {
            region: "us-east-1".to_owned(),
            access_key_id: function.to_owned(),
            secret_access_key: function.into(),
            session_token: None,
            dynamodb_url: engine.clone(),
            ssm_url: engine.clone(),
            scheduler_url: engine.clone(),
            sqs_url: engine,
            ca_bundle: None,
            clock_file: None,
            wire: None,
        }
    }

    /// The same host with `wire` in the network's place.
    #[must_use]
    pub fn over(self, wire: Arc<dyn Wire>) -> Self {
        Self {
            wire: Some(wire),
            ..self
        }
    }

    /// How its functions reach the world.
    fn network(&self) -> Network {
        Network {
            ca_bundle: self.ca_bundle.clone(),
            wire: self.wire.clone(),
        }
    }

    fn clock(&self) -> Clock {
        clock_of(self.clock_file.as_deref())
    }
}

/// The clock of a host: the one that a file tells, if there is one.
fn clock_of(file: Option<&Path>) -> Clock {
    match file {
        Some(path) => Clock::from_file(path.to_owned()),
        None => Clock::system(),
    }
}

/// Where a service of AWS is, if not where it always is.
fn endpoint(vars: &Vars, name: &str) -> Result<Option<Url>, ConfigError> {
    let Some(text) = vars.peek(name) else { return Ok(None) };
    match Url::parse(text) {
        Ok(url) if is_private(&url) => Ok(Some(url)),
        Ok(_) | Err(_) => Err(ConfigError::invalid(
            name,
            "must be an https address (plain http is for loopback alone)",
        )),
    }
}

/// What a function is handed by its host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The one source of time.
    pub clock: Clock,
    /// The one maker of ids.
    pub ids: Ids,
    /// The one source of chance.
    pub entropy: Entropy,
    /// The secrets this function may read.
    pub secrets: Secrets,
    aws: Aws,
    network: Network,
}

impl Platform {
    /// The platform of a function in Lambda: the system's clock and chance, the environment's credentials. A function
    /// that has a table opens its connection to DynamoDB here, while the sandbox is still being made ready.
    ///
    /// # Errors
    /// When the environment or a secret is not as it must be; the text names the variable.
    pub async fn lambda(vars: &Vars) -> Result<Self, ConfigError> {
        let runtime = Runtime::from_env(vars)?;
        let (clock, entropy) = (runtime.clock(), Entropy::system());
        let ids = Ids::new(clock.clone(), entropy.clone());
        let mut platform = Self::with_secrets(runtime, clock, ids, entropy, Secrets::default());
        let has_table = !vars.names_ending("_TABLE").is_empty();
        let open = async {
            if has_table {
                platform.open().await;
            }
        };
        let ((), secrets) = futures::join!(open, Secrets::read(vars, platform.source()));
        platform.secrets = secrets?;
        Ok(platform)
    }

    /// A platform with the given parts, and the secrets that `vars` name, read from the parameter store.
    ///
    /// # Errors
    /// When the parameter store does not answer.
    pub async fn new(
        runtime: Runtime,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        vars: &Vars,
    ) -> Result<Self, ConfigError> {
        let mut platform = Self::with_secrets(runtime, clock, ids, entropy, Secrets::default());
        platform.secrets = Secrets::read(vars, platform.source()).await?;
        Ok(platform)
    }

    /// A platform with the given parts and secrets; nothing is asked of anyone.
    #[must_use]
    pub fn with_secrets(runtime: Runtime, clock: Clock, ids: Ids, entropy: Entropy, secrets: Secrets) -> Self {
        Self {
            clock,
            ids,
            entropy,
            secrets,
            network: runtime.network(),
            aws: Aws::new(runtime.network(), runtime),
        }
    }

    /// Where its secrets are.
    fn source(&self) -> Source {
        Source::new(&self.aws, &self.clock)
    }

    /// The client of DynamoDB; all calls give the same one.
    #[must_use]
    pub fn db(&self) -> Db {
        Db::new(self.dynamodb(), self.entropy.clone())
    }

    /// The client of DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    /// A client of the parameter store.
    #[must_use]
    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        self.aws.ssm()
    }

    /// A client of EventBridge Scheduler.
    #[must_use]
    pub(crate) fn scheduler(&self) -> aws_sdk_scheduler::Client {
        self.aws.scheduler()
    }

    /// What a client of the queues is made from: the platform's region, credentials, connections, time-outs and retries. No function
    /// asks SQS for anything, since Lambda does that for it; so the client itself is linked by the operators' tools alone, and made
    /// there.
    #[must_use]
    pub fn sqs_config(&self) -> aws_types::SdkConfig {
        self.aws.sqs_config()
    }

    /// Opens the connection to DynamoDB, so that the first query need not.
    pub async fn open(&self) {
        self.aws.open_dynamodb().await;
    }

    /// A client for one company, which reaches the hosts of `egress` and no other.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn outbound(&self, egress: Egress) -> Result<Outbound, ConfigError> {
        match &self.network.wire {
            Some(wire) => Ok(Outbound::over(Arc::clone(wire), egress)),
            None => Outbound::new(egress, self.network.ca_bundle.as_ref()),
        }
    }

    /// How requests leave this host, for whoever makes a client of its own.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(extra: &[(&str, &str)]) -> Vars {
        let base = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
        ];
        Vars::from_pairs(base.into_iter().chain(extra.iter().copied()))
    }

    #[test]
    fn what_the_runtime_owns_is_no_functions_variable() {
        let vars = environment(&[("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:9")]);
        let runtime = Runtime::from_env(&vars).unwrap();
        assert!(runtime.ssm_url.is_some() && runtime.dynamodb_url.is_none());
        assert!(vars.names_read().is_empty());
    }

    #[test]
    fn an_engine_is_reached_in_the_clear_on_loopback_alone() {
        let vars = environment(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://10.0.0.7:8000")]);
        assert_eq!(
            Runtime::from_env(&vars).unwrap_err().to_string(),
            "the variable AWS_ENDPOINT_URL_DYNAMODB must be an https address (plain http is for loopback alone)"
        );
    }

    #[test]
    fn a_missing_region_is_named() {
        let error = Runtime::from_env(&Vars::from_pairs([("AWS_ACCESS_KEY_ID", "id")])).unwrap_err();
        assert_eq!(error.to_string(), "the variable AWS_REGION is not set");
    }

    #[test]
    fn printing_a_platform_prints_no_secret() {
        let runtime = Runtime::local("hush-hush", None);
        let printed = format!("{:?}", runtime.secret_access_key);
        assert!(!printed.contains("hush-hush"));
    }
}
