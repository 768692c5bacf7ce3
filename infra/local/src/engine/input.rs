//! The input template of a pipe: what of a record becomes the message.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A template such as `{"id": <$.dynamodb.Keys.id.S>}` that was read and understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A place in the record, and whether it stands inside a JSON string.
    Place {
        path: Vec<String>,
        quoted: bool,
    },
}

impl InputTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// When a placeholder is not closed, names no path, or speaks of the pipe instead of the record.
    pub fn read(text: &str) -> Result<Self> {
        let (mut parts, mut rest, mut quoted) = (Vec::new(), text, false);
        while let Some((before, after)) = rest.split_once('<') {
            quoted ^= quotes(before);
            parts.push(Part::Text(before.to_owned()));
            let (inside, after) = after.split_once('>').context("a placeholder is not closed")?;
            let path = inside
                .trim()
                .strip_prefix('$')
                .with_context(|| format!("`<{inside}>` does not begin with `$`"))?;
            ensure!(
                path.is_empty() || path.starts_with('.'),
                "`<{inside}>` is not a path of fields"
            );
            let path = path.split('.').skip(1).map(str::to_owned).collect::<Vec<_>>();
            ensure!(
                path.iter().all(|field| !field.is_empty()),
                "`<{inside}>` has an empty field"
            );
            parts.push(Part::Place { path, quoted });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        if let Err(error) = serde_json::from_str::<Value>(&template.render(&Value::Null)) {
            bail!("the template does not become JSON: {error}");
        }
        Ok(template)
    }

    /// The message that `record` becomes. What is not in the record becomes `null`.
    #[must_use]
    pub fn render(&self, record: &Value) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Place { path, quoted } => {
                    let found = path.iter().try_fold(record, |value, field| match value.as_array() {
                        Some(members) => members.get(field.parse::<usize>().ok()?),
                        None => value.get(field),
                    });
                    text.push_str(&shown(found, *quoted));
                }
            }
        }
        text
    }
}

fn shown(value: Option<&Value>, quoted: bool) -> String {
    let json = value.map_or_else(|| "null".to_owned(), Value::to_string);
    match (quoted, value) {
        (false, _) => json,
        (true, None) => String::new(),
        // Inside a string the value is escaped once more, without quotes of its own.
        (true, Some(Value::String(_))) => json[1..json.len() - 1].to_owned(),
        (true, Some(_)) => {
            let escaped = Value::String(json).to_string();
            escaped[1..escaped.len() - 1].to_owned()
        }
    }
}

/// Whether `text` leaves a JSON string open that it found closed, or the other way round.
fn quotes(text: &str) -> bool {
    let (mut open, mut escaped) = (false, false);
    for char in text.chars() {
        open ^= char == '"' && !escaped;
        escaped = char == '\\' && !escaped;
    }
    open
}
