//! What a policy names, short enough to read.

use std::fmt;

/// A thing of ours that a statement allows something on, named without stage, region and account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A table, such as `images`.
    Table(String),
    /// An index of a table.
    Index {
        /// The table's short name.
        table: String,
        /// The index.
        index: String,
    },
    /// The stream of a table.
    Stream(String),
    /// A parameter of the parameter store, such as `cos-reader`.
    Parameter(String),
    /// A queue, such as `images-paint`.
    Queue(String),
    /// A function, such as `accounts-erase`.
    Function(String),
    /// The one-off schedules of a group, such as `erasures`.
    Schedules(String),
    /// A role, by its logical id, such as `ErasuresRole`.
    Role(String),
}

impl Resource {
    /// Reads an ARN; `stage` is what our names carry. `None` if it names nothing of ours, or more than one thing.
    pub(super) fn from_arn(arn: &str, stage: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, _, _, name] = parts.as_slice() else {
            return None;
        };
        let short = |name: &str| short_name(name, stage);
        let resource = match *service {
            "dynamodb" => {
                let name = name.strip_prefix("table/")?;
                match name.split_once('/') {
                    None => Self::Table(short(name)?),
                    Some((table, rest)) => match rest.split_once('/')? {
                        ("index", index) => Self::Index {
                            table: short(table)?,
                            index: index.to_owned(),
                        },
                        ("stream", _) => Self::Stream(short(table)?),
                        _ => return None,
                    },
                }
            }
            "ssm" => Self::Parameter(
                name.strip_prefix("parameter/vitrine/")?
                    .strip_prefix(stage)?
                    .strip_prefix('/')?
                    .to_owned(),
            ),
            "sqs" => Self::Queue(short(name)?),
            "scheduler" => Self::Schedules(short(name.strip_prefix("schedule/")?.strip_suffix("/*")?)?),
            "iam" => Self::Role((*name).to_owned()),
            // Of an alias the function, whichever of its versions that leads to.
            "lambda" => {
                let name = name.strip_prefix("function:")?;
                Self::Function(short(name.split(':').next().unwrap_or(name))?)
            }
            _ => return None,
        };
        let one = !resource.to_string().contains(['*', '?']);
        one.then_some(resource)
    }
}

/// `images` of `vitrine-local-images`.
pub(super) fn short_name(name: &str, stage: &str) -> Option<String> {
    let short = name.strip_prefix("vitrine-")?.strip_prefix(stage)?.strip_prefix('-')?;
    (!short.is_empty()).then(|| short.to_owned())
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Index { table, index } => write!(f, "index {index} of table {table}"),
            Self::Stream(table) => write!(f, "stream of table {table}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Function(name) => write!(f, "function {name}"),
            Self::Schedules(group) => write!(f, "schedules of {group}"),
            Self::Role(name) => write!(f, "role {name}"),
        }
    }
}
