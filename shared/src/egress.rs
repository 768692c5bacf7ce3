//! Which hosts a client may reach, written as exact names and as patterns anchored at the end or at both ends.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

/// A list of hosts: `api.deepseek.com` is that host alone, `*.volces.com` is every host with at least one label before
/// `volces.com`, and never `volces.com` itself or `evilvolces.com`; `dashscope-result*.aliyuncs.com` is of those below
/// `aliyuncs.com` the ones that begin with `dashscope-result`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Egress(Arc<[Rule]>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Exactly(String),
    Below {
        /// What the name begins with, within its first label; usually nothing.
        start: String,
        parent: String,
    },
}

impl Rule {
    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => name == host,
            Self::Below { start, parent } => host
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|labels| {
                    labels.starts_with(start.as_str()) && !labels.is_empty() && !labels.starts_with('.')
                }),
        }
    }

    /// Whether every host that `self` allows is allowed by `wider`.
    fn is_within(&self, wider: &Self) -> bool {
        match (self, wider) {
            (Self::Exactly(name), _) => wider.allows(name),
            (Self::Below { .. }, Self::Exactly(_)) => false,
            (
                Self::Below { start, parent },
                Self::Below {
                    start: wide_start,
                    parent: wide_parent,
                },
            ) => {
                let below = parent
                    .strip_suffix(wide_parent.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                below && start.starts_with(wide_start.as_str())
            }
        }
    }
}

/// Why a text is no list of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{rule}` is neither a host nor a pattern such as *.example.com")]
pub struct InvalidRule {
    rule: String,
}

impl Egress {
    /// Exactly these hosts; a text with a wildcard in it matches nothing.
    #[must_use]
    pub fn hosts(hosts: &[&str]) -> Self {
        Self(hosts.iter().map(|host| Rule::Exactly(host.to_lowercase())).collect())
    }

    /// The host of `url` and no other.
    #[must_use]
    pub fn to(url: &Url) -> Self {
        Self(
            url.host_str()
                .map(|host| Rule::Exactly(host.to_owned()))
                .into_iter()
                .collect(),
        )
    }

    /// The hosts of both lists.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(other.0.iter()).cloned().collect())
    }

    /// Whether `host`, as it stands in a parsed address, is on the list.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        self.0.iter().any(|rule| rule.allows(host))
    }

    /// Whether every rule of this list lies within `wider`.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        let within = |rule: &Rule| wider.0.iter().any(|wide| rule.is_within(wide));
        self.0.iter().all(within)
    }
}

impl FromStr for Egress {
    type Err = InvalidRule;

    /// Rules separated by commas; blanks around them do not matter.
    fn from_str(list: &str) -> Result<Self, InvalidRule> {
        list.split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .map(rule)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn rule(text: &str) -> Result<Rule, InvalidRule> {
    let invalid = || InvalidRule { rule: text.to_owned() };
    let host = |name: &str| match Url::parse(&format!("https://{name}/")) {
        // Whatever the parser reads beside a host (a port, a path, a user) is not in what it gives back as the host.
        Ok(url) if url.host_str() == Some(name.to_lowercase().as_str()) => Some(name.to_lowercase()),
        Ok(_) | Err(_) => None,
    };
    match text.split_once("*.") {
        // A pattern over a whole top-level domain would allow half the world.
        Some((start, parent)) if is_start(start) && parent.contains('.') && !parent.contains('*') => {
            let start = start.to_lowercase();
            host(parent)
                .map(|parent| Rule::Below { start, parent })
                .ok_or_else(invalid)
        }
        Some(_) => Err(invalid()),
        None if text.contains('*') => Err(invalid()),
        None => host(text).map(Rule::Exactly).ok_or_else(invalid),
    }
}

/// Whether a host's first label may begin like this.
fn is_start(text: &str) -> bool {
    !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match rule {
                Rule::Exactly(name) => write!(f, "{comma}{name}")?,
                Rule::Below { start, parent } => write!(f, "{comma}{start}*.{parent}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_anchored_and_wants_a_label() {
        let egress: Egress = "*.volces.com, api.deepseek.com".parse().unwrap();
        for (host, allowed) in [
            ("a.volces.com", true),
            ("a.b.volces.com", true),
            ("volces.com", false),
            (".volces.com", false),
            ("evilvolces.com", false),
            ("a.volces.com.evil.example", false),
            ("a.volces.com.", false),
            ("api.deepseek.com", true),
            ("x.api.deepseek.com", false),
            ("", false),
        ] {
            assert_eq!(egress.allows(host), allowed, "{host}");
        }
    }

    #[test]
    fn a_pattern_with_a_beginning_is_anchored_at_both_ends() {
        let egress: Egress = "DashScope-result*.aliyuncs.com".parse().unwrap();
        assert_eq!(egress.to_string(), "dashscope-result*.aliyuncs.com");
        for (host, allowed) in [
            ("dashscope-result-sh.oss-cn-shanghai.aliyuncs.com", true),
            ("dashscope-result.aliyuncs.com", true),
            ("dashscope.aliyuncs.com", false),
            ("evil.dashscope-result-sh.aliyuncs.com", false),
            ("xdashscope-result-sh.aliyuncs.com", false),
            ("dashscope-result-sh.evilaliyuncs.com", false),
            ("dashscope-result-sh.aliyuncs.com.evil.example", false),
            ("dashscope-resultaliyuncs.com", false),
            ("aliyuncs.com", false),
        ] {
            assert_eq!(egress.allows(host), allowed, "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_no_rule() {
        for text in [
            "*",
            "*.com",
            "a.*.com",
            "a.b*.example.com",
            "a*.com",
            "a*b.example.com",
            "-*.example.com",
            "u@*.example.com",
            "a*.b*.example.com",
            "**.volces.com",
            "https://a.com",
            "a.com:80",
            "a.com/x",
            "u@a.com",
            "*.a.com/",
        ] {
            assert!(text.parse::<Egress>().is_err(), "{text}");
        }
        assert_eq!(
            "127.0.0.1,[::1]".parse::<Egress>().unwrap().to_string(),
            "127.0.0.1, [::1]"
        );
    }

    #[test]
    fn a_list_lies_within_a_wider_one() {
        let wider: Egress = "*.volces.com,api.example,result*.aliyuncs.com".parse().unwrap();
        for (narrow, within) in [
            ("*.volces.com", true),
            ("*.tos.volces.com", true),
            ("x.volces.com", true),
            ("*.com.example", false),
            ("api.example,other.example", false),
            ("*.evilvolces.com", false),
            ("result-*.volces.com", true),
            ("result*.aliyuncs.com", true),
            ("result-sh*.oss.aliyuncs.com", true),
            ("result-sh.oss.aliyuncs.com", true),
            ("*.aliyuncs.com", false),
            ("*.result.aliyuncs.com", false),
            ("res*.aliyuncs.com", false),
            ("other*.aliyuncs.com", false),
        ] {
            assert_eq!(narrow.parse::<Egress>().unwrap().is_within(&wider), within, "{narrow}");
        }
    }
}
