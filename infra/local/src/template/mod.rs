//! The template that deploys Vitrine, read as a list of what there is.
//!
//! The local stack and the house tests take routes, variables, policies, tables, queues and pipes from here and from
//! nowhere else: what runs on a laptop is what `sam deploy` would make. The files are part of the program, so it works
//! from any folder.

mod document;
mod evaluate;
mod read;
mod resource;
mod spec;
mod wire;
mod yaml;

use std::collections::BTreeMap;

pub use resource::Resource;
pub use spec::{
    AlarmSpec, Attribute, CorsSpec, DeadLetters, FunctionSpec, IndexSpec, LogMetricSpec, PipeSpec, QueueEvent,
    QueueSpec, Route, ScheduleSpec, Statement, TableSpec, Template, Throttle, Throttling,
};

/// The files a template is made of.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The text of `template.yaml`.
    pub root: String,
    /// The texts of the nested templates, by the `Location` that names them.
    pub nested: BTreeMap<String, String>,
}

impl Sources {
    /// The files of this repository, as they were when the program was built.
    #[must_use]
    pub fn embedded() -> Self {
        let nested = [
            ("infra/alarms.yaml", include_str!("../../../alarms.yaml")),
            ("infra/data.yaml", include_str!("../../../data.yaml")),
            ("infra/workers.yaml", include_str!("../../../workers.yaml")),
        ];
        Self {
            root: include_str!("../../../../template.yaml").to_owned(),
            nested: nested
                .map(|(location, text)| (location.to_owned(), text.to_owned()))
                .into(),
        }
    }
}

/// What the stack of this machine gives the template where a deployment would read `samconfig.toml`.
///
/// Addresses of providers keep their defaults here; whoever starts the stack points the variables elsewhere.
#[must_use]
pub fn local_parameters() -> BTreeMap<String, String> {
    [
        ("Stage", "local"),
        ("PublicUrl", "http://127.0.0.1:8000"),
        ("ShopOrigin", "http://localhost:3000"),
        ("MailFrom", "Vitrine <hello@vitrine.localhost>"),
        ("PrivacyContact", "privacy@vitrine.localhost"),
        ("CosBucket", "vitrine-local-1250000000"),
        ("OssBucket", "vitrine-local"),
        ("PayPalReturnUrl", "http://127.0.0.1:8001/_sim/paypal/returned"),
        ("PayPalCancelUrl", "http://127.0.0.1:8001/_sim/paypal/returned"),
        ("PayPalWebhookId", "WH-LOCAL"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

impl Template {
    /// The template of this repository with [`local_parameters`].
    ///
    /// # Errors
    /// When the template has a mistake; the error names where.
    pub fn local() -> Result<Self, TemplateError> {
        Self::evaluate(&Sources::embedded(), &local_parameters())
    }

    /// The template in `sources` with the given parameters, the rest by their defaults.
    ///
    /// # Errors
    /// When a file is no YAML, a parameter has no value, something is referred to that is not there, or a resource lacks
    /// what it needs. The error names the file and the logical id.
    pub fn evaluate(sources: &Sources, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let root = evaluate::root(sources, parameters)?;
        read::template(&root)
    }
}

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}: {problem}")]
pub struct TemplateError {
    /// The file, as the root template names it.
    pub file: String,
    /// The logical id of the resource, or the parameter, condition or output that is wrong.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl TemplateError {
    fn new(file: &str, place: &str, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: place.to_owned(),
            problem: problem.into(),
        }
    }
}
