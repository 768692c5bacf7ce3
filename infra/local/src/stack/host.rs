//! What a function is handed on this machine: the variables of the template, and a platform of its own.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::config::Vars;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::wire::Wire;
use shared::{Clock, Entropy, Ids, Platform};
use tokio::sync::OnceCell;

use crate::engine::{schedules, workers};
use crate::functions;
use crate::template::FunctionSpec;

/// The wire of the function of a folder.
pub(crate) type Wires = Arc<dyn Fn(&str) -> Arc<dyn Wire> + Send + Sync>;

/// Variables that no template gives, because they mean something on this machine alone, each with the one beside which it is read.
const OF_THIS_MACHINE: &[(&str, &str)] = &[("PAYPAL_EXTRA_ROOT", "PAYPAL_WEBHOOK_ID")];

/// The variables that the template gives the function, and those of this machine; some of them point elsewhere than it says.
pub(crate) fn variables(function: &FunctionSpec, overrides: &[(String, String)]) -> Vec<(String, String)> {
    let given = function.variables.iter().map(|(name, value)| {
        // What is left blank is not there, here as well.
        let over = overrides.iter().find(|(over, _)| over == name && !value.is_empty());
        (name.clone(), over.map_or(value, |(_, value)| value).clone())
    });
    let own = overrides.iter().filter(|(name, _)| {
        let beside = OF_THIS_MACHINE.iter().find(|(own, _)| own == name);
        beside.is_some_and(|(_, beside)| function.variables.contains_key(*beside))
    });
    given.chain(own.cloned()).collect()
}

/// What hosts a function here, in place of Lambda.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) ids: Ids,
    /// Where AWS's services are, if not at their real addresses.
    pub(crate) engine: Option<url::Url>,
    /// Variables that point elsewhere than the template says: to the simulators and to the local store.
    pub(crate) overrides: Arc<Vec<(String, String)>>,
    /// What carries each function's requests, if not the network.
    pub(crate) wires: Option<Wires>,
}

impl Host {
    /// The variables that the template gives the function, and no other.
    pub(crate) fn variables(&self, function: &FunctionSpec) -> Vec<(String, String)> {
        variables(function, &self.overrides)
    }

    /// The same as the function reads them.
    pub(crate) fn vars(&self, function: &FunctionSpec) -> Vars {
        Vars::from_pairs(self.variables(function))
    }

    /// The platform of one function, which the engines know by its folder's name.
    pub(crate) async fn platform(&self, function: &FunctionSpec, vars: &Vars) -> Result<Platform> {
        let runtime = self.runtime(function);
        let (clock, ids, entropy) = (self.clock.clone(), self.ids.clone(), self.entropy.clone());
        Ok(Platform::new(runtime, clock, ids, entropy, vars).await?)
    }

    fn runtime(&self, function: &FunctionSpec) -> Runtime {
        let mut runtime = Runtime::local(&function.folder, self.engine.clone());
        runtime.wire = self.wires.as_ref().map(|wires| wires(&function.folder));
        runtime
    }

    /// What answers requests for the function, made ready as its `main.rs` would.
    pub(crate) fn router(&self, function: &FunctionSpec) -> BoxFuture<'static, Result<axum::Router>> {
        let (host, function) = (self.clone(), function.clone());
        async move {
            let known = functions::ROUTES.iter().find(|known| known.name == function.folder);
            let known =
                known.with_context(|| format!("`{}` is in the template and not in the tree", function.folder))?;
            let vars = host.vars(&function);
            let platform = host.platform(&function, &vars).await?;
            Ok((known.router)(&vars, &platform)?)
        }
        .boxed()
    }

    /// The same with secrets that were read before; nothing is asked of anyone.
    pub(crate) fn router_with(&self, function: &FunctionSpec, secrets: Secrets) -> Result<axum::Router> {
        let known = functions::ROUTES.iter().find(|known| known.name == function.folder);
        let known = known.with_context(|| format!("`{}` is in the template and not in the tree", function.folder))?;
        let (clock, ids, entropy) = (self.clock.clone(), self.ids.clone(), self.entropy.clone());
        let platform = Platform::with_secrets(self.runtime(function), clock, ids, entropy, secrets);
        Ok((known.router)(&self.vars(function), &platform)?)
    }

    /// What works off a queue for the function. It is made ready at its first message, as Lambda would.
    pub(crate) fn worker(&self, function: &FunctionSpec) -> Result<workers::Handler> {
        let known = functions::WORKERS.iter().find(|known| known.name == function.folder);
        let known = known.with_context(|| format!("`{}` is in the template and not in the tree", function.folder))?;
        let (host, function, ready) = (self.clone(), function.clone(), Arc::new(OnceCell::new()));
        Ok(Arc::new(move |event| {
            let (ready, function, host) = (Arc::clone(&ready), function.clone(), host.clone());
            async move {
                let start = || async {
                    let vars = host.vars(&function);
                    let platform = host.platform(&function, &vars).await?;
                    Ok::<_, anyhow::Error>((known.work)(&vars, &platform)?)
                };
                let work = ready.get_or_try_init(start).await?;
                let event = serde_json::from_value(event).context("the event has no shape that a function can read")?;
                Ok(serde_json::to_value(work(event).await)?)
            }
            .boxed()
        }))
    }

    /// What a schedule wakes for the function. It is made ready at its first waking, as Lambda would.
    pub(crate) fn waker(&self, function: &FunctionSpec) -> Result<schedules::Handler> {
        let known = functions::SCHEDULED.iter().find(|known| known.name == function.folder);
        let known = known.with_context(|| format!("`{}` is in the template and not in the tree", function.folder))?;
        let (host, function, ready) = (self.clone(), function.clone(), Arc::new(OnceCell::new()));
        Ok(Arc::new(move |input| {
            let (ready, function, host) = (Arc::clone(&ready), function.clone(), host.clone());
            async move {
                let start = || async {
                    let vars = host.vars(&function);
                    let platform = host.platform(&function, &vars).await?;
                    Ok::<_, anyhow::Error>((known.run)(&vars, &platform)?)
                };
                let run = ready.get_or_try_init(start).await?;
                let due = serde_json::from_value(input).context("the schedule's input is not what a function reads")?;
                run(due).await.map_err(|error| anyhow!(error))
            }
            .boxed()
        }))
    }
}
