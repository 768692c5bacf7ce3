//! EventBridge's event patterns, as pipes filter by them.

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value};

/// A pattern that was read and understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// Every field matches, and of each `$or` at least one branch.
    All { fields: Vec<(String, Node)>, or: Vec<Node> },
    /// One of these holds for the value.
    Any(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Is(Value),
    Prefix(String),
    Suffix(String),
    IgnoringCase(String),
    AnythingBut(Vec<Test>),
    Exists(bool),
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When EventBridge would refuse it: a value that is no list, an operator it does not know.
    pub fn read(value: &Value) -> Result<Self> {
        match value.as_object() {
            Some(fields) if !fields.is_empty() => Ok(Self(node(fields)?)),
            Some(_) | None => bail!("a pattern is an object with at least one field"),
        }
    }

    /// Whether `event` has the pattern's shape.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.0.holds(Some(event))
    }
}

fn node(fields: &Map<String, Value>) -> Result<Node> {
    let (mut nodes, mut or) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        match (value.as_array(), value.as_object()) {
            (Some(branches), _) if name == "$or" => {
                ensure!(branches.len() > 1, "`$or` needs two branches at least");
                for branch in branches {
                    or.push(Pattern::read(branch)?.0);
                }
            }
            (Some(tests), _) if !tests.is_empty() => {
                let tests = tests.iter().map(test).collect::<Result<_>>()?;
                nodes.push((name.clone(), Node::Any(tests)));
            }
            (_, Some(inner)) if !inner.is_empty() => nodes.push((name.clone(), node(inner)?)),
            _ => bail!("field `{name}` is neither a pattern nor a list of values"),
        }
    }
    Ok(Node::All { fields: nodes, or })
}

fn test(value: &Value) -> Result<Test> {
    let Value::Object(operator) = value else {
        ensure!(!value.is_array(), "a list in a list is no pattern");
        return Ok(Test::Is(value.clone()));
    };
    let mut entries = operator.iter();
    let (Some((name, argument)), None) = (entries.next(), entries.next()) else {
        bail!("an operator stands alone in its object: {value}");
    };
    Ok(match (name.as_str(), argument) {
        ("prefix", Value::String(text)) => Test::Prefix(text.clone()),
        ("suffix", Value::String(text)) => Test::Suffix(text.clone()),
        ("equals-ignore-case", Value::String(text)) => Test::IgnoringCase(text.clone()),
        ("exists", Value::Bool(wanted)) => Test::Exists(*wanted),
        ("numeric", Value::Array(parts)) => Test::Numeric(comparisons(parts)?),
        ("anything-but", Value::Array(values)) => Test::AnythingBut(values.iter().map(test).collect::<Result<_>>()?),
        ("anything-but", value) => Test::AnythingBut(vec![test(value)?]),
        _ => bail!("operator `{name}` is not understood: {value}"),
    })
}

fn comparisons(parts: &[Value]) -> Result<Vec<(Comparison, f64)>> {
    ensure!(
        !parts.is_empty() && parts.len().is_multiple_of(2),
        "`numeric` takes pairs of comparison and number"
    );
    let pair = |pair: &[Value]| {
        let comparison = match pair[0].as_str() {
            Some("=") => Comparison::Equal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some(">") => Comparison::Greater,
            Some(">=") => Comparison::GreaterOrEqual,
            _ => bail!("`{}` is no comparison", pair[0]),
        };
        match pair[1].as_f64() {
            Some(number) => Ok((comparison, number)),
            None => bail!("`{}` is no number", pair[1]),
        }
    };
    parts.chunks(2).map(pair).collect()
}

impl Node {
    fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Self::All { fields, or } => {
                fields
                    .iter()
                    .all(|(name, node)| node.holds(value.and_then(|value| value.get(name))))
                    && (or.is_empty() || or.iter().any(|branch| branch.holds(value)))
            }
            // A list matches when one of its members does.
            Self::Any(tests) => match value {
                Some(Value::Array(members)) if !members.is_empty() => members
                    .iter()
                    .any(|member| tests.iter().any(|test| test.holds(Some(member)))),
                other => tests.iter().any(|test| test.holds(other)),
            },
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let text = value.and_then(Value::as_str);
        match self {
            Self::Is(wanted) => value.is_some_and(|value| same(value, wanted)),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::IgnoringCase(wanted) => text.is_some_and(|text| text.to_lowercase() == wanted.to_lowercase()),
            Self::AnythingBut(tests) => value.is_some() && tests.iter().all(|test| !test.holds(value)),
            // `exists` speaks of leaves: an object is not one.
            Self::Exists(wanted) => value.is_some_and(|value| !value.is_object()) == *wanted,
            Self::Numeric(comparisons) => value.and_then(Value::as_f64).is_some_and(|number| {
                comparisons
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: f64) -> bool {
        match number.partial_cmp(&bound) {
            None => false,
            Some(order) => match self {
                Self::Equal => order.is_eq(),
                Self::Less => order.is_lt(),
                Self::LessOrEqual => order.is_le(),
                Self::Greater => order.is_gt(),
                Self::GreaterOrEqual => order.is_ge(),
            },
        }
    }
}

fn same(value: &Value, wanted: &Value) -> bool {
    match (value.as_f64(), wanted.as_f64()) {
        (Some(a), Some(b)) => Comparison::Equal.holds(a, b),
        _ => value == wanted,
    }
}
