//! YAML with CloudFormation's functions in it, short form (`!Ref X`) and long form (`Ref: X`) alike.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

/// A value as written, its functions not yet called.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Call(Function, Box<Node>),
}

/// The functions of CloudFormation that our templates use. Others are mistakes until they are added here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Condition,
    Equals,
    GetAtt,
    If,
    Join,
    Not,
    Or,
    Ref,
    Select,
    Split,
    Sub,
}

impl Function {
    fn short(name: &str) -> Option<Self> {
        Some(match name {
            "And" => Self::And,
            "Condition" => Self::Condition,
            "Equals" => Self::Equals,
            "GetAtt" => Self::GetAtt,
            "If" => Self::If,
            "Join" => Self::Join,
            "Not" => Self::Not,
            "Or" => Self::Or,
            "Ref" => Self::Ref,
            "Select" => Self::Select,
            "Split" => Self::Split,
            "Sub" => Self::Sub,
            _ => return None,
        })
    }
}

impl Node {
    /// Reads the one document in `text`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
        let [document] = documents.as_slice() else {
            return Err(format!("holds {} documents instead of one", documents.len()));
        };
        Self::from_yaml(document)
    }

    /// The entry `key` of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Self::Scalar(_) | Self::List(_) | Self::Call(..) => None,
        }
    }

    /// The entries of a map; none if this is anything else.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            Self::Scalar(_) | Self::List(_) | Self::Call(..) => &[],
        }
    }

    /// A plain text without functions.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(Value::String(text)) => Some(text),
            Self::Scalar(_) | Self::List(_) | Self::Map(_) | Self::Call(..) => None,
        }
    }

    /// What SAM makes of a `Globals` value and a resource's own: maps are merged, lists joined, else the resource wins.
    pub(super) fn merged(global: &Self, own: &Self) -> Self {
        match (global, own) {
            (Self::Map(global), Self::Map(own)) => {
                let mut entries = global.clone();
                for (name, node) in own {
                    match entries.iter_mut().find(|(known, _)| known == name) {
                        Some((_, known)) => *known = Self::merged(known, node),
                        None => entries.push((name.clone(), node.clone())),
                    }
                }
                Self::Map(entries)
            }
            (Self::List(global), Self::List(own)) => Self::List(global.iter().chain(own).cloned().collect()),
            (_, own) => own.clone(),
        }
    }

    fn from_yaml(yaml: &Yaml<'_>) -> Result<Self, String> {
        match yaml {
            Yaml::Value(scalar) => Ok(Self::Scalar(scalar_value(scalar)?)),
            Yaml::Sequence(items) => Ok(Self::List(items.iter().map(Self::from_yaml).collect::<Result<_, _>>()?)),
            Yaml::Mapping(entries) => {
                let mut map = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = key.as_str().ok_or("a key is no text")?;
                    map.push((key.to_owned(), Self::from_yaml(value)?));
                }
                Self::from_map(map)
            }
            Yaml::Tagged(tag, inner) => {
                let function = Function::short(&tag.suffix).ok_or_else(|| format!("!{} is not known", tag.suffix))?;
                Ok(Self::Call(function, Box::new(Self::from_yaml(inner)?)))
            }
            Yaml::Alias(_) | Yaml::BadValue | Yaml::Representation(..) => Err("a value cannot be read".to_owned()),
        }
    }

    /// A map, or the call that its only key names. (`Condition: X` is a call within conditions and a plain entry of
    /// resources and policies, so it is left to who reads it.)
    fn from_map(mut map: Vec<(String, Self)>) -> Result<Self, String> {
        let name = match map.as_slice() {
            [(name, _)] if name == "Ref" || name.starts_with("Fn::") => name.trim_start_matches("Fn::").to_owned(),
            _ => return Ok(Self::Map(map)),
        };
        let function = Function::short(&name).ok_or_else(|| format!("Fn::{name} is not known"))?;
        match map.pop() {
            Some((_, argument)) => Ok(Self::Call(function, Box::new(argument))),
            None => Ok(Self::Map(map)),
        }
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Result<Value, String> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => return Err(format!("{value} is no whole number; quote it if it is a text")),
        Scalar::String(value) => Value::String(value.clone().into_owned()),
    })
}
