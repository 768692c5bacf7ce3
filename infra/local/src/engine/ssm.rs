//! The parameter store: names, secrets and versions in one private file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::Clock;

use super::front::answer;
use super::grants::{Permissions, Resource};

/// The most names that GetParameters takes at once.
const MOST_NAMES: usize = 10;

/// The local parameter store.
#[derive(Clone)]
pub struct Parameters {
    clock: Clock,
    file: Option<Arc<PathBuf>>,
    values: Arc<Mutex<BTreeMap<String, Parameter>>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    version: u64,
    modified: i64,
}

impl Parameters {
    /// Opens the store in `directory` (`parameters.json`, readable by its owner alone), or in memory.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn open(directory: Option<&Path>, clock: Clock) -> Result<Self> {
        let file = directory.map(|directory| directory.join("parameters.json"));
        let values = match file.as_deref().map(std::fs::read_to_string) {
            Some(Ok(text)) => serde_json::from_str(&text).context("`parameters.json` is not what it should be")?,
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("could not read `parameters.json`");
            }
            Some(Err(_)) | None => BTreeMap::new(),
        };
        Ok(Self {
            clock,
            file: file.map(Arc::new),
            values: Arc::new(Mutex::new(values)),
        })
    }

    /// Keeps `value` as a secret under `name`, in place of what was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&self, name: &str, value: &str) -> Result<()> {
        self.keep(name, "SecureString", value).map(|_version| ())
    }

    /// The value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).map(|parameter| parameter.value.clone())
    }

    /// The names that are there.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, name: &str, kind: &str, value: &str) -> Result<u64> {
        let mut values = self.lock();
        let version = values.get(name).map_or(1, |old| old.version + 1);
        let modified = self.clock.now().as_second();
        values.insert(
            name.to_owned(),
            Parameter {
                kind: kind.to_owned(),
                value: value.to_owned(),
                version,
                modified,
            },
        );
        if let Some(file) = &self.file {
            write_privately(file, &serde_json::to_vec_pretty(&*values)?)?;
        }
        Ok(version)
    }

    /// Answers one call of the `AmazonSSM` interface.
    pub(crate) fn answer(&self, caller: &str, operation: &str, body: &[u8], permissions: &Permissions) -> Response {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let allowed = named(operation, &body).iter().try_for_each(|name| {
            permissions.check(caller, &format!("ssm:{operation}"), &Resource::Parameter(name.clone()))
        });
        let result = match allowed {
            Err(denied) => {
                tracing::warn!(principal = caller, operation, "{denied}");
                Err(("AccessDeniedException", denied.to_string()))
            }
            Ok(()) => match operation {
                "GetParameter" => self.get_one(&body),
                "GetParameters" => self.get_some(&body),
                "GetParametersByPath" => Ok(self.get_below(&body)),
                "PutParameter" => self.put_one(&body),
                other => Err(("UnknownOperationException", format!("{other} is not served here"))),
            },
        };
        match result {
            Ok(body) => answer(StatusCode::OK, "application/x-amz-json-1.1", &body),
            Err((kind, message)) => {
                let body = json!({"__type": kind, "message": message});
                answer(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", &body)
            }
        }
    }

    fn get_one(&self, body: &Value) -> Answer {
        let name = body["Name"].as_str().unwrap_or_default();
        let values = self.lock();
        let parameter = values
            .get(name)
            .ok_or(("ParameterNotFound", format!("Parameter {name} not found.")))?;
        Ok(json!({"Parameter": shown(name, parameter, decrypts(body))}))
    }

    fn get_some(&self, body: &Value) -> Answer {
        let names = named("GetParameters", body);
        if names.is_empty() || names.len() > MOST_NAMES {
            let message = format!(
                "1 validation error detected: between 1 and {MOST_NAMES} names, not {}",
                names.len()
            );
            return Err(("ValidationException", message));
        }
        let values = self.lock();
        let (known, unknown): (Vec<_>, Vec<_>) = names.iter().partition(|name| values.contains_key(*name));
        let known = known
            .iter()
            .filter_map(|name| Some(shown(name, values.get(*name)?, decrypts(body))));
        Ok(json!({"Parameters": known.collect::<Vec<_>>(), "InvalidParameters": unknown}))
    }

    fn get_below(&self, body: &Value) -> Value {
        let path = format!("{}/", body["Path"].as_str().unwrap_or_default().trim_end_matches('/'));
        let recursive = body["Recursive"].as_bool().unwrap_or_default();
        let values = self.lock();
        let found = values.iter().filter(|(name, _)| {
            name.strip_prefix(&path)
                .is_some_and(|rest| recursive || !rest.contains('/'))
        });
        let found = found.map(|(name, parameter)| shown(name, parameter, decrypts(body)));
        json!({"Parameters": found.collect::<Vec<_>>()})
    }

    fn put_one(&self, body: &Value) -> Answer {
        let (Some(name), Some(value)) = (body["Name"].as_str(), body["Value"].as_str()) else {
            return Err(("ValidationException", "Name and Value are required.".to_owned()));
        };
        if self.lock().contains_key(name) && body["Overwrite"] != Value::Bool(true) {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(("ParameterAlreadyExists", message.to_owned()));
        }
        let kind = body["Type"].as_str().unwrap_or("SecureString");
        match self.keep(name, kind, value) {
            Ok(version) => Ok(json!({"Version": version, "Tier": "Standard"})),
            Err(error) => Err(("InternalServerError", error.to_string())),
        }
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// A body, or the kind and message of an error.
type Answer = Result<Value, (&'static str, String)>;

fn named(operation: &str, body: &Value) -> Vec<String> {
    match operation {
        "GetParameters" => {
            let names = body["Names"].as_array().into_iter().flatten();
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        "GetParametersByPath" => vec![body["Path"].as_str().unwrap_or_default().to_owned()],
        _ => vec![body["Name"].as_str().unwrap_or_default().to_owned()],
    }
}

fn decrypts(body: &Value) -> bool {
    body["WithDecryption"].as_bool().unwrap_or_default()
}

fn shown(name: &str, parameter: &Parameter, decrypt: bool) -> Value {
    let secret = parameter.kind == "SecureString" && !decrypt;
    // Whoever forgets to ask for decryption gets something that cannot be mistaken for the secret.
    let value = if secret {
        STANDARD.encode(Sha256::digest(&parameter.value))
    } else {
        parameter.value.clone()
    };
    json!({
        "ARN": Resource::Parameter(name.to_owned()).arn(),
        "DataType": "text",
        "LastModifiedDate": parameter.modified,
        "Name": name,
        "Type": parameter.kind,
        "Value": value,
        "Version": parameter.version,
    })
}

fn write_privately(file: &Path, bytes: &[u8]) -> Result<()> {
    let directory = file.parent().context("the file has no directory")?;
    // Made with mode 0600 and renamed into place, so that no moment shows it open or half written.
    let mut fresh = tempfile::NamedTempFile::new_in(directory)?;
    fresh.write_all(bytes)?;
    fresh.persist(file).context("could not write `parameters.json`")?;
    Ok(())
}
