//! What is examined: the template as it is deployed, and a way to its tables and secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use shared::config::Vars;
use shared::platform::Runtime;
use shared::{Clock, Entropy, Ids, Platform};
use url::Url;

use crate::engine::grants::OPERATOR;
use crate::stack::{PayPalKeys, RealKeys, host, secrets, wiring};
use crate::template::{FunctionSpec, Sources, Template, local_parameters};
use ops::Place;

/// The file in which the parameters of the deployed stages stand.
const SAMCONFIG: &str = "samconfig.toml";

/// How far the simulators, the stores and the database are above the API's port.
const SIMULATORS: u16 = 1;
const STORES: u16 = 2;
const DATABASE: u16 = 3;

/// A stack, here or in the cloud, as an operator reaches it.
pub(super) struct Site {
    /// What there is.
    pub(super) template: Template,
    /// Where its API answers.
    pub(super) api: Url,
    /// Where the simulators answer; a deployed stage has none.
    pub(super) simulators: Option<Url>,
    /// All tables and all secrets.
    pub(super) operator: Platform,
    /// The variables of all functions together.
    pub(super) variables: Vars,
    /// The real companies' keys that it was started with; a deployed stage has no others, and none are told here.
    pub(super) keys: RealKeys,
    overrides: Arc<Vec<(String, String)>>,
    way: Way,
}

/// How a function of the site reaches the cloud's services.
enum Way {
    /// By a key of its own name, at this engine.
    Local(Url),
    /// By the operator's own credentials.
    Cloud(Box<Runtime>),
}

impl Site {
    /// The stack at `place`.
    ///
    /// # Errors
    /// As [`Site::local`] and [`Site::stage`].
    pub(super) async fn at(place: &Place) -> Result<Self> {
        match place {
            Place::Local(port) => Self::local(*port).await,
            Place::Stage(stage) => Self::stage(stage).await,
        }
    }

    /// The local stack whose API listens on `port`. Companies are the simulators, but for those whose real key it was started
    /// with.
    ///
    /// # Errors
    /// When nobody serves there.
    pub(super) async fn local(port: u16) -> Result<Self> {
        let at = |above: u16| {
            let port = port.checked_add(above).context("the port is too high")?;
            Ok::<_, anyhow::Error>(Url::parse(&format!("http://127.0.0.1:{port}"))?)
        };
        let (api, simulators, engine) = (at(0)?, at(SIMULATORS)?, at(DATABASE)?);
        let mut parameters = local_parameters();
        parameters.insert("PublicUrl".to_owned(), origin(&api));
        let template = Template::evaluate(&Sources::embedded(), &parameters)?;
        let variables = all_variables(&template, &[]);
        let operator = platform(Runtime::local(OPERATOR, Some(engine.clone())), &variables)
            .await
            .with_context(|| format!("the local stack cannot be asked at port {port}; is it serving there?"))?;
        let store = |company: &str| format!("http://{company}.localhost:{}", port + STORES);
        let keys = keys_in_use(&operator, &variables);
        let overrides = wiring::overrides(store("cos"), store("oss"), &origin(&simulators), &keys)?;
        Ok(Self {
            variables: all_variables(&template, &overrides),
            template,
            api,
            simulators: Some(simulators),
            operator,
            keys,
            overrides,
            way: Way::Local(engine),
        })
    }

    /// A deployed stage: its parameters from `samconfig.toml` in the folder one is in, credentials from the environment.
    ///
    /// # Errors
    /// When the file does not tell the stage's parameters, or the parameter store cannot be asked.
    pub(super) async fn stage(stage: &str) -> Result<Self> {
        let runtime = Runtime::from_env(&Vars::from_env())?;
        let text = std::fs::read_to_string(SAMCONFIG)
            .with_context(|| format!("`{SAMCONFIG}` cannot be read; run this in the folder that you deploy from"))?;
        let parameters = deployed_parameters(&text, stage)?;
        let template = Template::evaluate(&Sources::embedded(), &parameters)?;
        let api = parameters
            .get("PublicUrl")
            .and_then(|url| url.parse().ok())
            .with_context(|| format!("`{SAMCONFIG}` names no PublicUrl for `{stage}`"))?;
        let variables = all_variables(&template, &[]);
        let operator = platform(runtime.clone(), &variables).await.context(
            "the parameter store cannot be asked; look at AWS_REGION, AWS_ACCESS_KEY_ID and what that key may do",
        )?;
        Ok(Self {
            template,
            api,
            simulators: None,
            operator,
            variables,
            keys: RealKeys::default(),
            overrides: Arc::default(),
            way: Way::Cloud(Box::new(runtime)),
        })
    }

