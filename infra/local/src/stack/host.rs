//! What a function is handed on this machine: the variables of the template, and a platform of its own.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::config::Vars;
use shared::platform::Runtime;
use shared::wire::Wire;
use shared::{Clock, Entropy, Ids, Platform};

use crate::functions;
use crate::template::FunctionSpec;

/// The wire of the function of a folder.
pub(crate) type Wires = Arc<dyn Fn(&str) -> Arc<dyn Wire> + Send + Sync>;

/// The variables that the template gives the function, and no other; some of them point elsewhere than it says.
pub(crate) fn vars(function: &FunctionSpec, overrides: &[(String, String)]) -> Vars {
    let given = function.variables.iter().map(|(name, value)| {
        // What is left blank is not there, here as well.
        let over = overrides.iter().find(|(over, _)| over == name && !value.is_empty());
        (name.clone(), over.map_or(value, |(_, value)| value).clone())
    });
    Vars::from_pairs(given)
}

/// What hosts a function here, in place of Lambda.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) ids: Ids,
    pub(crate) engine: url::Url,
    /// Variables that point elsewhere than the template says: to the simulators and to the local store.
    pub(crate) overrides: Arc<Vec<(String, String)>>,
    /// What carries each function's requests, if not the network.
    pub(crate) wires: Option<Wires>,
}

impl Host {
    /// The variables that the template gives the function, and no other.
    pub(crate) fn vars(&self, function: &FunctionSpec) -> Vars {
        vars(function, &self.overrides)
    }

    /// The platform of one function, which the engines know by its folder's name.
    pub(crate) async fn platform(&self, function: &FunctionSpec, vars: &Vars) -> Result<Platform> {
        let mut runtime = Runtime::local(&function.folder, Some(self.engine.clone()));
        runtime.wire = self.wires.as_ref().map(|wires| wires(&function.folder));
        let (clock, ids, entropy) = (self.clock.clone(), self.ids.clone(), self.entropy.clone());
        Ok(Platform::new(runtime, clock, ids, entropy, vars).await?)
    }

    /// Makes the function ready as its `main.rs` would.
    pub(crate) fn starter(
        &self,
    ) -> impl Fn(&FunctionSpec) -> BoxFuture<'static, Result<axum::Router>> + Send + Sync + 'static {
        let host = self.clone();
        move |function| {
            let (host, function) = (host.clone(), function.clone());
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
    }
}
