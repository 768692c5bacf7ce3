//! Who may do what: the template's policies as one table that every engine asks.

use std::collections::BTreeMap;

use super::spec::{ACCOUNT, REGION};

/// The principal that owns the local stack: the operator's tools, and the tests' own hands.
pub const OPERATOR: &str = "operator";

/// One thing that a policy speaks of. Names may end in, or contain, `*` where a policy grants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A table, by its full name.
    Table(String),
    /// An index of a table.
    Index {
        /// The table's full name.
        table: String,
        /// The index's name.
        index: String,
    },
    /// A parameter, by its full name with the leading slash.
    Parameter(String),
    /// A queue, by its full name.
    Queue(String),
    /// The schedules of a group, by its full name.
    Schedules(String),
    /// A role, by its ARN.
    Role(String),
}

impl Resource {
    /// The resource's ARN, as AWS names it in a refusal.
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Table(table) => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"),
            Self::Index { table, index } => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/index/{index}"),
            Self::Parameter(name) => {
                format!(
                    "arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{}",
                    name.trim_start_matches('/')
                )
            }
            Self::Queue(queue) => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
            Self::Schedules(group) => format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/*"),
            Self::Role(arn) => arn.clone(),
        }
    }
}

/// Everything that anyone was allowed. What is not in it is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(BTreeMap<String, Vec<(String, String)>>);

impl Permissions {
    /// Nobody may do anything, except the operator.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Lets `principal` (a function's folder name) do `action` (`dynamodb:GetItem`) on `resource`. Action and resource
    /// may hold `*`, as in IAM.
    pub fn allow(&mut self, principal: &str, action: &str, resource: &Resource) -> &mut Self {
        let grants = self.0.entry(principal.to_owned()).or_default();
        grants.push((action.to_ascii_lowercase(), resource.arn()));
        self
    }

    /// Whether `principal` may do `action` on `resource`.
    ///
    /// # Errors
    /// The refusal, in the words AWS uses for it.
    pub fn check(&self, principal: &str, action: &str, resource: &Resource) -> Result<(), Denied> {
        let arn = resource.arn();
        let wanted = action.to_ascii_lowercase();
        let allowed = principal == OPERATOR
            || self.0.get(principal).is_some_and(|grants| {
                grants
                    .iter()
                    .any(|(action, resource)| matches(action, &wanted) && matches(resource, &arn))
            });
        if allowed {
            Ok(())
        } else {
            Err(Denied {
                principal: principal.to_owned(),
                action: action.to_owned(),
                arn,
            })
        }
    }
}

/// A refusal: AWS's own sentence about who wanted what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "User: arn:aws:sts::{ACCOUNT}:assumed-role/{principal}/{principal} is not authorized to perform: {action} on \
     resource: {arn} because no identity-based policy allows the {action} action"
)]
pub struct Denied {
    principal: String,
    action: String,
    arn: String,
}

/// Whether `text` has the shape of `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| matches(tail, &rest[at..]))
}