    /// How an operator puts a value into the parameter store, told and not done.
    pub(super) fn how_to_put(&self, parameter: &str) -> String {
        if self.is_local() {
            format!("start the stack anew: it makes `{parameter}` if it is missing")
        } else {
            format!("aws ssm put-parameter --type SecureString --overwrite --name {parameter} --value file://VALUE")
        }
    }

    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.simulators.is_some()
    }

    /// The variables of a function, as it is given them.
    pub(super) fn vars(&self, function: &FunctionSpec) -> Vars {
        Vars::from_pairs(host::variables(function, &self.overrides))
    }

    /// The platform of a function, with its secrets.
    pub(super) async fn platform(&self, function: &FunctionSpec, vars: &Vars) -> Result<Platform> {
        let runtime = match &self.way {
            Way::Local(engine) => Runtime::local(&function.folder, Some(engine.clone())),
            Way::Cloud(runtime) => (**runtime).clone(),
        };
        platform(runtime, vars).await
    }
}

async fn platform(runtime: Runtime, vars: &Vars) -> Result<Platform> {
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let ids = Ids::new(clock.clone(), entropy.clone());
    Ok(Platform::new(runtime, clock, ids, entropy, vars).await?)
}

fn all_variables(template: &Template, overrides: &[(String, String)]) -> Vars {
    let each = template.functions.iter();
    let pairs = each.flat_map(|function| host::variables(function, overrides));
    // One that is blank for a function must not hide it from the others.
    Vars::from_pairs(pairs.filter(|(_, value)| !value.is_empty()))
}

/// The real companies' keys among the secrets of a local stack.
fn keys_in_use(operator: &Platform, variables: &Vars) -> RealKeys {
    let key = |variable| {
        let key = operator.secrets.text(variables, variable).ok()?;
        let key = key.expose_secret();
        (!secrets::is_simulated(key)).then(|| key.to_owned())
    };
    RealKeys {
        deepseek: key("DEEPSEEK_KEY_PARAMETER"),
        seedream: key("SEEDREAM_KEY_PARAMETER"),
        dashscope: key("DASHSCOPE_KEY_PARAMETER"),
        resend: key("RESEND_KEY_PARAMETER"),
        paypal: key("PAYPAL_CREDENTIALS_PARAMETER").and_then(|pair| PayPalKeys::from_parameter(&pair)),
        mail_from: None,
    }
}

/// An address without the slash at its end.
pub(super) fn origin(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[derive(Deserialize)]
struct SamConfig {
    #[serde(flatten)]
    stages: BTreeMap<String, toml::Value>,
}

/// What `sam deploy --config-env <stage>` gives the template.
fn deployed_parameters(samconfig: &str, stage: &str) -> Result<BTreeMap<String, String>> {
    let config: SamConfig = toml::from_str(samconfig).with_context(|| format!("`{SAMCONFIG}` cannot be read"))?;
    let overrides = config.stages.get(stage).and_then(|stage| {
        stage
            .get("deploy")?
            .get("parameters")?
            .get("parameter_overrides")?
            .as_array()
    });
    let overrides = overrides.with_context(|| format!("`{SAMCONFIG}` has no parameters for a stage `{stage}`"))?;
    overrides
        .iter()
        .map(|pair| {
            let pair = pair.as_str().and_then(|pair| pair.split_once('='));
            let (name, value) = pair
                .ok_or_else(|| anyhow!("`{SAMCONFIG}`: a parameter of `{stage}` is not of the form \"Name=value\""))?;
            Ok((name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_given_what_samconfig_says_and_no_other_stages_values() {
        let text = "version = 0.1\n\
            [dev.deploy.parameters]\nparameter_overrides = [\"Stage=dev\", \"MailFrom='Vitrine <a@example.com>'\"]\n\
            [prod.deploy.parameters]\nparameter_overrides = [\"Stage=prod\", \"Rate=1=2\"]\n";
        let dev = deployed_parameters(text, "dev").unwrap();
        assert_eq!(dev["Stage"], "dev");
        assert_eq!(dev["MailFrom"], "Vitrine <a@example.com>");
        assert_eq!(dev.len(), 2);
        assert_eq!(deployed_parameters(text, "prod").unwrap()["Rate"], "1=2");
        let missing = deployed_parameters(text, "staging").unwrap_err().to_string();
        assert_eq!(missing, "`samconfig.toml` has no parameters for a stage `staging`");
    }
}
