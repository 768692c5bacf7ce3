//! Functions as a host makes them, without anything behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use secrecy::SecretString;
use serde_json::json;
use shared::auth::{JwkSet, SigningKey};
use shared::config::Vars;
use shared::grants::Grant;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::{Clock, Entropy, Ids, Platform};
use tower::ServiceExt;
use vitrine::functions::ROUTES;
use vitrine::template::{FunctionSpec, Sources, Template, local_parameters};

/// The template as this machine's stack reads it.
pub(crate) static LOCAL: LazyLock<Template> = LazyLock::new(|| Template::local().unwrap());

/// The template with everything configured that may be left out.
pub(crate) static WHOLE: LazyLock<Template> = LazyLock::new(|| {
    let mut parameters = local_parameters();
    parameters.insert("CdnDomain".to_owned(), "pictures.example.com".to_owned());
    parameters.insert("EdgeSecretSha256".to_owned(), "5e".repeat(32));
    Template::evaluate(&Sources::embedded(), &parameters).unwrap()
});

/// The template with nothing configured that may be left out.
pub(crate) static BARE: LazyLock<Template> = LazyLock::new(|| {
    let mut parameters = local_parameters();
    parameters.remove("OssBucket");
    Template::evaluate(&Sources::embedded(), &parameters).unwrap()
});

/// The folder that holds all of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file of the project.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all functions in the registry, with what their sources say they may touch.
pub(crate) fn registry() -> BTreeMap<&'static str, &'static [Grant]> {
    vitrine::functions::grants().collect()
}

/// The variables that the template gives the function.
pub(crate) fn variables(function: &FunctionSpec) -> Vars {
    Vars::from_pairs(function.variables.clone())
}

/// A platform with every secret that the function's variables name, and nobody to talk to.
pub(crate) fn platform(function: &FunctionSpec) -> Platform {
    platform_but(function, |_, secret| Some(secret))
}

/// The same, some of whose secrets are others or not there; `change` is told the variable that names each.
pub(crate) fn platform_but(
    function: &FunctionSpec,
    change: impl Fn(&str, SecretString) -> Option<SecretString>,
) -> Platform {
    let parameters = function
        .variables
        .iter()
        .filter(|(name, value)| name.ends_with("_PARAMETER") && !value.is_empty());
    let secrets =
        parameters.filter_map(|(name, parameter)| Some((parameter.clone(), change(name, secret(parameter))?)));
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let entropy = Entropy::seeded(1);
    let ids = Ids::new(clock.clone(), entropy.clone());
    let runtime = Runtime::local(&function.folder, None);
    Platform::with_secrets(runtime, clock, ids, entropy, Secrets::new(secrets))
}

fn secret(parameter: &str) -> SecretString {
    let key = SigningKey::generate("key-1", &Entropy::seeded(2)).unwrap();
    let pair = || json!({ "id": "id", "secret": "secret" }).to_string();
    match parameter.rsplit('/').next().unwrap() {
        "cdn-key" => "cdnkey123".into(),
        "cos-eraser" | "cos-painter" | "cos-reader" | "cos-sweeper" => pair().into(),
        "oss-eraser" | "oss-painter" | "oss-reader" | "oss-sweeper" => pair().into(),
        "dashscope-key" | "deepseek-key" | "resend-key" | "seedream-key" => "key".into(),
        "paypal-credentials" => json!({ "client_id": "id", "client_secret": "secret" })
            .to_string()
            .into(),
        "resend-webhook-secret" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        "hash-key" => "5a".repeat(32).into(),
        "erasure-keys" | "token-keys" => json!(JwkSet {
            keys: vec![key.public().clone()]
        })
        .to_string()
        .into(),
        "erasure-signing-key" | "token-signing-key" => key.to_secret(),
        other => panic!("the parameter `{other}` is new: say in tests/house/host.rs what a value of it looks like"),
    }
}

/// Makes the function as its host would, and gives the names of the variables it read.
pub(crate) fn variables_read(function: &FunctionSpec) -> BTreeSet<String> {
    let (vars, platform) = (variables(function), platform(function));
    let folder = function.folder.as_str();
    let made = vitrine::functions::start(folder, &vars, &platform);
    let made = made.unwrap_or_else(|| panic!("`{folder}` is not in infra/local/src/functions.rs"));
    made.unwrap_or_else(|error| panic!("`{folder}` does not start from the variables of template.yaml: {error}"));
    vars.names_read()
}

/// The router of the function in `folder`.
pub(crate) fn router(folder: &str) -> Router {
    let function = LOCAL.function(folder);
    let function = function.unwrap_or_else(|| panic!("`{folder}` is not in template.yaml"));
    let route = ROUTES.iter().find(|route| route.name == folder);
    let route = route.unwrap_or_else(|| panic!("`{folder}` is not in infra/local/src/functions.rs"));
    (route.router)(&variables(function), &platform(function)).unwrap_or_else(|error| panic!("`{folder}`: {error}"))
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the function in `folder` answers to a request with an empty body.
pub(crate) async fn ask(folder: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router(folder)
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}
