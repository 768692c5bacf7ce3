//! Text in columns, for people at a terminal.

/// How wide the names of facts are.
const NAMES: usize = 16;

/// Facts under headings, one a line.
#[derive(Debug, Default)]
pub(crate) struct Table(String);

impl Table {
    /// A line that says what the following lines are about.
    pub(crate) fn heading(&mut self, text: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        self.0.push_str(&format!("{gap}{text}\n"));
    }

    /// A fact with its name.
    pub(crate) fn fact(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("  {name:<NAMES$}{value}\n"));
    }

    /// A fact, if it is known.
    pub(crate) fn known(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    /// All of it.
    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// A value by the name it has in items and answers, such as `outcome_unknown`.
pub(crate) fn name(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
