//! All functions of a stack.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use shared::{Clock, Entropy};

use super::function::{Function, Surroundings};
use super::workshop::Workshop;
use crate::template::{FunctionSpec, Template};

/// What a fleet is made from.
pub(crate) struct Base {
    /// Where the programs are built.
    pub(crate) workshop: Arc<Workshop>,
    /// Where DynamoDB and the parameter store answer.
    pub(crate) engine: String,
    /// The file that tells the functions the time.
    pub(crate) clock_file: PathBuf,
    /// The same time, for ourselves.
    pub(crate) clock: Clock,
    /// Where the names of invocations come from.
    pub(crate) entropy: Entropy,
}

/// Every function of the template, none of them built or started yet.
pub(crate) struct Fleet {
    functions: BTreeMap<String, Function>,
    surroundings: Arc<Surroundings>,
}

impl Fleet {
    /// The functions of `template`, each with its own `variables`.
    pub(crate) fn new(
        template: &Template,
        base: Base,
        variables: impl Fn(&FunctionSpec) -> Vec<(String, String)>,
    ) -> Self {
        let surroundings = Arc::new(Surroundings {
            workshop: base.workshop,
            engine: base.engine,
            clock_file: base.clock_file,
            clock: base.clock,
            entropy: base.entropy,
            under_way: Mutex::default(),
        });
        let function = |spec: &FunctionSpec| {
            let function = Function::new(spec.clone(), variables(spec), Arc::clone(&surroundings));
            (spec.folder.clone(), function)
        };
        Self {
            functions: template.functions.iter().map(function).collect(),
            surroundings,
        }
    }

    /// The function of that folder.
    pub(crate) fn function(&self, folder: &str) -> Result<Function> {
        let function = self.functions.get(folder).cloned();
        function.with_context(|| format!("there is no function `{folder}`"))
    }

    /// Lets every function start anew, from a program that is built anew if its sources are others.
    pub(crate) fn replace(&self) {
        self.surroundings.workshop.forget();
        self.functions.values().for_each(Function::replace);
    }

    /// Ends all processes and waits until they are gone.
    pub(crate) async fn close(&self) {
        let mut under_way = {
            let mut under_way = self
                .surroundings
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *under_way)
        };
        under_way.shutdown().await;
        for function in self.functions.values() {
            function.close().await;
        }
    }
}
